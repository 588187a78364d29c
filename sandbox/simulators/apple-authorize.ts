import { type Refused, singleFields } from './web-vendor.ts'

/** A team at Apple and the key of its secrets. */
export interface AppleTeam {
  readonly teamId: string
  readonly keyId: string
  /** It names the key with which the team signs its client secrets. */
  readonly publicKeyPem: string
  readonly clients: readonly AppleClient[]
}

/** An app or service of a team. */
export interface AppleClient {
  /** A Services ID on the web, a bundle id in an app. */
  readonly clientId: string
  readonly kind: 'web' | 'native'
  readonly redirectUris: readonly string[]
}

/** What an application asks for. */
export interface AppleAsk {
  readonly team: AppleTeam
  readonly client: AppleClient
  /** It is absent in an app. */
  readonly redirectUri: string | undefined
  readonly state: string | undefined
  readonly nonce: string | undefined
  readonly scopes: readonly string[]
  readonly wantsIdToken: boolean
  readonly mode: 'form_post' | 'query'
}

interface Known {
  readonly teams: readonly AppleTeam[]
  readonly allowLoopback: boolean
}

/** The team a client belongs to, and the client. */
export function findClient(
  teams: readonly AppleTeam[],
  clientId: string | undefined,
): { readonly team: AppleTeam; readonly client: AppleClient } | undefined {
  for (const team of teams) {
    const client = team.clients.find((each) => each.clientId === clientId)
    if (client !== undefined) return { team, client }
  }
  return undefined
}

/** Judges the query of an authorization request. If anything is wrong with it, Apple answers on a page of its own. */
export function readAppleAsk(query: string, { teams, allowLoopback }: Known): AppleAsk | Refused {
  const fields = singleFields(query)
  if (fields === undefined) return refused('invalid_request', 'a parameter comes twice')
  const found = findClient(teams, fields.get('client_id'))
  if (found?.client.kind !== 'web') return refused('invalid_client', 'client_id is no Services ID')
  const redirectUri = fields.get('redirect_uri') ?? ''
  if (!found.client.redirectUris.includes(redirectUri) || !isWebAddress(redirectUri, allowLoopback)) {
    return refused('invalid_request', 'redirect_uri is not registered, or not https on a domain')
  }

  const types = (fields.get('response_type') ?? '').split(' ').sort().join(' ')
  if (types !== 'code' && types !== 'code id_token') return refused('invalid_request', 'response_type is not supported')
  const scopes = (fields.get('scope') ?? '').split(' ').filter((scope) => scope !== '')
  if (scopes.some((scope) => !appleScopes.includes(scope))) return refused('invalid_scope', 'scope is not supported')
  const mode = fields.get('response_mode') ?? 'query'
  if (mode !== 'form_post' && mode !== 'query') return refused('invalid_request', 'response_mode is not supported')
  const mustPost = types !== 'code' || scopes.includes('name') || scopes.includes('email')
  if (mustPost && mode !== 'form_post') {
    return refused('invalid_request', 'response_mode must be form_post when name or email is requested')
  }
  const [state, nonce] = [fields.get('state'), fields.get('nonce')]
  return { ...found, redirectUri, state, nonce, scopes, wantsIdToken: types !== 'code', mode }
}

/** The scopes that the discovery document lists. */
export const appleScopes: readonly string[] = ['openid', 'email', 'name']

function refused(code: string, reason: string): Refused {
  return { status: 400, code, reason }
}

/** https on a domain name; loopback only where the sandbox allows it. */
function isWebAddress(address: string, allowLoopback: boolean): boolean {
  const url = URL.parse(address)
  if (url === null) return false
  const isIp = /^\[|^\d+(\.\d+){3}$/.test(url.hostname)
  const isLoopback = url.hostname === 'localhost' || url.hostname === '127.0.0.1' || url.hostname === '[::1]'
  if (isLoopback) return allowLoopback
  return url.protocol === 'https:' && !isIp && url.hostname.includes('.')
}
