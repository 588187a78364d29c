import { authorizationsSql, payloadSql, withoutAuthorizationSql } from '../library/payload.ts'
import { durableModels } from '../library/stored-models.ts'

const { Session } = durableModels

/**
 * Tells one client, which loses what it has got of a user, of every session that it was signed in through, and
 * of the person where there is none: what it holds may have outlived them. `held` is a query, see `heldGrantsText`.
 */
export const toldClientText = `
  select client.client_id, :userId, held.sid, :at, :at
  from clients client left join held on held.client_id = client.client_id
  where client.client_id = :clientId and client.metadata ->> 'backchannel_logout_uri' is not null
    and (held.sid is not null or client.metadata ->> 'backchannel_logout_session_required' is distinct from 'true')`

/** Has the sessions of a user go on without what they hold of a client. */
export const partText = `
  update oidc_records r set payload = cast(${withoutAuthorizationSql(payloadSql('r'), ':clientId')} as text)
  where r.model = ${Session} and r.user_id = :userId
    and jsonb_exists(${authorizationsSql(payloadSql('r'))}, :clientId)`
