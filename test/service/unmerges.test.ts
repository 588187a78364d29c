import { afterAll, beforeAll, expect, test } from 'vitest'
import { survivorOf, undoableMerges } from '../../src/accounts/merged-users.ts'
import type { IdentityId, UserId } from '../../src/base/ids.ts'
import { sweepMerges } from '../../src/oidc/endings/merging.ts'
import { giveLogin, loginsLeft, type MergeHome, openMergeHome, waysOf } from '../support/merging.ts'
import { claimOf } from '../support/several.ts'

// A merge is taken back: what was moved goes back, what came later stays.

const use = { ip: '203.0.113.7' }
const actor = { ip: '203.0.113.9' }
const day = 86_400_000
let world: MergeHome
const knex = () => world.home.database.knex

beforeAll(async () => {
  world = await openMergeHome({ github: 1 })
})
afterAll(() => world.close())

/** Two accounts of a person, and what makes one of them as an operator would. */
async function pair(): Promise<readonly [UserId, UserId]> {
  return [await world.person('小明'), await world.person('小明二号')]
}

async function merge(into: UserId, from: UserId, choices = {}, joins?: ReturnType<typeof claimOf>) {
  const proofs = await Promise.all(
    [into, from].map(async (userId) => {
      const account = await world.directory.find(userId)
      const subjects = account?.identities.find(({ provider }) => provider === 'phone')?.subjects ?? []
      return { userId, begunAt: world.now, provedAt: world.now, claim: claimOf('phone', subjects) }
    }),
  )
  const request = {
    into,
    from,
    proofs: proofs as unknown as readonly [(typeof proofs)[0], (typeof proofs)[0]],
    choices,
    joins,
  }
  const merged = await world.merges.merge(request, actor)
  if (merged === 'already') throw new Error('merged before')
  world.now += 60_000
  return merged
}

/** Everything an account is, but for ids and times that may differ. */
async function whole(userId: UserId) {
  const account = await world.directory.find(userId)
  const rows = (table: string) => knex()(table).where({ user_id: userId })
  return {
    status: account?.user.status,
    profile: account?.user.profile,
    muted: await knex()('users').where({ id: userId }).pluck('muted_messages'),
    ways: await waysOf(world, userId),
    passwords: await rows('passwords'),
    pictures: await rows('pictures'),
    consents: await rows('consents').orderBy('client_id'),
  }
}

async function furnish(userId: UserId, name: string): Promise<void> {
  const times = { created_at: new Date(world.now - 9000), updated_at: new Date(world.now - 9000) }
  const copy = { picture_copy: `copy-${userId}`, picture_chosen: name === 'other' }
  await knex()('users')
    .where({ id: userId })
    .update({ picture: `https://p.example/${name}`, muted_messages: ['device', name], ...copy })
  const picture = { id: `copy-${userId}`, bytes: Buffer.from(name), type: 'image/png', copied_at: new Date(world.now) }
  await knex()('pictures').insert({ user_id: userId, ...picture })
  await knex()('passwords').insert({ user_id: userId, hash: `of-${name}`, updated_at: new Date(world.now - 9000) })
  await knex()('consents').insert([
    { user_id: userId, client_id: 'both', decisions: { openid: true, [name]: true }, ...times },
    { user_id: userId, client_id: name, decisions: { openid: true }, ...times },
  ])
}

test('puts back everything that was moved, whatever was chosen', async () => {
  for (const chosen of ['into', 'from'] as const) {
    const [into, from] = await pair()
    await furnish(into, 'own')
    await knex()('passwords')
      .where({ user_id: into })
      .update({ updated_at: new Date(world.now - 8000) })
    await furnish(from, 'other')
    const other = await world.directory.bind(from, claimOf('github', [`other-${from}`]), use)
    const own = await world.directory.bind(into, claimOf('github', [`own-${into}`]), use)
    world.now += 1000
    const before = [await whole(into), await whole(from)]
    const who = chosen === 'into' ? into : from
    const identities = [chosen === 'into' ? own.identityId : other.identityId]
    const { id } = await merge(into, from, { password: who, nickname: who, picture: who, identities })
    const undone = await world.merges.unmerge(id, actor)
    expect(undone).toMatchObject({ into, from, missing: [] })
    expect([await whole(into), await whole(from)]).toEqual(before)
    expect(await survivorOf(world.home.database, from)).toBe(from)
    expect(await knex()('merges').where({ id })).toMatchObject([{ kept: null, undone_at: new Date(world.now) }])
    const rows = await knex()('audit_events').where({ event: 'user.unmerged' }).whereIn('user_id', [into, from])
    expect(rows).toHaveLength(2)
  }
})

