import { busyConnections, type Finished, type Mark } from './busy.ts'
import { answer } from './child.ts'
import type { Seat } from './fixture.ts'
import { paced } from './paced.ts'
import { openWorker, type Scenario, type ScenarioName, scenarios, type Worker } from './scenarios.ts'
import { quantile } from './statistics.ts'

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

const busy = busyConnections()
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

const calls: LoadCalls = {
  async begin(seated) {
    const { run }: Scenario = scenarios[seated.scenario]
    const workers = await prepared(seated)
    busy.begin(workers.map((worker) => ({ run: () => run(worker), close: () => worker.connection.close() })))
  },
  mark: busy.mark,
  end: busy.end,
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
