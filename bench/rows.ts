import type { ArrangementRow } from './arrangements.ts'
import type { CrowdRow } from './crowd.ts'
import type { FullnessRow } from './fullness.ts'
import type { Verdict } from './goals.ts'
import type { GrowthRow } from './growth.ts'
import type { Machine } from './machine.ts'
import type { ServerName } from './measure.ts'
import type { MemoryRow } from './memory.ts'
import type { ImportRow } from './moving.ts'
import type { PeersFound } from './peers.ts'
import type { ScalingRow } from './scaling.ts'
import type { ScenarioName } from './scenarios.ts'
import type { StartRow } from './start-up.ts'
import type { Ratio, Slice } from './statistics.ts'
import type { StormRound } from './storm.ts'
import type { SweepRow } from './sweeping.ts'
import type { UpstreamRow } from './upstream.ts'

/** One server in one scenario. */
export interface Row {
  readonly scenario: ScenarioName | 'login_keycloak'
  readonly server: ServerName
  /** HTTP requests of one operation. */
  readonly requests: number
  /** The least disturbed slice, whose figures are shown. */
  readonly best: Slice
  /** Absent for the floor, which is what the others are compared to. */
  readonly ratio?: Ratio | undefined
  readonly slices: readonly Slice[]
}

export interface StormRow {
  readonly server: ServerName
  readonly idleP50Ms: number
  readonly idleP99Ms: number
  readonly stormP50Ms: number
  readonly stormP99Ms: number
  /** Median over the rounds of p99 in the storm over p99 before it. */
  readonly timesIdle: number
  readonly loginsPerSecond: number
  readonly cpuMsPerLogin: number
  readonly rounds: readonly StormRound[]
}

export interface TripsRow {
  readonly scenario: ScenarioName
  readonly server: ServerName
  /** By kind of wait: `read`, `commit` and `knex` go to PostgreSQL, `store` to Redis or to PostgreSQL in its place. */
  readonly counts: Readonly<Record<string, number>>
  readonly total: number
}

/** Everything that was measured; what was not asked for is empty. */
export interface Found {
  readonly rows: readonly Row[]
  readonly storm: readonly StormRow[]
  readonly upstream: readonly UpstreamRow[]
  readonly crowd: readonly CrowdRow[]
  readonly roundTrips: readonly TripsRow[]
  readonly hashing: readonly ArrangementRow[]
  readonly growth: readonly GrowthRow[]
  readonly fullness: readonly FullnessRow[]
  readonly memory: readonly MemoryRow[]
  readonly million: readonly MemoryRow[]
  readonly starts: readonly StartRow[]
  readonly scaling: readonly ScalingRow[]
  readonly moving: readonly ImportRow[]
  readonly sweep: readonly SweepRow[]
  /** One at most. */
  readonly peers: readonly PeersFound[]
}

export interface Report extends Found {
  readonly at: string
  readonly machine: Machine
  readonly versions: Readonly<Record<string, string>>
  readonly seconds: number
  readonly pairs: number
  readonly connections: number
  readonly goals: readonly Verdict[]
  /** Rows that could not be measured, and why. */
  readonly failures: readonly string[]
}
