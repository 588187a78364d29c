import type { Knex } from 'knex'
import { newId, type UserId } from '../base/ids.ts'
import { displayable } from './profile.ts'

/** One way in of an account that an operator makes. */
export interface GivenIdentity {
  readonly provider: string
  readonly subjects: readonly string[]
}

/** An account that an operator makes. */
export interface NewAccount {
  readonly identities: readonly GivenIdentity[]
  readonly nickname?: string | undefined
  readonly passwordHash?: string | undefined
  /**
   * Whether the operator knows that the identities are this person's. Others, but for user names, let nobody in until
   * they were proved.
   */
  readonly isProved: boolean
  readonly at: Date
}

/** Makes an account, in a transaction. Throws a unique violation where somebody has one of the subjects. */
export async function createAccount(
  transaction: Knex.Transaction,
  { identities, nickname, passwordHash, isProved, at }: NewAccount,
): Promise<UserId> {
  const userId = newId('usr')
  const profile = displayable({ ...(nickname === undefined ? {} : { nickname }) })
  const times = { created_at: at, updated_at: at }
  const named = profile.nickname === undefined ? {} : { nickname: profile.nickname, nickname_chosen: true }
  await transaction('users').insert({ id: userId, status: 'active', ...named, ...times })
  const rows = identities.map((each) => ({ ...each, id: newId('idn') }))
  const used = { created_at: at, created_ip: '', last_used_at: at, last_used_ip: '' }
  // A user name is proved by the password alone.
  const verifiedAt = (provider: string) => (isProved || provider === 'username' ? at : null)
  await transaction('identities').insert(
    rows.map(({ id, provider }) => ({ id, user_id: userId, provider, verified_at: verifiedAt(provider), ...used })),
  )
  // In the order of the subjects, so that two of them cannot wait for each other.
  const subjects = rows
    .flatMap(({ id, provider, subjects: given }) =>
      given.map((subject, position) => ({ provider, subject, identity_id: id, position, created_at: at })),
    )
    .toSorted((a, b) => (`${a.provider} ${a.subject}` < `${b.provider} ${b.subject}` ? -1 : 1))
  await transaction('identity_subjects').insert(subjects)
  if (passwordHash !== undefined)
    await transaction('passwords').insert({ user_id: userId, hash: passwordHash, updated_at: at })
  return userId
}
