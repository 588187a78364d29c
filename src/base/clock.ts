/** Milliseconds since the epoch. Production passes `Date.now`; tests pass a clock they can walk. */
export type Clock = () => number

/** Seconds since the epoch, as OIDC and the library count them. */
export function epochSeconds(clock: Clock): number {
  return Math.floor(clock() / 1000)
}
