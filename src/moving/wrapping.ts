import type { Knex } from 'knex'
import type { Hasher } from '../accounts/hashing.ts'
import { formatWrapped } from '../accounts/stored-password.ts'
import type { Range } from './checks.ts'
import type { ReadPassword } from './password-entry.ts'

type Weak = Extract<ReadPassword, { kind: 'weak' }>

/** Digests that fast machines guess, on their way to where they may lie. */
export interface Wrapping {
  readonly knex: Knex
  readonly hasher: Hasher
  /** How many are hashed at once. */
  readonly lanes: number
  open(sealed: string, n: number): string
}

/**
 * Hashes what must not be stored as it is: argon2id of the digest another system had, or of the password where a file
 * had that itself. Answers how many. The rows keep nothing of what they had before.
 */
export async function wrapWeak({ knex, hasher, lanes, open }: Wrapping, { from, to }: Range): Promise<number> {
  const { rows } = await knex.raw<{ rows: readonly { n: number; weak: string }[] }>(
    `select a.n, a.weak from staged_accounts a
     where a.n between :from and :to and a.outcome is null and a.weak is not null`,
    { from, to },
  )
  if (rows.length === 0) return 0
  const hashes: string[] = new Array(rows.length)
  let next = 0
  const lane = async () => {
    for (let at = next++; at < rows.length; at = next++) {
      const { n, weak } = rows[at] as { n: number; weak: string }
      hashes[at] = await wrap(hasher, JSON.parse(open(weak, n)) as Weak)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  await knex.raw(
    `update staged_accounts a set hash = w.hash, weak = null
     from unnest(cast(:numbers as integer[]), cast(:hashes as text[])) as w (n, hash) where w.n = a.n`,
    { numbers: rows.map(({ n }) => n), hashes },
  )
  return rows.length
}

async function wrap(hasher: Hasher, { digest, former }: Weak): Promise<string> {
  const hash = await hasher.hash(digest)
  if (!former) return hash
  return formatWrapped({ ...former, salt: Buffer.from(former.salt) }, hash)
}
