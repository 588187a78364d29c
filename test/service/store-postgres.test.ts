import { afterAll, expect, test } from 'vitest'
import { createDatabase, createEmptyDatabase } from '../support/database.ts'

const { database, drop } = await createDatabase()
afterAll(drop)

test('times come back as Date and counts as number on every path', async () => {
  const text = "select timestamptz '2026-11-20T10:00:00Z' as at, count(*) as count from schema_migrations"
  const statement = { name: 'types', text, values: [] }
  const answers = [
    await database.readQuery(statement),
    await database.commitQuery(statement),
    await database.knex.raw(text),
  ]
  for (const { rows } of answers) {
    expect(rows).toEqual([{ at: new Date('2026-11-20T10:00:00Z'), count: expect.any(Number) }])
  }
})

test('a database made empty has no table', async () => {
  const empty = await createEmptyDatabase()
  const { rows } = await empty.database.knex.raw("select to_regclass('schema_migrations') as it")
  await empty.drop()
  expect(rows).toEqual([{ it: null }])
})
