import { hash, randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { UserId } from '../base/ids.ts'
import type { EphemeralStore } from '../store/ephemeral.ts'

/** What is kept of a link. */
export interface PasswordLink {
  readonly userId: UserId
  /** In milliseconds since the epoch. What ended proofs of the account since then has ended the link too. */
  readonly madeAt: number
  /** Who has made it. */
  readonly operator: string
}

/** Links that an operator makes and hands over: whoever opens one chooses a password for the account, once. */
export interface PasswordLinks {
  /** Answers the secret of a new link, which is kept nowhere. */
  make(link: Omit<PasswordLink, 'madeAt'>, seconds: number): Promise<string>
  /** Undefined for one that has expired, was used, or never was. */
  find(secret: string): Promise<PasswordLink | undefined>
  /** Uses a link up; of several who do it at once, one gets it. */
  take(secret: string): Promise<PasswordLink | undefined>
}

const shape = /^[\w-]{43}$/

/** SECURITY: what is stored is a digest, so that nobody who reads the store can open a link. */
export function passwordLinks({
  store,
  clock,
}: {
  readonly store: EphemeralStore
  readonly clock: Clock
}): PasswordLinks {
  const keyOf = (secret: string) => `password_link:${hash('sha256', secret, 'base64url')}`
  return {
    async make(link, seconds) {
      const secret = randomBytes(32).toString('base64url')
      await store.set(keyOf(secret), { ...link, madeAt: clock() } satisfies PasswordLink, seconds)
      return secret
    },
    find: async (secret) => (shape.test(secret) ? store.get<PasswordLink>(keyOf(secret)) : undefined),
    take: async (secret) => (shape.test(secret) ? store.take<PasswordLink>(keyOf(secret)) : undefined),
  }
}
