import { type Refused, singleFields } from './web-vendor.ts'

/** A client registered at the simulated provider. */
export interface OidcClient {
  readonly clientId: string
  readonly secret: string
  readonly authMethod: 'client_secret_basic' | 'client_secret_post'
  readonly redirectUris: readonly string[]
}

/** What a client asks for. */
export interface OidcAsk {
  readonly client: OidcClient
  readonly redirectUri: string
  readonly state: string
  readonly nonce: string
  readonly scopes: readonly string[]
  readonly challenge: string
}

/** A request that is wrong, but from a client whose address can be trusted with the answer. */
export interface OidcWrong {
  readonly redirectUri: string
  readonly state: string | undefined
  readonly error: string
  readonly error_description: string
}

/** The scopes that the simulated provider knows. */
export const oidcScopes: readonly string[] = ['openid', 'profile', 'email']

/** Judges the query of an authorization request. */
export function readOidcAsk(query: string, clients: readonly OidcClient[]): OidcAsk | OidcWrong | Refused {
  const fields = singleFields(query)
  if (fields === undefined) return { status: 400, code: 'invalid_request', reason: 'a parameter comes twice' }
  const client = clients.find(({ clientId }) => clientId === fields.get('client_id'))
  if (client === undefined) return { status: 400, code: 'invalid_client', reason: 'client_id is unknown' }
  const redirectUri = fields.get('redirect_uri') ?? ''
  if (!client.redirectUris.includes(redirectUri)) {
    return { status: 400, code: 'invalid_request', reason: 'redirect_uri is not registered' }
  }

  const state = fields.get('state')
  const wrong = (error: string, error_description: string) => ({ redirectUri, state, error, error_description })
  if (fields.get('response_type') !== 'code') return wrong('unsupported_response_type', 'response_type must be code')
  if ((fields.get('response_mode') ?? 'query') !== 'query')
    return wrong('invalid_request', 'response_mode must be query')
  const scopes = (fields.get('scope') ?? '').split(' ').filter((scope) => oidcScopes.includes(scope))
  if (!scopes.includes('openid')) return wrong('invalid_scope', 'scope must contain openid')
  if (state === undefined) return wrong('invalid_request', 'state is missing')
  const nonce = fields.get('nonce')
  if (nonce === undefined) return wrong('invalid_request', 'nonce is missing')
  const challenge = fields.get('code_challenge') ?? ''
  if (fields.get('code_challenge_method') !== 'S256' || !/^[\w-]{43}$/.test(challenge)) {
    return wrong('invalid_request', 'a code_challenge of method S256 is required')
  }
  if (fields.get('prompt') === 'none') return wrong('login_required', 'nobody is logged in')
  return { client, redirectUri, state, nonce, scopes, challenge }
}
