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

/** FIPS 180-4 §6.2, of ASCII text. */
export function sha256(text: string): Uint8Array {
  const blocks = Math.ceil((text.length + 9) / 64)
  const message = new Uint8Array(blocks * 64)
  for (let at = 0; at < text.length; at++) message[at] = text.charCodeAt(at)
  message[text.length] = 0x80
  const words = new DataView(message.buffer)
  words.setUint32(message.length - 4, text.length * 8)

  const hash = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19] as Word8
  for (let block = 0; block < blocks; block++) compress(hash, words, block * 64)
  const digest = new DataView(new ArrayBuffer(32))
  hash.forEach((word, at) => {
    digest.setUint32(at * 4, word)
  })
  return new Uint8Array(digest.buffer)
}

type Word8 = [number, number, number, number, number, number, number, number]

function compress(hash: Word8, words: DataView, offset: number): void {
  const schedule: number[] = []
  const word = (at: number) => schedule[at] ?? 0
  let [a, b, c, d, e, f, g, h] = hash
  for (let round = 0; round < 64; round++) {
    const [early, late] = [word(round - 15), word(round - 2)]
    const mixed = (rotated(early, 7) ^ rotated(early, 18) ^ (early >>> 3)) + word(round - 16)
    const next = (rotated(late, 17) ^ rotated(late, 19) ^ (late >>> 10)) + word(round - 7) + mixed
    schedule.push(round < 16 ? words.getUint32(offset + round * 4) : next >>> 0)
    const choice = (e & f) ^ (~e & g)
    const first = h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + choice + (constants[round] ?? 0) + word(round)
    const second = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
    ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + first) >>> 0, c, b, a, (first + second) >>> 0]
  }
  for (const [at, value] of [a, b, c, d, e, f, g, h].entries()) hash[at] = ((hash[at] ?? 0) + value) >>> 0
}

function rotated(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by))
}
