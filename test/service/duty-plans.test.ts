import type { Knex } from 'knex'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { issuerProblems, listIssuers } from '../../src/accounts/issuers.ts'
import { undoableMerges } from '../../src/accounts/merged-users.ts'
import type { UserId } from '../../src/base/ids.ts'
import { deleteAccount } from '../../src/oidc/endings/account-leaving.ts'
import { countAuthorisedApps, listAuthorisedApps } from '../../src/oidc/endings/authorised-apps.ts'
import { countDevices, listAlarms, listDevices } from '../../src/oidc/endings/devices.ts'
import { sealedColumns } from '../../src/oidc/sealed-columns.ts'
import { findLogin, listLogins } from '../../src/ops/login-history.ts'
import { loginPlaces } from '../../src/ops/login-places.ts'
import { collectOwnData } from '../../src/own-data/collect.ts'
import { countStale } from '../../src/store/reseal.ts'
import type { NamedStatement } from '../../src/store/statement.ts'
import { planning, planOf, readWhole, stepsOf } from '../support/plans.ts'
import { openWorld, type World } from '../support/world.ts'

// What a server does by itself is done by every process, every second or minute, all day long: none of it may read a table that
// grows from end to end, and what there is to do is found by an index.

let world: World
let knex: Knex
const seen = new Map<string, Pick<NamedStatement, 'text' | 'values'>>()

const rows = 10_000
/** Of what an operator names or starts; there are few of them whatever the number of people. */
const fewRows = /of (clients|resources|keys|servers|catalog_versions|readiness|schema_migrations|identity_issuers)$/

/** Nothing is due, and nothing has expired. */
async function fill(trx: Knex.Transaction): Promise<void> {
  const user = `'usr_' || lpad(i::text, 26, '0')`
  // Not in the order of the rows: an index that has it is dear to go by, and no plan must think of that.
  const due = `now() + interval '1 day' + i * 7919 % ${rows} * interval '1 second'`
  const made = {
    users: `id, status, created_at, updated_at, picture_due_at, merged_into)
      select ${user}, 'active', now(), now(), ${due}, case when i % 100 = 0 then ${user} end`,
    identities: `id, user_id, provider, created_at, created_ip, last_used_at, last_used_ip, upstream_credential)
      select 'idn_' || i, ${user}, case when i % 100 = 0 then 'apple' else 'phone' end, now(), '', now(), '',
        case when i % 100 = 0 then 'sealed' end`,
    identity_subjects: `provider, subject, identity_id, position, created_at)
      select case when i % 100 = 0 then 'apple' else 'phone' end, 's' || i, 'idn_' || i, 0, now()`,
    passwords: `user_id, hash, updated_at) select ${user}, '', now()`,
    known_devices: `user_id, key, used_at) select ${user}, '', now()`,
    consents: `user_id, client_id, decisions, created_at, updated_at) select ${user}, 'web', '{}', now(), now()`,
    pictures: `user_id, id, type, bytes, copied_at) select ${user}, 'pic_' || i, '', '', now()`,
    imported_accounts: `source, external_id, fingerprint, user_id, imported_at) select '', i::text, '', ${user}, now()`,
    oidc_records: `model, id, payload, uid, user_id, grant_id, expires_at, sweep_minute)
      select i % 4 + 1, 'r' || i, '{}', case when i % 4 = 0 then 'u' || i end, case when i % 3 > 0 then ${user} end,
        case when i % 4 > 1 then 'r' || i end, ${due}, extract(epoch from ${due}) / 60`,
    audit_events: `at, event, user_id) select ${due}, 'login.succeeded', ${user}`,
    ephemeral: `key, value, expires_at_ms, sweep_minute)
      select 'k' || i, '1', extract(epoch from ${due}) * 1000, extract(epoch from ${due}) / 60`,
    money_spent: `country, per, until_ms, open, member, total)
      select 'C' || i % 10, 'hour', extract(epoch from now()) * 1000 - i * 7919 % ${rows} * 6000, 1, 1, 1`,
    merges: `id, into_user, from_user, merged_at, undo_until, kept)
      select 'mrg_' || i, ${user}, ${user}, now(), ${due}, '{}'`,
    merge_requests: `into_user, from_user, choices, evidence, operator, created_at, expires_at)
      select ${user}, ${user}, '{}', '', '', now(), ${due}`,
    data_exports: `user_id, archive, made_at, expires_at) select ${user}, '', now(), ${due}`,
    data_export_requests: `user_id, locale, requested_at, due_at) select ${user}, 'en', now(), ${due}`,
    account_deletions: `user_id, asked_at, leaves_at, due_at) select ${user}, now(), ${due}, ${due}`,
    identity_changes: `identity_id, user_id, subject, label, ip, proved_at, asked_at, due_at)
      select 'idn_' || i, ${user}, '', '', '', now(), now(), ${due}`,
    logout_notices: `client_id, user_id, created_at, due_at) select 'web', ${user}, now(), ${due}`,
    client_events: `client_id, user_id, event, detail, created_at, due_at)
      select 'web', ${user}, 'account-purged', '{}', now(), ${due}`,
    owner_messages: `id, user_id, event, channel, address, detail, happened_at, created_at, due_at)
      select 'm' || i, ${user}, 'new_device', 'sms', '', '{}', now(), now(), ${due}`,
    upstream_revocations: `id, provider, subject_digest, user_id, credential, created_at, due_at)
      select 'r' || i, 'apple', i::text, ${user}, '', now(), ${due}`,
    alarms: `about, used_percent, text, happened_at, due_at) select 'sms', 80, '', now(), ${due}`,
  }
  await trx.raw('set local session_replication_role = replica')
  for (const [table, text] of Object.entries(made))
    await trx.raw(`insert into ${table} (${text} from generate_series(1, ${rows}) i`)
  await trx.raw(`analyze ${Object.keys(made).join(', ')}`)
}

