import type { IdentityId, UserId } from '../base/ids.ts'
import type { Account, UserStatus } from './user.ts'

interface AccountRow {
  readonly id: UserId
  readonly status: UserStatus
  readonly nickname: string | null
  readonly picture: string | null
  readonly picture_copy: string | null
  readonly created_at: string
  readonly updated_at: string
  readonly signed_out_at: string | null
  readonly proofs_ended_at: string | null
  readonly identities: readonly IdentityRow[]
}

interface IdentityRow {
  readonly id: IdentityId
  readonly provider: string
  readonly subjects: readonly string[]
  readonly verified_at: string | null
  readonly created_at: string
  readonly last_used_at: string
}

/**
 * SQL of a scalar subquery that yields a whole account as JSON text, null when there is no such user, so that a query
 * about something else can carry the account along. SECURITY: the argument is SQL (a column or a placeholder), never a
 * value.
 */
export function accountJson(userIdExpression: string): string {
  return `(
    select json_build_object(
      'id', account_user.id, 'status', account_user.status, 'nickname', account_user.nickname,
      'picture', account_user.picture, 'picture_copy', account_user.picture_copy,
      'created_at', account_user.created_at,
      'updated_at', account_user.updated_at, 'signed_out_at', account_user.signed_out_at,
      'proofs_ended_at', greatest(account_user.proofs_ended_at,
        (select updated_at from passwords where passwords.user_id = account_user.id)),
      'identities', coalesce((
        select json_agg(json_build_object(
          'id', account_identity.id, 'provider', account_identity.provider,
          'subjects', (
            select json_agg(account_subject.subject
              order by account_subject.position, account_subject.created_at desc, account_subject.subject)
            from identity_subjects account_subject where account_subject.identity_id = account_identity.id
          ),
          'verified_at', account_identity.verified_at, 'created_at', account_identity.created_at,
          'last_used_at', account_identity.last_used_at
        ) order by account_identity.created_at, account_identity.id)
        from identities account_identity where account_identity.user_id = account_user.id
      ), '[]')
    )::text
    from users account_user where account_user.id = ${userIdExpression}
  )`
}

/** The account in what `accountJson` yields. */
export function accountFromJson(text: string): Account {
  const row: AccountRow = JSON.parse(text)
  return {
    user: {
      id: row.id,
      status: row.status,
      profile: {
        ...(row.nickname !== null && { nickname: row.nickname }),
        ...(row.picture !== null && { picture: row.picture }),
      },
      ...(row.picture_copy !== null && { pictureCopy: row.picture_copy }),
      createdAt: new Date(row.created_at),
      updatedAt: new Date(row.updated_at),
      ...(row.signed_out_at !== null && { signedOutAt: new Date(row.signed_out_at) }),
      ...(row.proofs_ended_at !== null && { proofsEndedAt: new Date(row.proofs_ended_at) }),
    },
    identities: row.identities.map((identity) => ({
      id: identity.id,
      provider: identity.provider,
      subjects: identity.subjects,
      verifiedAt: identity.verified_at === null ? undefined : new Date(identity.verified_at),
      createdAt: new Date(identity.created_at),
      lastUsedAt: new Date(identity.last_used_at),
    })),
  }
}
