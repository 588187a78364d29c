/** How many events of one key are allowed in a rolling window. */
export interface Window {
  readonly max: number
  readonly seconds: number
}

/**
 * Values that may be lost at the price of starting again; every one has a lifetime. Each call is atomic and one round trip.
 * A store that cannot answer throws `server.unavailable`: limits and replay marks fail closed.
 */
export interface EphemeralStore {
  get<T>(key: string): Promise<T | undefined>
  set(key: string, value: unknown, ttlSeconds: number): Promise<void>
  /** False when the key is already there: somebody was first. */
  add(key: string, value: unknown, ttlSeconds: number): Promise<boolean>
  /** Read and delete; of several callers one gets the value. */
  take<T>(key: string): Promise<T | undefined>
  /** Counts in a fixed window that starts with the first call; answers the new count. */
  increment(key: string, ttlSeconds: number): Promise<number>
  /**
   * Counts one event against rolling windows. Answers 0 when it was counted; otherwise nothing is counted and the answer is the
   * seconds until it would be (at least 1).
   */
  hit(key: string, windows: readonly Window[]): Promise<number>
  delete(key: string): Promise<void>
  /** Throws `server.unavailable` unless the store answers. */
  ping(): Promise<void>
  close(): Promise<void>
}
