import { base64url, compress, initialHash } from './encoding.ts'
import { type Members, NativeError, type Pbkdf2 } from './types.ts'

/** A challenge with more work in it than servers ask for. */
const mostTries = 10_000

/**
 * The parameter `altcha` for the challenge of a step: the number whose key begins as the server says. It takes a moment
 * of computing, longer where the platform has no `derive` of its own. The client does it by itself, unless the captcha
 * of a vendor is asked for: then an app may call it for people who cannot use that.
 */
export async function solveAltcha(challenge: Members, derive: Pbkdf2 = pbkdf2): Promise<string> {
  const { algorithm, nonce, salt, cost, keyPrefix } = Object(challenge['parameters']) as Members
  const [prefix, iterations] = [String(keyPrefix), Number(cost)]
  const start = Date.now()
  for (let counter = 0; algorithm === 'PBKDF2/SHA-256' && counter < mostTries; counter++) {
    const count = [24, 16, 8, 0].map((shift) => (counter >>> shift) & 255)
    const password = Uint8Array.from([...bytesOf(String(nonce)), ...count])
    const derivedKey = hexOf(await derive({ password, salt: bytesOf(String(salt)), iterations }))
    if (!derivedKey.startsWith(prefix)) continue
    const text = JSON.stringify({ challenge, solution: { counter, derivedKey, time: Date.now() - start } })
    return padded(base64url(Uint8Array.from(text, (letter) => letter.charCodeAt(0))))
  }
  throw new NativeError({ error: 'invalid_answer' })
}

/** The same for platforms that have none: one block, which is all that is asked for. */
function pbkdf2({ password, salt, iterations }: Parameters<Pbkdf2>[0]): Uint8Array {
  const [inner, outer] = [keyed(password, 0x36), keyed(password, 0x5c)]
  const message = blockOf(32)
  const first = blockOf(salt.length + 4)
  for (let at = 0; at < salt.length; at++) put(first, at, salt[at] as number)
  put(first, salt.length + 3, 1)
  const hash = new Int32Array(8)
  const mac = (block: Int32Array) => {
    hash.set(inner)
    compress(hash, block)
    message.set(hash)
    hash.set(outer)
    compress(hash, message)
  }
  mac(first)
  const key = Int32Array.from(hash)
  for (let round = 1; round < iterations; round++) {
    message.set(hash)
    mac(message)
    for (let at = 0; at < 8; at++) key[at] = (key[at] as number) ^ (hash[at] as number)
  }
  return Uint8Array.from({ length: 32 }, (_, at) => ((key[at >> 2] as number) >>> (24 - (at & 3) * 8)) & 255)
}

/** The state of SHA-256 after the key of an HMAC, RFC 2104. */
function keyed(key: Uint8Array, pad: number): Int32Array {
  const block = new Int32Array(16)
  for (let at = 0; at < 64; at++) put(block, at, (key[at] ?? 0) ^ pad)
  const hash = Int32Array.from(initialHash)
  compress(hash, block)
  return hash
}

/** The last block of what begins with 64 bytes of a key, with room for so many more. */
function blockOf(length: number): Int32Array {
  const block = new Int32Array(16)
  put(block, length, 0x80)
  block[15] = (64 + length) * 8
  return block
}

function put(block: Int32Array, at: number, byte: number): void {
  block[at >> 2] = (block[at >> 2] as number) | (byte << (24 - (at & 3) * 8))
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, at) => Number.parseInt(hex.slice(at * 2, at * 2 + 2), 16))
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte < 16 ? '0' : '') + byte.toString(16)).join('')
}

/** RFC 4648 §4. */
function padded(text: string): string {
  return text.replace(/-/g, '+').replace(/_/g, '/') + '==='.slice(0, (4 - (text.length % 4)) % 4)
}
