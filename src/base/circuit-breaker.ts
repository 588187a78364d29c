import type { Clock } from './clock.ts'

interface Options {
  readonly clock: Clock
  /** So many failures within `withinMs` are too many. */
  readonly most: number
  readonly withinMs: number
  /** How long nobody asks then. */
  readonly restMs: number
}

/**
 * Spares people the wait for a server that does not answer: after too many failures nobody asks it for a while, then
 * one question tries whether it answers again. Each process has its own.
 */
export class CircuitBreaker {
  readonly #options: Options
  #failedAt: readonly number[] = []
  #restsUntil: number | undefined

  constructor(options: Options) {
    this.#options = options
  }

  /** Whether nobody asks at the moment. */
  isResting(): boolean {
    return this.#restsUntil !== undefined && this.#options.clock() < this.#restsUntil
  }

  /** Whether to ask now. Whoever may must say what came of it. */
  mayAsk(): boolean {
    const { clock, restMs } = this.#options
    if (this.#restsUntil === undefined) return true
    if (this.isResting()) return false
    // This one tries; the others go on waiting for what comes of it.
    this.#restsUntil = clock() + restMs
    return true
  }

  /** There was an answer, whatever it said. */
  answered(): void {
    if (this.#restsUntil === undefined) return
    this.#restsUntil = undefined
    this.#failedAt = []
  }

  /** There was none. True where this one made nobody ask any more. */
  failed(): boolean {
    const { clock, most, withinMs, restMs } = this.#options
    const now = clock()
    this.#failedAt = [...this.#failedAt.filter((at) => at > now - withinMs), now].slice(-most)
    if (this.#restsUntil !== undefined || this.#failedAt.length < most) return false
    this.#restsUntil = now + restMs
    return true
  }
}
