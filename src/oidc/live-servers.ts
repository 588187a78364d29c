import { hostname } from 'node:os'
import { newId } from '../base/ids.ts'
import { onceMore } from '../base/one-at-a-time.ts'
import type { Database } from '../store/postgres.ts'

/** The row by which a server says that it lives and which version of the catalog it runs. */
export interface Presence {
  /** To be told of every version that has taken over, also of the same one again. */
  runs(version: number): void
  /**
   * Whether a server of an earlier version lives: one that looks for the rows of used refresh tokens, and does not
   * prolong the grant of an app when its code is exchanged.
   */
  hasOlder(): boolean
  /** The server is no longer waited for. */
  leave(): Promise<void>
}

/** A server that lives, by its row. */
export interface LiveServer {
  readonly name: string
  readonly version: number
  readonly seenSecondsAgo: number
}

const heartbeatMs = 10_000
/** Three heartbeats that did not come. */
const livesSeconds = 30
const livesText = (row: string) => `${row}.seen_at > clock_timestamp() - make_interval(secs => :livesSeconds)`
/** So that one whose machine stood still is found in its row by whoever looks into the table. */
const keptSeconds = 600

/**
 * Enters a server before it reads the catalog for the first time: a change that it may have read too early finds its
 * row, and a change that finds no row is one it reads. All times are the database's, so that no server's clock makes
 * it live longer.
 */
export async function enterServer({
  database,
  onError,
}: {
  readonly database: Database
  readonly onError: (error: unknown) => void
}): Promise<Presence> {
  const row = { id: newId('srv'), name: `${hostname()} (process ${process.pid})` }
  let [current, told] = [0, 0]
  let [hasLeft, hasOlder] = [false, true]

  const tell = onceMore(async () => {
    if (hasLeft) return
    const version = current
    const { rows } = await database.knex.raw<{ rows: readonly { has_older: boolean }[] }>(
      `insert into servers (id, name, catalog_version, seen_at, needs_used_tokens)
       values (:id, :name, :version, clock_timestamp(), false)
       on conflict (id) do update set catalog_version = excluded.catalog_version, seen_at = excluded.seen_at
       returning exists (select from servers older where older.needs_used_tokens and ${livesText('older')}) as has_older`,
      { ...row, version, livesSeconds },
    )
    told = version
    hasOlder = rows[0]?.has_older !== false
  })
  await tell()
  const timer = setInterval(() => tell().catch(onError), heartbeatMs).unref()

  return {
    hasOlder: () => hasOlder,
    runs(version) {
      current = version
      if (version !== told) tell().catch(onError)
    },
    async leave() {
      clearInterval(timer)
      hasLeft = true
      // What is under way would bring the row back.
      await tell().catch(() => {})
      await database
        .knex('servers')
        .where({ id: row.id })
        .delete()
        .then(() => {}, onError)
    },
  }
}

/** Everybody who lives, in the order of their names. */
export async function liveServers({ knex }: Pick<Database, 'knex'>): Promise<readonly LiveServer[]> {
  const { rows } = await knex.raw<{ rows: readonly LiveServer[] }>(
    `select name, catalog_version as version,
       cast(extract(epoch from clock_timestamp() - seen_at) as float8) as "seenSecondsAgo"
     from servers where ${livesText('servers')} order by name, id`,
    { livesSeconds },
  )
  return rows
}

/** Deletes the rows of servers that died without leaving. */
export async function sweepServers({ knex }: Pick<Database, 'knex'>): Promise<void> {
  await knex.raw('delete from servers where seen_at < clock_timestamp() - make_interval(secs => :keptSeconds)', {
    keptSeconds,
  })
}
