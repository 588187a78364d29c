import { AppError } from '../base/errors.ts'
import type { OidcRuntime } from '../oidc/runtime.ts'
import { type Health, health } from '../ops/health.ts'
import type { TimeCheck } from '../ops/time-check.ts'
import { migrationStatus } from '../store/migrate.ts'
import type { Core } from './core.ts'

interface Dependencies {
  readonly core: Pick<Core, 'database' | 'store' | 'log'>
  readonly time: TimeCheck
  readonly runtime: () => OidcRuntime
}

/** A database that is full or read-only answers every question. */
const writeReadiness = {
  name: 'write_readiness',
  text: `insert into readiness (id, written_at) values (1, now()) on conflict (id) do update set written_at = excluded.written_at`,
  values: [],
}

/** What a process looks at before it says which parts it can serve. */
export function buildReadiness({ core: { database, store, log }, time, runtime }: Dependencies): Health {
  const tokens = ['memory', 'database', 'catalog', 'clock'] as const
  return health({
    needs: { keys: ['memory'], tokens, logins: [...tokens, 'ephemeral_store'] },
    checks: {
      // Keys and metadata in memory are good until nothing was heard of the database for an hour.
      memory: async () => {
        if (runtime().isSilenced()) throw new AppError('server.unavailable')
      },
      database: async () => {
        await database.commitQuery(writeReadiness)
        const { pending, incompatible } = await migrationStatus(database)
        if (pending.length + incompatible.length > 0) throw new Error('the schema is not the expected one')
      },
      ephemeral_store: () => store.ping(),
      catalog: async () => {
        await runtime().refresh()
      },
      clock: async () => {
        // When the database is away, its own check says so.
        await time.measure().catch(() => {})
        time.check()
      },
    },
    timeoutMs: 2000,
    sharedMs: 1000,
    onFailure: (name, error) => log.warn({ check: name, err: error }, 'not ready'),
  })
}
