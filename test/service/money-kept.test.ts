import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { ledger, memoryLedger, type Payment, sweepLedger } from '../../src/abuse/ledger.ts'
import { budgetOptions, moneyOf, type Tier } from '../../src/abuse/money.ts'
import type { Wanted } from '../../src/abuse/signals.ts'
import { Secret } from '../../src/base/secret.ts'
import { loadConfig } from '../../src/config/config.ts'
import { rules } from '../../src/config/limit-rules.ts'
import { limits } from '../../src/ops/limits.ts'
import { openDatabase } from '../../src/store/postgres.ts'
import { redisStore } from '../../src/store/redis.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase } from '../support/database.ts'
import { guardOf } from '../support/guards.ts'
import { ownRedis } from '../support/redis.ts'

let now = Date.UTC(2026, 10, 20, 2, 0, 0)
const clock = () => now
const minute = 60_000
const { database, url, drop } = await createDatabase()
/** What another process has. */
const elsewhere = openDatabase({ url, poolSize: 5 })
const server = await ownRedis()
const redis = redisStore({ url: new Secret(server.url), clock })
const tables = tableStore({ database, clock })
afterAll(async () => {
  await Promise.all([redis.close(), elsewhere.close()])
  await Promise.all([server.remove(), drop()])
})
beforeEach(async () => {
  now += 50 * 60 * minute
  await database.knex('money_spent').delete()
})

async function flushRedis(): Promise<void> {
  const client = new Redis(server.url)
  await client.flushall()
  client.disconnect()
}

const address = (n: number) => `${11 + (n % 200)}.${Math.floor(n / 200) % 250}.7.9`
let numbers = 0
const next = () => `+861380${String(++numbers).padStart(7, '0')}`
const priced = { MENSHEN_SMS__PRICE__MAINLAND: '1', MENSHEN_ABUSE__DEFAULT_RULES: 'false' }
const tenAnHour = { ...priced, MENSHEN_SMS__BUDGET: '{ per_hour: { mainland: 10 }, reserved_percent: 0 }' }

describe.each([
  ['Redis', redis, flushRedis],
  // What a crash of PostgreSQL leaves of a table that is not logged.
  ['tables', tables, () => database.knex.raw('truncate ephemeral')],
] as const)('money, where %s counts everything else', (place, store, empty) => {
  function open(env: Record<string, string> = tenAnHour, over = database) {
    const { config } = loadConfig({ env, cwd: '/' })
    const mac = (text: string) => createHash('sha256').update(`${place} ${text}`).digest('base64url').slice(0, 22)
    const limit = limits({ store, rules: rules(config), mac, factors: config.limits.networks })
    const guard = guardOf(config, { limits: limit, mac, clock, ledger: ledger({ database: over, clock }) })
    const ask = (more: Partial<Wanted> = {}) => {
      const to = next()
      const wanted = {
        act: 'message',
        channel: 'sms',
        ip: address(numbers),
        to,
        isKnownDevice: false,
        ...more,
      } as const
      return guard.decide(wanted, [['sms.number', wanted.to]])
    }
    /** How many are let through, of so many who ask at once. */
    const letThrough = async (count: number) => {
      const all = await Promise.all(Array.from({ length: count }, () => ask()))
      return all.filter(({ isTaken }) => isTaken).length
    }
    return { guard, ask, letThrough }
  }

  test('is as short as before when the store comes back empty in the middle of an hour', async () => {
    const { ask, letThrough } = open()
    expect(await letThrough(6)).toBe(6)
    await empty()
    now += 10 * minute
    expect(await letThrough(9)).toBe(4)
    await empty()
    expect(await open().letThrough(5)).toBe(0)
    expect(await ask()).toMatchObject({ verdict: 'refuse', reasons: ['money_open', 'money_member', 'money_total'] })
    // The first six have left the hour.
    now += 52 * minute
    await empty()
    expect(await letThrough(9)).toBe(6)
  })

  test('is never more than there is, however many processes ask for the last of it at once', async () => {
    const [here, there] = [open(), open(tenAnHour, elsewhere)]
    await here.letThrough(7)
    const [one, other] = await Promise.all([here.letThrough(20), there.letThrough(20)])
    expect(one + other).toBe(3)
    expect((await here.guard.spent()).filter(({ used }) => used > 0).map(({ used }) => used)).toEqual(
      Array(6).fill(100_000),
    )
  })

  test('nobody is let through while the ledger does not answer, and nothing is counted of them', async () => {
    const away = openDatabase({ url: 'postgres://127.0.0.1:1/none', poolSize: 1 })
    const { ask } = open(tenAnHour, away)
    const to = next()
    await expect(ask({ to })).rejects.toMatchObject({ code: 'server.unavailable' })
    expect(await open().ask({ to })).toMatchObject({ isTaken: true })
    await away.close()
  })

  test('what did not leave is given back, to whoever asks next', async () => {
    const { guard, ask, letThrough } = open()
    await letThrough(9)
    const last = await ask()
    expect(last.isTaken).toBe(true)
    expect(await letThrough(3)).toBe(0)
    now += 3 * minute
    await guard.giveBack(last, [])
    expect(await letThrough(3)).toBe(1)
  })

  test('a message that leaves later is paid when it leaves', async () => {
    const { guard, ask, letThrough } = open()
    const wanted = { act: 'message', channel: 'sms', to: next(), ip: address(1), isKnownDevice: false } as const
    expect(await guard.decide(wanted, [], 'later')).toMatchObject({ isTaken: true, paid: [] })
    await letThrough(10)
    await expect(guard.pay(wanted, [])).rejects.toMatchObject({ code: 'message.paused' })
    expect(await ask()).toMatchObject({ isTaken: false })
    now += 62 * minute
    const paid = await guard.pay(wanted, [])
    expect(await letThrough(12)).toBe(9)
    await guard.giveBack(paid, [])
    expect(await letThrough(12)).toBe(1)
  })
})

