import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** Where the digests of the passwords are that leaks hold most often; `npm run breached` writes it. */
export const breachedTopFile = new URL('./breached-top.bin', import.meta.url)

const digestBytes = 4

/**
 * The digest of a password in the file, of its normalised small letters: 32 bits, so that the file has 4 bytes for each
 * and one of 43 000 other passwords is refused with them.
 */
export function digestOfBreached(form: string): number {
  return createHash('sha256').update(form).digest().readUInt32BE()
}

let digests: Buffer | undefined

/** Whether a password, in normalised small letters, is one of those that leaks hold most often. */
export function isBreachedTop(form: string): boolean {
  digests ??= readFileSync(breachedTopFile)
  const wanted = digestOfBreached(form)
  let [from, to] = [0, digests.length / digestBytes]
  while (from < to) {
    const middle = (from + to) >> 1
    const found = digests.readUInt32BE(middle * digestBytes)
    if (found === wanted) return true
    if (found < wanted) from = middle + 1
    else to = middle
  }
  return false
}
