import { createHash, createHmac } from 'node:crypto'

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
