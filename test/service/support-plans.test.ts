import type { Knex } from 'knex'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findAccount } from '../../src/accounts/directory-statements.ts'
import { pictureById } from '../../src/accounts/picture-copies.ts'
import { listedUser, lookedAt, userLists, usersByNickname, usersBySubject } from '../../src/accounts/user-search.ts'
import type { UserId } from '../../src/base/ids.ts'
import { lastEndingRows } from '../../src/oidc/endings/why.ts'
import { endingRows } from '../../src/oidc/endings/why-report.ts'
import { auditReads } from '../../src/ops/audit-reader.ts'
import type { NamedStatement } from '../../src/store/statement.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { planOf, stepsOf } from '../support/plans.ts'

// What support and pages ask is answered from indexes, however many people and lines there are.

let own: TestDatabase
let knex: Knex

const people = 200_000
const lines = 1_000_000
const user = (i: number | string) => `'usr_' || lpad(cast(${i} as text), 26, '0')`

beforeAll(async () => {
  own = await createDatabase()
  await own.database.maintenance(async (slow) => {
    const each = `from generate_series(1, ${people}) i`
    const at = `timestamptz '2026-01-01' + i * interval '1 second'`
    await filled(slow, ['users', 'identities', 'identity_subjects', 'audit_events'], async () => {
      await slow.raw(`insert into users (id, nickname, status, created_at, updated_at)
        select ${user('i')}, case i % 2 when 0 then 'Name ' || md5(i::text) end,
          case when i % 5000 = 0 then 'locked' else 'active' end, ${at}, ${at} ${each}`)
      await slow.raw(`insert into identities (id, user_id, provider, created_at, created_ip, last_used_at, last_used_ip)
        select 'idn_' || i, ${user('i')}, case i % 2 when 0 then 'phone' else 'wechat' end, ${at}, '', ${at}, '' ${each}`)
      await slow.raw(`insert into identity_subjects (identity_id, provider, subject, position, created_at)
        select 'idn_' || i, case i % 2 when 0 then 'phone' else 'wechat' end,
          case i % 2 when 0 then '+86' || i else 'openid:wx1:o' || i end, 0, ${at} ${each}`)
      await slow.raw(`insert into audit_events (at, event, user_id, client_id, request_id, detail)
        select timestamptz '2026-01-01' + i * interval '1 second',
          case when i % 10000 = 0 then 'user.locked' when i % 20 = 1 then 'identity.conflicted' when i % 3 = 0 then 'session.ended' else 'login.succeeded' end,
          ${user(`i % ${people}`)}, case when i % 20000 = 0 then 'rare' else 'c' || i % 3 end, 'request-' || i,
          jsonb_build_object('session', 's' || i, 'reason', 'logout')
        from generate_series(1, ${lines}) i`)
    })
    await slow.raw('analyze users, identities, identity_subjects, audit_events')
  })
  knex = own.database.knex
})

/** Fills tables without their indexes and without looking at what refers to what, and makes the indexes afterwards. */
async function filled(slow: Knex, tables: readonly string[], fill: () => Promise<void>): Promise<void> {
  const { rows } = await slow.raw<{ rows: readonly { name: string; definition: string }[] }>(
    `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index
     where indrelid = any(cast(:tables as regclass[]))
       and not exists (select from pg_constraint where conindid = indexrelid)`,
    { tables },
  )
  await slow.raw('set session_replication_role = replica')
  await slow.raw(`set maintenance_work_mem = '256MB'`)
  // Nobody refers to the audit, so nothing of it has to be logged.
  await slow.raw('alter table audit_events set unlogged')
  for (const { name } of rows) await slow.raw(`drop index ${name}`)
  await fill()
  for (const { definition } of rows) await slow.raw(definition)
  await slow.raw('reset session_replication_role')
  await slow.raw('reset maintenance_work_mem')
}
afterAll(() => own.drop())

