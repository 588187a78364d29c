import { timingSafeEqual } from 'node:crypto'

/**
 * Whether what somebody brought is the secret we expect. SECURITY: the only comparison of secrets, so that the time it
 * takes tells nothing of how much of a guess was right. It compares bytes: two texts of one length in letters may
 * differ in bytes, at which `timingSafeEqual` throws. The length alone is no secret, because ours all have a fixed one.
 */
export function isSameSecret(given: string | Uint8Array, expected: string | Uint8Array): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)]
  return one.length === other.length && timingSafeEqual(one, other)
}
