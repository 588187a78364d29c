import type { EphemeralStore } from '../../src/store/ephemeral.ts'

/**
 * Remembers what apps brought, so that nothing is good for two logins, however its vendor behaves. Throws
 * `server.unavailable` where the store cannot answer: nothing is taken then.
 */
export interface Spent {
  /**
   * True for the first of all who bring this value within half an hour, which is longer than any vendor's code lives.
   */
  once(name: string, value: string): Promise<boolean>
  /** True for the attempt that brought this value first; for another one only after five minutes. */
  oncePerAttempt(name: string, value: string, attemptId: string): Promise<boolean>
}

interface Dependencies {
  readonly store: EphemeralStore
  /** SECURITY: keyed, so that a leaked store tells no code and no token. */
  readonly mac: (text: string) => string
}

const onceSeconds = 1800
const attemptSeconds = 300

/** Remembers in the store all processes share. */
export function spent({ store, mac }: Dependencies): Spent {
  const keyOf = (name: string, value: string) => `spent:${mac(`${name} ${value}`)}`
  return {
    once: (name, value) => store.add(keyOf(name, value), true, onceSeconds),
    async oncePerAttempt(name, value, attemptId) {
      const key = keyOf(name, value)
      const holder = mac(`attempt ${attemptId}`)
      return (await store.add(key, holder, attemptSeconds)) || (await store.get(key)) === holder
    },
  }
}
