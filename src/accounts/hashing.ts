import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { isSameSecret } from '../base/same-secret.ts'
import type { Binary } from './hash-job.ts'
import { type Guest, hashPool } from './hash-pool.ts'
import { formatPhc, type HashParameters, parsePhc, type StoredHash } from './phc.ts'

/** How much a hash costs, and how many are made at once. */
export interface HasherOptions {
  readonly parameters: HashParameters
  /** Children; by default one less than there are cores, so that one is left for everything else. */
  readonly workers?: number | undefined
  /** How many may wait for a child. */
  readonly maxQueue: number
  /** Called when a binary of argon2 does not work on this machine and the next slower one is used. */
  readonly onFallback?: (from: Binary, to: Binary, cause: Error) => void
}

/**
 * argon2id of npm `argon2` in processes of its own, so that a storm of logins leaves token signing alone: in this
 * process it would hash on the few threads that sign (docs/performance.md has the figures of each arrangement). The
 * strings are PHC strings, which every other implementation reads.
 *
 * Passwords are normalised here (NFKC) and nowhere else, so setting and checking cannot differ; they are never
 * truncated.
 */
export interface Hasher {
  /** Throws `password.busy` when the queue is full, `server.unavailable` when the child died. */
  hash(password: string): Promise<string>
  /**
   * False when there is no hash or it is of a kind we cannot read; that costs one derivation too. SECURITY: so an
   * answer for somebody who does not exist takes as long as one for a wrong password. Throws as `hash` does.
   */
  verify(hash: string | undefined, password: string, guest?: Guest): Promise<boolean>
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
export function hasher({ parameters, workers, maxQueue, onFallback }: HasherOptions): Hasher {
  const pool = hashPool({ workers: workers ?? Math.max(1, availableParallelism() - 1), maxQueue, onFallback })

  function derive(password: string, { parameters, salt, tag }: StoredHash, guest: Guest): Promise<Uint8Array> {
    const bytes = new TextEncoder().encode(password.normalize('NFKC'))
    return pool.run({ password: bytes, salt, parameters, tagLength: tag.length }, guest)
  }

  function decoy(): StoredHash {
    return { parameters, salt: randomBytes(saltLength), tag: randomBytes(tagLength) }
  }

  return {
    async hash(password) {
      const fresh = decoy()
      return formatPhc({ ...fresh, tag: await derive(password, fresh, 'anybody') })
    },
    async verify(hash, password, guest = 'anybody') {
      const stored = hash === undefined ? undefined : parsePhc(hash)
      const against = stored ?? decoy()
      const tag = await derive(password, against, guest)
      return isSameSecret(tag, against.tag) && stored !== undefined
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
