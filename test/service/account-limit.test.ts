import { afterAll, beforeAll, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { identityLimit } from '../../src/accounts/identity-limit.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'

let home: TestDatabase
let directory: AccountDirectory

const now = Date.parse('2026-03-01T00:00:00Z')
const use = { ip: '203.0.113.7' }
const claim = (provider: string, subject: string) => ({ provider, subjects: [subject] as [string], profile: {} })

beforeAll(async () => {
  home = await createDatabase()
  const limitOf = (provider: string) => (provider === 'github' ? 2 : undefined)
  directory = new AccountDirectory({ database: home.database, clock: () => now, limitOf })
})
afterAll(() => home.drop())

test('of ten identities that a user binds at once, as many stay as may be', async () => {
  const { user } = await directory.register(claim('phone', '+8613800138000'), use)
  const binds = Array.from({ length: 10 }, (_, index) => directory.bind(user.id, claim('github', `${index}`), use))
  const settled = await Promise.allSettled(binds)
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
  for (const each of settled) {
    if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'identity.limit' })
  }
  const account = await directory.find(user.id)
  expect(account?.identities.map(({ provider }) => provider).sort()).toEqual(['github', 'github', 'phone'])
})

test('at the limit, what is one’s own already is found and what is another’s stays theirs', async () => {
  const { user } = await directory.register(claim('github', 'a'), use)
  const other = await directory.register(claim('github', 'c'), use)
  await directory.bind(user.id, claim('github', 'b'), use)
  expect(await directory.bind(user.id, claim('github', 'b'), use)).toMatchObject({ isNew: false })
  const theft = directory.bind(user.id, claim('github', 'c'), use)
  await expect(theft).rejects.toMatchObject({ code: 'identity.taken' })
  expect((await directory.find(other.user.id))?.identities).toHaveLength(1)
  for (const subject of ['d', 'e', 'f']) await directory.bind(user.id, claim('qq', subject), use)
  expect((await directory.find(user.id))?.identities).toHaveLength(5)
})

test('the setting is one number for all providers, or one for each, or none', () => {
  expect(identityLimit(3)('github')).toBe(3)
  expect(identityLimit({ phone: 1 })('phone')).toBe(1)
  expect(identityLimit({ phone: 1 })('github')).toBeUndefined()
  expect(identityLimit({ github: 1 })('github:ghe.example.com')).toBe(1)
  expect(identityLimit({ github: 1, 'github:ghe.example.com': 2 })('github:ghe.example.com')).toBe(2)
  expect(identityLimit({})('constructor')).toBeUndefined()
})
