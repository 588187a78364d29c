import { waitSeconds } from './wait-seconds.ts'

/** How many events of one key are allowed in a rolling window. */
export interface CountingWindow {
  readonly max: number
  readonly seconds: number
}

/**
 * A rolling window of one key. A window of more than 60 events is kept in 60 parts, and may count an event one part
 * longer.
 */
export interface Counter extends CountingWindow {
  readonly key: string
  /**
   * How much is counted: 1 (the default) for an event, more for what weighs more. 0 only asks whether there is room for
   * one; less than 0 gives back, of the latest that was counted.
   */
  readonly amount?: number
  /**
   * However much is used, there is room while another counter of the same call has at least this share of it: of codes
   * that were sent, those that were entered. Of what is new in this one as much is left out of that as is new in the
   * other: it may still be entered where others enter theirs, and whoever enters nothing gains nothing.
   */
  readonly unless?: { readonly key: string; readonly percent: number }
  /**
   * Key of another counter of the same call, which counts a single thing and names itself here. While that has it, this
   * one has room for it and counts it no more, so that its number is that of different things; what is given back is
   * given back with the last of that thing. A counter that names itself forgets all at once, when its first event is
   * old, so that it forgets together with the other.
   */
  readonly once?: string
  /** How many of the last seconds are new. */
  readonly newSeconds?: number
}

/** Where other counters of the same call lie, from 1; 0: there is none. */
interface Beside {
  readonly other: number
  /** The share in percent that the other one must have. */
  readonly share: number
  readonly first: number
}

/** For each of these counters what `unless` and `once` say. */
export function besides(counters: readonly Counter[]): readonly Beside[] {
  const places = new Map(counters.map(({ key }, index) => [key, index + 1]))
  const placeOf = (key = '') => places.get(key) ?? 0
  return counters.map(({ unless, once }) => ({
    ...{ other: placeOf(unless?.key), share: unless?.percent ?? 0, first: placeOf(once) },
  }))
}

/** What a counter says after the call. */
export interface Count {
  readonly used: number
  /** How much of it is new; absent where the counter does not say what is. */
  readonly recent?: number
  /** Seconds until there is room for as much once more, at least 1; 0 while there is. */
  readonly waitSeconds: number
}

/** What a store says of a counter, as its caller reads it. */
export function countOf(
  { newSeconds }: Counter,
  { used, waitMs, recent }: { readonly used: number; readonly waitMs: number; readonly recent: number },
): Count {
  return { used, waitSeconds: waitSeconds(waitMs), ...(newSeconds === undefined ? {} : { recent }) }
}

/**
 * Values that may be lost at the price of starting again; every one has a lifetime. Each call is atomic and one round
 * trip. A store that cannot answer throws `server.unavailable`: limits and replay marks fail closed.
 */
export interface EphemeralStore {
  get<T>(key: string): Promise<T | undefined>
  set(key: string, value: unknown, ttlSeconds: number): Promise<void>
  /** False when the key is already there: somebody was first. */
  add(key: string, value: unknown, ttlSeconds: number): Promise<boolean>
  /** Deletes the value if it is still this text: what somebody else has put there since stays. */
  release(key: string, text: string): Promise<void>
  /** Read and delete; of several callers one gets the value. */
  take<T>(key: string): Promise<T | undefined>
  /** Counts in a fixed window that starts with the first call; answers the new count. */
  increment(key: string, ttlSeconds: number): Promise<number>
  /**
   * Counts in every counter, or in none when one of them has no room. The keys differ from each other, and live apart
   * from those of the values.
   */
  count(counters: readonly Counter[]): Promise<{ readonly isCounted: boolean; readonly counts: readonly Count[] }>
  /** Deletes what is there; in a cluster of Redis each key by itself. */
  delete(...keys: readonly string[]): Promise<void>
  /** Throws `server.unavailable` unless the store takes a small value: one that is full or read-only still answers. */
  ping(): Promise<void>
  close(): Promise<void>
}
