import type { Knex } from 'knex'
import type { IdentityId, MergeId, UserId } from '../base/ids.ts'

/** An identity of the account that went, and what it is at the one that stays. */
export interface MovedIdentity {
  readonly was: IdentityId
  readonly nowAs: IdentityId
  /** Whether it became part of an identity that was there. */
  readonly isJoined: boolean
}

/** Rows as they were, in the words of their tables: whatever columns these get, all of it comes back. */
export interface KeptRows {
  readonly users: readonly KeptUser[]
  readonly passwords: readonly KeptRow[]
  readonly pictures: readonly KeptRow[]
  readonly consents: readonly KeptRow[]
  readonly identities: readonly (KeptRow & { readonly id: IdentityId; readonly provider: string })[]
  readonly subjects: readonly {
    readonly provider: string
    readonly subject: string
    readonly identity_id: IdentityId
  }[]
}

interface KeptRow {
  readonly user_id: UserId
}

/** Who somebody was to others. */
export interface KeptUser {
  readonly id: UserId
  readonly nickname: string | null
  readonly nickname_chosen: boolean
  readonly picture: string | null
  readonly picture_chosen: boolean
  readonly picture_copy: string | null
  readonly picture_from: string | null
  readonly picture_due_at: string | null
  readonly picture_tries: number
  /** Absent in what was kept before it was. */
  readonly muted_messages?: readonly string[]
}

/** Everything that taking two accounts apart needs. */
export interface Kept {
  readonly before: KeptRows
  /** How the account that stays was right afterwards: what has changed since is not taken back. */
  readonly after: Pick<KeptRows, 'users' | 'passwords' | 'consents'>
  readonly moved: readonly MovedIdentity[]
  /** Accounts that had become part of the one that went. */
  readonly flattened: readonly UserId[]
}

const list = (rows: string) => `coalesce((select jsonb_agg(to_jsonb(kept)) from (${rows}) kept), '[]')`

const profiles = (whose: string) =>
  list(`select id, nickname, nickname_chosen, picture, picture_chosen, picture_copy, picture_from, picture_due_at,
    picture_tries, muted_messages from users where id ${whose}`)
const rowsOf = (table: string, whose: string) => list(`select * from ${table} where user_id ${whose}`)

/** What an upstream gave us to keep stays with the identity, or is given back: none of it is kept twice. */
const wanted = `(select * from identities where user_id = :from or id = any(:leftOut))`
const beforeText = `
  select jsonb_build_object(
    'users', ${profiles('in (:into, :from)')},
    'passwords', ${rowsOf('passwords', 'in (:into, :from)')},
    'pictures', ${rowsOf('pictures', 'in (:into, :from)')},
    'consents', ${rowsOf('consents', 'in (:into, :from)')},
    'identities', coalesce((select jsonb_agg(to_jsonb(kept) - 'upstream_credential') from ${wanted} kept), '[]'),
    'subjects', ${list(`select s.* from identity_subjects s join ${wanted} i on i.id = s.identity_id order by s.position`)}
  ) as before`

const afterText = `
  jsonb_build_object('users', ${profiles('= :into')}, 'passwords', ${rowsOf('passwords', '= :into')},
    'consents', ${rowsOf('consents', '= :into')})`

interface Whole {
  readonly id: MergeId
  readonly at: Date
  readonly undoUntil: Date
  readonly moved: readonly MovedIdentity[]
  readonly flattened: readonly UserId[]
}

/** Notes both accounts as they are, and answers what keeps that once they are one. */
export async function takeKept(
  transaction: Knex.Transaction,
  ends: { readonly into: UserId; readonly from: UserId; readonly leftOut: readonly IdentityId[] },
): Promise<{ store(whole: Whole): Promise<void> }> {
  const { rows } = await transaction.raw<{ rows: readonly { before: KeptRows }[] }>(beforeText, { ...ends })
  const { into, from } = ends
  return {
    async store({ id, at, undoUntil, moved, flattened }) {
      const kept = JSON.stringify({ before: rows[0]?.before, moved, flattened })
      await transaction.raw(storeText, { id, into, from, at, undoUntil, kept })
    },
  }
}

const storeText = `
  insert into merges (id, into_user, from_user, merged_at, undo_until, kept)
  values (:id, :into, :from, :at, :undoUntil, cast(:kept as jsonb) || jsonb_build_object('after', ${afterText}))`
