/**
 * What mini programs lack: SHA-256, base64url, forms and queries, without `crypto`, `btoa`, `TextEncoder` and
 * `URLSearchParams`.
 */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** RFC 4648 §5, without padding. */
export function base64url(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(at, at + 3)
    const group = (a << 16) | (b << 8) | c
    const digits = [18, 12, 6, 0].map((shift) => alphabet.charAt((group >> shift) & 63)).join('')
    text += digits.slice(0, Math.min(4, bytes.length - at + 1))
  }
  return text
}

/** The claims of a JWT, unverified: OIDC Core §3.1.3.7 lets TLS to the token endpoint stand for the signature. */
export function jwtClaims(token: string): Readonly<Record<string, unknown>> {
  const digits = [...(token.split('.')[1] ?? '')].map((digit) => alphabet.indexOf(digit))
  let escaped = ''
  for (let bit = 0; bit + 8 <= digits.length * 6; bit += 8) {
    const at = Math.floor(bit / 6)
    const pair = ((digits[at] ?? 0) << 6) | (digits[at + 1] ?? 0)
    const byte = (pair >> (4 - (bit % 6))) & 255
    escaped += `%${byte.toString(16).padStart(2, '0')}`
  }
  return JSON.parse(decodeURIComponent(escaped)) as Readonly<Record<string, unknown>>
}

/** `application/x-www-form-urlencoded`; what is undefined is left out. */
export function formEncoded(fields: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(fields)
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`],
    )
    .join('&')
}

/** The parameters of an address; what follows `#` is none. */
export function queryOf(url: string): Readonly<Record<string, string>> {
  const query = /\?([^#]*)/.exec(url)?.[1] ?? ''
  const decoded = (text: string) => decodeURIComponent(text.replace(/\+/g, ' '))
  return Object.fromEntries(
    query.split('&').map((pair) => {
      const [name = '', ...value] = pair.split('=')
      return [decoded(name), decoded(value.join('='))]
    }),
  )
}

/** FIPS 180-4 §4.2.2. */
const constants = `
  428a2f98 71374491 b5c0fbcf e9b5dba5 3956c25b 59f111f1 923f82a4 ab1c5ed5
  d807aa98 12835b01 243185be 550c7dc3 72be5d74 80deb1fe 9bdc06a7 c19bf174
  e49b69c1 efbe4786 0fc19dc6 240ca1cc 2de92c6f 4a7484aa 5cb0a9dc 76f988da
  983e5152 a831c66d b00327c8 bf597fc7 c6e00bf3 d5a79147 06ca6351 14292967
  27b70a85 2e1b2138 4d2c6dfc 53380d13 650a7354 766a0abb 81c2c92e 92722c85
  a2bfe8a1 a81a664b c24b8b70 c76c51a3 d192e819 d6990624 f40e3585 106aa070
  19a4c116 1e376c08 2748774c 34b0bcb5 391c0cb3 4ed8aa4a 5b9cca4f 682e6ff3
  748f82ee 78a5636f 84c87814 8cc70208 90befffa a4506ceb bef9a3f7 c67178f2
`
  .trim()
  .split(/\s+/)
  .map((word) => Number.parseInt(word, 16))

/** The members of a JSON object; undefined where the text is none. */
export function membersOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}

/** FIPS 180-4 §5.3.3. */
export const initialHash: readonly number[] = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]

/** FIPS 180-4 §6.2, of ASCII text. */
export function sha256(text: string): Uint8Array {
  const blocks = Math.ceil((text.length + 9) / 64)
  const message = new Uint8Array(blocks * 64)
  for (let at = 0; at < text.length; at++) message[at] = text.charCodeAt(at)
  message[text.length] = 0x80
  const words = new DataView(message.buffer)
  words.setUint32(message.length - 4, text.length * 8)

  const hash = Int32Array.from(initialHash)
  for (let block = 0; block < blocks; block++) {
    compress(
      hash,
      Int32Array.from({ length: 16 }, (_, at) => words.getInt32(block * 64 + at * 4)),
    )
  }
  const digest = new DataView(new ArrayBuffer(32))
  hash.forEach((word, at) => {
    digest.setInt32(at * 4, word)
  })
  return new Uint8Array(digest.buffer)
}

const schedule = new Int32Array(64)

/** One block of SHA-256, added to the hash. A proof of work does little else, so it makes nothing new. */
export function compress(hash: Int32Array, block: Int32Array): void {
  let [a, b, c, d, e, f, g, h] = hash as unknown as Word8
  schedule.set(block)
  for (let round = 0; round < 64; round++) {
    if (round >= 16) {
      const [early, late] = [schedule[round - 15] as number, schedule[round - 2] as number]
      const mixed = (rotated(early, 7) ^ rotated(early, 18) ^ (early >>> 3)) + (schedule[round - 16] as number)
      const later = (rotated(late, 17) ^ rotated(late, 19) ^ (late >>> 10)) + (schedule[round - 7] as number)
      schedule[round] = mixed + later
    }
    const choice = (e & f) ^ (~e & g)
    const added = choice + (constants[round] as number) + (schedule[round] as number)
    const first = (h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + added) | 0
    const second = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  const next = [a, b, c, d, e, f, g, h]
  for (let at = 0; at < 8; at++) hash[at] = (hash[at] as number) + (next[at] as number)
}

type Word8 = [number, number, number, number, number, number, number, number]

function rotated(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by))
}
