import { AppError, type ErrorCode } from '../base/errors.ts'
import { isLoopback, type NetworkWidth, networksOf } from '../base/network.ts'
import type { Count, Counter, CountingWindow, EphemeralStore } from '../store/ephemeral.ts'

/** One named limit: rolling windows that all have to have room. */
export interface LimitRule {
  readonly windows: readonly CountingWindow[]
  /**
   * The key is an address as it came with the request. `growing`: its network has the windows, and each wider network
   * around it has a multiple of them. `widest`: only the widest network is counted, with the windows as they are.
   */
  readonly perNetwork?: 'growing' | 'widest'
  /** Whether requests from this machine are not counted, because whoever sends them develops or tests an app. */
  readonly isFreeHere?: boolean
  /** The error for a caller over the limit; `request.too_many` when absent. */
  readonly error?: ErrorCode
}

/** Whom or what is counted: a key, or an address and what was asked for from there. */
export type LimitKey = string | { readonly ip: string; readonly of: string }

/** One event of a limit: it is counted, or with `look` only asked whether there is room for it. */
export type LimitEvent<Name extends string> = readonly [name: Name, key: LimitKey, how?: 'look']

/** The answer of the limits to some events. */
export interface Verdict {
  readonly isTaken: boolean
  /** The limits that had no room, the one with the longest wait first; no counters beside them. */
  readonly refusedBy: readonly string[]
  /** Seconds until the same events can be taken; people are told to wait that long. */
  readonly waitSeconds: number
  /** What each window of each limit says, and after them each counter beside them. */
  readonly counts: readonly (Count & { readonly name: string; readonly max: number })[]
}

/** A counter of somebody else's that is taken together with limits. Its name is that of no limit. */
export type NamedCounter = Counter & { readonly name: string }

/** Counts events and refuses those that are too many. */
export interface Limits<Name extends string> {
  /**
   * Counts one event of this key. Throws the rule's error with `retryAfterSeconds` when there is no room,
   * `server.unavailable` when the store cannot say: limits fail closed.
   */
  take(name: Name, key: LimitKey): Promise<void>
  /** Counts all or, when one of them has no room, none, and throws as `take` does for the one with the longest wait. */
  takeAll(events: readonly LimitEvent<Name>[]): Promise<Verdict>
  /**
   * The same for a caller who has another way when there is no room: only a store that cannot say makes it throw. The
   * counters `beside` are taken in the same round trip, all of them and the limits or none.
   */
  tryAll(events: readonly LimitEvent<Name>[], beside?: readonly NamedCounter[]): Promise<Verdict>
  /** Throws for a verdict what `takeAll` would have thrown. */
  refuse(verdict: Verdict): never
  /** Gives back what was taken for something that did not come about. */
  giveBack(events: readonly LimitEvent<Name>[], beside?: readonly NamedCounter[]): Promise<void>
}

/** By how much the windows of a wider network are larger than those of a single address. */
export type NetworkFactors = Readonly<Record<Exclude<NetworkWidth, 'address'>, number>>

interface LimitsDeps<Name extends string> {
  readonly store: Pick<EphemeralStore, 'count'>
  readonly rules: Readonly<Record<Name, LimitRule>>
  /** Keyed hash, so that a look into the store shows no phone number and none can be found by trying them all. */
  readonly mac: (text: string) => string
  readonly factors: NetworkFactors
  /** Told of each limit that refused, by its name. */
  readonly onRefused?: (name: Name) => void
}

/** The product's limits, each known by name. */
export function limits<Name extends string>(deps: LimitsDeps<Name>): Limits<Name> {
  const { store, rules, mac, factors, onRefused = () => {} } = deps

  /** The keys that one event counts for, and how much room each has in comparison with the rule. */
  function keysOf(rule: LimitRule, key: LimitKey): readonly { readonly text: string; readonly factor: number }[] {
    const { ip, of } = typeof key === 'string' ? { ip: key, of: '' } : key
    if (rule.perNetwork === undefined) return [{ text: of === '' ? ip : JSON.stringify(key), factor: 1 }]
    if (rule.isFreeHere && isLoopback(ip)) return []
    const networks = networksOf(ip).map(({ name, width }) => ({
      text: of === '' ? name : JSON.stringify({ name, of }),
      factor: width === 'address' || rule.perNetwork === 'widest' ? 1 : factors[width],
    }))
    return rule.perNetwork === 'widest' ? networks.slice(-1) : networks
  }

  function countersOf([name, key, how]: LimitEvent<Name>, amount: 1 | -1): NamedCounter[] {
    const rule = rules[name]
    return keysOf(rule, key).flatMap(({ text, factor }) => {
      const hidden = mac(`limit:${name}:${text}`)
      return rule.windows.map(({ max, seconds }) => ({
        name,
        key: `limit:${name}:${hidden}:${seconds}`,
        max: max * factor,
        seconds,
        amount: how === 'look' ? 0 : amount,
      }))
    })
  }

  async function count(
    events: readonly LimitEvent<Name>[],
    amount: 1 | -1,
    beside: readonly NamedCounter[] = [],
  ): Promise<Verdict> {
    const all = [...events.flatMap((event) => countersOf(event, amount)), ...beside]
    // A counter that two events share is counted once.
    const counters = [...new Map(all.map((each) => [each.key, each])).values()]
    if (counters.length === 0) return { isTaken: true, refusedBy: [], waitSeconds: 0, counts: [] }
    try {
      const { isCounted, counts: said } = await store.count(counters)
      const counts = counters.map(({ name, max, seconds }, index) => {
        const { waitSeconds, ...count } = said[index] as Count
        // A request that read the clock earlier may be counted later: even then nobody waits longer than the window.
        return { name, max, ...count, waitSeconds: Math.min(waitSeconds, seconds) }
      })
      const full = counts
        .filter(({ name, waitSeconds }) => waitSeconds > 0 && Object.hasOwn(rules, name))
        .toSorted((one, other) => other.waitSeconds - one.waitSeconds)
      const refusedBy = isCounted ? [] : [...new Set(full.map(({ name }) => name))]
      return { isTaken: isCounted, refusedBy, waitSeconds: full[0]?.waitSeconds ?? 0, counts }
    } catch (thrown) {
      throw thrown instanceof AppError ? thrown : new AppError('server.unavailable', { cause: thrown })
    }
  }

  function refuse({ refusedBy, waitSeconds }: Verdict): never {
    const name = refusedBy[0] as Name
    onRefused(name)
    throw new AppError(rules[name].error ?? 'request.too_many', { params: { retryAfterSeconds: waitSeconds } })
  }

  async function takeAll(events: readonly LimitEvent<Name>[]): Promise<Verdict> {
    const verdict = await count(events, 1)
    return verdict.isTaken ? verdict : refuse(verdict)
  }

  return {
    async take(name, key) {
      await takeAll([[name, key]])
    },
    takeAll,
    tryAll: (events, beside) => count(events, 1, beside),
    refuse,
    async giveBack(events, beside = []) {
      await count(
        events,
        -1,
        beside.map((each) => ({ ...each, amount: -(each.amount ?? 1) })),
      )
    },
  }
}
