import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { mostApartMs } from '../store/older-time.ts'
import type { Database } from '../store/postgres.ts'
import { meaning } from '../store/postgres-hosts.ts'
import { errorCode } from '../store/unavailable.ts'
import { type Finding, fail, ok, reasonOf, wallClockMs, warn } from './doctor-checks.ts'

const oldestMajor = 15
/** `read_only_sql_transaction` */
const readOnly = '25006'
const skewToWarnMs = 1000
/** The library accepts assertions and proofs this much out of step. */
const skewToFailMs = 5000

const namedStatements =
  'the pooler must know named statements: PgBouncer 1.21 or later with max_prepared_statements = 200 (the default since 1.24)'

/** What mends an error that says by its SQLSTATE what it is. */
const remedies: Readonly<Record<string, string>> = {
  '08P01':
    'a pooler refuses a parameter of the connection: take it out of DATABASE_URL (options, statement_timeout), or ' +
    'name it in ignore_startup_parameters of PgBouncer',
  [readOnly]:
    'name the primary in DATABASE_URL, or all hosts (host1:5432,host2:5432): the one that takes writes is used; where ' +
    'it is the primary, take back default_transaction_read_only of its settings, the database or the role',
  '26000': namedStatements,
  '42P05': namedStatements,
}

/** The finding for a database that did not answer as it should. */
export function databaseUnreachable(
  { database, data_dir }: Pick<Config, 'database' | 'data_dir'>,
  error: unknown,
): Finding {
  const remedy = remedies[codeOf(error) ?? '']
  const advice = database.url
    ? (remedy ?? 'check that PostgreSQL runs, DATABASE_URL (database.url), the password and the firewall')
    : `read ${join(data_dir, 'postgres.log')}, or set DATABASE_URL`
  return fail('database', reasonOf(error), advice)
}

function codeOf(thrown: unknown): string | undefined {
  if (thrown instanceof Error && thrown.cause !== undefined) return codeOf(thrown.cause)
  return errorCode(thrown)
}

/** Checks PostgreSQL itself, its clock, and what stands before it. */
export async function checkDatabase(config: Config, database: Database): Promise<Finding[]> {
  try {
    const { knex } = database
    await knex.raw('select 1')
    const sentAt = wallClockMs()
    const startedAt = performance.now()
    const { rows } = await knex.raw(
      `select current_setting('server_version_num')::int as version, current_setting('server_version') as name,
        current_setting('transaction_read_only') = 'on' as is_read_only, extract(epoch from clock_timestamp())::float8 * 1000 as now_ms`,
    )
    const tookMs = performance.now() - startedAt
    const { version, name, is_read_only: isReadOnly, now_ms } = rows[0]
    const detail = `PostgreSQL ${name}, ${tookMs.toFixed(1)} ms`
    if (version < oldestMajor * 10_000) {
      return [fail('database', `${detail} is too old`, `upgrade PostgreSQL to ${oldestMajor} or later`)]
    }
    if (isReadOnly) return [fail('database', `${detail} takes no writes`, remedies[readOnly] ?? '')]
    const findings = [ok('database', detail), checkClock(now_ms - (sentAt + tookMs / 2))]
    return [...findings, ...(await checkPooler(config, database))]
  } catch (error) {
    return [databaseUnreachable(config, error)]
  }
}

/** How far the database is ahead of this machine. */
export function checkClock(aheadMs: number): Finding {
  const seconds = (Math.abs(aheadMs) / 1000).toFixed(1)
  const apart = Math.abs(aheadMs)
  if (apart < skewToWarnMs) return ok('clock', 'this machine and the database agree')
  const detail = `the database is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine`
  const stops = apart > mostApartMs ? '; a server here serves nobody' : ''
  const advice = `run a time service (chrony, systemd-timesyncd) on both machines${stops}`
  return apart < skewToFailMs ? warn('clock', detail, advice) : fail('clock', detail, advice)
}

interface Limits {
  readonly time_limit: string
  readonly role: string
  /** Settings as they should be that are otherwise. */
  readonly misread: readonly string[]
}

/** Says nothing where no pooler is. */
async function checkPooler({ database: settings }: Config, database: Database): Promise<Finding[]> {
  const direct = await database.directness()
  const findings: Finding[] = []
  if (!direct.directUrl) {
    const detail = `${settings.direct_url ? 'database.direct_url leads to one too' : 'stands before PostgreSQL'}`
    const advice =
      'if it lends connections for one transaction only (pool_mode = transaction), set DATABASE_DIRECT_URL ' +
      '(database.direct_url) to the address of PostgreSQL itself'
    findings.push(warn('pooler', detail, advice))
  }
  if (direct.url) return findings
  const statement = {
    name: 'doctor_limit',
    text: `select current_setting('statement_timeout') as time_limit, current_user as role, array(
        select name || ' = ' || quote_literal(value) from unnest($1::text[], $2::text[]) as meant(name, value)
        where split_part(current_setting(name), ',', 1) <> split_part(value, ',', 1)) as misread`,
    values: [Object.keys(meaning), Object.values(meaning)],
  }
  // Both connections of this name meet on one of the pooler's.
  await database.readQuery(statement)
  const { rows } = await database.commitQuery<Limits>(statement)
  const { time_limit: timeLimit, role, misread } = rows[0] ?? { time_limit: '0', role: 'menshen', misread: [] }
  if (misread.length > 0) {
    const advice = misread.map((setting) => `alter role "${role}" set ${setting}`).join('; ')
    findings.push(fail('pooler', 'statements mean something else behind it than they should', advice))
  }
  if (timeLimit === '0') {
    const advice = `say so for the role: alter role "${role}" set statement_timeout = '5s'`
    findings.push(warn('pooler', 'PostgreSQL ends no statement behind it that takes too long', advice))
  }
  return findings.length > 0
    ? findings
    : [ok('pooler', `named statements pass, and a statement ends after ${timeLimit}`)]
}
