import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { tellNobody } from '../../src/accounts/owner-messages.ts'
import type { UserId } from '../../src/base/ids.ts'
import { askToLeave, stayAfterAll } from '../../src/oidc/endings/account-leaving.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { claimOf } from '../support/several.ts'

// Apps of ours are told whom support locks and lets in again.

let home: TestDatabase
let directory: AccountDirectory
let phones = 13_518_000_000
let user: UserId
const clock = () => Date.now()
const byOperator = { initiating_entity: 'admin' }

beforeAll(async () => {
  home = await createDatabase()
  directory = new AccountDirectory({ database: home.database, clock })
  const metadata = { account_events_uri: 'https://rp.example/events', first_party: true }
  const times = { created_at: new Date(), updated_at: new Date() }
  await home.database.knex('clients').insert({ client_id: 'told', metadata, ...times })
})
afterAll(() => home.drop())
beforeEach(async () => {
  user = (await directory.register(claimOf('phone', [`+86${++phones}`]), { ip: '203.0.113.9' })).user.id
})

const told = () => home.database.knex('client_events').where({ user_id: user }).orderBy('id').select('event', 'detail')
const parts = () => ({ database: home.database, clock, queueOwnerMessage: tellNobody })

test('locking is told once, and so is unlocking; it is not said that the account will go', async () => {
  for (const status of ['active', 'locked', 'locked', 'active', 'active'] as const) {
    expect(await directory.setStatus(user, status)).toBe(true)
  }
  expect(await told()).toEqual([
    { event: 'account-disabled', detail: byOperator },
    { event: 'account-enabled', detail: byOperator },
  ])
})

test('whoever is unlocked and on the way out is not told to be back; whoever stays locked, neither', async () => {
  await askToLeave(parts(), user, { waitSeconds: 60 })
  await directory.setStatus(user, 'locked')
  await directory.setStatus(user, 'active')
  expect((await directory.find(user))?.user.status).toBe('leaving')
  await directory.setStatus(user, 'locked')
  await stayAfterAll(parts(), user, { operator: 'alice' })
  expect((await directory.find(user))?.user.status).toBe('locked')
  const locked = { event: 'account-disabled', detail: byOperator }
  const asked = { event: 'account-disabled', detail: { deletion_at: expect.any(Number) } }
  expect(await told()).toEqual([asked, locked, locked, locked])
  await directory.setStatus(user, 'active')
  expect((await told()).at(-1)).toEqual({ event: 'account-enabled', detail: byOperator })
})

test('of a deleted account nothing is told, because it cannot be locked', async () => {
  await directory.setStatus(user, 'deleted')
  expect(await directory.setStatus(user, 'locked')).toBe(false)
  expect(await directory.setStatus(user, 'active')).toBe(false)
  expect(await told()).toEqual([])
})
