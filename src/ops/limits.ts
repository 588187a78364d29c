import { AppError, type ErrorCode } from '../base/errors.ts'
import type { EphemeralStore, Window } from '../store/ephemeral.ts'

/** One named limit: rolling windows that all have to have room, or one fixed window for large numbers, which costs less to keep. */
export type LimitRule = (
  | { readonly windows: readonly Window[]; readonly fixed?: never }
  | { readonly fixed: Window; readonly windows?: never }
) & {
  /** What a caller over the limit is told; `request.too_many` when absent. */
  readonly error?: ErrorCode
}

export interface Limits<Name extends string> {
  /**
   * Counts one event of this key. Throws the rule's error with `retryAfterSeconds` when there is no room, `server.unavailable`
   * when the store cannot say: limits fail closed.
   */
  take(name: Name, key: string): Promise<void>
  /** Takes each in turn and stops at the first refusal; those before it stay counted, so the narrowest limit goes first. */
  takeAll(pairs: readonly (readonly [name: Name, key: string])[]): Promise<void>
}

interface LimitsDeps<Name extends string> {
  readonly store: Pick<EphemeralStore, 'hit' | 'increment'>
  readonly rules: Readonly<Record<Name, LimitRule>>
  /** Keyed hash, so that a look into the store shows no phone number and none can be found by trying them all. */
  readonly mac: (text: string) => string
}

/** The product's limits, each known by name. */
export function limits<Name extends string>({ store, rules, mac }: LimitsDeps<Name>): Limits<Name> {
  async function take(name: Name, key: string): Promise<void> {
    const rule = rules[name]
    const waitSeconds = await count(rule, `limit:${name}:${mac(`limit:${name}:${key}`)}`)
    if (waitSeconds === 0) return
    throw new AppError(rule.error ?? 'request.too_many', { params: { retryAfterSeconds: waitSeconds } })
  }

  /** Seconds to wait, 0 when counted. How long a fixed window still runs is not known; an hour is the most that is answered. */
  async function count(rule: LimitRule, key: string): Promise<number> {
    try {
      if (rule.fixed === undefined) return rule.windows.length === 0 ? 0 : await store.hit(key, rule.windows)
      const used = await store.increment(key, rule.fixed.seconds)
      return used <= rule.fixed.max ? 0 : Math.min(rule.fixed.seconds, 3600)
    } catch (thrown) {
      throw thrown instanceof AppError ? thrown : new AppError('server.unavailable', { cause: thrown })
    }
  }

  return {
    take,
    async takeAll(pairs) {
      for (const [name, key] of pairs) await take(name, key)
    },
  }
}
