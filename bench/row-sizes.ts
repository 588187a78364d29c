import type { Knex } from 'knex'

/** What a row of one kind takes up, with its share of pages that are not full, and its indexes. */
export interface RowSize {
  readonly kind: string
  readonly tableBytes: number
  readonly indexBytes: number
}

interface Kind {
  readonly table: string
  /** Which rows, that a running server has written, are the pattern; all of the table where absent. */
  readonly where?: string
}

/** The tables that grow with people and what they do. The names are those of docs/scale.md. */
const kinds: Readonly<Record<string, Kind>> = {
  'users, one': { table: 'users' },
  'identities, one way in': { table: 'identities' },
  'identity_subjects, one way in': { table: 'identity_subjects' },
  'passwords, one': { table: 'passwords' },
  'known_devices, one': { table: 'known_devices' },
  'oidc_records, a session': { table: 'oidc_records', where: 'model = 1 and about is not null' },
  'oidc_records, a grant': { table: 'oidc_records', where: 'model = 2 and about is not null' },
  'oidc_records, a code': { table: 'oidc_records', where: 'model = 3' },
  'oidc_records, a live refresh token': { table: 'oidc_records', where: 'model = 4 and consumed_at is null' },
  'oidc_records, a used refresh token': { table: 'oidc_records', where: 'model = 4 and consumed_at is not null' },
  'oidc_records, an opaque access token': { table: 'oidc_records', where: 'model = 5' },
  'audit_events, one': { table: 'audit_events' },
}

const patterns = 200

/**
 * Multiplies rows that a server has written into tables of their own with the same indexes, each with names of its own
 * as long as those of the pattern, and reads what they take up.
 */
export async function measureSizes(knex: Knex, copies: number): Promise<RowSize[]> {
  const sizes: RowSize[] = []
  // A kind that the server has not written is left out.
  for (const [kind, { table, where = 'true' }] of Object.entries(kinds)) {
    const size = await sizeOf(knex, { table, where, copies })
    if (size) sizes.push({ kind, ...size })
  }
  return sizes
}

async function sizeOf(
  knex: Knex,
  { table, where, copies }: Required<Kind> & { readonly copies: number },
): Promise<Omit<RowSize, 'kind'> | undefined> {
  await knex.raw(`drop table if exists sized; create table sized (like ${table} including all excluding constraints)`)
  const columns = await namesOf(knex, table)
  const values = columns.map(({ name, isName }) => (isName ? `named(p.${name}, n.i)` : `p.${name}`))
  await knex.raw(`create or replace function named(old text, n bigint) returns text language sql immutable as $$
    select left(repeat(translate(encode(sha256(convert_to(old || ' ' || n, 'utf8')), 'base64'), '+/=', '-_'), 8), length(old)) $$`)
  const { rowCount } = await knex.raw(`
    with pattern as (select row_number() over () as place, each.* from (select * from ${table} where ${where} limit ${patterns}) each)
    insert into sized (${columns.map(({ name }) => name).join(', ')})
    select ${values.join(', ')} from generate_series(1, ${copies}) n(i)
    join pattern p on p.place = 1 + n.i % (select count(*) from pattern)`)
  if (rowCount !== copies) return undefined
  const { rows } = await knex.raw(`select pg_table_size('sized') as heap, pg_indexes_size('sized') as indexes`)
  await knex.raw('drop table sized')
  return { tableBytes: Number(rows[0].heap) / copies, indexBytes: Number(rows[0].indexes) / copies }
}

/** The columns that are written, and which of them are names that indexes tell apart. */
async function namesOf(knex: Knex, table: string): Promise<{ name: string; isName: boolean }[]> {
  const { rows } = await knex.raw(
    `select a.attname as name, a.atttypid = 'text'::regtype and exists (
       select from pg_index x where x.indrelid = a.attrelid and a.attnum = any(x.indkey::int2[])) as indexed
     from pg_attribute a where a.attrelid = ?::regclass and a.attnum > 0 and not a.attisdropped and a.attidentity = ''`,
    [table],
  )
  const few = new Set(['provider', 'event', 'client_id', 'status'])
  return (rows as { name: string; indexed: boolean }[]).map(({ name, indexed }) => ({
    name,
    isName: indexed && !few.has(name),
  }))
}
