import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { argon2 } from './measure.ts'
import { serve } from './served.ts'
import { settingsOfOurs } from './settings.ts'
import { median } from './statistics.ts'
import type { Stores } from './stores.ts'

/** How long a process takes until it is ready. */
export interface StartRow {
  readonly store: 'embedded' | 'redis' | 'tables'
  /** The first start makes the database and its tables; the others find them. */
  readonly isFirst: boolean
  readonly leastSeconds: number
  readonly medianSeconds: number
}

/**
 * The sandbox with the embedded PostgreSQL in an empty folder and again, and the server of production on a database that has its
 * tables. Noise only takes away, so the quickest of a few starts counts.
 */
export async function measureStarts(stores: Stores, tries: number): Promise<StartRow[]> {
  const taken = new Map<string, { readonly row: Pick<StartRow, 'store' | 'isFirst'>; readonly seconds: number[] }>()
  async function start(row: Pick<StartRow, 'store' | 'isFirst'>, env: Parameters<typeof serve>[0], cwd: string) {
    const served = await serve(env, cwd)
    await served.stop()
    const key = `${row.store} ${row.isFirst}`
    const all = taken.get(key) ?? { row, seconds: [] }
    taken.set(key, all)
    all.seconds.push(served.readySeconds)
  }
  const production = await Promise.all(
    (['redis', 'tables'] as const).map(async (store) => ({
      store,
      databaseUrl: await stores.createDatabase(`bench_start_${store}`),
      redisUrl: store === 'redis' ? stores.redisUrl : undefined,
      folder: stores.folder,
      argon2: argon2.ours,
    })),
  )
  for (const each of production) {
    const migrated = await serve((port) => settingsOfOurs(each, port), stores.folder)
    await migrated.stop()
  }
  for (let attempt = 0; attempt < tries; attempt++) {
    const folder = await mkdtemp(join(stores.folder, 'embedded-'))
    const sandbox = (port: number) => ({
      PORT: String(port),
      MENSHEN_DATA_DIR: join(folder, 'data'),
      MENSHEN_OPS__METRICS: 'off',
    })
    await start({ store: 'embedded', isFirst: true }, sandbox, folder)
    await start({ store: 'embedded', isFirst: false }, sandbox, folder)
    for (const each of production) {
      await start({ store: each.store, isFirst: false }, (port) => settingsOfOurs(each, port), stores.folder)
    }
  }
  return [...taken.values()].map(({ row, seconds }) => ({
    ...row,
    leastSeconds: Math.min(...seconds),
    medianSeconds: median(seconds),
  }))
}
