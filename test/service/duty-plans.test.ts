import type { Knex } from 'knex'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listIssuers } from '../../src/accounts/issuers.ts'
import { sealedColumns } from '../../src/oidc/sealed-columns.ts'
import { countStale } from '../../src/store/reseal.ts'
import type { NamedStatement } from '../../src/store/statement.ts'
import { planning, planOf } from '../support/plans.ts'
import { openWorld, type World } from '../support/world.ts'

// What a server does by itself is done by every process, every second or minute, all day long: none of it may read a table that
// grows from end to end, and what there is to do is found by an index.

let world: World
let knex: Knex
const seen = new Map<string, Pick<NamedStatement, 'text' | 'values'>>()

const rows = 20_000
/** Nothing is due, and nothing has expired. */
async function fill(trx: Knex.Transaction): Promise<void> {
  const user = `'usr_' || lpad(i::text, 26, '0')`
  const due = `now() + interval '1 day' + i * interval '1 second'`
  const made = {
    users: `id, status, created_at, updated_at, picture_due_at) select ${user}, 'active', now(), now(), ${due}`,
    identities: `id, user_id, provider, created_at, created_ip, last_used_at, last_used_ip, upstream_credential)
      select 'idn_' || i, ${user}, case when i % 100 = 0 then 'apple' else 'phone' end, now(), '', now(), '',
        case when i % 100 = 0 then 'sealed' end`,
    oidc_records: `model, id, payload, user_id, expires_at)
      select case when i % 3 = 0 then 1 else 4 end, 'r' || i, '{}', case when i % 3 > 0 then ${user} end, ${due}`,
    audit_events: `at, event, user_id) select now(), 'login.succeeded', ${user}`,
    ephemeral: `key, value, expires_at_ms) select 'k' || i, '1', extract(epoch from ${due}) * 1000`,
    money_spent: `country, per, until_ms, open, member, total)
      select 'C' || i % 10, 'hour', extract(epoch from now()) * 1000 - i * 6000, 1, 1, 1`,
    merges: `id, into_user, from_user, merged_at, undo_until, kept)
      select 'mrg_' || i, ${user}, ${user}, now(), ${due}, '{}'`,
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

test('what operators count of upstreams and under an earlier master key is found by an index', async () => {
  seen.clear()
  await listIssuers(knex)
  await countStale({
    knex,
    sealer: world.app.core.sealer,
    columns: sealedColumns.filter(({ table }) => table === 'identities'),
  })
  const counts = [...seen.values()].filter(({ text }) => /\bidentities\b/.test(text) && text.includes('count('))
  expect(counts).toHaveLength(2)
  for (const count of counts) {
    const plan = JSON.stringify(await planOf(knex, count))
    expect(plan).toMatch(/"Index Name":"identities_(upstream|credential)_idx"/)
    expect(plan).not.toContain('Seq Scan')
  }
})