beforeAll(async () => {
  const env = { MENSHEN_ABUSE__ALARM_WEBHOOK: 'https://alarms.example.com/', MENSHEN_PICTURES__COPY: 'true' }
  world = await openWorld({ stores: 'tables', env })
  const { database } = world.app.core
  knex = database.knex
  await knex.transaction(fill)
  knex.on('query', ({ sql, bindings }: { sql: string; bindings: unknown[] }) => {
    seen.set(sql, { text: sql, values: bindings ?? [] })
  })
  for (const way of ['readQuery', 'commitQuery'] as const) {
    const send = database[way]
    Object.assign(database, {
      [way]: (statement: NamedStatement) => {
        seen.set(statement.text, statement)
        return send(statement)
      },
    })
  }
})
afterAll(() => world?.close())

/** Statements that read a table from end to end, with the plan for their values or with the one for any. */
async function readWholeBy(statements: readonly Pick<NamedStatement, 'text' | 'values'>[]) {
  const found = []
  for (const statement of statements) {
    for (const mode of ['force_custom_plan', 'force_generic_plan'] as const) {
      const whole = readWhole(await planOf(knex, statement, { mode })).filter((each) => !fewRows.test(each))
      if (whole.length > 0) found.push([mode, statement.text, whole])
    }
  }
  return found
}

/** Tables whose rows each wait for their time. */
const waiting = [
  ...['account_deletions', 'alarms', 'client_events', 'data_export_requests', 'identity_changes', 'logout_notices'],
  ...['owner_messages', 'upstream_revocations', 'users'],
]

