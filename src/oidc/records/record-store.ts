import { inGroups } from '../../base/grouping.ts'
import type { Database } from '../../store/postgres.ts'
import { errorCode } from '../../store/unavailable.ts'
import { type DurableModel, durableModels } from '../library/stored-models.ts'
import type { LastTokens } from './last-tokens.ts'
import type { LogoutNotice, RecordRow, SessionChange, Slide, StoredRow } from './records.ts'
import type { LoginNeeds } from './sign-in.ts'
import { insertValues, type LookUp, lookUps, slideValues, statements } from './statements.ts'
import type { Use } from './successor.ts'

/** Everything that one request changes. */
export interface Changes {
  readonly rows: readonly RecordRow[]
  /** Seconds since the epoch. */
  readonly at: number
  /** What must still be unused for rows and sessions to be written. */
  readonly consumed: Consumed | undefined
  readonly deletes: readonly (readonly [DurableModel, string])[]
  readonly revokedGrants: readonly string[]
  readonly sessions: readonly SessionChange[]
  readonly slides: readonly Slide[]
  /** Clients to be told of a logout, whatever else is allowed: what the request ends, it ends. */
  readonly notices: readonly LogoutNotice[]
  /** Sessions, by `uid`, that must still be there for rows and sessions to be written. */
  readonly required: readonly string[]
  /**
   * The same of what a login was made with. SECURITY: else a login that is finished while that is taken away would
   * outlive it.
   */
  readonly needed: LoginNeeds
}

/** The value that must still be unused, and hidden, what replaces it. */
interface Consumed {
  readonly model: DurableModel
  readonly id: string
  readonly successor: string | null
}

/** What became of the changes of a request. */
export interface Written {
  /**
   * False when the value to consume had been consumed by somebody else, or a required session or what a login was
   * made with is gone. Then no row is inserted and no session changed or prolonged, but what the request deletes or
   * revokes goes all the same.
   */
  readonly isAllowed: boolean
  /** The last tokens of the grants that ended, by grant; undefined when the statement that was sent ends none. */
  readonly ended?: LastTokens
}

/**
 * The one way from the requests of the protocol to their rows. What most requests ask of the database is asked
 * together: under load PostgreSQL is woken once for several of them.
 */
export interface RecordStore {
  /** Finds the row of a value in one of the ways rows are looked up. */
  read(by: LookUp, value: string): Promise<StoredRow | undefined>
  /** Carries out the changes of a request with the smallest statement that does; resolves when that is committed. */
  write(changes: Changes): Promise<Written>
  /** What became of a code or refresh token; undefined when there is no such thing. */
  useOf(model: DurableModel, id: string): Promise<Use | undefined>
  /** Ends a grant and everything issued from it; answers the digests of its last tokens. */
  endGrant(grantId: string): Promise<LastTokens>
}

/** Whether there is nothing to write. */
export function isNothing(changes: Changes): boolean {
  return (
    changes.rows.length === 0 && changes.consumed === undefined && changes.slides.length === 0 && !needsCommit(changes)
  )
}

/** Whether only `commit` carries the changes out: whatever is more than rows, a value to consume, or slides. */
function needsCommit({ deletes, revokedGrants, sessions, notices, required, needed }: Changes): boolean {
  const more = [deletes, revokedGrants, sessions, notices, required, needed.identities]
  return more.some(({ length }) => length > 0)
}

