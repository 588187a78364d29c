import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject, sign } from 'node:crypto'
import type { JWK } from 'jose'
import { ExternalSigningKey } from 'oidc-provider'

/** The library takes signing keys of ours, which it calls an experiment, once it is told so. */
export const ownSigning = { enabled: true, ack: 'experimental-01' } as const

/** A key for ES256 that signs where it is asked. */
class DirectKey extends ExternalSigningKey {
  readonly #private: KeyObject
  readonly #public: KeyObject

  constructor({ kid, alg, ...key }: JWK) {
    super()
    this.#private = createPrivateKey({ key: key as JsonWebKey, format: 'jwk' })
    this.#public = createPublicKey(this.#private)
    Object.assign(this, { kid, alg })
  }

  override keyObject(): KeyObject {
    return this.#public
  }

  override sign(data: Uint8Array): Buffer {
    return numbersOf(sign('sha256', data, this.#private))
  }
}

const numberBytes = 32

/**
 * The two numbers of a signature, one behind the other (RFC 7518 §3.4), out of what OpenSSL makes: a sequence of two
 * integers (RFC 3279 §2.2.3), each without zeros in front, but for one where it would be negative. Node can do this
 * too, and takes longer for it than for the signature.
 */
function numbersOf(sequence: Buffer): Buffer {
  const numbers = Buffer.alloc(2 * numberBytes)
  let at = 2
  for (const end of [numberBytes, 2 * numberBytes]) {
    const from = at + 2
    at = from + (sequence[at + 1] as number)
    const digits = sequence.subarray(Math.max(from, at - numberBytes), at)
    numbers.set(digits, end - digits.length)
  }
  return numbers
}

/**
 * Signing keys as the library takes them. By itself it hands each signature to another thread, and the way there and
 * back costs more than a signature by ES256. One by RSA takes so long that others would have to wait for it, so that it
 * is left there.
 */
export function signingKeys(keys: readonly JWK[]): (JWK | ExternalSigningKey)[] {
  return keys.map((key) => (key.alg === 'ES256' ? new DirectKey(key) : key))
}
