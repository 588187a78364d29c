import { param, sql, statement } from '../store/statement.ts'
import { accountJson } from './account-json.ts'
import { useInvite } from './invites.ts'
import { isMereClaim } from './mere-claims.ts'
import { mostTries } from './picture-copies.ts'

const userId = param.text('userId')
const provider = param.text('provider')
const subjects = param.texts('subjects')
const ip = param.text('ip')
const at = param.time('at')
/** The language of whoever uses an identity; null leaves the one before. */
const locale = param.textOrNull('locale')

/**
 * Claimed subjects with their places. Inserts go in the order of the subjects, so that two of them cannot wait for each
 * other.
 */
const given = sql`select subject, (place - 1)::smallint as position
      from unnest(${subjects}) with ordinality as claimed (subject, place)`

/** A whole account. */
export const findAccount = statement(
  'accounts_find',
  sql`select ${accountJson('wanted.id')} as account from (select ${userId} as id) as wanted`,
)

/** The users that subjects of a provider lead to. */
export const findOwners = statement(
  'accounts_find_owners',
  sql`
    select distinct i.user_id
    from identity_subjects s join identities i on i.id = s.identity_id
    where s.provider = ${provider} and s.subject = any(${subjects}) and not ${isMereClaim('i')}`,
)

const nickname = param.textOrNull('nickname')
const picture = param.textOrNull('picture')
/** From when a new picture is to be copied; null: never. */
const copyAt = param.timeOrNull('copyAt')

// The person may choose between the look at the row and the change of it, so the row as it is then is asked again.
const replaces = sql`told.replaces and not users.picture_chosen`
const misses = sql`told.misses and not users.picture_chosen`

/**
 * Queries after `owner`, of which `followed` writes only what changes: a name where there is none and the person has
 * not chosen that; a picture, unless the person has chosen, where there is none, or where this identity told the one
 * that is there, or where nobody does any more.
 */
const following = sql`
    told as (
      select owner.identity_id, u.id as user_id,
        ${nickname} is not null and u.nickname is null and not u.nickname_chosen as fills,
        ${picture} is not null and not u.picture_chosen and u.picture is distinct from ${picture}
          and (u.picture is null or not exists (
            select from identities other where other.user_id = u.id and other.id <> owner.identity_id
              and other.id = coalesce(u.picture_from, (
                select first.id from identities first where first.user_id = u.id and first.created_at = u.created_at
                  and first.provider not in ('phone', 'email', 'username') limit 1))
          )) as replaces,
        ${copyAt} is not null and u.picture = ${picture} and u.picture_copy is null and u.picture_due_at is null
          and u.picture_tries < ${mostTries} as misses
      from owner join users u on u.id = owner.user_id and u.status <> 'deleted'
    ),
    followed as (
      update users
      set nickname = coalesce(users.nickname, case when not users.nickname_chosen then ${nickname} end),
        picture = case when ${replaces} then ${picture} else users.picture end,
        picture_from = case when ${replaces} then told.identity_id else users.picture_from end,
        picture_copy = case when ${replaces} and ${copyAt} is null then null else users.picture_copy end,
        picture_due_at = case when ${replaces} or ${misses} then ${copyAt} else users.picture_due_at end,
        picture_tries = case when ${replaces} then 0 else users.picture_tries end,
        updated_at = ${at}
      from told where users.id = told.user_id and (told.fills or told.replaces or told.misses)
      returning users.id
    )`

/**
 * SQL of when an identity was proved for the last time, for a row `i`; null: never. What an older version of this
 * program has stored counts from its first proof.
 */
export const lastProof = `coalesce(i.proved_at, i.verified_at)`

/**
 * Writes only when all subjects that are known lead to one user, and nothing for an identity that was proved before
 * `provedSince` for the last time: then there is a user without an `identity_id`. SECURITY: with the first
 * proof of a number or address the password goes that came with it from elsewhere: whoever chose it has never shown
 * that the number is theirs.
 */
