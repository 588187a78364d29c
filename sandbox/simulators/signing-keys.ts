import { createHash, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto'

/** An algorithm that simulated tokens are signed with. */
export type SigningAlg = 'RS256' | 'ES256'

/** What a token says, before anybody signed it. */
export type Claims = Readonly<Record<string, unknown>>

interface SigningKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly jwk: JsonWebKey
}

/** Making an RSA key takes a while, so simulators in one process that have the same name share their keys. */
const made = new Map<string, SigningKey>()

/** The keys a vendor signs its tokens with, some of them published. */
export class SigningKeys {
  readonly #owner: string
  readonly #alg: SigningAlg
  readonly #count: number
  #first = 0

  /** Publishes `count` keys at a time and signs with the youngest. */
  constructor({ owner, alg, count }: { owner: string; alg: SigningAlg; count: number }) {
    this.#owner = owner
    this.#alg = alg
    this.#count = count
  }

  /** Publishes another key, signs with it from here on, and withdraws the oldest. */
  rotate(): void {
    this.#first += 1
  }

  jwks(): { readonly keys: readonly Claims[] } {
    const keys = Array.from({ length: this.#count }, (_, index) => this.#published(index))
    return { keys: keys.map(({ kid, jwk }) => ({ ...jwk, kid, use: 'sig', alg: this.#alg })) }
  }

  sign(claims: Claims): string {
    const key = this.#published(this.#count - 1)
    return this.#signed(claims, key.kid, key)
  }

  /** Signs with a key that is not published anywhere. */
  signUnpublished(claims: Claims): string {
    const key = this.#key('unpublished')
    return this.#signed(claims, key.kid, key)
  }

  /** Signs with a key that is not published anywhere, under the name of one that is. */
  signFalsely(claims: Claims): string {
    return this.#signed(claims, this.#published(this.#count - 1).kid, this.#key('unpublished'))
  }

  unsigned(claims: Claims): string {
    return `${encoded({ alg: 'none' })}.${encoded(claims)}.`
  }

  #signed(claims: Claims, kid: string, { privateKey }: SigningKey): string {
    const input = `${encoded({ alg: this.#alg, kid })}.${encoded(claims)}`
    const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${input}.${signature.toString('base64url')}`
  }

  #published(index: number): SigningKey {
    return this.#key(String(this.#first + index))
  }

  #key(name: string): SigningKey {
    const id = `${this.#owner} ${this.#alg} ${name}`
    const key = made.get(id) ?? makeKey(this.#alg)
    made.set(id, key)
    return key
  }
}

function makeKey(alg: SigningAlg): SigningKey {
  const { privateKey, publicKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url').slice(0, 10)
  return { kid, privateKey, jwk }
}

/** The left half of the hash of a code or token, as `c_hash` and `at_hash` carry it. */
export function halfHash(value: string): string {
  return createHash('sha256').update(value).digest().subarray(0, 16).toString('base64url')
}

function encoded(part: unknown): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
