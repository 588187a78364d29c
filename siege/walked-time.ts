import { setTimeout as delay } from 'node:timers/promises'

/** Whoever acts in one tick acts at once: no more of them than arrive together in a real attack. */
const tickMs = 100

interface Options {
  /** Where time begins, in milliseconds since the epoch. */
  readonly startMs: number
  /** Brings whoever else goes by this time to the same moment. */
  readonly tell: (nowMs: number) => Promise<void>
  /** Walked seconds in one second at most. */
  readonly speed: number
}

/** Time that passes only when everybody who acts in it waits. */
export class WalkedTime {
  readonly #options: Options
  readonly #sleepers = new Map<number, (() => void)[]>()
  #nowMs: number
  #awake = 0
  #failure: unknown
  #rest = () => {}

  constructor(options: Options) {
    this.#options = options
    this.#nowMs = options.startMs
  }

  now = (): number => this.#nowMs

  /** Lets somebody act from a moment on. */
  begin(atMs: number, act: () => Promise<void>): void {
    this.#wakeAt(atMs, () => {
      act()
        .catch((error: unknown) => {
          this.#failure ??= error
        })
        .finally(() => this.#fallAsleep())
    })
  }

  /** For somebody who acts: goes on when this much time has passed. */
  async sleep(ms: number): Promise<void> {
    const woken = new Promise<void>((resolve) => this.#wakeAt(this.#nowMs + ms, resolve))
    this.#fallAsleep()
    await woken
  }

  /** Walks to a moment, from one tick in which somebody acts to the next. Throws what any of them has thrown. */
  async walk(untilMs: number): Promise<void> {
    const { tell, speed } = this.#options
    while (this.#nowMs < untilMs) {
      const [begunMs, fromMs] = [performance.now(), this.#nowMs]
      const next = Math.min(...this.#sleepers.keys()) * tickMs
      this.#nowMs = Math.min(Math.max(next, fromMs), untilMs)
      await tell(this.#nowMs)
      await this.#wakeDue()
      if (this.#failure !== undefined) throw this.#failure
      const left = (this.#nowMs - fromMs) / speed - (performance.now() - begunMs)
      if (left > 1) await delay(left)
    }
  }

  /** Goes to a moment at once, while nobody acts and nobody waits for one before it. */
  async skip(toMs: number): Promise<void> {
    this.#nowMs = toMs
    await this.#options.tell(toMs)
  }

  #wakeAt(atMs: number, wake: () => void): void {
    const tick = Math.ceil(Math.max(atMs, this.#nowMs + 1) / tickMs)
    const others = this.#sleepers.get(tick)
    if (others) others.push(wake)
    else this.#sleepers.set(tick, [wake])
  }

  async #wakeDue(): Promise<void> {
    const tick = Math.floor(this.#nowMs / tickMs)
    const due = [...this.#sleepers.keys()].filter((each) => each <= tick).sort((a, b) => a - b)
    const wakes = due.flatMap((each) => this.#sleepers.get(each) ?? [])
    for (const each of due) this.#sleepers.delete(each)
    if (wakes.length === 0) return
    const asleep = new Promise<void>((resolve) => {
      this.#rest = resolve
    })
    this.#awake = wakes.length
    for (const wake of wakes) wake()
    await asleep
  }

  #fallAsleep(): void {
    this.#awake -= 1
    if (this.#awake === 0) this.#rest()
  }
}
