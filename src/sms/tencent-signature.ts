import { createHash, createHmac } from 'node:crypto'
import type { HttpRequest } from '../base/http.ts'
import { addressBelow } from '../base/vendor-address.ts'
import type { CloudKeys } from './rotating-keys.ts'

interface Tc3Input {
  readonly secretId: string
  readonly secretKey: string
  readonly service: string
  readonly timestampSeconds: number
  /** Every header to sign, lower-case names: `content-type` and `host` at least. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

interface Tc3Signature {
  readonly bodyHash: string
  readonly canonicalHash: string
  readonly signature: string
  readonly authorization: string
}

const algorithm = 'TC3-HMAC-SHA256'

/** Signs a POST to Tencent Cloud. Header values enter the canonical request trimmed and in lower case. */
export function signTc3(input: Tc3Input): Tc3Signature {
  const headers = Object.entries(input.headers).sort(([a], [b]) => (a < b ? -1 : 1))
  const signedHeaders = headers.map(([name]) => name).join(';')
  const bodyHash = sha256Hex(input.body)
  const canonical = [
    'POST',
    '/',
    '',
    ...headers.map(([name, value]) => `${name}:${value.trim().toLowerCase()}`),
    '',
    signedHeaders,
    bodyHash,
  ].join('\n')
  const canonicalHash = sha256Hex(canonical)
  const date = new Date(input.timestampSeconds * 1000).toISOString().slice(0, 10)
  const scope = `${date}/${input.service}/tc3_request`
  const signature = hmac(
    tc3Keys(input.secretKey, date, input.service).signing,
    `${algorithm}\n${input.timestampSeconds}\n${scope}\n${canonicalHash}`,
  ).toString('hex')
  const authorization = `${algorithm} Credential=${input.secretId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`
  return { bodyHash, canonicalHash, signature, authorization }
}

interface Tc3Call {
  readonly endpoint: string
  readonly keys: CloudKeys
  readonly service: string
  readonly action: string
  readonly version: string
  /** Absent where the call belongs to no region. */
  readonly region?: string
  readonly body: string
  readonly timestampSeconds: number
}

const contentType = 'application/json'

/** A signed call to Tencent Cloud. */
export function tc3Call(call: Tc3Call): { readonly url: URL; readonly request: HttpRequest } {
  const { keys, body, timestampSeconds, service, region } = call
  const url = addressBelow(call.endpoint, '')
  const { authorization } = signTc3({
    secretId: keys.id,
    secretKey: keys.secret.reveal(),
    service,
    timestampSeconds,
    headers: { 'content-type': contentType, host: url.hostname },
    body,
  })
  const headers = {
    authorization,
    'content-type': contentType,
    'x-tc-action': call.action,
    'x-tc-version': call.version,
    'x-tc-timestamp': String(timestampSeconds),
    ...(region === undefined ? {} : { 'x-tc-region': region }),
    ...(keys.token === undefined ? {} : { 'x-tc-token': keys.token.reveal() }),
  }
  return { url, request: { method: 'POST', headers, body } }
}

/** Whether Tencent Cloud refused the keys themselves: temporary ones have ended, or are not known any more. */
export function areRefusedIds(code: string): boolean {
  return /^AuthFailure\.(TokenFailure|SecretIdNotFound|InvalidSecretId)$/.test(code)
}

/** The chain of keys from the secret to the one that signs; `date` is the UTC day. */
export function tc3Keys(secretKey: string, date: string, service: string) {
  const day = hmac(`TC3${secretKey}`, date)
  const scoped = hmac(day, service)
  return { day, service: scoped, signing: hmac(scoped, 'tc3_request') }
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
