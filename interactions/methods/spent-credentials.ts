import { randomBytes } from 'node:crypto'
import type { Clock } from '../../src/base/clock.ts'
import { AppError } from '../../src/base/errors.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import { UpstreamAnswer } from '../upstreams/connector.ts'

/** That somebody brought a credential first. */
export interface Mark {
  /** Makes the credential as good as it was. Does nothing to the mark of somebody else. */
  giveBack(): Promise<void>
}

/** That somebody else brought it, and how long that counts. */
export interface Taken {
  readonly waitSeconds: number
}

/**
 * Remembers what apps brought, so that nothing is good for two logins, however its vendor behaves. Throws
 * `server.unavailable` where the store cannot answer: nothing is taken then.
 */
export interface Spent {
  /** Marks for the first of all who bring this value within half an hour: longer than any vendor's code lives. */
  once(name: string, value: string): Promise<Mark | Taken>
  /** Marks for the attempt that brought this value first; for another one only after five minutes. */
  oncePerAttempt(name: string, value: string, attemptId: string): Promise<Mark | Taken>
}

interface Dependencies {
  readonly store: EphemeralStore
  readonly clock: Clock
  /** SECURITY: keyed, so that a leaked store tells no code and no token. */
  readonly mac: (text: string) => string
}

const onceSeconds = 1800
const attemptSeconds = 300

/** Remembers in the store all processes share. */
export function spent({ store, clock, mac }: Dependencies): Spent {
  async function marked(key: string, holder: string, ttlSeconds: number): Promise<Mark | Taken> {
    const text = `${holder} ${clock() + ttlSeconds * 1000}`
    if (await store.add(key, text, ttlSeconds)) return { giveBack: () => store.release(key, text) }
    const [other, until] = ((await store.get<string>(key)) ?? '').split(' ')
    // SECURITY: only the request that set a mark gives it back, because the one before it may have logged in.
    if (other === holder) return { giveBack: async () => {} }
    return { waitSeconds: Math.min(Math.max(Math.ceil((Number(until) - clock()) / 1000) || 1, 1), ttlSeconds) }
  }

  const keyOf = (name: string, value: string) => `spent:${mac(`${name} ${value}`)}`
  return {
    once: (name, value) => marked(keyOf(name, value), randomBytes(16).toString('hex'), onceSeconds),
    oncePerAttempt: (name, value, attemptId) => marked(keyOf(name, value), mac(`attempt ${attemptId}`), attemptSeconds),
  }
}

/** Whether somebody else was first. */
export function isTaken(mark: Mark | Taken): mark is Taken {
  return 'waitSeconds' in mark
}

/**
 * Does something with what was marked. If the vendor did not answer, and so nobody was let in, it is good again for
 * whoever brings it next. A token that lives on is so after every refusal: the vendor judges it each time.
 */
export async function withMarks<T>(
  marks: readonly Mark[],
  work: () => Promise<T>,
  { livesOn = false }: { readonly livesOn?: boolean } = {},
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof AppError && (livesOn || isUnanswered(error))) await giveBack(marks)
    throw error
  }
}

/** Makes all of them as good as they were. */
export async function giveBack(marks: readonly Mark[]): Promise<void> {
  await Promise.all(marks.map((mark) => mark.giveBack()))
}

/**
 * Whether an error says that the vendor did not answer. SECURITY: a vendor that answers has judged, even if it says
 * that we are the trouble.
 */
export function isUnanswered({ code, cause }: AppError): boolean {
  if (code === 'upstream.busy') return true
  if (code !== 'one_tap.unavailable' || !(cause instanceof UpstreamAnswer)) return false
  return /^(?:no_answer|page|429|5\d\d)$/.test(cause.vendorCode)
}
