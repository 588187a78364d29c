import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { keptCredentials } from '../../src/accounts/kept-credentials.ts'
import type { Account, IdentityClaim } from '../../src/accounts/user.ts'
import { type IdentityId, newId, type UserId } from '../../src/base/ids.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'

const use = { ip: '203.0.113.7' }
let now = Date.parse('2026-11-20T08:00:00.123Z')
let home: TestDatabase
let directory: AccountDirectory

beforeAll(async () => {
  home = await createDatabase()
  directory = new AccountDirectory({ database: home.database, clock: () => now })
})
afterAll(() => home.drop())

function claim(provider: string, ...subjects: [string, ...string[]]): IdentityClaim {
  return { provider, subjects, profile: {} }
}

function phone(last: number): IdentityClaim {
  return claim('phone', `+86138000${10_000 + last}`)
}

async function everything(): Promise<unknown> {
  const { rows } = await home.database.knex.raw(`select
    (select json_agg(u order by id) from users u) as users, (select json_agg(i order by id) from identities i) as identities,
    (select json_agg(s order by provider, subject) from identity_subjects s) as subjects,
    (select json_agg(p order by user_id) from passwords p) as passwords`)
  return rows[0]
}

async function setPassword(userId: UserId): Promise<void> {
  await home.database.knex('passwords').insert({ user_id: userId, hash: 'x', updated_at: new Date(now) })
}

function identityOf(account: Account | undefined, provider: string): IdentityId {
  const id = account?.identities.find((identity) => identity.provider === provider)?.id
  if (id === undefined) throw new Error(`no ${provider}`)
  return id
}

const codes = (settled: readonly PromiseSettledResult<unknown>[]) =>
  settled.map((result) => (result.status === 'fulfilled' ? 'done' : result.reason.code)).sort()

describe('registering', () => {
  test('an account reads the same as it was answered', async () => {
    const profile = { nickname: '  小明\u0000\u202e🙂 ', picture: 'https://img.example.com/a.png' }
    const account = await directory.register({ ...phone(1), profile }, use)
    expect(account.user.profile).toEqual({ nickname: '小明🙂', picture: 'https://img.example.com/a.png' })
    expect(account.identities).toEqual([
      {
        id: expect.stringMatching(/^idn_/),
        provider: 'phone',
        subjects: phone(1).subjects,
        verifiedAt: new Date(now),
        createdAt: new Date(now),
        lastUsedAt: new Date(now),
      },
    ])
    expect(await directory.find(account.user.id)).toEqual(account)
  })

  test('a picture that is not a web address is left out', async () => {
    const profile = { nickname: '\u0007', picture: 'javascript:alert(1)' }
    const account = await directory.register({ ...phone(2), profile }, use)
    expect(account.user.profile).toEqual({})
    expect((await directory.find(account.user.id))?.user.profile).toEqual({})
  })

  test('twenty concurrent first logins with one identity end in one user', async () => {
    const subjects = ['unionid:race', 'openid:web:race', 'openid:app:race']
    const racers = Array.from({ length: 20 }, (_, index) => {
      const turned = [...subjects.slice(index % 3), ...subjects.slice(0, index % 3)] as [string, ...string[]]
      return directory.register(claim('wechat', ...turned), use, { passwordHash: `hash ${index}` })
    })
    const accounts = await Promise.all(racers)
    expect(new Set(accounts.map(({ user }) => user.id)).size).toBe(1)
    const { rows } = await home.database.knex.raw(`select
      (select count(*) from identities where provider = 'wechat') as identities,
      (select count(*) from passwords where hash like 'hash %') as passwords,
      (select count(*) from users u where not exists (select from identities where user_id = u.id)) as orphans`)
    expect(rows).toEqual([{ identities: 1, passwords: 1, orphans: 0 }])
  })

  test('a name that must be new goes to one of twenty, with the password of that one', async () => {
    const racers = Array.from({ length: 20 }, (_, index) =>
      directory.register(claim('username', 'raced'), use, { mustBeNew: true, passwordHash: `mine ${index}` }),
    )
    const settled = await Promise.allSettled(racers)
    expect(codes(settled)).toEqual(['done', ...Array.from({ length: 19 }, () => 'identity.taken')])
    const winner = settled.findIndex((result) => result.status === 'fulfilled')
    const found = await directory.findByIdentifier({ provider: 'username', subject: 'raced' })
    expect(found).toMatchObject({ status: 'active', passwordHash: `mine ${winner}` })
  })

  test('the password of an account that is already there is not replaced', async () => {
    const first = await directory.register(phone(3), use, { passwordHash: 'first' })
    const second = await directory.register(phone(3), use, { passwordHash: 'second' })
    expect(second.user.id).toBe(first.user.id)
    const found = await directory.findByIdentifier({ provider: 'phone', subject: phone(3).subjects[0] })
    expect(found).toEqual({ userId: first.user.id, status: 'active', passwordHash: 'first' })
  })

  test.each([['nul\0'], [''], ['x'.repeat(513)], ['\ud800']])(
    'the subject %j is refused and nothing is stored',
    async (subject) => {
      const before = await everything()
      const wrong = claim('github', 'fine', subject)
      await expect(directory.register(wrong, use)).rejects.toMatchObject({ code: 'request.invalid' })
      await expect(directory.resolve(wrong, use)).rejects.toMatchObject({ code: 'request.invalid' })
      expect(await everything()).toEqual(before)
    },
  )
})