test('both get in again by what is theirs, and by proofs from after it only', async () => {
  const [into, from] = await pair()
  const { id } = await merge(into, from)
  await world.merges.unmerge(id, actor)
  for (const userId of [into, from]) {
    const account = await world.directory.find(userId)
    expect(account?.user.proofsEndedAt?.getTime()).toBe(world.now)
    const phone = account?.identities.find(({ provider }) => provider === 'phone')
    expect(await world.directory.resolve(claimOf('phone', phone?.subjects ?? []), use)).toMatchObject({
      kind: 'known',
      account: { user: { id: userId } },
    })
  }
})

test('what came later stays with the account that stayed', async () => {
  const [into, from] = await pair()
  await furnish(from, 'other')
  const { id } = await merge(into, from, { password: from })
  await world.directory.bind(into, claimOf('email', [`new-${into}@example.com`]), use)
  await knex()('passwords')
    .where({ user_id: into })
    .update({ hash: 'newer', updated_at: new Date(world.now) })
  await world.directory.rename(into, '新名字')
  await knex()('consents').where({ user_id: into, client_id: 'both' }).delete()
  await world.merges.unmerge(id, actor)
  expect(await waysOf(world, into)).toContain(`new-${into}@example.com`)
  expect(await knex()('passwords').whereIn('user_id', [into, from]).orderBy('hash').select('user_id', 'hash')).toEqual([
    { user_id: into, hash: 'newer' },
    { user_id: from, hash: 'of-other' },
  ])
  expect((await world.directory.find(into))?.user.profile.nickname).toBe('新名字')
  // What was taken back meanwhile is not given again.
  expect(await knex()('consents').where({ user_id: from }).select('client_id')).toEqual([{ client_id: 'other' }])
})

test('what belongs to somebody else by now stays there, and it is said', async () => {
  const [into, from] = await pair()
  const phoneOf = (ways: readonly string[]) => ways.find((each) => each.startsWith('+86')) ?? ''
  const phone = phoneOf(await waysOf(world, from))
  const { id } = await merge(into, from)
  const account = await world.directory.find(into)
  const moved = account?.identities.find(({ subjects }) => subjects.includes(phone))?.id as IdentityId
  await world.directory.unbind(into, moved, async () => undefined)
  const stranger = await world.person()
  await world.directory.bind(stranger, claimOf('phone', [phone]), use)
  expect(await world.merges.unmerge(id, actor)).toMatchObject({ missing: ['phone'] })
  expect(await waysOf(world, stranger)).toContain(phone)
  expect(await waysOf(world, from)).toHaveLength(1)
})

test('a way in that did not stay is made again, unless somebody has it by now', async () => {
  const [into, from] = await pair()
  const own = await world.directory.bind(into, claimOf('github', [`mine-${into}`]), use)
  await world.directory.bind(from, claimOf('github', [`yours-${from}`]), use)
  world.now += 1000
  const { id } = await merge(into, from, { identities: [own.identityId] })
  const stranger = await world.person()
  await world.directory.bind(stranger, claimOf('github', [`yours-${from}`]), use)
  expect(await world.merges.unmerge(id, actor)).toMatchObject({ missing: ['github'] })
  expect(await waysOf(world, stranger)).toContain(`yours-${from}`)
})

test('what one proof had made one identity is two again', async () => {
  const [into, from] = await pair()
  const ways = [...(await waysOf(world, into)), ...(await waysOf(world, from))]
  const before = [await waysOf(world, into), await waysOf(world, from)]
  const { id } = await merge(
    into,
    from,
    {},
    claimOf(
      'wechat',
      ways.filter((each) => each.startsWith('unionid')),
    ),
  )
  await world.merges.unmerge(id, actor)
  expect([await waysOf(world, into), await waysOf(world, from)]).toEqual(before)
})

test('ends every login but the one it is asked in, and that too if it came by what goes back', async () => {
  const [into, from] = await pair()
  const { id, moved } = await merge(into, from)
  await giveLogin(world, into, `here-${into}`, ['idn_own'])
  await giveLogin(world, into, `elsewhere-${into}`, ['idn_own'])
  await world.merges.unmerge(id, { ...actor, sessionUid: `here-${into}`, by: ['idn_own'] })
  expect(await loginsLeft(world, into)).toEqual([`here-${into}`])
  const again = await merge(into, from)
  expect(again.moved).not.toEqual(moved)
  const by = [again.moved[0]?.nowAs ?? '']
  await giveLogin(world, into, `gone-${into}`, by)
  await world.merges.unmerge(again.id, { ...actor, sessionUid: `gone-${into}`, by })
  expect(await loginsLeft(world, into)).toEqual([])
})

