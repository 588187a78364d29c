import { accountJson } from './account-json.ts'

/** Claimed subjects with their places. Inserts go in the order of the subjects, so that two of them cannot wait for each other. */
const given = (parameter: string) =>
  `select subject, (place - 1)::smallint as position from unnest(${parameter}::text[]) with ordinality as claimed (subject, place)`

/** Parameter: user id. */
export const findAccount = {
  name: 'accounts_find',
  text: `select ${accountJson('$1')} as account`,
}

/** The users some subjects belong to. Parameters: provider, subjects. */
export const findOwners = {
  name: 'accounts_find_owners',
  text: `
    select distinct i.user_id
    from identity_subjects s join identities i on i.id = s.identity_id
    where s.provider = $1 and s.subject = any($2::text[])`,
}

/** Parameters: provider, subjects, time, IP. Writes only when all subjects that are known lead to one user. */
export const useIdentity = {
  name: 'accounts_use_identity',
  text: `
    with given as (${given('$2')}),
    found as (
      select given.subject, given.position, i.id as identity_id, i.user_id
      from given
      join identity_subjects s on s.provider = $1 and s.subject = given.subject
      join identities i on i.id = s.identity_id
    ),
    owner as (
      select identity_id, user_id from found
      where (select count(distinct user_id) from found) = 1
      order by position limit 1
    ),
    used as (
      update identities
      set last_used_at = $3::timestamptz, last_used_ip = $4, verified_at = coalesce(verified_at, $3::timestamptz)
      from owner where identities.id = owner.identity_id
      returning identities.id
    ),
    attached as (
      insert into identity_subjects (provider, subject, identity_id, position, created_at)
      select $1, given.subject, owner.identity_id, given.position, $3::timestamptz
      from given, owner
      where given.subject not in (select subject from found)
      order by given.subject
      returning subject
    )
    select
      array(select user_id from found group by user_id order by min(position)) as users,
      (select identity_id from owner) as identity_id,
      (select id from used) as used_id,
      (select count(*) from attached) as attached,
      ${accountJson('(select user_id from owner)')} as account`,
}

/**
 * Parameters: user id, nickname, picture, time, ids and providers of the identities, IP, their subjects (identity, subject,
 * position), password hash or null.
 */
export const createUser = {
  name: 'accounts_create_user',
  text: `
    with created_user as (
      insert into users (id, nickname, picture, status, created_at, updated_at)
      values ($1, $2, $3, 'active', $4::timestamptz, $4::timestamptz)
      returning id
    ),
    created_identities as (
      insert into identities
        (id, user_id, provider, verified_at, created_at, created_ip, last_used_at, last_used_ip)
      select given.id, created_user.id, given.provider, $4::timestamptz, $4::timestamptz, $7, $4::timestamptz, $7
      from created_user, unnest($5::text[], $6::text[]) as given (id, provider)
      returning id, provider
    ),
    recorded as (
      insert into identity_subjects (provider, subject, identity_id, position, created_at)
      select created_identities.provider, given.subject, given.id, given.position, $4::timestamptz
      from unnest($8::text[], $9::text[], $10::smallint[]) as given (id, subject, position)
      join created_identities on created_identities.id = given.id
      order by created_identities.provider, given.subject
    )
    insert into passwords (user_id, hash, updated_at)
    select id, $11, $4::timestamptz from created_user where $11::text is not null`,
}

/**
 * SQL of when proofs of a user end whose status an operator changes: by the clock of the database, because theirs may be anything. One
 * that is ahead would keep the user out for as long after, and one that is behind would bring back what was ended.
 */
export const proofsEndNow = 'greatest(proofs_ended_at, now())'

/** Parameter: user id. */
export const lastUses = {
  name: 'accounts_last_uses',
  text: 'select id, last_used_ip from identities where user_id = $1',
}

/** For knex. Held to the end of the transaction: whatever adds or removes ways to log in takes it first. */
export const lockUser = `select id from users where id = :userId and status <> 'deleted' for no key update`
