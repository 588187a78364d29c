import { afterAll, beforeAll, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import type { IdentityClaim, Profile } from '../../src/accounts/user.ts'
import type { UserId } from '../../src/base/ids.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { eventually } from '../support/patience.ts'

// What people did not choose follows what their upstreams tell.

const use = { ip: '203.0.113.7' }
let now = Date.parse('2026-11-20T08:00:00.123Z')
let home: TestDatabase
let directory: AccountDirectory
let people = 0

beforeAll(async () => {
  home = await createDatabase()
  directory = new AccountDirectory({ database: home.database, clock: () => now })
})
afterAll(() => home.drop())

const picture = (name: string) => `https://img.example.com/${name}.png`
const claim = (provider: string, profile: Profile = {}): IdentityClaim => ({
  provider,
  subjects: [`${provider}-${people}`],
  profile,
})

async function made(provider: string, profile?: Profile): Promise<UserId> {
  people++
  return (await directory.register(claim(provider, profile), use)).user.id
}

/** A login, and what the account shows after it. */
async function comes(provider: string, profile: Profile): Promise<Profile> {
  now += 1000
  const found = await directory.resolve(claim(provider, profile), use)
  if (found.kind !== 'known') throw new Error(found.kind)
  const stored = await directory.find(found.account.user.id)
  expect(found.account.user.profile).toEqual(stored?.user.profile)
  return found.account.user.profile
}

const row = async (userId: UserId) => home.database.knex('users').where({ id: userId }).first('*')

test('who came by what tells nothing has the name and picture that the next login tells', async () => {
  const user = await made('phone')
  await directory.bind(user, claim('wechat'), use)
  expect(await comes('wechat', { nickname: ' 小明\u202e ', picture: picture('a') })).toEqual({
    nickname: '小明',
    picture: picture('a'),
  })
})

test('a picture is replaced by the newer one of the identity it came from, and by no other; a name stays', async () => {
  const user = await made('wechat', { nickname: '小明', picture: picture('a') })
  await directory.bind(user, claim('qq', { nickname: '阿明', picture: picture('q') }), use)
  expect(await comes('qq', { nickname: '阿明', picture: picture('q2') })).toEqual({
    nickname: '小明',
    picture: picture('a'),
  })
  expect(await comes('wechat', { nickname: '明', picture: picture('b') })).toEqual({
    nickname: '小明',
    picture: picture('b'),
  })
  expect(await comes('qq', { picture: picture('q3') })).toEqual({ nickname: '小明', picture: picture('b') })
})

test('of an account of before, the identity it was made with told the picture', async () => {
  const user = await made('wechat', { picture: picture('a') })
  await directory.bind(user, claim('qq'), use)
  await home.database.knex('users').where({ id: user }).update({ picture_from: null })
  expect(await comes('qq', { picture: picture('q') })).toEqual({ picture: picture('a') })
  expect(await comes('wechat', { picture: picture('b') })).toEqual({ picture: picture('b') })
})

test('when that identity is gone, another may tell it', async () => {
  const user = await made('wechat', { picture: picture('a') })
  await directory.bind(user, claim('qq'), use)
  const wechat = (await directory.find(user))?.identities.find(({ provider }) => provider === 'wechat')
  if (!wechat) throw new Error('no wechat')
  await directory.unbind(user, wechat.id, async () => undefined)
  expect(await comes('qq', { picture: picture('q') })).toEqual({ picture: picture('q') })
})

test('what a person chose stays, also when they chose to have none', async () => {
  const user = await made('wechat', { nickname: '小明' })
  await directory.rename(user, '大明')
  expect(await comes('wechat', { nickname: '小小明' })).toEqual({ nickname: '大明' })
  await directory.rename(user, '  ')
  expect(await comes('wechat', { nickname: '小小明' })).toEqual({})
})

test('a picture that the person chooses while a login is about to tell another one stays', async () => {
  const user = await made('wechat', { picture: picture('a') })
  const { knex } = home.database
  const chosen = { picture: null, picture_from: null, picture_copy: 'pic_own', picture_chosen: true }
  const login = await knex.transaction(async (transaction) => {
    await transaction('users').where({ id: user }).update(chosen)
    now += 1000
    const waiting = directory.resolve(claim('wechat', { picture: picture('b') }), use)
    await eventually(async () => {
      const { rows } = await knex.raw("select 1 from pg_locks where not granted and locktype = 'transactionid'")
      expect(rows).not.toEqual([])
    })
    return [waiting]
  })
  await Promise.all(login)
  expect(await row(user)).toMatchObject({ ...chosen, picture_due_at: null })
})

test('a login that tells nothing new, nothing at all, or nothing fit to show writes nothing of it', async () => {
  const user = await made('wechat', { nickname: '小明', picture: picture('a') })
  const before = await row(user)
  for (const told of [
    { nickname: '小明', picture: picture('a') },
    {},
    { nickname: '', picture: '' },
    { nickname: '\u202e', picture: 'javascript:alert(1)' },
    { nickname: '另一个名字' },
  ]) {
    expect(await comes('wechat', told)).toEqual({ nickname: '小明', picture: picture('a') })
  }
  expect(await row(user)).toEqual(before)
})

test('a name is filled once by twenty logins at once, and a name that is chosen beside them wins', async () => {
  const user = await made('phone')
  await directory.bind(user, claim('wechat'), use)
  const logins = Array.from({ length: 20 }, (_, index) =>
    directory.resolve(claim('wechat', { nickname: `${index}`, picture: picture(`${index}`) }), use),
  )
  const [, ...found] = await Promise.all([directory.rename(user, '大明'), ...logins])
  expect(found.map(({ kind }) => kind)).toEqual(Array.from({ length: 20 }, () => 'known'))
  expect((await directory.find(user))?.user.profile.nickname).toBe('大明')
})

test('nothing of it is left of a deleted user', async () => {
  const user = await made('wechat', { nickname: '小明', picture: picture('a') })
  await directory.rename(user, '大明')
  await directory.setStatus(user, 'deleted')
  expect(await row(user)).toMatchObject({ nickname: null, nickname_chosen: false, picture: null, picture_from: null })
})
