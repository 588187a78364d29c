import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request as send } from 'node:http'
import { text } from 'node:stream/consumers'

/** Everything that makes up one call behind the V3 signature; each test bends one part. */
export interface AliyunCall {
  readonly url: string
  readonly host: string
  readonly action: string
  readonly version?: string
  readonly params: Readonly<Record<string, string>>
  readonly key: string
  readonly secret: string
  readonly nonce: string
  /** UTC, without milliseconds. */
  readonly date: string
  /** Further headers that are signed, or not. */
  readonly extra?: Readonly<Record<string, string>>
  readonly unsigned?: Readonly<Record<string, string>>
  /** Instead of the right one. */
  readonly signature?: string | undefined
}

/** Signs and sends a call as the vendor's documents say: POST, parameters in the query, an empty body. */
export async function callAliyun<Body>(one: AliyunCall): Promise<{ status: number; body: Body }> {
  const query = Object.entries(one.params)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')
  const headers: Record<string, string> = {
    host: one.host,
    'x-acs-action': one.action,
    'x-acs-content-sha256': sha(''),
    'x-acs-date': one.date,
    'x-acs-signature-nonce': one.nonce,
    'x-acs-version': one.version ?? '2017-05-25',
    ...one.extra,
  }
  const names = Object.keys(headers).sort()
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join('')
  const canonical = `POST\n/\n${query}\n${lines}\n${names.join(';')}\n${sha('')}`
  const toSign = `ACS3-HMAC-SHA256\n${sha(canonical)}`
  const signature = one.signature ?? createHmac('sha256', one.secret).update(toSign).digest('hex')
  const authorization = `ACS3-HMAC-SHA256 Credential=${one.key},SignedHeaders=${names.join(';')},Signature=${signature}`
  const outgoing = send(`${one.url}/?${query}`, {
    method: 'POST',
    headers: { ...headers, ...one.unsigned, authorization },
  }).end()
  const [incoming]: IncomingMessage[] = await once(outgoing, 'response')
  if (incoming === undefined) throw new Error('no answer')
  return { status: incoming.statusCode ?? 0, body: JSON.parse(await text(incoming)) }
}

const sha = (given: string) => createHash('sha256').update(given).digest('hex')