const page = {
  ...{ since: new Date(0), until: new Date('2027-01-01'), us: 9e15, lineId: 0, most: 51 },
}
const list = {
  ...{ createdSince: new Date(0), createdUntil: new Date('2027-01-01'), us: 9e15, id: '', most: 51 },
}
const userId = `usr_${'7'.padStart(26, '0')}` as UserId

const otherId = `usr_${'8'.padStart(26, '0')}`

/** What a command asks, with values as it asks it. Without a name it is planned for these each time. */
const calls: Readonly<Record<string, () => NamedStatement>> = {
  ...Object.fromEntries(
    [...userLists].flatMap(([status = 'any', statement]) => [
      [`list ${status}`, () => statement.with({ ...list, usedSince: null, unusedSince: null, window: 51 })],
      [
        `list ${status} by use`,
        () => statement.with({ ...list, usedSince: null, unusedSince: new Date('2025-01-01'), window: lookedAt }),
      ],
    ]),
  ),
  'find by id': () => listedUser.with({ userId }),
  'find by subject': () => usersBySubject.with({ typed: 'openid:wx1:o7', bare: 'o7', most: 50 }),
  'find by nickname': () =>
    usersByNickname.with({ prefix: 'name 1', end: 'name 1\u{10FFFF}', afterName: '', afterId: '', most: 51 }),
  'a picture': () => pictureById.with({ id: 'pic_7' }),
  'identities list': () => findAccount.with({ userId }),
  audit: () => auditReads.all.with(page),
  'audit of a user': () =>
    auditReads.user.with({ ...page, userIds: [userId, otherId], alsoClient: null, alsoEvent: 'user.locked' }),
  'audit of an event': () => auditReads.event.with({ ...page, event: 'user.locked' }),
  'audit of a client': () => auditReads.client.with({ ...page, clientId: 'rare' }),
  'audit of a client and an event': () =>
    auditReads.clientEvent.with({ ...page, clientId: 'c1', event: 'user.locked' }),
  'a proof that led to two': () => auditReads.conflict.with({ detail: '{"users":["usr_7","usr_8"]}' }),
  requests: () => auditReads.request.with({ requestId: 'request-7', most: 1000 }),
  'why of a user': () => whyOf({ userId }),
  'why of a user at a client': () => whyOf({ userId, clientId: 'c1' }),
  'why of a session, grant or request': () => whyOf({ id: 'request-7' }),
  'why of a token': () => whyOf({ token: 'x'.repeat(43) }),
  'why somebody has to log in': () => nameless(lastEndingRows(knex, { key: 'x' })),
}

const whyOf = (question: Parameters<typeof endingRows>[1]) => nameless(endingRows(knex, question))

function nameless(query: Knex.QueryBuilder): NamedStatement {
  const { sql, bindings } = query.toSQL().toNative()
  return { name: '', text: sql, values: bindings as unknown[] }
}

describe('a question of support or of a page', () => {
  test.each(Object.entries(calls))('%s is answered by an index, with any plan it can have', async (_, call) => {
    const modes = ['force_custom_plan', ...(call().name === '' ? [] : (['force_generic_plan'] as const))] as const
    for (const mode of modes) {
      const plan = await planOf(knex, call(), { mode, analyze: true })
      const scans = stepsOf(plan).filter((step) => 'Relation Name' in step || 'Index Name' in step)
      expect(scans.length).toBeGreaterThan(0)
      expect(scans.filter((step) => step['Node Type'] === 'Seq Scan')).toEqual([])
      // Nor is an index read through in search of the few that are meant.
      expect(scans.filter((step) => (step['Rows Removed by Filter'] ?? 0) > 1000)).toEqual([])
    }
  })
})

test.each(Object.entries(calls).filter(([name]) => name.startsWith('why')))(
  '%s reads no other index because that has its order, as PostgreSQL would in an audit of very many lines',
  async (_, call) => {
    const plan = await planOf(knex, call(), { mode: 'force_custom_plan', sorts: false })
    const read = stepsOf(plan).map((step) => step['Index Name'] ?? '')
    expect(read.filter((index) => /audit_events_(pkey|at_idx|event_at_idx)/.test(index))).toEqual([])
  },
)
