import { authorizationsSql, memberNumberSql, memberSql, payloadSql } from '../library/payload.ts'
import { durableModels } from '../library/stored-models.ts'

const { Session } = durableModels

/**
 * What is remembered of a session or grant in the audit, as SQL of a JSON object. SECURITY: `key` is the digest of a
 * cookie that opens nothing any more; it lets its holder, and nobody else, be told why.
 */
export function endedDetail(row: string): string {
  return `jsonb_strip_nulls(case ${row}.model
    when ${Session} then jsonb_build_object('session', ${row}.uid, 'key', ${row}.id,
      'login_at', ${memberSql(payloadSql(row), 'loginTs')},
      'clients', (select jsonb_agg(client) from jsonb_object_keys(${authorizationsSql(payloadSql(row))}) client))
    else jsonb_build_object('grant', coalesce(${row}.grant_id, ${row}.id),
      'login_at', ${livesSinceText(row)}) end
    || ${signInDetail(row)})`
}

/**
 * `livesSince` in seconds, as SQL. A server that runs the earlier version writes rows without it during an upgrade:
 * they count from when they were made, until a refresh replaces them.
 */
function livesSinceText(row: string): string {
  const made = `to_timestamp(${memberNumberSql(payloadSql(row), 'iat')})`
  return `cast(extract(epoch from coalesce(${row}.since, ${made})) as bigint)`
}

/** The part of it that says where somebody had signed in, and how. */
export function signInDetail(row: string): string {
  const about = `cast(${row}.about as jsonb)`
  return `jsonb_strip_nulls(jsonb_build_object('device', ${about} -> 'device', 'method', ${about} -> 'method'))`
}
