import type { MergeChoices } from '../accounts/merge-collisions.ts'
import type { UserId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'

/** A merge that one operator has asked for. */
export interface WantedMerge {
  readonly into: UserId
  readonly from: UserId
  readonly choices: MergeChoices
  readonly evidence: string
  readonly operator: string
}

/** What became of asking. */
export type Asked =
  | { readonly kind: 'asked'; readonly until: Date }
  /** The same operator has asked before. */
  | { readonly kind: 'own'; readonly until: Date }
  /** Another operator has asked for it, and this one agrees. */
  | { readonly kind: 'confirmed'; readonly wanted: WantedMerge }

interface Row {
  readonly into_user: UserId
  readonly from_user: UserId
  readonly choices: MergeChoices
  readonly evidence: string
  readonly operator: string
  readonly expires_at: Date
}

const leave = `
  insert into merge_requests (into_user, from_user, choices, evidence, operator, created_at, expires_at)
  values (:into, :from, cast(:choices as jsonb), :evidence, :operator, now(), now() + interval '24 hours')
  on conflict (into_user, from_user) do nothing returning *`

/**
 * Asks for a merge, or confirms what another operator has asked for about the same two users: what that one chose
 * counts. SECURITY: of two who confirm at once one does, and nobody confirms their own.
 */
export async function askOrConfirm({ knex }: Pick<Database, 'knex'>, wanted: WantedMerge): Promise<Asked> {
  const { into, from, choices, evidence, operator } = wanted
  return knex.transaction(async (transaction) => {
    await transaction.raw('delete from merge_requests where expires_at <= now()')
    const values = { into, from, operator, evidence, choices: JSON.stringify(choices) }
    const { rows } = await transaction.raw<{ rows: readonly Row[] }>(
      `select * from merge_requests
       where (into_user, from_user) in ((:into, :from), (:from, :into)) order by into_user for update`,
      { into, from },
    )
    const other = rows.find((row) => row.operator !== operator)
    if (other) {
      await transaction('merge_requests').where({ into_user: other.into_user, from_user: other.from_user }).delete()
      return { kind: 'confirmed', wanted: wantedOf(other) }
    }
    const [own] = rows
    if (own) return { kind: 'own', until: own.expires_at }
    const { rows: left } = await transaction.raw<{ rows: readonly Row[] }>(leave, values)
    if (!left[0]) throw new Error('somebody else has just asked for the same: try again')
    return { kind: 'asked', until: left[0].expires_at }
  })
}

function wantedOf({ into_user: into, from_user: from, choices, evidence, operator }: Row): WantedMerge {
  return { into, from, choices, evidence, operator }
}
