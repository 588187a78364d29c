import { param, sql } from '../../store/statement.ts'
import { memberTextSql, payloadSql } from '../library/payload.ts'
import { durableModels } from '../library/stored-models.ts'
import { endedDetail } from './ended-detail.ts'
import { lastTokensText } from './last-tokens.ts'

const { Grant, RefreshToken, AccessToken } = durableModels

/** Seconds since the epoch. */
const at = param.float('at')

/**
 * Queries that end what new grants take the place of, each with its reason in the audit, in the statement that inserts
 * them: the grant of the same client and user on the same device, and the oldest ones where there are more than
 * `perClient`. `condition` is SQL; nothing ends where it is false. The function locks the grants of the user and client
 * against another login at the same moment.
 */
export function olderGrants(condition: string) {
  const lastTokens = lastTokensText('older', [RefreshToken, AccessToken])
  const given = sql`unnest(${param.textList('loginGrants')}, ${param.texts('loginUsers')},
      ${param.texts('loginClients')}, ${param.textsOrNull('loginKeys')}) as login(grant_id, user_id, client_id, key)`
  return sql`older as (
      select r.*, login.key from ${given}
      cross join lateral end_older_grants(login.grant_id, login.user_id, login.client_id, login.key,
        ${param.int('perClient')}, to_timestamp(${at})) r
      where ${condition}
    ), replaced as (
      insert into audit_events (at, event, user_id, client_id, request_id, detail)
      select to_timestamp(${at}), 'grant.revoked', user_id, ${memberTextSql(payloadSql('older'), 'clientId')},
        ${param.textOrNull('requestId')}, jsonb_strip_nulls(jsonb_build_object('tokens', last.tokens, 'reason',
          case when cast(about as jsonb) ->> 'key' = key then 'replaced' else 'outnumbered' end)) || ${endedDetail('older')}
      from older left join (${lastTokens}) last on last.grant_id = older.id
      where model = ${Grant}
    )`
}
