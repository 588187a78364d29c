import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Knex } from 'knex'
import { from as copyFrom } from 'pg-copy-streams'
import { withConnection } from '../store/lent-connection.ts'
import type { Finding } from './findings.ts'
import type { ReadAccount } from './neutral-account.ts'

/** Where a row stands: the number of the file among those that were named, and the line in it. */
export interface Place {
  readonly file: number
  readonly line: number
}

/**
 * Tables of one connection, which nobody else sees and which go with it, however it ends. Everything that is read waits
 * there until all of it was looked at.
 */
const tables = {
  staged_accounts: `
    n integer not null, file integer not null, line bigint not null, external_id text not null,
    fingerprint text not null, user_id text not null, nickname text, picture text, status text not null,
    deletion_at timestamptz, former_ids text[], created_at timestamptz not null, hash text, weak text, outcome text`,
  staged_subjects: `
    n integer not null, identity_id text not null, provider text not null, subject text not null,
    position smallint not null, is_verified boolean not null, created_at timestamptz not null,
    last_used_at timestamptz not null`,
  staged_findings: `
    id integer generated always as identity, n integer, file integer not null, line bigint not null, code text not null,
    about text, is_problem boolean not null`,
  staged_parts: `
    key text not null, link text, file integer not null, line bigint not null, source text not null,
    record text not null`,
} as const

type Table = keyof typeof tables

const columns: Readonly<Record<Table, string>> = {
  staged_accounts:
    'n, file, line, external_id, fingerprint, user_id, nickname, picture, status, deletion_at, former_ids, created_at, hash, weak',
  staged_subjects: 'n, identity_id, provider, subject, position, is_verified, created_at, last_used_at',
  staged_findings: 'n, file, line, code, about, is_problem',
  staged_parts: 'key, link, file, line, source, record',
}

/** Makes the tables. What is looked for in them is more than a little, and sorted better with some memory. */
export async function createStaging(knex: Knex): Promise<void> {
  await knex.raw(`set work_mem = '64MB'`)
  await knex.raw(`set maintenance_work_mem = '128MB'`)
  for (const [table, definition] of Object.entries(tables))
    await knex.raw(`create temporary table ${table} (${definition})`)
}

/** A row of one of several tables that an account is spread over. */
export interface StagedPart {
  /** Whose it is, or the name of the row that says it. */
  readonly key: string
  /** Under which other rows name this one. */
  readonly link?: string | undefined
  /** The table. */
  readonly source: string
  readonly record: string
}

/** Rows on their way into the tables. */
export interface Staging {
  account(place: Place, account: ReadAccount, seal: (text: string, n: number) => string): void
  finding(place: Place, finding: Finding, isProblem: boolean): void
  part(place: Place, part: StagedPart): void
  /** Writes what has come together, when it is much or when it has to be; answers whether it was. */
  flush(isLast?: boolean): Promise<boolean>
}

const flushedCharacters = 1_000_000

/** Collects rows and copies them in, a million characters at a time. */
export function staging(knex: Knex): Staging {
  const waiting: Record<Table, string[]> = {
    ...{ staged_accounts: [], staged_subjects: [], staged_findings: [], staged_parts: [] },
  }
  let length = 0
  let count = 0

  function add(table: Table, values: readonly Value[]): void {
    const row = `${values.map(copyText).join('\t')}\n`
    length += row.length
    waiting[table].push(row)
  }

  return {
    account({ file, line }, account, seal) {
      const n = ++count
      const { externalId, fingerprint, userId, nickname, picture, status, createdAt, password } = account
      const { deletionAt, formerIds } = account
      const hash = password?.kind === 'ready' ? password.hash : undefined
      const weak = password?.kind === 'weak' ? seal(JSON.stringify(password), n) : undefined
      const former = formerIds.length > 0 ? `{${formerIds.join(',')}}` : undefined
      const about = [externalId, fingerprint, userId, nickname, picture, status, deletionAt, former, createdAt]
      add('staged_accounts', [n, file, line, ...about, hash, weak])
      for (const identity of account.identities) {
        const { id, provider, isVerified, createdAt: since, lastUsedAt } = identity
        for (const [position, subject] of identity.subjects.entries())
          add('staged_subjects', [n, id, provider, subject, position, isVerified, since, lastUsedAt])
      }
    },
    finding({ file, line }, { code, about }, isProblem) {
      add('staged_findings', [undefined, file, line, code, about?.slice(0, 200), isProblem])
    },
    part({ file, line }, { key, link, source, record }) {
      add('staged_parts', [key, link, file, line, source, record])
    },
    async flush(isLast = false) {
      if (length < flushedCharacters && !isLast) return false
      for (const table of Object.keys(waiting) as Table[]) {
        const rows = waiting[table].splice(0)
        if (rows.length > 0) await copy(knex, `copy ${table} (${columns[table]}) from stdin`, rows.join(''))
      }
      length = 0
      return true
    },
  }
}

type Value = string | number | boolean | Date | undefined

const special: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

/** A value as COPY reads it. */
function copyText(value: Value): string {
  if (value === undefined) return '\\N'
  if (value instanceof Date) return value.toISOString()
  if (typeof value !== 'string') return String(value)
  return /[\\\t\n\r]/.test(value) ? value.replace(/[\\\t\n\r]/g, (found) => special[found] as string) : value
}

function copy(knex: Knex, statement: string, text: string): Promise<void> {
  return withConnection(knex, (connection) =>
    pipeline(Readable.from([text], { objectMode: false }), connection.query(copyFrom(statement))),
  )
}
