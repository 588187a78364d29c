import { waitGrowth } from './crowd.ts'
import type { Findings } from './goals.ts'
import type { ServerName } from './measure.ts'
import type { Found, Row } from './rows.ts'
import { whyNotScaled } from './scaling.ts'
import type { ScenarioName } from './scenarios.ts'

/** Whether a server is the one of this checkout, under ordinary load. */
export const isOurs = (name: ServerName) => name === 'redis' || name === 'tables'

/** What the goals ask of the rows: each is judged on the dearer of our two servers. */
export function findings(found: Found): Findings {
  const { rows, storm, upstream, roundTrips: trips, moving } = found
  const floorOf = (name: ScenarioName) => rows.find((row) => row.scenario === name && row.server === 'floor')
  const dearest = (name: Row['scenario']) =>
    rows
      .filter((row) => row.scenario === name && isOurs(row.server))
      .toSorted((a, b) => b.best.cpuMicros - a.best.cpuMicros)[0]
  const opaque = floorOf('client_credentials')?.best.cpuMicros
  const jwt = dearest('client_credentials_jwt')?.best.cpuMicros
  const [worst] = storm.toSorted((a, b) => b.stormP99Ms - a.stormP99Ms)
  return {
    scenario(name) {
      const row = dearest(name)
      if (!row) return undefined
      const { cpuMicros, p99Ms } = row.best
      return { cpuMicros, p99Ms, ratio: row.ratio ?? { medianOfPairs: Number.NaN, ofLeastDisturbed: Number.NaN } }
    },
    jwtOverOpaqueFloor: opaque === undefined || jwt === undefined ? undefined : opaque / jwt,
    roundTrips(name) {
      const counted = trips.filter((row) => row.scenario === name).map(({ total }) => total)
      return counted.length === 0 ? undefined : Math.max(...counted)
    },
    upstreamTimesSms: upstream.length === 0 ? undefined : Math.max(...upstream.map(({ timesSms }) => timesSms)),
    imported: moving[0],
    storm: worst && { p99Ms: worst.stormP99Ms, timesIdle: worst.timesIdle },
    processes: processFindings(found),
  }
}

function processFindings({
  growth,
  fullness,
  crowd,
  memory,
  million,
  starts,
  scaling,
  sweep,
}: Found): Findings['processes'] {
  const most = (values: readonly number[]) => (values.length === 0 ? undefined : Math.max(...values))
  const ready = (first: boolean) =>
    most(starts.filter(({ isFirst }) => isFirst === first).map(({ leastSeconds }) => leastSeconds))
  return {
    growth: most(growth.map(({ times }) => times)),
    sweep: most(sweep.map(({ timesIdle }) => timesIdle)),
    fullness: most(fullness.map(({ times }) => times)),
    waitGrowth: waitGrowth(crowd),
    residentMiB: most(memory.map(({ mostMiB }) => mostMiB)),
    memoryGrowth: most(million.map(({ growth: grown }) => grown)),
    readySeconds: ready(false),
    firstReadySeconds: ready(true),
    scaling:
      scaling.length === 0
        ? undefined
        : { times: Math.min(...scaling.map(({ times }) => times)), whyNot: whyNotScaled() },
  }
}
