import { sweepRecords } from '../src/oidc/endings/sweep.ts'
import { durableModels } from '../src/oidc/library/stored-models.ts'
import type { Database } from '../src/store/postgres.ts'
import type { Stores } from './stores.ts'

/** How fast what has expired is deleted. */
export interface SweepSpeed {
  readonly rows: number
  readonly perSecond: number
  readonly perDatabaseCoreSecond: number
}

/** Sweeps so many sessions that have run out, each of which leaves a line in the audit. */
export async function measureSweep(database: Database, stores: Stores, rows: number): Promise<SweepSpeed> {
  const { rowCount } = await database.maintenance((knex) =>
    knex.raw(`insert into oidc_records (model, id, payload, uid, user_id, about, expires_at)
     select p.model, 'swept' || n.i, p.payload, 'swept' || n.i, p.user_id, p.about, now() - interval '3 days'
     from generate_series(1, ${rows}) n(i),
       (select * from oidc_records where model = ${durableModels.Session} and about is not null limit 1) p`),
  )
  if (rowCount !== rows) throw new Error('there is no session to go by')
  const [startedMs, before] = [performance.now(), stores.databaseCpuSeconds()]
  await sweepRecords(database, () => Date.now())
  const seconds = (performance.now() - startedMs) / 1000
  const cpuSeconds = stores.databaseCpuSeconds() - before
  return { rows, perSecond: rows / seconds, perDatabaseCoreSecond: rows / cpuSeconds }
}
