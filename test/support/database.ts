import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import { expect, inject } from 'vitest'
import { type Database, openDatabase } from '../../src/store/postgres.ts'
import { errorCode } from '../../src/store/unavailable.ts'
import { administer, templateName, urlOf } from './database-template.ts'
import { eventually } from './patience.ts'

/** A database of one test file, on a real server. */
export interface TestDatabase {
  readonly url: string
  readonly database: Database
  drop(): Promise<void>
}

/** A migrated database of one's own, in some tens of milliseconds. Call `drop` when done. */
export function createDatabase(): Promise<TestDatabase> {
  return create(`template ${templateName(inject('services'))}`)
}

/** A database without any table. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return create('')
}

/** Until so many connections of this database wait for a lock that another one holds. */
export async function untilLocked(knex: Knex, count = 1): Promise<void> {
  const locked = () =>
    knex('pg_stat_activity').whereRaw(`datname = current_database() and wait_event_type = 'Lock'`).select('pid')
  await expect.poll(locked).toHaveLength(count)
}

async function create(template: string): Promise<TestDatabase> {
  const services = inject('services')
  const name = `${services.run}_${randomBytes(6).toString('hex')}`
  await untilTemplateIsFree(() => administer(services, `create database ${name} ${template}`))
  const url = urlOf(services, name)
  const database = openDatabase({ url, poolSize: 5 })
  return {
    url,
    database,
    async drop() {
      await database.close()
      await administer(services, `drop database if exists ${name} with (force)`)
    },
  }
}

/** PostgreSQL refuses to clone a database while anybody, another clone's creator too, is connected to it. */
async function untilTemplateIsFree(create: () => Promise<unknown>): Promise<void> {
  const refused = await eventually(() =>
    create().then(
      () => undefined,
      (error: unknown) => {
        if (errorCode(error) === '55006') throw error
        return { error }
      },
    ),
  )
  if (refused) throw refused.error
}
