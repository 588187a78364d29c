/** One slice of one server: what it did and what it cost. */
export interface Slice {
  readonly operations: number
  /** CPU time of the server process for one operation, all its threads. */
  readonly cpuMicros: number
  /** That of PostgreSQL, in steps of 10 ms over the whole slice; absent where it was not looked at. */
  readonly databaseMicros?: number
  readonly operationsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** The smallest value that at least this share of the values does not exceed; NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

/** The middle value, of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN
  return (lower + upper) / 2
}

/** The slice in which an operation cost least: what else ran on the machine disturbed it least. */
export function leastDisturbed(slices: readonly Slice[]): Slice {
  const [first, ...rest] = slices
  if (!first) throw new Error('there is no slice')
  return rest.reduce((best, slice) => (slice.cpuMicros < best.cpuMicros ? slice : best), first)
}

/** How a server compares to the floor in CPU time: above 1 it is cheaper. */
export interface Ratio {
  /** Of slices that ran one after the other, the middle ratio. */
  readonly medianOfPairs: number
  readonly ofLeastDisturbed: number
}

/** The n-th slice of one is compared to the n-th of the other: they ran side by side. */
export function ratioOf(floor: readonly Slice[], ours: readonly Slice[]): Ratio {
  const pairs = ours.flatMap((slice, index) => {
    const beside = floor[index]
    return beside === undefined ? [] : [beside.cpuMicros / slice.cpuMicros]
  })
  return {
    medianOfPairs: median(pairs),
    ofLeastDisturbed: leastDisturbed(floor).cpuMicros / leastDisturbed(ours).cpuMicros,
  }
}

/** The figure a goal is held to: noise only ever takes away, so the better of the two counts. */
export function better({ medianOfPairs, ofLeastDisturbed }: Ratio): number {
  return Math.max(medianOfPairs, ofLeastDisturbed)
}
