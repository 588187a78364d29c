import { afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { endRecords } from '../../src/oidc/endings/endings.ts'
import { sweepRecords } from '../../src/oidc/endings/sweep.ts'
import { advanceKeys, beginRotation } from '../../src/oidc/keys/key-rotation.ts'
import { tableStore } from '../../src/store/tables.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, startLogin, subjectOf, token } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

// A machine whose clock is wrong: the process and its libraries believe it, the database does not.

const dayMs = 86_400_000
/** Says nothing of being walked, so it is wrong when it differs. */
const wrong = () => Date.now()

afterEach(resetClock)

async function openWrong(stores: 'redis' | 'tables') {
  const world = await openWorld({ stores, clock: wrong })
  await world.register({ clients, resources })
  onTestFinished(async () => {
    resetClock()
    await world.close()
  })
  const visitor = world.visitor()
  const url = startLogin(world, 'plain', redirectUri, { scope: 'openid offline_access' })
  const tokens = await exchange(
    world,
    'plain',
    redirectUri,
    (await loginBySms(world, visitor, url, '13800138000')).location,
  )
  return { world, visitor, tokens }
}

const refresh = (world: World, tokens: Readonly<Record<string, string>>) =>
  token(world, { grant_type: 'refresh_token', client_id: 'plain', refresh_token: tokens['refresh_token'] ?? '' })

/** What a prober is told, soon: an answer is good for all that ask within a second. */
async function expectReadiness({ port }: World, status: number, clock: string): Promise<void> {
  const probe = async () => {
    const response = await fetch(`http://localhost:${port}/readyz`)
    const { checks } = (await response.json()) as { checks: Record<string, string> }
    return { status: response.status, clock: checks['clock'] }
  }
  await expect.poll(probe).toEqual({ status, clock })
}

/** Everything of a person, and of the server, that a wrong clock could end. */
async function stored({ database }: World) {
  const { knex } = database.database
  const counted = (table: string) => knex(table).count('* as n').first()
  const keys = await knex('keys').select('id', 'state').orderBy('id')
  const records = await knex('oidc_records').select('id', 'expires_at').orderBy('id')
  return { keys, records, audit: await counted('audit_events'), notices: await counted('logout_notices') }
}

describe.each(['redis', 'tables'] as const)('a process whose clock is wrong, short-lived values in %s', (stores) => {
  test.each([
    ['ahead of', 60 * dayMs],
    ['behind', -60 * dayMs],
  ])('and %s the database is unready, serves nobody and ends nothing, until it is right', async (word, byMs) => {
    const { world, visitor, tokens } = await openWrong(stores)
    await expectReadiness(world, 200, 'ok')
    const before = await stored(world)
    walkTo(byMs)
    await expectReadiness(world, 503, `this process is 5184000 s ${word} the database`)
    // Not even what would sign an app out: a token that is refused is thrown away, a server that is away is asked again.
    expect((await refresh(world, tokens)).status).toBe(503)
    expect((await visitor.get('/account')).status).toBe(503)
    expect((await fetch(`http://localhost:${world.port}/livez`)).status).toBe(200)
    await world.app.core.sweep()
    expect(await stored(world)).toEqual(before)
    resetClock()
    expect((await refresh(world, tokens)).status).toBe(200)
    await expectReadiness(world, 200, 'ok')
    expect((await visitor.get('/account')).status).toBe(200)
    const told = world.log.filter((line) => line.includes('serves nobody until both clocks agree'))
    expect(told).toHaveLength(1)
    expect(world.log.filter((line) => line.includes('agree on the time again'))).toHaveLength(1)
  })

  test('and jumps between two looks at the database serves nobody from that moment', async () => {
    const { world, tokens } = await openWrong(stores)
    const before = await stored(world)
    walkTo(31 * dayMs)
    const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(world, tokens)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]))
    expect(await stored(world)).toEqual(before)
  })
})

describe('what cannot be undone goes by the older of two clocks', () => {
  let world: World
  let user: ReturnType<typeof subjectOf>

  beforeAll(async () => {
    world = await openWorld({ stores: 'tables' })
    await world.register({ clients, resources })
    const url = startLogin(world, 'plain', redirectUri, { scope: 'openid offline_access' })
    const { location } = await loginBySms(world, world.visitor(), url, '13800138001')
    user = subjectOf(await exchange(world, 'plain', redirectUri, location))
    return () => world.close()
  })

  const ahead = () => Date.now() + 400 * dayMs
  /** As the sandbox and the tests walk it: on purpose. */
  const walked = Object.assign(() => ahead(), { aheadMs: () => 400 * dayMs })
  /** The process is right, and the database far ahead of it. */
  const databaseAhead = Object.assign(() => Date.now(), { aheadMs: () => 400 * dayMs })
  const isLeft = async () => (await world.database.database.knex('oidc_records').where({ user_id: user })).length > 0

  test.each([
    ['the process is ahead', ahead],
    ['the database is ahead', databaseAhead],
  ])('when %s: no record, short-lived value or key goes, and nobody is signed out', async (_, clock) => {
    const { database, sealer, config, log } = world.app.core
    const rules = { options: config.keys, lifetimes: config.lifetimes }
    const { keys } = await stored(world)
    const table = tableStore({ database, clock: () => Date.now() })
    await table.set('kept', 1, 3600)
    await sweepRecords(database, clock)
    await tableStore({ database, clock }).sweep()
    await advanceKeys({ database, sealer, log, rules, clock })
    expect(await isLeft()).toBe(true)
    expect(await table.get('kept')).toBe(1)
    expect((await stored(world)).keys).toEqual(keys)
    expect(await world.database.database.knex('audit_events').where({ event: 'grant.expired' })).toEqual([])
  })

  test('no operator begins a rotation by a clock that is wrong', async () => {
    const { database, sealer, config, log } = world.app.core
    const rules = { options: config.keys, lifetimes: config.lifetimes }
    const given = { database, sealer, log, rules, clock: ahead, operator: 'root' }
    await expect(beginRotation('sig', given)).rejects.toThrow('34560000 s ahead of the database')
  })

  test('an ending by a clock that is ahead says who ended it, is told to clients now, and locks nobody out', async () => {
    const { knex } = world.database.database
    await endRecords(
      { database: world.app.core.database, clock: ahead },
      user,
      { kind: 'all' },
      { reason: 'operator', operator: 'root' },
    )
    const lines = await knex('audit_events')
      .where({ user_id: user })
      .whereIn('event', ['session.ended', 'grant.revoked'])
    expect(lines.map(({ detail }) => detail.reason)).toEqual(lines.map(() => 'operator'))
    const { signed_out_at } = await knex('users').where({ id: user }).first('signed_out_at')
    expect(signed_out_at.getTime()).toBeLessThan(Date.now() + 5000)
  })

  test('a clock that was walked on purpose takes the database along', async () => {
    const { database } = world.app.core
    const table = tableStore({ database, clock: () => Date.now() })
    await table.set('walked', 1, 3600)
    await tableStore({ database, clock: walked }).sweep()
    expect(await table.get('walked')).toBe(undefined)
  })
})
