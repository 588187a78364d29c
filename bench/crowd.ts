import type { Child } from './child.ts'
import type { LoadCalls } from './load.ts'
import { measureSlice, mostConnections, type Server, type ServerName } from './measure.ts'
import type { ScenarioName } from './scenarios.ts'
import type { Slice } from './statistics.ts'
import type { Stores } from './stores.ts'

const sizes = [16, 64, mostConnections] as const
const asked: readonly ScenarioName[] = ['introspection', 'refresh']

/** One server with so many connections, each of which asks again as soon as it is answered. */
export interface CrowdRow {
  readonly scenario: ScenarioName
  readonly server: ServerName
  readonly connections: number
  readonly cpuMicros: number
  readonly operationsPerSecond: number
  /** Each the least of several rounds, because noise only takes away. */
  readonly p50Ms: number
  readonly p99Ms: number
}

interface CrowdInput {
  readonly stores: Stores
  readonly load: Child<LoadCalls>
  readonly servers: readonly Server[]
  readonly seconds: number
  readonly rounds: number
}

/** 16, 64 and 256 connections in turn, several rounds. */
export async function measureCrowd({ stores, load, servers, seconds, rounds }: CrowdInput): Promise<CrowdRow[]> {
  const rows: CrowdRow[] = []
  for (const scenario of asked) {
    for (const server of servers) {
      const slices = new Map<number, Slice[]>(sizes.map((size) => [size, []]))
      for (let round = 0; round < rounds; round++) {
        for (const [connections, each] of slices) {
          each.push(await measureSlice({ scenario, server, load, stores, connections, seconds }))
        }
      }
      for (const [connections, each] of slices) {
        rows.push({
          scenario,
          server: server.name,
          connections,
          cpuMicros: Math.min(...each.map(({ cpuMicros }) => cpuMicros)),
          operationsPerSecond: Math.max(...each.map(({ operationsPerSecond }) => operationsPerSecond)),
          p50Ms: Math.min(...each.map(({ p50Ms }) => p50Ms)),
          p99Ms: Math.min(...each.map(({ p99Ms }) => p99Ms)),
        })
      }
    }
  }
  return rows
}

/** How many times p99 grows for each time that the connections grow, in the worst case; 1 is as fast as they do. */
export function waitGrowth(
  rows: readonly Pick<CrowdRow, 'scenario' | 'server' | 'connections' | 'p99Ms'>[],
): number | undefined {
  const growths = rows.flatMap((row) => {
    const few = rows.find(
      ({ scenario, server, connections }) =>
        scenario === row.scenario && server === row.server && connections === sizes[0],
    )
    if (few === undefined || few === row) return []
    return [row.p99Ms / few.p99Ms / (row.connections / few.connections)]
  })
  return growths.length === 0 ? undefined : Math.max(...growths)
}
