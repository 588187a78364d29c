import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { migrateUp, migrationStatus } from '../src/store/migrate.ts'
import { createEmptyDatabase, type TestDatabase } from './support/database.ts'

const folder = new URL('../migrations/', import.meta.url)
const files = readdirSync(folder).sort()
/** Checksums of the migrations that may have run somewhere. One that is added gets its line in the commit that adds it. */
const recorded = JSON.parse(readFileSync(new URL('migrations.json', import.meta.url), 'utf8')) as Record<string, string>

const nameOf = (file: string) => file.replace(/\.ts$/, '')

function checksumOf(file: string): string {
  return createHash('sha256')
    .update(readFileSync(new URL(file, folder)))
    .digest('hex')
}

describe('migration files', () => {
  test.each(files)('%s has a real time, a verb and a noun in its name', (file) => {
    const [, ...time] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)_[a-z]+(?:_[a-z0-9]+)+\.ts$/.exec(file) ?? []
    const [year, month, day, hour, minute, second] = time
    const written = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`
    expect(new Date(written).toISOString()).toBe(written)
  })

  test.each(files)('%s begins with the reason for it', (file) => {
    expect(readFileSync(new URL(file, folder), 'utf8')).toMatch(/^\/\/ \S/)
  })

  test('no two have the same time', () => {
    expect(new Set(files.map((file) => file.slice(0, 14))).size).toBe(files.length)
  })

  test('each is recorded, and none that was recorded has changed or gone', () => {
    expect(Object.fromEntries(files.map((file) => [nameOf(file), checksumOf(file)]))).toEqual(recorded)
  })

  test('one that drops, renames or tightens says what it needs', () => {
    const takes = /\b(drop (?!index)\w+|rename (to|column)|set not null|alter column \w+ (set data )?type)\b/i
    // Those before ran when there was no such rule, and no installation either.
    const texts = files
      .filter((file) => file > '20261201030000')
      .map((file) => [file, readFileSync(new URL(file, folder), 'utf8')] as const)
    const silent = texts.filter(
      ([, text]) =>
        takes.test(text.replaceAll(/\/\/.*|\/\*[\s\S]*?\*\//g, '')) &&
        !/^export const needs = '\d{14}_\w+'$/m.test(text),
    )
    expect(silent.map(([file]) => file)).toEqual([])
  })

  test('the record is in the order in which they were added, so that a later one never slips in between', () => {
    expect(Object.keys(recorded)).toEqual(Object.keys(recorded).sort())
  })
})

describe('an empty database', () => {
  let empty: TestDatabase
  beforeAll(async () => {
    empty = await createEmptyDatabase()
  })
  afterAll(() => empty.drop())

  test('is brought to the schema of the snapshot, and a second run finds nothing to do', async () => {
    expect(await migrateUp(empty.database)).toEqual(files.map(nameOf))
    await expect(await describeSchema(empty)).toMatchFileSnapshot('migrations.schema.txt')
    expect(await migrateUp(empty.database)).toEqual([])
    const { pending, unknown, changed } = await migrationStatus(empty.database)
    expect({ pending, unknown, changed }).toEqual({ pending: [], unknown: [], changed: [] })
  })
})

const inSchema = `n.nspname = 'public'`

const queries = {
  table: `select c.relname as "table", '' as name,
      concat_ws(' ', case c.relpersistence when 'u' then 'unlogged' end, array_to_string(c.reloptions, ', ')) as text
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${inSchema} and c.relkind = 'r'`,
  column: `select c.relname as "table", a.attname as name,
      concat_ws(' ', format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
        'default ' || pg_get_expr(d.adbin, d.adrelid), case a.attidentity when 'a' then 'generated always' end) as text
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where ${inSchema} and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped`,
  index: `select i.tablename as "table", i.indexname as name, regexp_replace(i.indexdef, '^.* USING ',
      case when i.indexdef like 'CREATE UNIQUE%' then 'unique ' else '' end) as text
    from pg_indexes i where i.schemaname = 'public'`,
  // Newer versions of PostgreSQL list "not null" here too; it stands with the column.
  constraint: `select c.relname as "table", k.conname as name, pg_get_constraintdef(k.oid) as text
    from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
    where ${inSchema} and k.contype in ('p', 'u', 'f', 'c', 'x')`,
  other: `select 'none' as "table", c.relname as name, c.relkind::text as text
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${inSchema} and c.relkind in ('v', 'm', 'f', 'p')
    union all select 'none', p.proname, 'function' from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where ${inSchema}
    union all select c.relname, t.tgname, 'trigger' from pg_trigger t join pg_class c on c.oid = t.tgrelid
      join pg_namespace n on n.oid = c.relnamespace where ${inSchema} and not t.tgisinternal`,
}

/** Every table with its columns, indexes and constraints, a line each, in the order of the alphabet. */
async function describeSchema({ database }: TestDatabase): Promise<string> {
  const lines: string[] = []
  for (const [kind, query] of Object.entries(queries)) {
    const { rows } = await database.knex.raw<{ rows: { table: string; name: string; text: string }[] }>(query)
    lines.push(...rows.map(({ table, name, text }) => `${table}: ${kind} ${name} ${text}`.replace(/\s+/g, ' ').trim()))
  }
  return `${lines.sort().join('\n')}\n`
}
