import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { isSameSecret } from '../base/same-secret.ts'
import type { Binary, HashJob } from './hash-job.ts'
import { type Guest, hashPool } from './hash-pool.ts'
import { formatPhc, type HashParameters, parsePhc, type StoredHash } from './phc.ts'
import { parseStored, type StoredPassword, secretNameOf } from './stored-password.ts'

/** How much a hash costs, and how many are made at once. */
export interface HasherOptions {
  readonly parameters: HashParameters
  /** Children; by default one less than there are cores, so that one is left for everything else. */
  readonly workers?: number | undefined
  /** How many may wait for a child. */
  readonly maxQueue: number
  /** Called when a binary of argon2 does not work on this machine and the next slower one is used. */
  readonly onFallback?: (from: Binary, to: Binary, cause: Error) => void
  /** A secret that another system mixed into its hashes, by its name in the settings. */
  readonly secretOf?: ((name: string) => string | undefined) | undefined
}

/**
 * argon2id of npm `argon2` in processes of its own, so that a storm of logins leaves token signing alone: in this
 * process it would hash on the few threads that sign (docs/performance.md has the figures of each arrangement). The
 * strings are PHC strings, which every other implementation reads.
 *
 * Passwords are normalised here (NFKC) and nowhere else, so setting and checking cannot differ; they are never
 * truncated. What other systems have hashed is checked as they did it, and hashed anew at the first login.
 */
export interface Hasher {
  /** Throws `password.busy` when the queue is full, `server.unavailable` when the child died. */
  hash(password: string): Promise<string>
  /**
   * False when there is no hash or it is of a kind we cannot read; that costs one derivation too. SECURITY: so an
   * answer for somebody who does not exist takes as long as one for a wrong password. `like` is the hash of somebody
   * else, whose kind and cost that derivation has: accounts that were brought from elsewhere cost what they cost there.
   * Throws as `hash` does.
   */
  verify(hash: string | undefined, password: string, guest?: Guest, like?: string): Promise<boolean>
  /** True when the parameters have been raised since, or the string is of another kind. */
  needsRehash(hash: string): boolean
  /** Throws `password.busy` when the next call would; for refusing before other work is done. */
  refuseWhenFull(guest?: Guest): void
  /** How many wait for a child, for the metrics. */
  waiting(): number
  /** Fails what is waiting with `server.unavailable` and ends the children. */
  close(): Promise<void>
}

const saltLength = 16
const tagLength = 32

/** Starts no child before the first call. */
export function hasher({ parameters, workers, maxQueue, onFallback, secretOf }: HasherOptions): Hasher {
  const pool = hashPool({ workers: workers ?? Math.max(1, availableParallelism() - 1), maxQueue, onFallback })

  function decoy(): StoredHash {
    return { parameters, salt: randomBytes(saltLength), tag: randomBytes(tagLength) }
  }

  /** What can be checked: of a kind that is known, made with a secret that is in the settings, or with none. */
  function readable(hash: string | undefined): StoredPassword | undefined {
    const stored = hash === undefined ? undefined : parseStored(hash)
    const name = secretNameOf(stored)
    return name && secretOf?.(name) === undefined ? undefined : stored
  }

  function jobOf(stored: StoredPassword, password: string): HashJob {
    const given = { ...stored, password: bytesOf(password), tagLength: stored.tag.length }
    if (given.kind === 'firebase')
      return { ...given, signer: Buffer.from(secretOf?.(given.secretName) ?? '', 'base64') }
    if (given.kind !== 'argon2' || !given.former) return given as HashJob
    const { recipe, salt, secretName } = given.former
    return { ...given, former: { recipe, salt, secret: secretOf?.(secretName) ?? '' } }
  }

  return {
    async hash(password) {
      const fresh = decoy()
      const job = jobOf({ kind: 'argon2', type: 'argon2id', ...fresh }, password.normalize('NFKC'))
      return formatPhc({ ...fresh, tag: await pool.run(job, 'anybody') })
    },
    async verify(hash, password, guest = 'anybody', like) {
      const stored = readable(hash)
      const against = stored ?? readable(like) ?? { kind: 'argon2', type: 'argon2id', ...decoy() }
      for (const form of formsOf(password, against)) {
        const tag = await pool.run(jobOf(against, form), guest)
        // SECURITY: whoever knows the password of somebody else, whose hash stands in, is let in nowhere with it.
        if (isSameSecret(tag, against.tag) && stored !== undefined) return true
      }
      return false
    },
    needsRehash(hash) {
      const stored = parsePhc(hash)
      if (stored === undefined || stored.tag.length < tagLength) return true
      const { memory_kib, time_cost, parallelism } = stored.parameters
      return (
        memory_kib < parameters.memory_kib || time_cost < parameters.time_cost || parallelism < parameters.parallelism
      )
    },
    refuseWhenFull: (guest = 'anybody') => pool.refuseWhenFull(guest),
    waiting: pool.waiting,
    close: pool.close,
  }
}

/**
 * A password as it may have been hashed: normalised by us; as it was typed by every other system, of whose argon2
 * hashes nobody can tell that they are not ours.
 */
function formsOf(password: string, { kind, ...stored }: StoredPassword): readonly string[] {
  if (kind !== 'argon2' || 'former' in stored) return [password]
  return [...new Set([password.normalize('NFKC'), password])]
}

function bytesOf(password: string): Uint8Array {
  return new TextEncoder().encode(password)
}
