import { createHash } from 'node:crypto'
import type { Clock } from '../../src/base/clock.ts'

interface Entry<T> {
  readonly about: T
  expiresAt: number
  isUsed: boolean
}

/** What became of a value that was issued: `used` takes precedence over `expired`. */
export interface Found<T> {
  readonly about: T
  readonly state: 'live' | 'used' | 'expired'
  /** Seconds to the end of its life; negative after it. */
  readonly secondsLeft: number
}

/** Codes or tokens that a vendor has issued, each with what it stands for. */
export class Issued<T> {
  readonly #entries = new Map<string, Entry<T>>()
  readonly #clock: Clock
  readonly #kind: string
  readonly #ttlSeconds: number
  #serial = 0

  constructor(options: { clock: Clock; kind: string; ttlSeconds: number }) {
    this.#clock = options.clock
    this.#kind = options.kind
    this.#ttlSeconds = options.ttlSeconds
  }

  /**
   * Issues a text. It is the same for the same clock and the same calls, and different after every start of a sandbox.
   */
  issue(about: T): string {
    const now = this.#clock()
    this.#serial += 1
    const text = derived(32, this.#kind, String(this.#serial), String(now))
    this.#entries.set(text, { about, expiresAt: now + this.#ttlSeconds * 1000, isUsed: false })
    return text
  }

  find(text: string): Found<T> | undefined {
    const entry = this.#entries.get(text)
    if (entry === undefined) return undefined
    const msLeft = entry.expiresAt - this.#clock()
    const state = entry.isUsed ? 'used' : msLeft <= 0 ? 'expired' : 'live'
    return { about: entry.about, state, secondsLeft: Math.floor(msLeft / 1000) }
  }

  use(text: string): void {
    const entry = this.#entries.get(text)
    if (entry !== undefined) entry.isUsed = true
  }

  /** Lets its life begin again. */
  extend(text: string): void {
    const entry = this.#entries.get(text)
    if (entry !== undefined) entry.expiresAt = this.#clock() + this.#ttlSeconds * 1000
  }

  /** Ends the life of all texts. */
  expireAll(): void {
    for (const entry of this.#entries.values()) entry.expiresAt = this.#clock()
  }

  /** After this, nothing that was issued before is found. */
  forgetAll(): void {
    this.#entries.clear()
  }

  /** Uses up everything that fits. */
  useAll(fits: (about: T) => boolean): void {
    for (const entry of this.#entries.values()) if (fits(entry.about)) entry.isUsed = true
  }
}

/** Lower-case hex that depends on the words alone. */
export function derived(length: number, ...words: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(words)).digest('hex').slice(0, length)
}