describe('resolving', () => {
  test('an identity nobody has is unknown, and asking stores nothing', async () => {
    const before = await everything()
    expect(await directory.resolve(claim('github', '404'), use)).toEqual({ kind: 'unknown' })
    expect(await directory.findByIdentifier({ provider: 'email', subject: 'nobody@example.com' })).toBeUndefined()
    expect(await directory.find(newId('usr'))).toBeUndefined()
    expect(await everything()).toEqual(before)
  })

  test('use is noted with its time and address', async () => {
    const { user } = await directory.register(phone(4), use)
    now += 60_000
    const resolution = await directory.resolve(phone(4), { ip: '2001:db8::1' })
    if (resolution.kind !== 'known') throw new Error(resolution.kind)
    expect(resolution.account).toEqual(await directory.find(user.id))
    expect(resolution.account.identities[0]?.lastUsedAt).toEqual(new Date(now))
    const row = await home.database.knex('identities').where({ id: resolution.identityId }).first()
    expect(row).toMatchObject({ created_ip: '203.0.113.7', last_used_ip: '2001:db8::1' })
  })

  test('an openid first and a unionid later are one user, with the unionid as canonical subject', async () => {
    const { user } = await directory.register(claim('wechat', 'openid:web:one'), use)
    now += 1000
    const second = await directory.resolve(claim('wechat', 'unionid:one', 'openid:web:one'), use)
    now += 1000
    const third = await directory.resolve(claim('wechat', 'unionid:one', 'openid:app:one'), use)
    expect([second, third]).toMatchObject([
      { kind: 'known', account: { user: { id: user.id } } },
      { kind: 'known', account: { user: { id: user.id } } },
    ])
    const account = await directory.find(user.id)
    expect(account?.identities.map(({ subjects }) => subjects)).toEqual([
      ['unionid:one', 'openid:web:one', 'openid:app:one'],
    ])
    expect(third.kind === 'known' && third.account).toEqual(account)
  })

  test('what another provider calls somebody leads to nobody else', async () => {
    const [name, elsewhere] = [claim('github', 'same'), claim('google', 'same')]
    const { user } = await directory.register(name, use)
    expect(await directory.resolve(elsewhere, use)).toMatchObject({ kind: 'unknown' })
    expect(await directory.ownerOf(elsewhere)).toBeUndefined()
    const other = await directory.register(elsewhere, use)
    expect(await directory.resolve(name, use)).toMatchObject({ kind: 'known', account: { user: { id: user.id } } })
    expect(await directory.resolve(elsewhere, use)).toMatchObject({ account: { user: { id: other.user.id } } })
  })

  test('an identifier leads to whom it is of its kind, and only while it is proved', async () => {
    const [email, username] = [claim('email', 'one@example.com'), claim('username', 'one@example.com')]
    const { user } = await directory.register(email, use)
    const find = (provider: 'email' | 'username') =>
      directory.findByIdentifier({ provider, subject: 'one@example.com' }).then((found) => found?.userId)
    expect([await find('email'), await find('username')]).toEqual([user.id, undefined])
    const other = await directory.register(username, use)
    expect([await find('email'), await find('username')]).toEqual([user.id, other.user.id])
    await home.database.knex('identities').where({ user_id: user.id }).update({ verified_at: null })
    expect([await find('email'), await find('username')]).toEqual([undefined, other.user.id])
  })

  test('where somebody was last says so of their own identities only', async () => {
    const [first, second] = [await directory.register(phone(41), use), await directory.register(phone(42), use)]
    const ids = async ({ user }: Account) => [...(await directory.lastUses(user.id)).keys()]
    expect(await ids(first)).toEqual([identityOf(first, 'phone')])
    expect(await ids(second)).toEqual([identityOf(second, 'phone')])
  })

  test('of two identities of one user the one that was named first is the one used', async () => {
    const { user } = await directory.register(claim('wechat', 'openid:web:nine'), use)
    await directory.bind(user.id, claim('wechat', 'openid:app:nine'), use)
    const alone = await directory.resolve(claim('wechat', 'openid:app:nine'), use)
    const both = await directory.resolve(claim('wechat', 'openid:app:nine', 'openid:web:nine'), use)
    expect(both).toMatchObject({ kind: 'known', identityId: alone.kind === 'known' && alone.identityId })
  })

  test('use says since when an identity is verified only where nothing said so', async () => {
    const { user } = await directory.register(phone(40), use)
    const verified = async () =>
      (await home.database.knex('identities').where({ user_id: user.id }).first()).verified_at
    const first = await verified()
    now += 1000
    await directory.resolve(phone(40), use)
    expect(await verified()).toEqual(first)
    await home.database.knex('identities').where({ user_id: user.id }).update({ verified_at: null })
    await directory.resolve(phone(40), use)
    expect(await verified()).toEqual(new Date(now))
  })

  test('subjects of two users are a conflict that changes nothing', async () => {
    const first = await directory.register(claim('wechat', 'openid:web:two'), use)
    const second = await directory.register(claim('wechat', 'openid:app:two'), use)
    const before = await everything()
    now += 1000
    const both = claim('wechat', 'unionid:two', 'openid:web:two', 'openid:app:two')
    const resolution = await directory.resolve(both, use)
    expect(resolution).toEqual({ kind: 'conflict', users: [first.user.id, second.user.id] })
    await expect(directory.register(both, use)).rejects.toMatchObject({ code: 'identity.taken' })
    await expect(directory.bind(first.user.id, both, use)).rejects.toMatchObject({ code: 'identity.taken' })
    expect(await everything()).toEqual(before)
  })

  test('logins that bring one unionid for two users at once never share it in silence', async () => {
    const users = await Promise.all(
      [1, 2, 3, 4].map((n) => directory.register(claim('wechat', `openid:${n}:three`), use)),
    )
    const seen = await Promise.all(
      [1, 2, 3, 4].map((n) => directory.resolve(claim('wechat', 'unionid:three', `openid:${n}:three`), use)),
    )
    expect(seen.filter(({ kind }) => kind === 'known')).toHaveLength(1)
    expect(seen.filter(({ kind }) => kind === 'conflict')).toHaveLength(3)
    expect(users).toHaveLength(4)
  })

  test('the same alias brought by twenty logins at once is recorded once', async () => {
    const { user } = await directory.register(claim('wechat', 'openid:web:four'), use)
    const seen = await Promise.all(
      Array.from({ length: 20 }, () => directory.resolve(claim('wechat', 'unionid:four', 'openid:web:four'), use)),
    )
    expect(new Set(seen.map((one) => one.kind === 'known' && one.account.user.id))).toEqual(new Set([user.id]))
  })
})

