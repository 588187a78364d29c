import type { Database } from '../../store/postgres.ts'
import { errorCode } from '../../store/unavailable.ts'
import { type DurableModel, durableModels } from '../library/stored-models.ts'
import type { GrantEndings, LastTokens } from './last-tokens.ts'
import type { Consumed, Groups } from './record-groups.ts'
import type { LogoutNotice, RecordRow, SessionChange, Slide } from './records.ts'
import type { LoginNeeds } from './sign-in.ts'
import { insertValues, slideValues, statements } from './statements.ts'

/** Everything one request writes, which is something. */
export interface Writes {
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
  /** The same of what a login was made with. SECURITY: else one that is finished while that is taken away would outlive it. */
  readonly needed: LoginNeeds
  /** Told of the tokens that have ended with grants. */
  readonly endings?: GrantEndings
}

interface Dependencies {
  readonly database: Pick<Database, 'commitQuery'>
  readonly groups: Pick<Groups, 'insert' | 'consume'>
}

/**
 * Writes a request's changes at once, with the smallest statement that does; false when the value to consume had been consumed by
 * somebody else, a required session or what a login was made with is gone: then no row is inserted and no session changed or prolonged, but what the request deletes or revokes goes all the same.
 */
export async function write({ database, groups }: Dependencies, writes: Writes): Promise<boolean> {
  const { rows, at, consumed, deletes, revokedGrants, sessions, slides, notices, required, needed } = writes
  const others = [deletes, revokedGrants, sessions, slides, notices, required, needed.identities].reduce(
    (sum, { length }) => sum + length,
    0,
  )
  if (others === slides.length && rows.length === 0 && consumed === undefined) {
    await undeadlocked(() => database.commitQuery({ ...statements.slide, values: [at, ...slideValues(slides)] }))
    return true
  }
  if (others === 0 && consumed) return groups.consume({ consumed, rows, at })
  if (others === 0) {
    await groups.insert(rows)
    return true
  }
  const { model = null, id = null, successor = null } = consumed ?? {}
  const values = [
    ...insertValues(rows),
    at,
    model && durableModels[model],
    id,
    successor,
    deletes.map(([deleted]) => durableModels[deleted]),
    deletes.map(([, deletedId]) => deletedId),
    revokedGrants,
    sessions.map((session) => session.uid),
    sessions.map((session) => session.id),
    sessions.map((session) => session.payload),
    sessions.map((session) => JSON.stringify(session.removedAuthorizations)),
    sessions.map((session) => session.changedAuthorizations),
    sessions.map((session) => session.expiresAt),
    sessions.map((session) => session.about ?? null),
    ...slideValues(slides),
    required,
    notices.map((notice) => notice.clientId),
    notices.map((notice) => notice.userId),
    notices.map((notice) => notice.sid),
    needed.identities,
    needed.unendedSince ?? null,
  ]
  const { rows: answer } = await undeadlocked(() =>
    database.commitQuery<{ allowed: boolean; ended: LastTokens | null }>({ ...statements.commit, values }),
  )
  await writes.endings?.announce(answer[0]?.ended ?? {})
  return answer[0]?.allowed ?? false
}

/** Of two statements that wait for each other PostgreSQL undoes one, whole; that one is tried once more. */
async function undeadlocked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (errorCode(error) !== '40P01') throw error
    return work()
  }
}
