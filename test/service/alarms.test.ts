import { createHmac } from 'node:crypto'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { httpClient } from '../../src/base/http.ts'
import { Secret } from '../../src/base/secret.ts'
import { budgetAlarm } from '../../src/ops/alarm.ts'
import { deliverAlarms, queueAlarm } from '../../src/ops/alarm-delivery.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import { openDatabase } from '../../src/store/postgres.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase } from '../support/database.ts'
import { playHook } from '../support/deletions.ts'

// That money runs out is told to the operator's system: signed, and until it has taken it.

let now = Date.UTC(2026, 10, 20, 2, 0, 0)
const clock = () => now
const { database, url, drop } = await createDatabase()
const hook = await playHook()
const secret = new Secret('a secret of alarms')
afterAll(async () => {
  await hook.close()
  await drop()
})
beforeEach(async () => {
  await database.knex('alarms').delete()
  now += 86_400_000
  hook.asked.length = 0
  hook.says = { status: 200, body: '' }
})

const lines: { message: string; about: object }[] = []
const note = (about: object, message: string) => void lines.push({ message, about })
const log = { warn: note, error: note } as never

function server(over = database) {
  const store = tableStore({ database: over, clock })
  const http = httpClient({ timeoutMs: 5000, allowInsecure: true })
  const tell: Parameters<typeof budgetAlarm>[0]['tell'] = (raised) => queueAlarm({ database: over, clock }, raised)
  const metrics = createMetrics()
  const dependencies = { database: over, clock, http, issuer: 'https://login.example.com', log, metrics }
  return {
    metrics,
    alarm: budgetAlarm({ store, clock, log, gauge: () => {}, tell }),
    deliver: (isSigned = true) =>
      deliverAlarms({ ...dependencies, hook: { url: new Secret(hook.url), secret: isSigned ? secret : undefined } }),
  }
}
const about = { what: 'money for messages of one hour', seconds: 3600 }
const waiting = () => database.knex('alarms').select('about', 'used_percent')
const raised = async (name: string, share = 0.6) => {
  server().alarm(name, share, about)
  await expect.poll(waiting).toHaveLength(1)
}

test('an alarm is posted once, with a signature over time and body, and no process waits for it', async () => {
  await raised('money.mainland.hour.open')
  expect(hook.asked).toEqual([])
  const [one, other] = [server(), server()]
  expect((await Promise.all([one.deliver(), other.deliver()])).toSorted()).toEqual([0, 1])
  expect(hook.asked).toHaveLength(1)
  const [{ headers, body } = { headers: {}, body: '' }] = hook.asked
  const [, time = '', digest] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['menshen-signature'])) ?? []
  expect(createHmac('sha256', secret.reveal()).update(`${time}.${body}`).digest('hex')).toBe(digest)
  expect(Number(time)).toBe(now / 1000)
  expect(JSON.parse(body)).toEqual({
    ...{ type: 'budget_alarm', id: expect.stringMatching(/^[0-9a-f-]{36}$/), limit: 'money.mainland.hour.open' },
    ...{ used_percent: 50, text: '50 % of the money for messages of one hour are used' },
    ...{ issuer: 'https://login.example.com', at: new Date(now).toISOString() },
  })
  expect(await waiting()).toEqual([])
})

test('one that is not taken is tried again, by whichever process is there then, and is the same each time', async () => {
  await raised('money.hmt.day.total')
  const happenedAt = now
  hook.says = { status: 500, body: '' }
  const former = openDatabase({ url, poolSize: 1 })
  expect(await server(former).deliver()).toBe(1)
  await former.close()
  expect(await server().deliver()).toBe(0)
  now += 10_000
  expect(await server().deliver()).toBe(1)
  now += 59_999
  expect(await server().deliver()).toBe(0)
  now += 1
  hook.says = { status: 204, body: '' }
  expect(await server().deliver()).toBe(1)
  const bodies = hook.asked.map(({ body }) => JSON.parse(body))
  expect(bodies).toHaveLength(3)
  expect(new Set(bodies.map(({ id }) => id)).size).toBe(1)
  expect(bodies.at(-1).at).toBe(new Date(happenedAt).toISOString())
  expect(new Set(hook.asked.map(({ headers }) => headers['menshen-signature'])).size).toBe(3)
  expect(await waiting()).toEqual([])
})

test('one that nobody takes is given up after more than a day, and the log has no word of the address', async () => {
  await raised('money.mainland.day.open')
  hook.says = { status: 302, body: '' }
  lines.length = 0
  const { deliver, metrics } = server()
  let tries = 0
  for (const seconds of [0, 10, 60, 600, 3600, 21_600, 86_400]) {
    now += seconds * 1000
    tries += await deliver()
  }
  expect(tries).toBe(7)
  expect(await waiting()).toEqual([])
  expect(await metrics.registry.metrics()).toContain('menshen_alarms_total{outcome="given_up"} 1')
  expect(lines.at(-1)?.message).toContain('is told no more of it')
  expect(JSON.stringify(lines)).not.toContain(new URL(hook.url).host)
})

test('an alarm that could not be kept is raised once more', async () => {
  const away = openDatabase({ url: 'postgres://127.0.0.1:1/none', poolSize: 1 })
  const store = tableStore({ database, clock })
  const lost = budgetAlarm({
    ...{ store, clock, log, gauge: () => {} },
    tell: (alarm) => queueAlarm({ database: away, clock }, alarm),
  })
  lines.length = 0
  lost('money.international.day.open', 0.9, about)
  await expect.poll(() => lines.map(({ message }) => message)).toContain('the alarm of a limit failed')
  await away.close()
  await raised('money.international.day.open', 0.9)
  expect(await waiting()).toEqual([{ about: 'money.international.day.open', used_percent: 80 }])
})

test('without a secret alarms are not signed', async () => {
  await raised('sms.total')
  const { deliver } = server()
  await deliver(false)
  expect(hook.asked.map(({ headers }) => headers['menshen-signature'])).toEqual([undefined])
})