export const useIdentity = statement(
  'accounts_use_identity',
  sql`
    with given as (${given}),
    found as (
      select given.subject, given.position, i.id as identity_id, i.user_id,
        coalesce(${lastProof} < ${param.timeOrNull('provedSince')}, false) as is_stale,
        i.verified_at is null as is_first_proof
      from given
      join identity_subjects s on s.provider = ${provider} and s.subject = given.subject
      join identities i on i.id = s.identity_id
      where not ${isMereClaim('i')}
    ),
    owner as (
      select identity_id, user_id, is_first_proof from found
      where (select count(distinct user_id) from found) = 1 and not is_stale
      order by position limit 1
    ),
    used as (
      update identities
      set last_used_at = ${at}, last_used_ip = ${ip}, last_used_locale = coalesce(${locale}, last_used_locale),
        verified_at = coalesce(verified_at, ${at}), proved_at = coalesce(${param.timeOrNull('provedAt')}, proved_at)
      from owner where identities.id = owner.identity_id
      returning identities.id
    ),
    disowned as (
      delete from passwords using owner
      where passwords.user_id = owner.user_id and owner.is_first_proof and ${provider} in ('phone', 'email')
    ),
    attached as (
      insert into identity_subjects (provider, subject, identity_id, position, created_at)
      select ${provider}, given.subject, owner.identity_id, given.position, ${at}
      from given, owner
      where given.subject not in (select subject from found)
      order by given.subject
      returning subject
    ),${following}
    select
      array(select user_id from found group by user_id order by min(position)) as users,
      (select identity_id from owner) as identity_id,
      (select id from used) as used_id,
      (select count(*) from attached) + (select count(*) from followed) as changes,
      ${accountJson('(select user_id from owner)')} as account`,
)

/** When an identity was proved for the last time. */
export const findLastProof = statement(
  'accounts_find_last_proof',
  sql`
    select ${lastProof} as at from identity_subjects s join identities i on i.id = s.identity_id
    where s.provider = ${provider} and s.subject = any(${subjects})`,
)

const passwordHash = param.textOrNull('passwordHash')

/**
 * The user with identities, the subjects that lead to each, and a password unless that is null. Answers whether there
 * is a user now: where an invitation is given that is good no more, there is none.
 */
export const createUser = statement(
  'accounts_create_user',
  sql`
    with${useInvite},
    created_user as (
      insert into users (id, nickname, picture, picture_from, picture_due_at, status, created_at, updated_at)
      select ${userId}, ${nickname}, ${picture}, ${param.textOrNull('pictureFrom')},
        case when ${picture} is not null then ${copyAt} end, 'active', ${at}, ${at}
      where ${param.textOrNull('invite')} is null or exists (select from invited)
      returning id
    ),
    created_identities as (
      insert into identities
        (id, user_id, provider, verified_at, proved_at, created_at, created_ip, last_used_at, last_used_ip,
          last_used_locale)
      select given.id, created_user.id, given.provider, ${at}, ${at}, ${at}, ${ip}, ${at}, ${ip}, ${locale}
      from created_user, unnest(${param.texts('identityIds')}, ${param.texts('providers')}) as given (id, provider)
      returning id, provider
    ),
    recorded as (
      insert into identity_subjects (provider, subject, identity_id, position, created_at)
      select created_identities.provider, given.subject, given.id, given.position, ${at}
      from unnest(${param.texts('subjectIdentityIds')}, ${subjects}, ${param.smallints('positions')})
        as given (id, subject, position)
      join created_identities on created_identities.id = given.id
      order by created_identities.provider, given.subject
    ),
    protected as (
      insert into passwords (user_id, hash, updated_at)
      select id, ${passwordHash}, ${at} from created_user where ${passwordHash} is not null
    )
    select id from created_user`,
)

/**
 * SQL of when proofs of a user end whose status an operator changes: by the clock of the database, because theirs may
 * be anything. One that is ahead would keep the user out for as long after, and one that is behind would bring back
 * what was ended.
 */
export const proofsEndNow = 'greatest(proofs_ended_at, now())'

/** Where each identity of a user was used last. */
export const lastUses = statement(
  'accounts_last_uses',
  sql`select id, last_used_ip from identities where user_id = ${userId}`,
)

/** For knex. Held to the end of the transaction: whatever adds or removes ways to log in takes it first. */
export const lockUser = `select id from users where id = :userId and status <> 'deleted' for no key update`
