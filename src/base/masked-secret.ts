import { randomBytes } from 'node:crypto'

/**
 * A secret for a page, written differently each time. SECURITY: a proxy may compress our pages; the length of a
 * compressed page tells whether a guess repeats a part of it, and here the next page repeats nothing of the last one
 * (BREACH).
 */
export function masked(secret: string): string {
  const bytes = Buffer.from(secret)
  const mask = randomBytes(bytes.length)
  return Buffer.concat([mask, bytes.map((byte, index) => byte ^ (mask[index] ?? 0))]).toString('base64url')
}

/** What `masked` has written, or nothing of use. */
export function unmasked(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url')
  const half = bytes.length >> 1
  return Buffer.from(bytes.subarray(half, half * 2).map((byte, index) => byte ^ (bytes[index] ?? 0)))
}
