import { setTimeout as delay } from 'node:timers/promises'
import { quantile } from './statistics.ts'

/** What was done up to a moment. */
export interface Mark {
  readonly operations: number
  readonly atMs: number
}

export interface Finished {
  readonly p50Ms: number
  readonly p99Ms: number
  /** What went wrong, with how often. */
  readonly failures: Readonly<Record<string, number>>
}

/** One connection at work: what it does again and again, and how it ends. */
export interface Occupation {
  readonly run: () => Promise<void>
  readonly close: () => void
}

const mostFailures = 20
const patienceMs = 3000

interface Run {
  readonly occupations: readonly Occupation[]
  readonly loops: Promise<void>[]
  readonly latencies: number[]
  readonly failures: Record<string, number>
  operations: number
  marks: number
  stopped: boolean
}

/** Keeps connections busy from `begin` to `end`; latencies are kept from the first mark to the second. */
export function busyConnections() {
  let run: Run | undefined
  return {
    begin(occupations: readonly Occupation[]): void {
      const current: Run = {
        occupations,
        loops: [],
        latencies: [],
        failures: {},
        operations: 0,
        marks: 0,
        stopped: false,
      }
      for (const each of occupations) current.loops.push(keepBusy(current, each))
      run = current
    },
    mark(): Mark {
      if (run) run.marks++
      return { operations: run?.operations ?? 0, atMs: performance.now() }
    },
    async end(): Promise<Finished> {
      if (!run) throw new Error('nothing runs')
      const { occupations, loops, latencies, failures } = run
      run.stopped = true
      // What is under way finishes, so that the rest of this slice does not disturb the next.
      await Promise.race([Promise.all(loops), delay(patienceMs, undefined, { ref: false })])
      for (const { close } of occupations) close()
      return { p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99), failures }
    },
  }
}

/** Does one operation after the other; a server that only fails is given up on. */
async function keepBusy(current: Run, { run }: Occupation): Promise<void> {
  while (!current.stopped) {
    const startedMs = performance.now()
    try {
      await run()
      current.operations++
      if (current.marks === 1) current.latencies.push(performance.now() - startedMs)
    } catch (error) {
      if (current.stopped) return
      const { message } = error as Error
      const times = (current.failures[message] ?? 0) + 1
      current.failures[message] = times
      if (times >= mostFailures) return
    }
  }
}