describe('binding', () => {
  test('what an upstream gave is kept with that identity only', async () => {
    const { user } = await directory.register(phone(44), use)
    const { identityId } = await directory.bind(user.id, claim('wechat', 'openid:web:credential'), use)
    const sealer = { seal: (text: string) => `sealed ${text}`, open: (text: string) => text }
    await keptCredentials({ database: home.database, sealer }).keep(identityId, { client: 'app', secret: 'a token' })
    const kept = await home.database.knex('identities').whereNotNull('upstream_credential').select('id')
    expect(kept).toEqual([{ id: identityId }])
  })

  test('a user may hold two identities of one provider', async () => {
    const { user } = await directory.register(phone(5), use)
    const first = await directory.bind(user.id, claim('github', '51'), use)
    const second = await directory.bind(user.id, claim('github', '52'), use)
    expect(first.isNew && second.isNew).toBe(true)
    expect((await directory.find(user.id))?.identities.map(({ provider }) => provider).sort()).toEqual([
      'github',
      'github',
      'phone',
    ])
  })

  test('identities are told in the order in which they came', async () => {
    const { user } = await directory.register(phone(43), use)
    const names = Array.from({ length: 6 }, (_, n) => `in order ${n}`)
    for (const name of names) {
      now += 1000
      await directory.bind(user.id, claim('github', name), use)
    }
    const identities = (await directory.find(user.id))?.identities.slice(1)
    expect(identities?.flatMap(({ subjects }) => subjects)).toEqual(names)
  })

  test('what is already mine is told so', async () => {
    const { user } = await directory.register(phone(6), use)
    const { identityId } = await directory.bind(user.id, claim('wechat', 'openid:web:six'), use)
    const again = await directory.bind(user.id, claim('wechat', 'unionid:six', 'openid:web:six'), use)
    expect(again).toEqual({ identityId, isNew: false })
  })

  test('an identity that belongs to someone else is refused and nothing moves', async () => {
    await directory.register(claim('github', '7'), use)
    const { user } = await directory.register(phone(7), use)
    const before = await everything()
    now += 1000
    await expect(directory.bind(user.id, claim('github', '7', 'login:7'), use)).rejects.toMatchObject({
      code: 'identity.taken',
      params: { provider: 'github' },
    })
    expect(await everything()).toEqual(before)
  })

  test('of twenty users who bind one identity at once one has it', async () => {
    const users = await Promise.all(Array.from({ length: 20 }, (_, n) => directory.register(phone(100 + n), use)))
    const settled = await Promise.allSettled(
      users.map(({ user }) => directory.bind(user.id, claim('qq', 'unionid:8'), use)),
    )
    expect(codes(settled)).toEqual(['done', ...Array.from({ length: 19 }, () => 'identity.taken')])
  })
})

