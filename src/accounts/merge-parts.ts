import type { Knex } from 'knex'
import type { UserId } from '../base/ids.ts'
import { type MergeChoices, type Pair, pictureOf } from './merge-collisions.ts'
import type { MovedIdentity } from './merge-kept.ts'

interface Ends {
  readonly into: UserId
  readonly from: UserId
}

/**
 * Leaves the one password that was chosen, or that there is. Answers whether that of the account that stays had to
 * make way. It keeps the time at which it was set.
 */
export async function movePassword(
  transaction: Knex.Transaction,
  { into, from }: Pair,
  { password }: MergeChoices,
): Promise<boolean> {
  const [to, other] = [into.account.user.id, from.account.user.id]
  if (!from.hasPassword || (into.hasPassword && password !== other)) return false
  await transaction('passwords').where({ user_id: to }).delete()
  await transaction('passwords').where({ user_id: other }).update({ user_id: to })
  return into.hasPassword
}

/** A name or picture of the account that goes stays where it was chosen, or where the other has none. */
export async function moveProfile(
  transaction: Knex.Transaction,
  { pair, choices, moved, at }: ProfileMove,
): Promise<void> {
  const [into, from] = [pair.into.account.user, pair.from.account.user]
  const takes = (chosen: UserId | undefined, own: string | undefined, other: string | undefined) =>
    other !== undefined && (own === undefined || chosen === from.id)
  if (takes(choices.nickname, into.profile.nickname, from.profile.nickname)) {
    await transaction.raw(takeNickname, { into: into.id, from: from.id, at })
  }
  if (takes(choices.picture, pictureOf(into), pictureOf(from))) {
    await transaction('pictures').where({ user_id: into.id }).delete()
    await transaction('pictures').where({ user_id: from.id }).update({ user_id: into.id })
    const ids = { was: moved.map((each) => each.was), nowAs: moved.map((each) => each.nowAs) }
    await transaction.raw(takePicture, { into: into.id, from: from.id, at, ...ids })
  }
}

interface ProfileMove {
  readonly pair: Pair
  readonly choices: MergeChoices
  readonly moved: readonly MovedIdentity[]
  readonly at: Date
}

const takeNickname = `
  update users set nickname = other.nickname, nickname_chosen = other.nickname_chosen, updated_at = :at
  from users other where users.id = :into and other.id = :from`

const takePicture = `
  update users set picture = other.picture, picture_chosen = other.picture_chosen, picture_copy = other.picture_copy, picture_due_at = other.picture_due_at,
    picture_tries = other.picture_tries, updated_at = :at,
    picture_from = (select now_as from unnest(cast(:was as text[]), cast(:nowAs as text[])) as moved (was, now_as)
      where moved.was = other.picture_from)
  from users other where users.id = :into and other.id = :from`

/**
 * Decisions about apps of others come together: where both have decided about the same thing, the later one counts.
 * Answers the clients that lose something by it.
 */
export async function moveConsents(transaction: Knex.Transaction, ends: Ends): Promise<readonly string[]> {
  const { rows } = await transaction.raw<{ rows: readonly { client_id: string }[] }>(narrowedClients, { ...ends })
  await transaction.raw(joinConsents, { ...ends })
  return rows.map(({ client_id: clientId }) => clientId)
}

const narrowedClients = `
  select own.client_id from consents own
  join consents other on other.client_id = own.client_id and other.user_id = :from and other.updated_at > own.updated_at
  where own.user_id = :into and exists (
    select from jsonb_each(own.decisions) decided
    where decided.value = 'true' and other.decisions -> decided.key = 'false')`

const joinConsents = `
  insert into consents as own (user_id, client_id, decisions, created_at, updated_at, used_at)
  select :into, client_id, decisions, created_at, updated_at, used_at from consents where user_id = :from
  on conflict (user_id, client_id) do update set
    decisions = case when excluded.updated_at > own.updated_at then own.decisions || excluded.decisions
      else excluded.decisions || own.decisions end,
    created_at = least(own.created_at, excluded.created_at),
    updated_at = greatest(own.updated_at, excluded.updated_at),
    used_at = greatest(own.used_at, excluded.used_at)`
