/** Milliseconds since the epoch. Production passes `Date.now`; tests pass a clock they can walk. */
export interface Clock {
  (): number
  /**
   * By how many milliseconds it was walked past the world's time on purpose, in the sandbox or a test; absent in
   * production.
   */
  readonly aheadMs?: () => number
}

/** Seconds since the epoch, as OIDC and the library count them. */
export function epochSeconds(clock: Clock): number {
  return Math.floor(clock() / 1000)
}
