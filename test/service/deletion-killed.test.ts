import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { tellNobody } from '../../src/accounts/owner-messages.ts'
import type { UserId } from '../../src/base/ids.ts'
import { askToLeave, deleteDueAccounts } from '../../src/oidc/endings/account-leaving.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import { createDatabase, type TestDatabase, untilLocked } from '../support/database.ts'
import { eventually, patienceMs } from '../support/patience.ts'
import { startServer } from '../support/server-process.ts'
import { freePort } from '../support/services.ts'

let database: TestDatabase
let folder: string
let phones = 13_514_000_000
beforeAll(async () => {
  database = await createDatabase()
  folder = await mkdtemp(join(tmpdir(), 'menshen-deletion-'))
})
afterAll(async () => {
  await database.drop()
  await rm(folder, { recursive: true })
})

const knex = () => database.database.knex
const log = { error: () => {} }

/** The work of one process, without its timer. */
const work = (aheadMs = 0, metrics = createMetrics()) => {
  const clock = Object.assign(() => Date.now() + aheadMs, { aheadMs: () => aheadMs })
  return deleteDueAccounts({ database: database.database, clock, queueOwnerMessage: tellNobody, log, metrics })
}

/** Somebody whose deletion is due after so many seconds. */
async function leaver(waitSeconds: number): Promise<UserId> {
  const clock = () => Date.now()
  const parts = { database: database.database, clock, queueOwnerMessage: tellNobody }
  const claim = { provider: 'phone', subjects: [`+86${++phones}`] as [string], profile: { nickname: '林小雨' } }
  const { user } = await new AccountDirectory(parts).register(claim, { ip: '203.0.113.9' })
  await askToLeave(parts, user.id, { waitSeconds })
  return user.id
}

const stateOf = async (id: UserId) => ({
  ...(await knex()('users').where({ id }).first('status', 'nickname')),
  identities: (await knex()('identities').where({ user_id: id })).length,
  waiting: (await knex()('account_deletions').where({ user_id: id })).length,
  events: await knex()('audit_events').where({ user_id: id }).pluck('event'),
})

test('a process that is killed in the middle leaves the account whole, and another one deletes it', async () => {
  const port = await freePort()
  const env = {
    ...{ PORT: String(port), ISSUER: `http://localhost:${port}`, DATABASE_URL: database.url },
    ...{ MENSHEN_SECRET_KEY: 'k'.repeat(43), MENSHEN_DATA_DIR: folder, MENSHEN_OPS__METRICS: 'off' },
  }
  const server = await startServer({ cwd: folder, env })
  const user = await leaver(3600)
  await knex().transaction(async (transaction) => {
    // It gets as far as the password, and waits there with half of the account gone.
    await transaction.raw('lock table passwords in share mode')
    await knex()('account_deletions')
      .where({ user_id: user })
      .update({ due_at: new Date(0) })
    await untilLocked(knex())
    await server.stop('SIGKILL')
  })
  await eventually(async () =>
    expect(await stateOf(user)).toMatchObject({ status: 'leaving', identities: 1, waiting: 1 }),
  )
  expect((await stateOf(user)).nickname).toBe('林小雨')
  // Whoever took it has a minute; then it is anybody's.
  expect(await work()).toBe(0)
  expect(await work(61_000)).toBe(1)
  const done = await stateOf(user)
  expect(done).toMatchObject({ status: 'deleted', nickname: null, identities: 0, waiting: 0 })
  expect(done.events.filter((event: string) => event === 'user.deleted')).toHaveLength(1)
  expect(await work(3_600_000)).toBe(0)
})

test('of many that look at once one deletes each account, once', async () => {
  const ids = await Promise.all(Array.from({ length: 12 }, () => leaver(1)))
  const counts = await Promise.all(Array.from({ length: 6 }, () => work(2000)))
  await vi.waitFor(async () => expect(await knex()('account_deletions')).toEqual([]), { timeout: patienceMs })
  expect(counts.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(ids.length)
  for (const id of ids) {
    const { status, events } = await stateOf(id)
    expect(status).toBe('deleted')
    expect(events.filter((event: string) => event === 'user.deleted')).toHaveLength(1)
  }
})

test('what fails is tried again after a pause, for as long as it takes', async () => {
  const id = await leaver(1)
  await knex().raw(`
    create function refuse_deletion() returns trigger language plpgsql as $$ begin raise 'not today'; end $$`)
  await knex().raw(`
    create trigger refuse_deletion before delete on identities for each row execute function refuse_deletion()`)
  const metrics = createMetrics()
  expect(await work(2000, metrics)).toBe(1)
  expect(await stateOf(id)).toMatchObject({ status: 'leaving', nickname: '林小雨', identities: 1, waiting: 1 })
  const [{ attempts, due_at }] = await knex()('account_deletions').where({ user_id: id })
  expect(attempts).toBe(1)
  expect(due_at.getTime()).toBeGreaterThan(Date.now() + 50_000)
  await knex()('account_deletions').update({ attempts: 99, due_at: new Date() })
  expect(await work(2000, metrics)).toBe(1)
  expect(await stateOf(id)).toMatchObject({ waiting: 1 })
  await knex().raw('drop trigger refuse_deletion on identities')
  expect(await work(30_000_000, metrics)).toBe(1)
  expect((await stateOf(id)).status).toBe('deleted')
  expect(await metrics.registry.metrics()).toMatch(/menshen_account_deletions_total\{outcome="failed"\} 2/)
})

test('a clock that is ahead deletes nobody before the time', async () => {
  const id = await leaver(3600)
  const clock = () => Date.now() + 7_200_000
  const metrics = createMetrics()
  await deleteDueAccounts({ database: database.database, clock, queueOwnerMessage: tellNobody, log, metrics })
  expect((await stateOf(id)).status).toBe('leaving')
})
