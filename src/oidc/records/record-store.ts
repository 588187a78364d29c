import { inGroups } from '../../base/grouping.ts'
import type { Database } from '../../store/postgres.ts'
import { errorCode } from '../../store/unavailable.ts'
import { type DurableModel, durableModels } from '../library/stored-models.ts'
import type { ClientLogin } from './client-login.ts'
import type { ConsentOf } from './consents.ts'
import type { LastTokens } from './last-tokens.ts'
import type { LogoutNotice, RecordRow, SessionChange, Slide, StoredFamilyRow, StoredRow } from './records.ts'
import type { LoginNeeds } from './sign-in.ts'
import { insertValues, type LookUp, lookUps, slideValues, statements } from './statements.ts'
import type { Use } from './successor.ts'

/** Everything that one request changes. */
export interface Changes {
  readonly rows: readonly RecordRow[]
  /** Seconds since the epoch. */
  readonly at: number
  /** The value that must still be unused, or else no rows and sessions are written. */
  readonly consumed: Consumed | undefined
  readonly deletes: readonly (readonly [DurableModel, string])[]
  readonly revokedGrants: readonly string[]
  readonly sessions: readonly SessionChange[]
  readonly slides: readonly Slide[]
  /**
   * Clients that must be told of a logout. They are told even if the rest is not allowed, because what the request ends
   * stays ended.
   */
  readonly notices: readonly LogoutNotice[]
  /** Sessions, by `uid`, that must still exist, or else no rows and sessions are written. */
  readonly required: readonly string[]
  /**
   * The same for what a login was made with. SECURITY: without this, a login that is finished while that is being taken
   * away would outlive it.
   */
  readonly needed: LoginNeeds
  /** The same for what a person has allowed the client. */
  readonly consent: RequiredConsent | undefined
  /** Grants among the rows: each ends older ones of its user and client. */
  readonly logins: readonly ClientLogin[]
  readonly requestId: string | undefined
}

/** A consent that must still stand, with everything in it that is granted by it. */
export interface RequiredConsent extends ConsentOf {
  readonly keys: readonly string[]
}

/** The value that must still be unused, and its successor, which is hidden. */
interface Consumed {
  readonly model: DurableModel
  readonly id: string
  readonly successor: string | null
  /** Its row goes with the use. */
  readonly isForgotten: boolean
}

/** What became of the changes of a request. */
export interface Written {
  /**
   * False if somebody else had already consumed the value, or if a required session or consent, or something that a
   * login was made with, is gone. Then no row is inserted and no session is changed or prolonged, but everything that
   * the request deletes or revokes is still deleted or revoked.
   */
  readonly isAllowed: boolean
  /** The last tokens of the grants that ended, by grant; undefined if the statement that was sent ends no grants. */
  readonly ended?: LastTokens
}

/**
 * The only way by which requests of the protocol reach their rows. The questions that most requests ask are sent to the
 * database together, so that under load PostgreSQL is woken once for several requests.
 */
export interface RecordStore {
  /** Finds the row of a value in one of the ways rows are looked up. */
  read(by: LookUp, value: string): Promise<StoredRow | undefined>
  /** Carries out the changes of a request with the smallest statement that can do it; resolves after the commit. */
  write(changes: Changes): Promise<Written>
  /** What became of a code or refresh token; undefined when there is no such thing. */
  useOf(model: DurableModel, id: string): Promise<Use | undefined>
  /** The refresh tokens that hang on a grant. */
  familyRows(grantId: string): Promise<readonly StoredFamilyRow[]>
  /** Ends a grant and everything issued from it; returns the digests of its last tokens. */
  endGrant(grantId: string): Promise<LastTokens>
}

/** Whether there is nothing to write. */
export function isNothing(changes: Changes): boolean {
  return (
    changes.rows.length === 0 && changes.consumed === undefined && changes.slides.length === 0 && !needsCommit(changes)
  )
}

/** Whether the changes need `commit`. They need it if there is more than rows, a value to consume and slides. */
function needsCommit({ consent, needed, ...changes }: Changes): boolean {
  const { deletes, revokedGrants, sessions, notices, required, logins } = changes
  const more = [deletes, revokedGrants, sessions, notices, required, needed.identities, logins]
  return consent !== undefined || more.some(({ length }) => length > 0)
}

interface Dependencies {
  readonly database: Pick<Database, 'readQuery' | 'commitQuery'>
  /** How many grants of a user for one client live at once; the oldest end when there is another. */
  readonly perClient: number
}

/** The records of one database. */
export function recordStore({ database, perClient }: Dependencies): RecordStore {
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
      consumedParts: parts.map((_, index) => index + 1),
      successors: parts.map(({ consumed }) => consumed.successor),
      forgotten: parts.map(({ consumed }) => consumed.isForgotten),
      times: parts.map(({ at }) => at),
    })
    const { rows } = await database.commitQuery<{ part: number }>(filled)
    const done = new Set(rows.map(({ part }) => part))
    return parts.map((_, index) => done.has(index + 1))
  })

  async function consume(consumption: Consumption): Promise<boolean> {
    const { consumed, rows, at } = consumption
    if (areFresh(rows) && (await consumeTogether(consumption))) return true
    // The value was used already, or another request is about to use it: only a statement that waits for that one can
    // tell.
    const filled = statements.consume.with({ ...insertValues(rows), at, ...consumedValues(consumed) })
    const { rows: answer } = await database.commitQuery<{ allowed: boolean }>(filled)
    return answer[0]?.allowed ?? false
  }

  async function commit(changes: Changes): Promise<Written> {
    const filled = statements.commit.with({ ...commitValues(changes), perClient })
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
    async familyRows(grantId) {
      const { rows } = await database.readQuery<StoredFamilyRow>(statements.familyRows.with({ keys: [grantId] }))
      return rows
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

/**
 * The ids of such rows are digests of fresh random values. So two inserts never write the same row, and none waits for
 * another's lock.
 */
function areFresh(rows: readonly RecordRow[]): boolean {
  return rows.every(({ model }) => freshModels.has(model))
}

function consumedValues(consumed: Consumed | undefined) {
  const { model, id = null, successor = null, isForgotten = false } = consumed ?? {}
  return { consumedModel: model === undefined ? null : durableModels[model], consumedId: id, successor, isForgotten }
}

function commitValues({ rows, at, consumed, deletes, revokedGrants, sessions, ...others }: Changes) {
  const { slides, notices, required, needed, consent, logins, requestId } = others
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
    consentUser: consent?.userId ?? null,
    consentClient: consent?.clientId ?? null,
    consentKeys: consent?.keys ?? [],
    loginGrants: logins.map(({ grantId }) => grantId),
    loginUsers: logins.map(({ userId }) => userId),
    loginClients: logins.map(({ clientId }) => clientId),
    loginKeys: logins.map(({ key }) => key ?? null),
    requestId: requestId ?? null,
  }
}

const mostRetries = 2

/**
 * When two statements wait for each other, PostgreSQL undoes all of one of them. That one is tried again, up to twice:
 * it may take its first row before the other statement has woken up, and then the two meet once more.
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
