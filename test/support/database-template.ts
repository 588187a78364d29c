import pg from 'pg'
import { migrateUp } from '../../src/store/migrate.ts'
import { openDatabase } from '../../src/store/postgres.ts'
import type { Services } from './services.ts'

/** The migrated database every test's own is cloned from. */
export function templateName({ run }: Services): string {
  return `${run}_template`
}

/** The same server and user, another database. */
export function urlOf({ postgresUrl }: Services, database: string): string {
  const url = new URL(postgresUrl)
  url.pathname = `/${database}`
  return url.href
}

/** Runs one statement as superuser outside the databases of the tests. */
export async function administer(services: Services, statement: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: services.postgresUrl })
  client.on('error', () => {})
  await client.connect()
  try {
    return await client.query(statement)
  } finally {
    await client.end()
  }
}

/** Creates and migrates the template. */
export async function makeTemplate(services: Services): Promise<void> {
  const name = templateName(services)
  await administer(services, `create database ${name}`)
  const database = openDatabase({ url: urlOf(services, name), poolSize: 1 })
  await migrateUp(database).finally(() => database.close())
}

/** Removes what the run has left on the server; it may be one that outlives the run. */
export async function dropDatabases(services: Services): Promise<void> {
  const pattern = `${services.run.replaceAll('_', '\\_')}\\_%`
  const { rows } = await administer(services, `select datname from pg_database where datname like '${pattern}'`)
  for (const { datname } of rows) await administer(services, `drop database if exists ${datname} with (force)`)
}
