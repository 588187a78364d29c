import { createHash, createHmac } from 'node:crypto'

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