/** The records of one database. */
export function recordStore({
  database,
}: {
  readonly database: Pick<Database, 'readQuery' | 'commitQuery'>
}): RecordStore {
  const readers = Object.fromEntries(
    Object.entries(lookUps).map(([by, lookUp]) => [
      by,
      inGroups(async (keys: readonly string[]) => {
        const { rows } = await database.readQuery<StoredRow>(lookUp.with({ keys }))
        const found = new Map(rows.map((row) => [row.key, row]))
        return keys.map((key) => found.get(key))
      }),
    ]),
  ) as Record<LookUp, (value: string) => Promise<StoredRow | undefined>>

  async function insert(rows: readonly RecordRow[]): Promise<void> {
    await database.commitQuery(statements.insert.with(insertValues(rows)))
  }

  const insertTogether = inGroups(async (parts: readonly (readonly RecordRow[])[]) => {
    await insert(parts.flat())
    return parts.map(() => undefined)
  })

  const consumeTogether = inGroups(async (parts: readonly Consumption[]) => {
    const filled = statements.consumeMany.with({
      ...insertValues(parts.flatMap(({ rows }) => rows)),
      parts: parts.flatMap(({ rows }, index) => rows.map(() => index + 1)),
      consumedModels: parts.map(({ consumed }) => durableModels[consumed.model]),
      consumedIds: parts.map(({ consumed }) => consumed.id),
      successors: parts.map(({ consumed }) => consumed.successor),
      times: parts.map(({ at }) => at),
    })
    const { rows } = await database.commitQuery<{ part: number }>(filled)
    const done = new Set(rows.map(({ part }) => part))
    return parts.map((_, index) => done.has(index + 1))
  })

  async function consume(consumption: Consumption): Promise<boolean> {
    const { consumed, rows, at } = consumption
    if (areFresh(rows) && (await consumeTogether(consumption))) return true
    // It was used already, or somebody is about to: only a statement that waits for them knows.
    const filled = statements.consume.with({ ...insertValues(rows), at, ...consumedValues(consumed) })
    const { rows: answer } = await database.commitQuery<{ allowed: boolean }>(filled)
    return answer[0]?.allowed ?? false
  }

  async function commit(changes: Changes): Promise<Written> {
    const filled = statements.commit.with(commitValues(changes))
    const { rows } = await undeadlocked(() =>
      database.commitQuery<{ allowed: boolean; ended: LastTokens | null }>(filled),
    )
    return { isAllowed: rows[0]?.allowed ?? false, ended: rows[0]?.ended ?? {} }
  }

  return {
    read: (by, value) => readers[by](value),
    async write(changes) {
      const { rows, at, consumed, slides } = changes
      if (isNothing(changes)) return { isAllowed: true }
      if (needsCommit(changes)) return commit(changes)
      if (slides.length > 0) {
        if (consumed || rows.length > 0) return commit(changes)
        await undeadlocked(() => database.commitQuery(statements.slide.with({ at, ...slideValues(slides) })))
        return { isAllowed: true }
      }
      if (consumed) return { isAllowed: await consume({ consumed, rows, at }) }
      await (areFresh(rows) ? insertTogether(rows) : insert(rows))
      return { isAllowed: true }
    },
    async useOf(model, id) {
      const { rows } = await database.readQuery<Use>(statements.use.with({ model: durableModels[model], id }))
      return rows[0]
    },
    async endGrant(grantId) {
      const filled = statements.endGrant.with({ grantId })
      const { rows } = await database.commitQuery<{ tokens: readonly string[] }>(filled)
      return { [grantId]: rows[0]?.tokens ?? [] }
    },
  }
}

/** The compare-and-set of one request. */
type Consumption = Pick<Changes, 'rows' | 'at'> & { readonly consumed: Consumed }

const freshModels: ReadonlySet<DurableModel> = new Set([
  'AuthorizationCode',
  'ClientCredentials',
  'AccessToken',
  'RefreshToken',
])

/** Their ids are digests of fresh random values: no two inserts meet in a row, so none waits for another's lock. */
function areFresh(rows: readonly RecordRow[]): boolean {
  return rows.every(({ model }) => freshModels.has(model))
}

function consumedValues(consumed: Consumed | undefined) {
  const { model, id = null, successor = null } = consumed ?? {}
  return { consumedModel: model === undefined ? null : durableModels[model], consumedId: id, successor }
}

function commitValues({ rows, at, consumed, deletes, revokedGrants, sessions, ...others }: Changes) {
  const { slides, notices, required, needed } = others
  return {
    ...insertValues(rows),
    at,
    ...consumedValues(consumed),
    deletedModels: deletes.map(([model]) => durableModels[model]),
    deletedIds: deletes.map(([, id]) => id),
    revokedGrants,
    changedUids: sessions.map(({ uid }) => uid),
    changedIds: sessions.map(({ id }) => id),
    changedPayloads: sessions.map(({ payload }) => payload),
    removedAuthorizations: sessions.map((session) => JSON.stringify(session.removedAuthorizations)),
    changedAuthorizations: sessions.map((session) => session.changedAuthorizations),
    changedExpiries: sessions.map(({ expiresAt }) => expiresAt),
    changedAbouts: sessions.map(({ about }) => about ?? null),
    ...slideValues(slides),
    requiredUids: required,
    noticeClients: notices.map(({ clientId }) => clientId),
    noticeUsers: notices.map(({ userId }) => userId),
    noticeSids: notices.map(({ sid }) => sid),
    neededIdentities: needed.identities,
    unendedSince: needed.unendedSince ?? null,
  }
}

const mostRetries = 2

/**
 * Of two statements that wait for each other PostgreSQL undoes one, whole. That one is tried again: twice, because it may take its
 * first row before the other one has woken, and then meets it once more.
 */
async function undeadlocked<T>(work: () => Promise<T>): Promise<T> {
  for (let retries = 0; ; retries++) {
    try {
      return await work()
    } catch (error) {
      if (errorCode(error) !== '40P01' || retries === mostRetries) throw error
    }
  }
}
