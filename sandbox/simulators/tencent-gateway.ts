import { createHash, createHmac } from 'node:crypto'
import type { Clock } from '../../src/base/clock.ts'
import type { IssuedKey } from './cloud-metadata.ts'
import type { Answer, ReceivedRequest } from './simulator.ts'

interface GatewayOptions {
  readonly clock: Clock
  /** SecretId → SecretKey. */
  readonly secretKeys: Readonly<Record<string, string>>
  /** What is known of a temporary key. */
  readonly temporaryKey?: ((id: string) => IssuedKey | undefined) | undefined
  /** What can be asked. */
  readonly action: {
    readonly name: string
    readonly version: string
    /** Whether a call must name a region. */
    readonly needsRegion?: boolean
    /** The service in the scope of the signature; without it any, because an SDK takes it from its endpoint. */
    readonly service?: string
  }
}

const toleranceSeconds = 300
const authorizationShape =
  /^TC3-HMAC-SHA256 Credential=([^/\s]+)\/(\d{4}-\d\d-\d\d)\/([^/\s]+)\/tc3_request, SignedHeaders=([^,\s]+), Signature=([0-9a-f]{64})$/

/** What stands before every product of Tencent Cloud: the TC3 signature, and status 200 for every refusal. */
export class TencentGateway {
  readonly #options: GatewayOptions
  #serial = 0

  constructor(options: GatewayOptions) {
    this.#options = options
  }

  /** What a product answers, with a request id. */
  answer(response: Readonly<Record<string, unknown>>): Answer {
    this.#serial += 1
    const RequestId = `00000000-0000-4000-8000-${String(this.#serial).padStart(12, '0')}`
    return { status: 200, body: { Response: { ...response, RequestId } } }
  }

  /** The refusal of a whole request. */
  failure(Code: string): Answer {
    return this.answer({ Error: { Code, Message: `The request was refused: ${Code}` } })
  }

  /** The code of the first thing wrong with the call itself. */
  denied(request: ReceivedRequest): string | undefined {
    const { clock, secretKeys, temporaryKey, action } = this.#options
    const nowSeconds = Math.floor(clock() / 1000)
    const header = (name: string) => String(request.headers[name] ?? '')
    if (header('x-tc-action') !== action.name || request.method !== 'POST') return 'InvalidAction'
    if (header('x-tc-version') !== action.version) return 'NoSuchVersion'
    if (action.needsRegion && header('x-tc-region') === '') return 'MissingParameter'

    const parts = authorizationShape.exec(header('authorization'))
    if (parts === null) return 'AuthFailure.SignatureFailure'
    const [, secretId = '', date = '', service = '', signedNames = '', signature = ''] = parts
    const temporary = temporaryKey?.(secretId)
    const secretKey = Object.hasOwn(secretKeys, secretId) ? secretKeys[secretId] : temporary?.secret
    if (secretKey === undefined) return 'AuthFailure.SecretIdNotFound'
    if (header('x-tc-token') !== (temporary?.token ?? '')) return 'AuthFailure.TokenFailure'
    if (temporary !== undefined && temporary.expiresAt <= nowSeconds * 1000) return 'AuthFailure.TokenFailure'

    const timestamp = header('x-tc-timestamp')
    if (!/^\d{10}$/.test(timestamp) || Math.abs(Number(timestamp) - nowSeconds) > toleranceSeconds) {
      return 'AuthFailure.SignatureExpire'
    }
    const names = signedNames.split(';')
    const day = new Date(Number(timestamp) * 1000).toISOString().slice(0, 10)
    if (day !== date || !names.includes('content-type') || !names.includes('host'))
      return 'AuthFailure.SignatureFailure'
    if (action.service !== undefined && service !== action.service) return 'AuthFailure.SignatureFailure'

    const headerLines = [...names].sort().map((name) => `${name}:${signedValue(name, header(name))}\n`)
    const canonical = `POST\n/\n${request.rawQuery}\n${headerLines.join('')}\n${[...names].sort().join(';')}\n${hash(request.body)}`
    const key = mac(mac(mac(`TC3${secretKey}`, date), service), 'tc3_request')
    const expected = mac(key, `TC3-HMAC-SHA256\n${timestamp}\n${date}/${service}/tc3_request\n${hash(canonical)}`)
    return expected.toString('hex') === signature ? undefined : 'AuthFailure.SignatureFailure'
  }
}

/** The vendor signs the host without its port. */
function signedValue(name: string, value: string): string {
  return (name === 'host' ? value.replace(/:\d+$/, '') : value).trim().toLowerCase()
}

function mac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