/** Nothing else goes with the identity. */
const nothing = async () => {}

describe('unbinding', () => {
  test('the last way in stays', async () => {
    const account = await directory.register(phone(9), use)
    const last = directory.unbind(account.user.id, identityOf(account, 'phone'), nothing)
    await expect(last).rejects.toMatchObject({ code: 'identity.last' })
  })

  test('a user name is a way in only beside a password', async () => {
    const account = await directory.register(phone(10), use)
    await directory.bind(account.user.id, claim('username', 'zhangsan'), use)
    const last = directory.unbind(account.user.id, identityOf(account, 'phone'), nothing)
    await expect(last).rejects.toMatchObject({ code: 'identity.last' })
    await setPassword(account.user.id)
    await directory.unbind(account.user.id, identityOf(account, 'phone'), nothing)
    expect((await directory.find(account.user.id))?.identities.map(({ provider }) => provider)).toEqual(['username'])
  })

  test('it stays when what has to go with it does not', async () => {
    const account = await directory.register(phone(14), use)
    await directory.bind(account.user.id, claim('github', '14'), use)
    const failing = directory.unbind(account.user.id, identityOf(account, 'phone'), () =>
      Promise.reject(new Error('no')),
    )
    await expect(failing).rejects.toThrow('no')
    expect((await directory.find(account.user.id))?.identities).toHaveLength(2)
  })

  test('what is unbound is free for somebody else', async () => {
    const account = await directory.register(phone(11), use)
    await directory.bind(account.user.id, claim('github', '11'), use)
    await directory.unbind(account.user.id, identityOf(await directory.find(account.user.id), 'github'), nothing)
    expect(await directory.resolve(claim('github', '11'), use)).toEqual({ kind: 'unknown' })
  })

  test('an identity of somebody else is not found', async () => {
    const mine = await directory.register(phone(12), use)
    const other = await directory.register(phone(13), use)
    await directory.bind(other.user.id, claim('github', '13'), use)
    const theft = directory.unbind(mine.user.id, identityOf(other, 'phone'), nothing)
    await expect(theft).rejects.toMatchObject({ code: 'request.not_found' })
    expect((await directory.find(other.user.id))?.identities).toHaveLength(2)
  })

  test('two calls at once never remove the last two', async () => {
    for (let round = 0; round < 10; round++) {
      const { user } = await directory.register(phone(200 + round), use)
      await directory.bind(user.id, claim('github', `race ${round}`), use)
      const identities = (await directory.find(user.id))?.identities ?? []
      const settled = await Promise.allSettled(identities.map(({ id }) => directory.unbind(user.id, id, nothing)))
      expect(codes(settled)).toEqual(['done', 'identity.last'])
      expect((await directory.find(user.id))?.identities).toHaveLength(1)
    }
  })
})

