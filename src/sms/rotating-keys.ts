import type { Clock } from '../base/clock.ts'
import type { Secret } from '../base/secret.ts'

/** What a call to a cloud is signed with. */
export interface CloudKeys {
  readonly id: string
  readonly secret: Secret
  /** Goes with temporary keys, which do not work without it. */
  readonly token?: Secret | undefined
}

/** Temporary keys. */
export interface ExpiringKeys extends CloudKeys {
  /** In milliseconds since the epoch. */
  readonly expiresAt: number
}

/** Where the keys of a vendor come from. */
export interface KeySource {
  /** Throws `KeysUnavailable`. */
  current(): Promise<CloudKeys>
  /** Called when the vendor refused these keys: they are fetched again before their time. */
  drop(keys: CloudKeys): void
}

/** There are no keys to sign with. Names what failed in words of our own, never what the metadata service sent. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'
}

interface Rotation {
  readonly fetch: () => Promise<ExpiringKeys>
  readonly clock: Clock
}

const marginMs = 5 * 60_000
/** The time between two questions while keys near their end are all there is. */
const pauseMs = 10_000

/** Keys that stand in the settings. */
export function fixedKeys(keys: CloudKeys): KeySource {
  return { current: async () => keys, drop: () => {} }
}

/**
 * Temporary keys, held in the memory of this process alone and fetched again five minutes before they expire: once,
 * however many wait. While new ones cannot be had, those held are used to their end.
 */
export function rotatingKeys({ fetch, clock }: Rotation): KeySource {
  let held: ExpiringKeys | undefined
  let freshUntil = 0
  let fetching: Promise<ExpiringKeys> | undefined

  async function renew(): Promise<ExpiringKeys> {
    try {
      const keys = await fetch()
      if (keys.expiresAt <= clock()) throw new KeysUnavailable('the keys on offer have expired')
      held = keys
    } catch (thrown) {
      if (held === undefined || held.expiresAt <= clock()) throw thrown
    } finally {
      fetching = undefined
    }
    freshUntil = Math.min(held.expiresAt, Math.max(held.expiresAt - marginMs, clock() + pauseMs))
    return held
  }

  return {
    async current() {
      if (held !== undefined && clock() < freshUntil) return held
      fetching ??= renew()
      return fetching
    },
    drop(keys) {
      if (held === keys) held = undefined
    },
  }
}
