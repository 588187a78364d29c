import type { Clock } from '../base/clock.ts'
import { AppError, type ErrorCode } from '../base/errors.ts'
import { networkOf } from '../base/network.ts'
import type { EphemeralStore, Window } from '../store/ephemeral.ts'
import { digest } from '../store/seal.ts'

export interface LockRules {
  /** Wrong tries before the first lock. */
  readonly tries: number
  /** Seconds of the first lock; every further wrong try doubles it. */
  readonly first: number
  readonly longest: number
  /** Seconds after which tries and locks are forgotten. */
  readonly forget_after: number
  /** Wrong tries allowed from one address. */
  readonly per_ip: readonly Window[]
}

/** Whose password is tried, and from where. */
export interface Guarded {
  readonly who: string
  readonly ip: string | undefined
}

export interface PasswordLock {
  /**
   * Runs one try of a password, which answers undefined when it was wrong. Tries are counted before they run, so that parallel
   * guesses do not all pass; once the free ones are used, the lock has to be won to try at all, and a wrong try leaves it in
   * place, twice as long each time. A right one forgets everything. Throws, without running the try, `password.locked` and
   * `request.too_many`, both with `retryAfterSeconds`.
   */
  guard<Result>(guarded: Guarded, attempt: () => Promise<Result | undefined>): Promise<Result | undefined>
}

/**
 * Growing locks that always end, the same for names that exist and names that do not. SECURITY: the keys are this file's own, so
 * that a stranger's wrong passwords never stand in the way of a login by one-time code.
 */
export function passwordLock({
  store,
  clock,
  rules,
}: {
  readonly store: EphemeralStore
  readonly clock: Clock
  readonly rules: LockRules
}): PasswordLock {
  async function refuseUntil(key: string, code: ErrorCode): Promise<void> {
    const until = await store.get<number>(key)
    const seconds = until === undefined ? 0 : Math.ceil((until - clock()) / 1000)
    if (seconds > 0) throw new AppError(code, { params: { retryAfterSeconds: seconds } })
  }

  /** Undefined while tries are free, otherwise the number of locks there were before the one this call has won. */
  async function enter(key: string): Promise<number | undefined> {
    const tries = await store.increment(`${key}:tries`, rules.forget_after)
    if (tries < rules.tries) return undefined
    const locks = (await store.get<number>(`${key}:locks`)) ?? 0
    const seconds = Math.min(rules.first * 2 ** locks, rules.longest)
    if (await store.add(`${key}:lock`, clock() + seconds * 1000, seconds)) return locks
    await refuseUntil(`${key}:lock`, 'password.locked')
    throw new AppError('password.locked', { params: { retryAfterSeconds: 1 } })
  }

  async function countFailure(key: string, address: string | undefined, locks: number | undefined): Promise<void> {
    if (locks !== undefined) await store.set(`${key}:locks`, locks + 1, rules.forget_after)
    if (address === undefined) return
    const seconds = await store.hit(`${address}:failures`, rules.per_ip)
    if (seconds > 0) await store.set(`${address}:lock`, clock() + seconds * 1000, seconds)
  }

  return {
    async guard({ who, ip }, attempt) {
      // Of one length, whatever was typed, and plain in no store.
      const key = `password:who:${digest(who)}`
      const address = ip === undefined ? undefined : `password:ip:${networkOf(ip)}`
      await Promise.all([
        refuseUntil(`${key}:lock`, 'password.locked'),
        address && refuseUntil(`${address}:lock`, 'request.too_many'),
      ])
      const locks = await enter(key)
      try {
        const result = await attempt()
        if (result === undefined) {
          await countFailure(key, address, locks)
          return undefined
        }
        const ended = locks === undefined ? [] : [`${key}:lock`]
        await Promise.all([`${key}:tries`, `${key}:locks`, ...ended].map((each) => store.delete(each)))
        return result
      } catch (error) {
        // Nobody judged the password (full queue, database away), so nobody is locked out for it.
        if (locks !== undefined) await store.delete(`${key}:lock`)
        throw error
      }
    },
  }
}