const { pots } = moneyOf({
  price: {},
  budget: budgetOptions.parse({ per_hour: { mainland: 1, hmt: 1 }, per_day: { mainland: 2, hmt: 2 } }),
  limits: { per_day_total: 1, reserved_percent: 40 },
  vendors: [],
})
const paymentsOf = (country: string, amount: number, tiers: readonly Tier[] = ['open', 'member', 'total']) =>
  pots
    .filter((pot) => pot.country === country)
    .flatMap((pot) => tiers.map((tier): Payment => ({ pot, tier, max: pot[tier], amount })))

describe('the ledger', () => {
  test('says the same as counters in memory of whatever is spent, looked for and given back', async () => {
    const both = [ledger({ database, clock }), memoryLedger(clock)] as const
    const parts: readonly (readonly Tier[])[] = [['open', 'member', 'total'], ['member', 'total'], ['total']]
    for (let n = 0; n < 120; n++) {
      const payments = paymentsOf('mainland', [1700, 0, 900, -400][n % 4] as number, parts[(n * 7) % 3])
      const [stored, kept] = await Promise.all(both.map((each) => each.pay(payments)))
      expect([n, stored]).toEqual([n, kept])
      now += n % 9 === 0 ? 40 * minute : 20_000
    }
  })

  test('whoever pays waits for whoever pays for the same part of the world, and for nobody else', async () => {
    const { pay } = ledger({ database, clock })
    let end = () => {}
    const held = elsewhere.knex.transaction(async (transaction) => {
      await transaction.raw(`select pg_advisory_xact_lock(20261201, hashtext('mainland'))`)
      await new Promise<void>((resolve) => {
        end = resolve
      })
    })
    await expect.poll(() => database.knex('pg_locks').where({ locktype: 'advisory' }).select('pid')).toHaveLength(1)
    const waiting = pay(paymentsOf('mainland', 1))
    expect((await pay(paymentsOf('mainland', 0))).isPaid).toBe(true)
    expect((await pay(paymentsOf('hmt', 1))).isPaid).toBe(true)
    end()
    await held
    expect((await waiting).isPaid).toBe(true)
  })

  test('forgets what no pot counts any more', async () => {
    const { pay } = ledger({ database, clock })
    const rows = () => database.knex('money_spent').select('until_ms')
    now = Date.now() - 3 * 86_400_000
    await pay(paymentsOf('mainland', 1))
    now += 2 * 86_400_000
    await pay(paymentsOf('mainland', 1))
    expect(await rows()).toHaveLength(4)
    now = Date.now()
    await sweepLedger(database, clock)
    expect(await rows()).toHaveLength(2)
  })
})

test('of a burst no more than one connection of a process waits for the money, and what comes too late for it asks nobody', async () => {
  const statements: string[] = []
  let [asking, most] = [0, 0]
  const watched = {
    ...database,
    commitQuery: async (statement: Parameters<typeof database.commitQuery>[0]) => {
      statements.push(statement.name)
      asking += 1
      most = Math.max(most, asking)
      return database.commitQuery(statement).finally(() => {
        asking -= 1
      })
    },
  } as typeof database
  const { pay } = ledger({ database: watched, clock })
  const all = await Promise.all(Array.from({ length: 60 }, () => pay(paymentsOf('hmt', 1000))))
  expect(all.filter(({ isPaid }) => isPaid)).toHaveLength(6)
  expect(most).toBe(1)
  expect(statements).toHaveLength(6)
})

test('a pot that was empty a moment ago is not asked for again by the same process', async () => {
  const { config } = loadConfig({ env: tenAnHour, cwd: '/' })
  let asked = 0
  const { pay, recent } = ledger({ database, clock })
  const counted = {
    recent,
    pay: (payments: readonly Payment[]) => {
      asked += 1
      return pay(payments)
    },
  }
  const mac = (text: string) => text
  const limit = limits({ store: tables, rules: rules(config), mac, factors: config.limits.networks })
  const guard = guardOf(config, { limits: limit, mac, clock, ledger: counted })
  const ask = () =>
    guard.decide({ act: 'message', channel: 'sms', to: next(), ip: address(numbers), isKnownDevice: false })
  for (let n = 0; n < 10; n++) expect(await ask()).toMatchObject({ isTaken: true })
  expect(asked).toBe(10)
  for (let n = 0; n < 20; n++) expect(await ask()).toMatchObject({ isTaken: false, isBroke: true })
  expect(asked).toBe(10)
  now += 2000
  await ask()
  expect(asked).toBe(11)
})