test('of a chain the last merge goes first, and the one before it can be taken back then', async () => {
  const [a, b] = await pair()
  const c = await world.person()
  const first = await merge(b, a)
  const second = await merge(c, b)
  await expect(world.merges.unmerge(first.id, actor)).rejects.toMatchObject({ code: 'merge.later_first' })
  await world.merges.unmerge(second.id, actor)
  expect(await survivorOf(world.home.database, a)).toBe(b)
  await world.merges.unmerge(first.id, actor)
  expect(await survivorOf(world.home.database, a)).toBe(a)
  expect(await waysOf(world, a)).toHaveLength(2)
})

test('is refused for a locked account, and where one of both could not log in afterwards', async () => {
  const [into, from] = await pair()
  const { id, moved } = await merge(into, from)
  await world.directory.setStatus(into, 'locked')
  await expect(world.merges.unmerge(id, actor)).rejects.toMatchObject({ code: 'merge.unfit' })
  await world.directory.setStatus(into, 'active')
  const account = await world.directory.find(into)
  const own = account?.identities.filter((each) => !moved.some(({ nowAs }) => nowAs === each.id)) ?? []
  for (const each of own) await world.directory.unbind(into, each.id, async () => undefined)
  await expect(world.merges.unmerge(id, actor)).rejects.toMatchObject({ code: 'merge.nothing_left' })
  expect(await waysOf(world, from)).toEqual([])
})

test('is over after seven days, and nothing of what was kept for it is left then', async () => {
  const [into, from] = await pair()
  const { id } = await merge(into, from)
  expect(await undoableMerges(world.home.database, into, new Date(world.now))).toMatchObject([{ id, from }])
  world.now += 7 * day
  expect(await undoableMerges(world.home.database, into, new Date(world.now))).toEqual([])
  await expect(world.merges.unmerge(id, actor)).rejects.toMatchObject({ code: 'merge.over' })
  await sweepMerges(world.home.database, () => world.now)
  expect(await knex()('merges').where({ id }).select('kept')).toEqual([{ kept: null }])
  expect(await survivorOf(world.home.database, from)).toBe(into)
})

test('what was kept for it goes with the account, whichever of a chain', async () => {
  const [a, b] = await pair()
  const c = await world.person()
  const merges = [await merge(b, a), await merge(c, b)].map(({ id }) => id)
  await world.directory.setStatus(c, 'deleted')
  expect(await knex()('merges').whereIn('id', merges).whereNotNull('kept')).toEqual([])
})

test('what an account was called where it was moved in from stays its own, through merge and undo, and goes with it', async () => {
  const [into, from] = await pair()
  const row = { source: 'logto', external_id: 'u-1', user_id: from, fingerprint: 'f', imported_at: new Date(world.now) }
  await knex()('imported_accounts').insert(row)
  const { id } = await merge(into, from)
  expect(await knex()('imported_accounts').where({ source: 'logto' })).toEqual([row])
  await world.merges.unmerge(id, actor)
  expect(await knex()('imported_accounts').where({ source: 'logto' })).toEqual([row])
  await merge(into, from)
  await world.directory.setStatus(into, 'deleted')
  expect(await knex()('imported_accounts').where({ source: 'logto' })).toMatchObject([
    { user_id: from, external_id: expect.stringMatching(/^forgotten:[0-9a-f]{64}$/), fingerprint: '' },
  ])
})

test('of several at once one is done', async () => {
  const [into, from] = await pair()
  const { id } = await merge(into, from)
  const results = await Promise.allSettled([1, 2, 3].map(() => world.merges.unmerge(id, actor)))
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected'])
  expect(await waysOf(world, from)).toHaveLength(2)
})

test('beside another merge of either one of both is done', async () => {
  const [into, from] = await pair()
  const third = await world.person()
  const { id } = await merge(into, from)
  const results = await Promise.allSettled([world.merges.unmerge(id, actor), merge(third, into)])
  expect(results.some(({ status }) => status === 'fulfilled')).toBe(true)
  const held = [...(await waysOf(world, into)), ...(await waysOf(world, from)), ...(await waysOf(world, third))]
  expect(new Set(held).size).toBe(6)
  expect(held).toHaveLength(6)
})
