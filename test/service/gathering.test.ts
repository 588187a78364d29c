import { afterAll, beforeAll, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import type { Moved } from '../../src/accounts/subject-moves.ts'
import type { UserId } from '../../src/base/ids.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { claimOf } from '../support/several.ts'

// What one proof vouches for comes together at one account.

const use = { ip: '203.0.113.7' }
const now = Date.parse('2026-11-20T08:00:00.123Z')
const moment = { begunAt: now, provedAt: now }
let home: TestDatabase
let directory: AccountDirectory
let people = 0

beforeAll(async () => {
  home = await createDatabase()
  directory = new AccountDirectory({ database: home.database, clock: () => now })
})
afterAll(() => home.drop())

const nothing = async () => undefined

/** An account for each list of subjects; those whose place is named have a phone number too. */
async function accounts(
  subjects: readonly (readonly string[])[],
  withPhone: readonly number[] = [],
): Promise<UserId[]> {
  const made: UserId[] = []
  for (const [index, each] of subjects.entries()) {
    const { user } = await directory.register(claimOf('wechat', each), use)
    if (withPhone.includes(index))
      await directory.bind(user.id, claimOf('phone', [`+86138${10_000_000 + people++}`]), use)
    made.push(user.id)
  }
  return made
}

async function subjectsOf(userId: UserId): Promise<readonly (readonly string[])[]> {
  const account = await directory.find(userId)
  return (account?.identities ?? []).filter(({ provider }) => provider === 'wechat').map(({ subjects }) => subjects)
}

test('three accounts become one way in at the one that was chosen, in the order of the claim', async () => {
  const [a, b, c] = (await accounts([['openid:web:1'], ['unionid:1'], ['openid:old:1']], [0, 2])) as [
    UserId,
    UserId,
    UserId,
  ]
  const claim = claimOf('wechat', ['unionid:1', 'openid:web:1', 'openid:old:1'])
  const told: Moved[] = []
  const moved = await directory.gather({ claim, moment, to: b, from: [a, c] }, async (_, each) => told.push(each))
  expect(told).toEqual(moved)
  expect(moved.map(({ from, to, subjects }) => [from, to, subjects])).toEqual([
    [a, b, ['openid:web:1']],
    [c, b, ['openid:old:1']],
  ])
  expect(await subjectsOf(b)).toEqual([['unionid:1', 'openid:web:1', 'openid:old:1']])
  expect([await subjectsOf(a), await subjectsOf(c)]).toEqual([[], []])
  expect(await directory.resolve(claim, use)).toMatchObject({ kind: 'known', account: { user: { id: b } } })
})

test('of three, the one that has no other way in keeps its part', async () => {
  const [a, b, c] = (await accounts([['openid:web:2'], ['unionid:2'], ['openid:old:2']], [0])) as [
    UserId,
    UserId,
    UserId,
  ]
  const claim = claimOf('wechat', ['unionid:2', 'openid:web:2', 'openid:old:2'])
  const moved = await directory.gather({ claim, moment, to: b, from: [a, c] }, nothing)
  expect(moved.map(({ from }) => from)).toEqual([a])
  expect(await subjectsOf(c)).toEqual([['openid:old:2']])
  expect(await directory.resolve(claim, use)).toEqual({ kind: 'conflict', users: [b, c] })
})

test('what is not in the claim stays, with the way in it belongs to', async () => {
  const [a, b] = (await accounts([['openid:web:3', 'openid:mini:3'], ['unionid:3']])) as [UserId, UserId]
  const claim = claimOf('wechat', ['unionid:3', 'openid:web:3'])
  expect(await directory.gather({ claim, moment, to: b, from: [a] }, nothing)).toHaveLength(1)
  expect(await subjectsOf(a)).toEqual([['openid:mini:3']])
  expect(await subjectsOf(b)).toEqual([['unionid:3', 'openid:web:3']])
})

test('an account that has several of them in several ways in gives all of them, or none', async () => {
  const [a, b] = (await accounts([['openid:web:4'], ['unionid:4']])) as [UserId, UserId]
  await directory.bind(a, claimOf('wechat', ['openid:mini:4']), use)
  const claim = claimOf('wechat', ['unionid:4', 'openid:web:4', 'openid:mini:4'])
  expect(await directory.gather({ claim, moment, to: b, from: [a] }, nothing)).toEqual([])
  await directory.bind(a, claimOf('phone', ['+8613900000004']), use)
  expect(await directory.gather({ claim, moment, to: b, from: [a] }, nothing)).toHaveLength(2)
  expect([await subjectsOf(a), await subjectsOf(b)]).toEqual([[], [claim.subjects]])
})

test('a user name is no way in without a password, and one beside it', async () => {
  const [a, b] = (await accounts([['openid:web:5'], ['unionid:5']])) as [UserId, UserId]
  await directory.bind(a, claimOf('username', ['five']), use)
  const claim = claimOf('wechat', ['unionid:5', 'openid:web:5'])
  expect(await directory.gather({ claim, moment, to: b, from: [a] }, nothing)).toEqual([])
  await home.database.knex('passwords').insert({ user_id: a, hash: 'x', updated_at: new Date(now - 1000) })
  expect(await directory.gather({ claim, moment, to: b, from: [a] }, nothing)).toHaveLength(1)
})

test('nothing moves when what has to go with it does not', async () => {
  const [a, b] = (await accounts([['openid:web:6'], ['unionid:6']], [0])) as [UserId, UserId]
  const claim = claimOf('wechat', ['unionid:6', 'openid:web:6'])
  const failing = async () => {
    throw new Error('no')
  }
  await expect(directory.gather({ claim, moment, to: b, from: [a] }, failing)).rejects.toThrow('no')
  expect(await subjectsOf(a)).toEqual([['openid:web:6']])
})

test('a proof from before an identity came to an account moves nothing', async () => {
  const [a, b] = (await accounts([['openid:web:7'], ['unionid:7']], [0])) as [UserId, UserId]
  await home.database
    .knex('identities')
    .where({ user_id: a, provider: 'wechat' })
    .update({ created_at: new Date(now + 1) })
  const claim = claimOf('wechat', ['unionid:7', 'openid:web:7'])
  const refused = expect(directory.gather({ claim, moment, to: b, from: [a] }, nothing)).rejects
  await refused.toMatchObject({ code: 'attempt.expired' })
})
