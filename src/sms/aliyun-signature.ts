import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { HttpRequest } from '../base/http.ts'
import { addressBelow } from '../base/vendor-address.ts'
import type { CloudKeys } from './rotating-keys.ts'

interface Acs3Input {
  readonly accessKeyId: string
  readonly accessKeySecret: string
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** Every header to sign, lower-case names: `host`, each `x-acs-*`, and `content-type` if one is sent. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

interface Acs3Signature {
  /** The query exactly as signed; it must be sent in this form. */
  readonly query: string
  readonly canonicalHash: string
  readonly signature: string
  readonly authorization: string
}

const algorithm = 'ACS3-HMAC-SHA256'

/** Signs a call to Aliyun, version 3: the plain secret is the key, nothing is derived from it. */
export function signAcs3(input: Acs3Input): Acs3Signature {
  const query = Object.entries(input.query)
    .sort(byName)
    .map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`)
    .join('&')
  const headers = Object.entries(input.headers).sort(byName)
  const signedHeaders = headers.map(([name]) => name).join(';')
  const canonical = [
    input.method,
    input.path,
    query,
    ...headers.map(([name, value]) => `${name}:${value}`),
    '',
    signedHeaders,
    sha256Hex(input.body),
  ].join('\n')
  const canonicalHash = sha256Hex(canonical)
  const signature = createHmac('sha256', input.accessKeySecret).update(`${algorithm}\n${canonicalHash}`).digest('hex')
  const authorization = `${algorithm} Credential=${input.accessKeyId},SignedHeaders=${signedHeaders},Signature=${signature}`
  return { query, canonicalHash, signature, authorization }
}

interface RpcInput {
  readonly endpoint: string
  readonly keys: CloudKeys
  readonly action: string
  readonly version: string
  readonly query?: Readonly<Record<string, string>>
  /** Sent as a form in the body: some calls take what is long there. */
  readonly form?: Readonly<Record<string, string>>
  readonly nowMs: number
  /** Unique for each call; tests fix it to compare signatures. */
  readonly nonce?: string | undefined
}

/**
 * A signed call in RPC style: what is asked travels in the query, unless the call takes a form; phone numbers and
 * tokens too, so the address must never be logged whole.
 */
export function acs3Rpc(input: RpcInput): { readonly url: URL; readonly request: HttpRequest } {
  const url = addressBelow(input.endpoint, '')
  const { id, secret, token } = input.keys
  const body = input.form === undefined ? '' : new URLSearchParams(input.form).toString()
  const headers = {
    ...(input.form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
    host: url.host,
    'x-acs-action': input.action,
    'x-acs-content-sha256': sha256Hex(body),
    'x-acs-date': new Date(input.nowMs).toISOString().replace(/\.\d+Z$/, 'Z'),
    'x-acs-signature-nonce': input.nonce ?? randomBytes(16).toString('hex'),
    'x-acs-version': input.version,
    ...(token === undefined ? {} : { 'x-acs-accesskey-id': id, 'x-acs-security-token': token.reveal() }),
  }
  const { query, authorization } = signAcs3({
    accessKeyId: id,
    accessKeySecret: secret.reveal(),
    method: 'POST',
    path: url.pathname,
    query: input.query ?? {},
    headers,
    body,
  })
  url.search = query
  const sent = { ...headers, accept: 'application/json', authorization }
  return { url, request: { method: 'POST', headers: sent, ...(body === '' ? {} : { body }) } }
}

/** Whether Aliyun refused the keys themselves: temporary ones have ended, or are not known any more. */
export function areRefusedKeys(code: string): boolean {
  return /^(InvalidSecurityToken|InvalidAccessKeyId)\b/.test(code)
}

/** Hex SHA-256, as `x-acs-content-sha256` wants it. */
export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** RFC 3986: `encodeURIComponent` leaves five reserved characters alone. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

function byName([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0
}
