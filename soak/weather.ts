/** When something was going wrong on purpose: what was under way then may have come to anything. */
export class Weather {
  readonly #storms: { readonly fromMs: number; readonly name: string; toMs: number }[] = []
  readonly #graceMs: number

  /** `graceMs` is how long after a fault its traces may still be felt. */
  constructor(graceMs: number) {
    this.#graceMs = graceMs
  }

  /** Something goes wrong from now on; it is over when the answer is called. */
  begin(name: string): () => void {
    const storm = { fromMs: Date.now(), name, toMs: Number.POSITIVE_INFINITY }
    this.#storms.push(storm)
    return () => {
      storm.toMs = Date.now() + this.#graceMs
    }
  }

  /** Whether nothing went wrong on purpose between two moments. */
  wasCalm(fromMs: number, toMs: number): boolean {
    return this.#storms.findLast((storm) => storm.fromMs <= toMs && storm.toMs >= fromMs) === undefined
  }

  /** What is going wrong now. */
  get current(): string | undefined {
    const now = Date.now()
    return this.#storms.findLast(({ fromMs, toMs }) => fromMs <= now && toMs >= now)?.name
  }
}
