import { createHash, createHmac } from 'node:crypto'
import type { Clock } from '../../src/base/clock.ts'
import type { IssuedKey } from './cloud-metadata.ts'
import type { Answer, ReceivedRequest } from './simulator.ts'

interface GatewayOptions {
  readonly clock: Clock
  /** AccessKeyId → secret. */
  readonly accessKeys: Readonly<Record<string, string>>
  /** What is known of a temporary key. */
  readonly temporaryKey?: ((id: string) => IssuedKey | undefined) | undefined
  /** What can be asked, and the version it belongs to. */
  readonly actions: Readonly<Record<string, '2017-05-25' | '2018-05-01' | '2020-02-17' | '2023-03-05'>>
}

const toleranceMs = 15 * 60 * 1000
const authorizationShape = /^ACS3-HMAC-SHA256 Credential=([^,\s]+),SignedHeaders=([^,\s]+),Signature=([0-9a-f]{64})$/

/**
 * What stands before every product of Aliyun: the V3 signature over whatever headers are listed, one use of a nonce, a
 * request id in every answer; a temporary key does not work without its token. The HTTP statuses of its errors and the
 * clock tolerance are not documented by the vendor.
 */
export class AliyunGateway {
  readonly #options: GatewayOptions
  readonly #usedNonces = new Set<string>()
  #serial = 0

  constructor(options: GatewayOptions) {
    this.#options = options
  }

  /** The refusal of a call that does not reach the product; `asked` is one that somebody wants to see. */
  check(request: ReceivedRequest, asked?: string): Answer | undefined {
    const refused = asked === 'SignatureDoesNotMatch' ? { status: 400, code: asked } : this.#refusal(request)
    if (refused === undefined) return undefined
    const { status, code: Code } = refused
    const Recommend = `https://api.aliyun.com/troubleshoot?q=${Code}`
    const Message = `The request was refused: ${Code}`
    return { ...this.answer({ Code, Message, HostId: request.headers.host, Recommend }), status }
  }

  /** What a product answers: status 200 whatever its `Code`. */
  answer(body: Readonly<Record<string, unknown>>): Answer {
    this.#serial += 1
    const RequestId = `00000000-0000-4000-8000-${String(this.#serial).padStart(12, '0')}`
    return { status: 200, body: { ...body, RequestId } }
  }

  #refusal(request: ReceivedRequest): { status: number; code: string } | undefined {
    const { clock, accessKeys, actions } = this.#options
    const action = String(request.headers['x-acs-action'])
    const header = (name: string) => String(request.headers[name] ?? '')
    if (!Object.hasOwn(actions, action)) return { status: 404, code: 'InvalidAction.NotFound' }
    if (header('x-acs-version') !== actions[action]) return { status: 404, code: 'InvalidVersion' }

    const [, keyId = '', signedNames = '', signature = ''] = authorizationShape.exec(header('authorization')) ?? []
    if (keyId === '') return { status: 400, code: 'IncompleteSignature' }
    const temporary = this.#options.temporaryKey?.(keyId)
    const secret = Object.hasOwn(accessKeys, keyId) ? accessKeys[keyId] : temporary?.secret
    if (secret === undefined) return { status: 404, code: 'InvalidAccessKeyId.NotFound' }

    const date = header('x-acs-date')
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(date)) return { status: 400, code: 'InvalidTimeStamp.Format' }
    if (!(Math.abs(Date.parse(date) - clock()) <= toleranceMs)) return { status: 400, code: 'InvalidTimeStamp.Expired' }

    const nonce = header('x-acs-signature-nonce')
    const signed = signedNames.split(';')
    const mustSign = ['host', ...Object.keys(request.headers).filter((name) => name.startsWith('x-acs-'))]
    if (request.headers['content-type'] !== undefined) mustSign.push('content-type')
    const mismatch = { status: 400, code: 'SignatureDoesNotMatch' }
    if (nonce === '' || mustSign.some((name) => !signed.includes(name))) return mismatch
    if (header('x-acs-content-sha256') !== hash(request.body)) return mismatch
    if (expectedSignature(request, signed, secret) !== signature) return mismatch

    const token = request.headers['x-acs-security-token']
    if (temporary !== undefined && token === undefined) return { status: 400, code: 'MissingSecurityToken' }
    if (token !== undefined && token !== temporary?.token) {
      return { status: 400, code: 'InvalidSecurityToken.MismatchWithAccessKey' }
    }
    if (temporary !== undefined && temporary.expiresAt <= clock()) {
      return { status: 400, code: 'InvalidSecurityToken.Expired' }
    }
    if (this.#usedNonces.has(nonce)) return { status: 400, code: 'SignatureNonceUsed' }
    this.#usedNonces.add(nonce)
    return undefined
  }
}

function expectedSignature(request: ReceivedRequest, signed: readonly string[], secret: string): string {
  const names = [...signed].sort()
  const canonical = [
    request.method,
    request.path,
    canonicalQuery(request.rawQuery),
    `${names.map((name) => `${name}:${String(request.headers[name] ?? '').trim()}\n`).join('')}`,
    names.join(';'),
    hash(request.body),
  ].join('\n')
  return createHmac('sha256', secret)
    .update(`ACS3-HMAC-SHA256\n${hash(canonical)}`)
    .digest('hex')
}

function canonicalQuery(rawQuery: string): string {
  return [...new URLSearchParams(rawQuery)]
    .map(([name, value]) => [strictEncode(name), strictEncode(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map((pair) => pair.join('='))
    .join('&')
}

/** Percent-encodes every byte outside RFC 3986's unreserved set. */
function strictEncode(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const char = String.fromCharCode(byte)
      return /[A-Za-z0-9\-_.~]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    })
    .join('')
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