describe('the status of a user', () => {
  test('a locked user is answered as locked and can be unlocked', async () => {
    const { user } = await directory.register(phone(14), use)
    expect(await directory.setStatus(user.id, 'locked')).toBe(true)
    expect(await directory.resolve(phone(14), use)).toMatchObject({
      kind: 'known',
      account: { user: { status: 'locked' } },
    })
    expect(await directory.setStatus(user.id, 'active')).toBe(true)
    expect((await directory.find(user.id))?.user.status).toBe('active')
  })

  test.each([
    ['ahead', 3_600_000],
    ['behind', -3_600_000],
  ])('a lock ends proofs at its moment, also when the clock of the command is %s', async (_, apartMs) => {
    const { user } = await directory.register(phone(apartMs > 0 ? 61 : 62), use)
    const operators = new AccountDirectory({ database: home.database, clock: () => Date.now() + apartMs })
    const before = Date.now()
    await directory.setStatus(user.id, 'locked')
    await operators.setStatus(user.id, 'active')
    const endedAt = (await directory.find(user.id))?.user.proofsEndedAt?.getTime() ?? 0
    expect(endedAt).toBeGreaterThanOrEqual(before)
    expect(endedAt).toBeLessThanOrEqual(Date.now())
  })

  test('deletion erases the profile, frees the identities and is final', async () => {
    const { user } = await directory.register({ ...phone(15), profile: { nickname: '小红' } }, use, {
      passwordHash: 'x',
    })
    expect(await directory.setStatus(user.id, 'deleted')).toBe(true)
    expect(await directory.find(user.id)).toMatchObject({ user: { status: 'deleted', profile: {} }, identities: [] })
    expect(await home.database.knex('passwords').where({ user_id: user.id })).toEqual([])
    expect(await directory.resolve(phone(15), use)).toEqual({ kind: 'unknown' })
    expect(await directory.setStatus(user.id, 'active')).toBe(false)
    await directory.rename(user.id, '小红')
    expect((await directory.find(user.id))?.user.profile).toEqual({})
    await expect(directory.bind(user.id, claim('github', '15'), use)).rejects.toMatchObject({ code: 'login.required' })
    const next = await directory.register(phone(15), use)
    expect(next.user.id).not.toBe(user.id)
  })

  test('a deletion beside logins and bindings leaves no identity behind', async () => {
    for (let round = 0; round < 10; round++) {
      const { user } = await directory.register(phone(300 + round), use)
      await Promise.allSettled([
        directory.bind(user.id, claim('github', `gone ${round}`), use),
        directory.setStatus(user.id, 'deleted'),
        directory.bind(user.id, claim('qq', `gone ${round}`), use),
      ])
      expect((await directory.find(user.id))?.identities).toEqual([])
    }
  })

  test('nobody is not found and cannot be locked', async () => {
    expect(await directory.setStatus(newId('usr'), 'locked')).toBe(false)
  })
})
