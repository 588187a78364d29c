import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import type { UserId } from '../../src/base/ids.ts'
import { type AuditEvent, audit } from '../../src/ops/audit.ts'
import { thriftyAudit } from '../../src/ops/audit-thrift.ts'
import { createLog } from '../../src/ops/log.ts'
import { openDatabase } from '../../src/store/postgres.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase } from '../support/database.ts'
import { openWorld } from '../support/world.ts'

const { database, drop } = await createDatabase()
afterAll(drop)

const at = Date.UTC(2026, 10, 20, 10, 0, 0)
const userId = 'usr_0123456789abcdefghjkmnpqrs' as UserId
let lines: string[] = []
const log = createLog({ level: 'info', format: 'json', destination: { write: (line) => lines.push(line) } })

beforeEach(async () => {
  lines = []
  await database.knex('audit_events').delete()
})

async function stored(event: AuditEvent) {
  const counts: string[] = []
  const events = audit({
    database,
    clock: () => at,
    log,
    onRecord: (name, outcome) => counts.push(`${name} ${outcome}`),
  })
  await events.write(event)
  return { counts, rows: await database.knex('audit_events').select('*') }
}

test('an event is stored whole by the time the call returns', async () => {
  const { rows, counts } = await stored({
    event: 'login.succeeded',
    userId,
    clientId: 'web',
    identityProvider: 'phone',
    ip: '203.0.113.77',
    requestId: 'req_1',
    detail: { method: 'sms', acr: 1 },
  })
  expect(rows).toEqual([
    {
      id: expect.anything(),
      at: new Date(at),
      event: 'login.succeeded',
      user_id: userId,
      client_id: 'web',
      identity_provider: 'phone',
      ip: '203.0.113.77',
      request_id: 'req_1',
      detail: { method: 'sms', acr: 1 },
    },
  ])
  expect(counts).toEqual(['login.succeeded stored'])
  expect(lines).toEqual([])
})

test('no phone number, OTP, token or password reaches the table', async () => {
  await stored({
    event: 'login.failed',
    clientId: '13800138000',
    requestId: 'Bearer abcdefghijk',
    detail: {
      text: 'for +8613800138000',
      otp: '123456',
      nested: { refresh_token: 'canary', list: ['password=canary'] },
    },
  })
  const { rows } = await database.knex.raw('select audit_events::text as text from audit_events')
  expect(rows[0].text).toContain('[redacted]')
  expect(rows[0].text).not.toMatch(/13800138000|123456|canary|abcdefghijk/)
})

test.each([
  ['a NUL', { event: 'login.failed', clientId: 'a\0b', detail: { text: 'a\0b', slash: '\\u0000' } }],
  ['half a surrogate pair', { event: 'login.failed', clientId: 'a\ud83d', detail: { text: '\ud83d' } }],
  ['an address that is none', { event: 'login.failed', ip: "'; drop table users" }],
  ['an address with a zone', { event: 'login.failed', ip: 'fe80::1%eth0' }],
  ['a very long detail', { event: 'login.failed', detail: { text: 'é'.repeat(15_000) } }],
  ['a very long client id', { event: 'login.failed', clientId: 'x'.repeat(100_000) }],
] satisfies [string, AuditEvent][])('%s is stored all the same', async (_, event) => {
  const { rows } = await stored(event)
  expect(rows).toHaveLength(1)
  expect(lines).toEqual([])
})

test.each([
  ['/48', (n: number) => `2001:db8:7:${n.toString(16)}::1`],
  ['/24', (n: number) => `203.0.113.${n >> 8}`],
])(
  'of what a stranger can repeat sixteen lines a minute are kept, from however many addresses of a %s',
  async (_, ip) => {
    const clock = () => at
    const thrifty = thriftyAudit(audit({ database, clock, log, onRecord: () => {} }), {
      store: tableStore({ database, clock }),
      mac: (text) => text,
    })
    const refused = (n: number, error: string) =>
      thrifty.write({ event: 'login.failed', ip: ip(n), clientId: 'web', detail: { method: 'sms', error } })
    // Each is in a /56 of its own, and comes twice.
    const many = Array.from({ length: 80 }, (_, n) => (n % 40) * 256 + 1)
    for (const n of many) await refused(n, 'request.too_many')
    expect(await database.knex('audit_events')).toHaveLength(16)
    for (const n of many.slice(0, 3)) await refused(n, 'password.wrong')
    expect(await database.knex('audit_events')).toHaveLength(19)
  },
)

test('of what is suspected thirty lines a minute are kept, from however many networks, and none of them is lost to another kind', async () => {
  const clock = () => at
  const store = tableStore({ database, clock })
  const thrifty = thriftyAudit(audit({ database, clock, log, onRecord: () => {} }), { store, mac: (text) => text })
  const suspect = (n: number, verdict: string) =>
    thrifty.write({
      event: 'abuse.suspected',
      ip: `${n + 11}.7.7.7`,
      detail: { act: 'message', verdict, reasons: ['prefix_busy'] },
    })
  for (let n = 0; n < 50; n++) await suspect(n, 'challenge')
  expect(await database.knex('audit_events')).toHaveLength(30)
  await thrifty.write({
    event: 'login.failed',
    ip: '198.51.100.1',
    detail: { method: 'sms', error: 'request.too_many' },
  })
  expect(await database.knex('audit_events')).toHaveLength(31)
})

test('a table that is away breaks no login: the event goes to the log instead', async () => {
  const away = openDatabase({ url: 'postgres://nobody@127.0.0.1:1/none', poolSize: 1 })
  const counts: string[] = []
  const events = audit({ database: away, clock: () => at, log, onRecord: (_, outcome) => counts.push(outcome) })
  await events.write({ event: 'user.locked', userId, detail: { by: 'operator' } })
  await away.close()
  expect(counts).toEqual(['failed'])
  expect(JSON.parse(lines[0]!)).toMatchObject({
    level: 'error',
    msg: 'audit event not stored',
    audit: { event: 'user.locked', user_id: userId, detail: '{"by":"operator"}' },
  })
})

test('the events of one user are found by an index', async () => {
  const { rows } = await database.knex
    .raw(`
    set enable_seqscan = off;
    explain select * from audit_events where user_id = 'usr_x' order by at desc limit 50
  `)
    .then((answers: { rows: unknown[] }[]) => answers[1]!)
  expect(JSON.stringify(rows)).toContain('audit_events_user_id_at_idx')
})

test.each([
  ['184d', ['user.locked']],
  ['none', ['login.failed', 'user.locked']],
])('audit events older than ops.audit_retention are swept away: %s', async (retention, left) => {
  const world = await openWorld({ env: { MENSHEN_OPS__AUDIT_RETENTION: retention } })
  onTestFinished(() => world.close())
  const { knex } = world.database.database
  const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000)
  await knex('audit_events').insert([
    { at: daysAgo(185), event: 'login.failed' },
    { at: daysAgo(183), event: 'user.locked' },
  ])
  await world.app.core.sweep()
  expect(await knex('audit_events').whereNot('event', 'key.created').orderBy('at').pluck('event')).toEqual(left)
})
