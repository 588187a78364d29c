/** Parameters: user id. */
export const findPasswordHash = {
  name: 'passwords_find',
  text: 'select hash from passwords where user_id = $1',
}

/**
 * Parameters: user id, hash, time, and when the proof of whoever chose it began. No row when that was ended since. Locks the
 * user, so that a deletion at the same moment leaves no password behind.
 */
export const storePasswordHash = {
  name: 'passwords_store',
  text: `
    with owner as (
      select id from users
      where id = $1 and status <> 'deleted' and (proofs_ended_at is null or proofs_ended_at <= $4)
      for no key update
    )
    insert into passwords (user_id, hash, updated_at) select id, $2, $3::timestamptz from owner
    on conflict (user_id) do update set hash = excluded.hash, updated_at = excluded.updated_at
    where passwords.updated_at <= $4`,
}

/** Parameters: user id, the hash that was verified, its replacement, time. No row when another change was faster. */
export const changePasswordHash = {
  name: 'passwords_change',
  text: 'update passwords set hash = $3, updated_at = $4::timestamptz where user_id = $1 and hash = $2',
}

/** Parameters: user id, the hash that was verified, the same password at today's cost. */
export const strengthenPasswordHash = {
  name: 'passwords_strengthen',
  text: 'update passwords set hash = $3 where user_id = $1 and hash = $2',
}
