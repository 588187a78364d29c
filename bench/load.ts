import { setTimeout as delay } from 'node:timers/promises'
import { answer } from './child.ts'
import type { Seat } from './fixture.ts'
import { paced } from './paced.ts'
import { openWorker, type Scenario, type ScenarioName, scenarios, type Worker } from './scenarios.ts'
import { quantile } from './statistics.ts'

/** What was done up to a moment. */
interface Mark {
  readonly operations: number
  readonly atMs: number
}

export interface Finished {
  readonly p50Ms: number
  readonly p99Ms: number
  /** What went wrong, with how often. */
  readonly failures: Readonly<Record<string, number>>
}

interface Seated {
  readonly scenario: ScenarioName
  readonly port: number
  readonly seats: readonly Seat[]
}

export type LoadCalls = {
  /** Opens a connection for every seat and keeps each busy until `end`. */
  begin(input: Seated): Promise<void>
  /** Latencies are kept from the first mark to the second. */
  mark(): Mark
  end(): Promise<Finished>
  /** Operations of several scenarios in turn, at a fixed rate. */
  paced(input: { lanes: readonly Seated[]; perSecond: number; ms: number }): Promise<Finished>
  /** One connection for `once`, brought to where its scenario begins. */
  prepare(input: { scenario: ScenarioName; port: number; seat: Seat }): Promise<void>
  /** One operation, alone. */
  once(): Promise<void>
}

const mostFailures = 20
const patienceMs = 3000

interface Run {
  readonly workers: readonly Worker[]
  readonly loops: Promise<void>[]
  readonly latencies: number[]
  readonly failures: Record<string, number>
  operations: number
  marks: number
  stopped: boolean
}

let run: Run | undefined
let alone: (() => Promise<void>) | undefined

function prepared({ scenario, port, seats }: Seated): Promise<Worker[]> {
  const { prepare }: Scenario = scenarios[scenario]
  return Promise.all(
    seats.map(async (seat) => {
      const worker = await openWorker(port, seat)
      await prepare?.(worker)
      return worker
    }),
  )
}

/** Does one operation after the other; a server that only fails is given up on. */
async function keepBusy(current: Run, work: Scenario['run'], worker: Worker): Promise<void> {
  while (!current.stopped) {
    const startedMs = performance.now()
    try {
      await work(worker)
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

const calls: LoadCalls = {
  async begin(seated) {
    const current: Run = {
      workers: await prepared(seated),
      loops: [],
      latencies: [],
      failures: {},
      operations: 0,
      marks: 0,
      stopped: false,
    }
    const { run: work }: Scenario = scenarios[seated.scenario]
    for (const worker of current.workers) current.loops.push(keepBusy(current, work, worker))
    run = current
  },
  mark() {
    if (run) run.marks++
    return { operations: run?.operations ?? 0, atMs: performance.now() }
  },
  async end() {
    if (!run) throw new Error('nothing runs')
    const { workers, loops, latencies, failures } = run
    run.stopped = true
    // What is under way finishes, so that the rest of this slice does not disturb the next.
    await Promise.race([Promise.all(loops), delay(patienceMs, undefined, { ref: false })])
    for (const { connection } of workers) connection.close()
    return { p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99), failures }
  },
  async paced({ lanes, perSecond, ms }) {
    const workers = await Promise.all(lanes.map(prepared))
    const most = Math.max(...workers.map(({ length }) => length))
    const works = Array.from({ length: most }, (_, place) =>
      lanes.flatMap(({ scenario }, lane) => {
        const worker = workers[lane]?.[place]
        return worker === undefined ? [] : [() => (scenarios[scenario] as Scenario).run(worker)]
      }),
    ).flat()
    const { latencies, failures } = await paced(works, perSecond, ms)
    for (const { connection } of workers.flat()) connection.close()
    return { p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99), failures }
  },
  async prepare({ scenario, port, seat }) {
    const [worker] = await prepared({ scenario, port, seats: [seat] })
    if (!worker) throw new Error('there is no seat')
    alone = async () => {
      await (scenarios[scenario] as Scenario).run(worker)
      worker.connection.close()
    }
  },
  async once() {
    await alone?.()
  },
}

answer(calls)
