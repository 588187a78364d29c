import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { httpClient } from '../base/http.ts'
import type { PasswordPolicy } from './password-options.ts'

/** What came of a question for a password that leaks may hold. */
export type RangeOutcome = 'found' | 'clear' | 'unavailable'

interface Dependencies {
  readonly options: PasswordPolicy['breached']
  /** Lets `http:` addresses through; for simulators on this machine. */
  readonly allowInsecure: boolean
  /** Told of every question, and of why there was no answer. */
  readonly onOutcome: (outcome: RangeOutcome, error?: unknown) => void
}

const prefixLetters = 5
const mostBytes = 1_048_576
const unpack = promisify(gunzip)

/**
 * Answers whether the whole set of leaked passwords (Have I Been Pwned) holds one. Without that set it is no. SECURITY:
 * nobody outside learns more than the first 20 bits of its SHA-1, and the answer of a service has the length of every
 * other one. Where the set cannot be asked the answer is no, too: that somebody chooses a password matters more.
 */
export function breachedRanges({
  options,
  allowInsecure,
  onOutcome,
}: Dependencies): (password: string) => Promise<boolean> {
  const { mode, directory, url, timeout } = options
  const http = httpClient({ timeoutMs: timeout * 1000, maxBytes: mostBytes, allowInsecure })

  async function rangeOf(prefix: string): Promise<string> {
    if (mode === 'directory') return readRange(directory ?? '', prefix)
    const asked = new URL(`range/${prefix}`, `${url.replace(/\/+$/, '')}/`)
    const { status, text } = await http.request(asked, { headers: { 'add-padding': 'true' } })
    if (status !== 200) throw new Error(`status ${status}`)
    return text
  }

  return async (password) => {
    if (mode !== 'directory' && mode !== 'api') return false
    const digest = createHash('sha1').update(password.normalize('NFKC')).digest('hex').toUpperCase()
    try {
      const isHeld = holds(await rangeOf(digest.slice(0, prefixLetters)), digest.slice(prefixLetters))
      onOutcome(isHeld ? 'found' : 'clear')
      return isHeld
    } catch (error) {
      onOutcome('unavailable', error)
      return false
    }
  }
}

/** Lines of `SUFFIX:COUNT`; those that are only there to fill up have the count 0. Throws for what is no range. */
function holds(range: string, suffix: string): boolean {
  if (!/^\uFEFF?[0-9A-F]{35}:\d+\r?(?:\n|$)/i.test(range)) throw new Error('no range of digests')
  const [, count] = new RegExp(`^\\uFEFF?${suffix}:(\\d+)\\r?$`, 'im').exec(range) ?? []
  return Number(count ?? 0) > 0
}

/** As the downloaders write them: one file a range, in one folder or in one for each two letters, packed or not. */
async function readRange(folder: string, prefix: string): Promise<string> {
  const [first, rest] = [prefix.slice(0, 2), prefix.slice(2)]
  const names = [prefix, join(first, rest), join(first, prefix)].flatMap((name) =>
    ['.txt', '.gz', '.txt.gz', ''].map((ending) => `${name}${ending}`),
  )
  for (const name of names) {
    const bytes = await readFile(join(folder, name)).catch((error: NodeJS.ErrnoException) => {
      if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(error.code ?? '')) return undefined
      throw error
    })
    if (bytes === undefined) continue
    const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b
    return (isPacked ? await unpack(bytes, { maxOutputLength: mostBytes }) : bytes).toString('latin1')
  }
  throw new Error(`there is no file for the range ${prefix}`)
}
