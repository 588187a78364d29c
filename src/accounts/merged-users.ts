import { isId, type MergeId, type UserId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'
import { param, sql, statement } from '../store/statement.ts'

const userId = param.text('userId')

const findSurvivor = statement('merged_users_survivor', sql`select merged_into from users where id = ${userId}`)
const findFormer = statement(
  'merged_users_former',
  sql`select id from users where merged_into = ${userId} order by updated_at, id`,
)
const findUndoable = statement(
  'merged_users_undoable',
  sql`
    select id, from_user, merged_at, undo_until from merges
    where into_user = ${userId} and kept is not null and undo_until >= ${param.time('at')} order by merged_at desc`,
)

/** Reads on the hot path. */
type Reader = Pick<Database, 'readQuery'>

/**
 * The account that an id stands for: itself, or for good the one that it has become part of. An id that nobody has
 * stands for itself.
 */
export async function survivorOf(database: Reader, id: UserId): Promise<UserId> {
  const { rows } = await database.readQuery<{ merged_into: UserId | null }>(findSurvivor.with({ userId: id }))
  return rows[0]?.merged_into ?? id
}

/** The same for a `sub` that somebody sent; what is no id stays as it is. */
export async function currentSubject(database: Reader, sub: string): Promise<string> {
  return isId('usr', sub) ? survivorOf(database, sub) : sub
}

/** The ids that stand for an account beside its own: of the accounts that became part of it. */
export async function formerIdsOf(database: Reader, id: UserId): Promise<readonly UserId[]> {
  const { rows } = await database.readQuery<{ id: UserId }>(findFormer.with({ userId: id }))
  return rows.map((row) => row.id)
}

/** A merge that its owner may still take back. */
export interface UndoableMerge {
  readonly id: MergeId
  readonly from: UserId
  readonly mergedAt: Date
  readonly undoUntil: Date
}

/** The merges into an account that may still be taken back, the newest first. */
export async function undoableMerges(database: Reader, id: UserId, at: Date): Promise<readonly UndoableMerge[]> {
  const { rows } = await database.readQuery<{
    id: MergeId
    from_user: UserId
    merged_at: Date
    undo_until: Date
  }>(findUndoable.with({ userId: id, at }))
  return rows.map((row) => ({
    id: row.id,
    from: row.from_user,
    mergedAt: row.merged_at,
    undoUntil: row.undo_until,
  }))
}