test('nothing that a server does by itself reads a table that grows from end to end', async () => {
  seen.clear()
  await world.app.core.sweep()
  const begun = () => waiting.filter((table) => [...seen.keys()].some((text) => isLook(text, table)))
  await expect.poll(begun).toEqual(waiting)
  const statements = asked()
  for (const table of ['audit_events', 'data_exports', 'ephemeral', 'merges', 'money_spent', 'oidc_records'])
    expect(statements.filter(({ text }) => text.includes(table)).length, table).toBeGreaterThan(0)
  expect(await readWholeBy(statements)).toEqual([])
  // What is taken is taken in the order of an index. PostgreSQL does not know how much is due, and takes a third of a table for
  // it: in any order it would gather all of that first, or look for some of it from the beginning of a large table.
  const parts = statements.filter(({ text }) => text.includes('skip locked'))
  expect(parts.length).toBeGreaterThan(waiting.length)
  for (const part of parts) {
    for (const mode of ['force_custom_plan', 'force_generic_plan'] as const) {
      const taken = stepsOf(await planOf(knex, part, { mode })).filter((step) => step['Node Type'] === 'LockRows')
      const from = taken.flatMap(({ Plans = [] }) => Plans.map((step) => step['Node Type']))
      expect([part.text, ...new Set(from)]).toEqual([part.text, 'Index Scan'])
    }
  }
})

/** What was asked since it was emptied, without what has no plan. */
function asked() {
  return [...seen.values()].filter(({ text }) => /^\s*(with|select|insert|update|delete)\b/i.test(text))
}

/** A look at what is due in a table, which is done whether anything is due or not. */
function isLook(text: string, table: string): boolean {
  return new RegExp(`\\b${table}\\b`).test(text) && /due_at"? <= /.test(text)
}

test('nor does what a page shows about one person, or what leaves nothing of an account', async () => {
  seen.clear()
  const { core } = world.app
  const userId = `usr_${'7'.padStart(26, '0')}` as UserId
  const since = new Date(0)
  await listLogins(knex, { userId, since, after: '1-1', most: 10 })
  await findLogin(knex, { userId, since, id: '1' })
  await loginPlaces({ knex, places: { find: async () => ({ country: 'CN' }) } })({
    userId,
    ip: '',
    requestId: undefined,
  })
  await Promise.all([listDevices(core, userId), countDevices(core, userId), listAlarms(core, userId)])
  await Promise.all([listAuthorisedApps(core, userId), countAuthorisedApps(core, userId)])
  await undoableMerges(core.database, userId, since)
  await collectOwnData(core, userId)
  const pages = asked()
  expect(await deleteAccount(core, userId, {})).toBe(true)
  expect(pages.length).toBeGreaterThan(15)
  expect(asked().length).toBeGreaterThan(pages.length + 20)
  expect(await readWholeBy(asked())).toEqual([])
})

test('of what messages have cost, only what was spent in the window is read', async () => {
  const read = await planning(knex, async (connection) => {
    const now = `(extract(epoch from now()) * 1000)::bigint`
    await connection.query({
      text: `select from take_money(${now}, '{C1,C1}', '{hour,hour}', '{open,total}', '{5,5}', '{3600000,3600000}', '{0,0}')`,
    })
    const { rows: counted } = await connection.query({
      text: `select seq_scan, idx_tup_fetch from pg_stat_xact_user_tables where relname = 'money_spent'`,
    })
    return counted[0]
  })
  expect(Number(read?.['seq_scan'])).toBe(0)
  // An hour has 60 rows of each country here, which are read for two pots.
  expect(Number(read?.['idx_tup_fetch'])).toBeLessThanOrEqual(2 * 61)
})

test('whether an upstream has people, and what operators count of them, is found by an index', async () => {
  seen.clear()
  await listIssuers(knex)
  await issuerProblems(knex, [])
  await countStale({
    knex,
    sealer: world.app.core.sealer,
    columns: sealedColumns.filter(({ table }) => table === 'identities'),
  })
  const counts = [...seen.values()].filter(({ text }) => /\bidentities\b/.test(text) && text.includes('count('))
  expect(counts).toHaveLength(2)
  const start = asked().filter(({ text }) => text.includes('isUsed'))
  expect(start).toHaveLength(1)
  expect(await readWholeBy(start)).toEqual([])
  for (const count of counts) {
    const plan = JSON.stringify(await planOf(knex, count))
    expect(plan).toMatch(/"Index Name":"identities_(upstream|credential)_idx"/)
    expect(plan).not.toContain('Seq Scan')
  }
})
