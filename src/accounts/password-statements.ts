import { param, sql, statement } from '../store/statement.ts'

const userId = param.text('userId')
/** The hash that was verified. */
const verified = param.text('verified')
/** The hash that takes its place. */
const hash = param.text('hash')

/** The hash of a user's password. */
export const findPasswordHash = statement('passwords_find', sql`select hash from passwords where user_id = ${userId}`)

const begunAt = param.time('begunAt')
const at = param.time('at')

/**
 * Keeps the password somebody chose whose proof began at `begunAt`, and tells whether it is the account's first. No row
 * when that was ended since. Locks the user, so that a deletion at the same moment leaves no password behind.
 */
export const storePasswordHash = statement(
  'passwords_store',
  sql`
    with owner as (
      select id from users
      where id = ${userId} and status <> 'deleted' and (proofs_ended_at is null or proofs_ended_at <= ${begunAt})
      for no key update
    )
    insert into passwords (user_id, hash, updated_at) select id, ${hash}, ${at} from owner
    on conflict (user_id) do update set hash = excluded.hash, updated_at = excluded.updated_at
    where passwords.updated_at <= ${begunAt}
    returning xmax = 0 as is_first`,
)

/** No row when another change was faster. */
export const changePasswordHash = statement(
  'passwords_change',
  sql`update passwords set hash = ${hash}, updated_at = ${at} where user_id = ${userId} and hash = ${verified}`,
)

/** Keeps the same password, hashed at today's cost. */
export const strengthenPasswordHash = statement(
  'passwords_strengthen',
  sql`update passwords set hash = ${hash} where user_id = ${userId} and hash = ${verified}`,
)
