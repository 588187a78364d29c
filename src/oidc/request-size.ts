import type { KoaContextWithOIDC } from 'oidc-provider'
import { errors } from './library/faults.ts'

/** Bytes of UTF-8 that a parameter of an authorization request may have: several times of what real clients send. */
export const longestParams: Readonly<Record<string, number>> = {
  acr_values: 256,
  claims: 2048,
  claims_locales: 128,
  client_id: 256,
  code_challenge: 128,
  code_challenge_method: 16,
  display: 16,
  dpop_jkt: 64,
  id_token_hint: 4096,
  login_hint: 256,
  max_age: 16,
  method: 64,
  nonce: 512,
  offline: 16,
  prompt: 64,
  redirect_uri: 2048,
  registration: 16,
  request_uri: 256,
  resource: 1024,
  response_mode: 32,
  response_type: 64,
  scope: 2048,
  state: 2048,
  ui_locales: 128,
}

/** Bytes of all parameters together that are kept while a person logs in. */
export const longestRequest = 3072
/** Parameters that are checked once and then forgotten. */
const notKept: ReadonlySet<string> = new Set(['id_token_hint', 'request_uri'])

type Params = Readonly<Record<string, unknown>>

/**
 * The first parameter that is too long; `request` for all together; undefined when they fit. A name nobody knows has no
 * room.
 */
export function tooLong(params: Params): string | undefined {
  let total = 0
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue
    const bytes = [value].flat().reduce<number>((sum, each) => sum + Buffer.byteLength(String(each)), 0)
    if (bytes > (longestParams[name] ?? 0)) return name
    if (!notKept.has(name)) total += bytes
  }
  return total > longestRequest ? 'request' : undefined
}

/**
 * Throws `invalid_request` for a request that is too long. SECURITY: it is stored for an hour before anybody has proved
 * anything.
 */
export function refuseTooLong(params: Params): void {
  const name = tooLong(params)
  if (name !== undefined) throw requestTooLong(name)
}

/** The error for a parameter that is too long. */
export function requestTooLong(name: string): errors.InvalidRequest {
  return new errors.InvalidRequest(name === 'request' ? 'the request is too long' : `${name} is too long`)
}

/**
 * Throws the same for the library, which asks when it has joined the pushed and the sent parameters and knows where the
 * answer goes; it has dropped unknown scopes by then. A `state` that is too long is not sent back.
 */
export function boundedRequest({ oidc }: KoaContextWithOIDC): void {
  const { params = {} } = oidc
  const name = tooLong(params)
  if (name === 'state') params['state'] = undefined
  if (name !== undefined) throw requestTooLong(name)
}
