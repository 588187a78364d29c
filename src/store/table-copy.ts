import { pipeline } from 'node:stream/promises'
import type { Knex } from 'knex'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { withConnection } from './lent-connection.ts'

/** A table as the catalog of its database describes it. */
export interface Table {
  readonly name: string
  /** By name, because two databases may have them in another order. */
  readonly columns: readonly string[]
  /** Other tables that its rows point to. */
  readonly needs: readonly string[]
  /** Columns that PostgreSQL numbers by itself. */
  readonly numbered: readonly string[]
}

/** What is compared between two copies of a table. */
export interface TableDigest {
  readonly rows: number
  /** The same for the same rows in any order. */
  readonly digest: string
}

/** Every table of the schema that is in use. */
export async function readTables(knex: Knex): Promise<readonly Table[]> {
  const { rows } = await knex.raw<{ rows: Table[] }>(`
    select t.relname::text as name,
      array(
        select attname::text from pg_attribute
        where attrelid = t.oid and attnum > 0 and not attisdropped and attgenerated = '' order by attname
      ) as columns,
      array(
        select attname::text from pg_attribute
        where attrelid = t.oid and not attisdropped and attidentity <> '' order by attname
      ) as numbered,
      array(
        select distinct other.relname::text from pg_constraint k join pg_class other on other.oid = k.confrelid
        where k.conrelid = t.oid and k.contype = 'f' and other.oid <> t.oid
      ) as needs
    from pg_class t join pg_namespace n on n.oid = t.relnamespace
    where n.nspname = current_schema() and t.relkind in ('r', 'p') and not t.relispartition
    order by t.relname`)
  return rows
}

/** Each table after those that its rows point to. */
export function inOrderOfNeed(tables: readonly Table[]): readonly Table[] {
  const ordered: Table[] = []
  let waiting = tables
  while (waiting.length > 0) {
    const isWaiting = (name: string) => waiting.some((table) => table.name === name)
    const free = waiting.filter(({ needs }) => !needs.some(isWaiting))
    if (free.length === 0) throw new Error(`tables point to one another: ${waiting.map(({ name }) => name).join(', ')}`)
    ordered.push(...free)
    waiting = waiting.filter((table) => !free.includes(table))
  }
  return ordered
}

const copySettings: readonly string[] = [
  "timezone = 'UTC'",
  "datestyle = 'ISO, YMD'",
  "bytea_output = 'hex'",
  'extra_float_digits = 1',
  'statement_timeout = 0',
  'idle_in_transaction_session_timeout = 0',
]

/**
 * Values have one text on both sides only where both write them in one way. A copy takes its time, whatever limits the
 * operators of the database have set for others.
 */
export async function setUpCopy(transaction: Knex.Transaction): Promise<void> {
  for (const setting of copySettings) await transaction.raw(`set local ${setting}`)
}

/** Copies all rows of a table as they stand, and the next number of each column that counts. */
export async function copyTable(table: Table, from: Knex.Transaction, to: Knex.Transaction): Promise<void> {
  const [name, columns] = [pg.escapeIdentifier(table.name), columnList(table)]
  await withConnection(from, (source) =>
    withConnection(to, (target) =>
      pipeline(
        source.query(copyTo(`copy (select ${columns} from ${name}) to stdout`)),
        target.query(copyFrom(`copy ${name} (${columns}) from stdin`)),
      ),
    ),
  )
  for (const column of table.numbered) await copyNumbering(name, column, from, to)
}

/** Counts a table and adds up what its rows hash to. */
export async function digestOf(table: Table, transaction: Knex.Transaction): Promise<TableDigest> {
  const hash = `sha256(convert_to(row(${columnList(table)})::text, 'UTF8'))`
  const { rows } = await transaction.raw<{ rows: [TableDigest] }>(`
    select count(*) as rows,
      coalesce(sum(('x' || encode(substring(${hash} from 1 for 8), 'hex'))::bit(64)::bigint), 0)::text as digest
    from ${pg.escapeIdentifier(table.name)}`)
  return rows[0]
}

async function copyNumbering(name: string, column: string, from: Knex, to: Knex): Promise<void> {
  const sequence = await from.raw('select pg_get_serial_sequence(?, ?) as name', [name, column])
  const { rows } = await from.raw(`select last_value, is_called from ${sequence.rows[0].name}`)
  const { last_value: last, is_called: isCalled } = rows[0]
  await to.raw('select setval(pg_get_serial_sequence(?, ?), ?, ?)', [name, column, last, isCalled])
}

function columnList({ columns }: Table): string {
  return columns.map((column) => pg.escapeIdentifier(column)).join(', ')
}
