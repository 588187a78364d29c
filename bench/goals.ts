import type { ImportRow } from './moving.ts'
import type { ScenarioName } from './scenarios.ts'
import { better, type Ratio } from './statistics.ts'

/** What one server did in one scenario, as far as goals ask for it. */
interface Measured {
  readonly cpuMicros: number
  readonly p99Ms: number
  readonly ratio: Ratio
}

export interface Findings {
  readonly scenario: (name: ScenarioName | 'login_keycloak') => Measured | undefined
  /** CPU time of the floor for an opaque client-credentials token over ours for a JWT. */
  readonly jwtOverOpaqueFloor: number | undefined
  readonly roundTrips: (name: ScenarioName) => number | undefined
  /** CPU time of a login through an upstream over that of one with a code from a message. */
  readonly upstreamTimesSms: number | undefined
  /** Moving a million accounts in. */
  readonly imported:
    | Pick<ImportRow, 'accountsPerCoreSecond' | 'accountsPerDatabaseCoreSecond' | 'residentMiB'>
    | undefined
  readonly storm: { readonly p99Ms: number; readonly timesIdle: number } | undefined
  /** The worst of what the rows say of the server as a process. */
  readonly processes: {
    /** CPU time of PostgreSQL for an operation, at the end of the growth of a fresh database over the beginning. */
    readonly growth: number | undefined
    /** p99 of a refresh while a million rows are swept, over that before. */
    readonly sweep: number | undefined
    /** CPU time of server and database with a million rows over that with hardly any. */
    readonly fullness: number | undefined
    /** How many times p99 grows for each time that the connections grow. */
    readonly waitGrowth: number | undefined
    /** At most, under load. */
    readonly residentMiB: number | undefined
    /** Resident memory at the end of a million requests over that at their beginning. */
    readonly memoryGrowth: number | undefined
    readonly readySeconds: number | undefined
    readonly firstReadySeconds: number | undefined
    /** Operations a second of two processes over those of one, and why that says nothing on this machine. */
    readonly scaling: { readonly times: number; readonly whyNot: string | undefined } | undefined
  }
}

interface Goal {
  readonly id: string
  readonly title: string
  readonly must: number
  readonly atMost?: boolean
  readonly measure: (findings: Findings) => number | undefined
  /** Why the figure is no measure of the goal on this machine. */
  readonly whyNot?: (findings: Findings) => string | undefined
}

const ratio = (name: ScenarioName) => (findings: Findings) => {
  const measured = findings.scenario(name)
  return measured && better(measured.ratio)
}
const p99 = (name: ScenarioName) => (findings: Findings) => findings.scenario(name)?.p99Ms
const perCoreSecond = (name: ScenarioName | 'login_keycloak') => (findings: Findings) => {
  const measured = findings.scenario(name)
  return measured && 1e6 / measured.cpuMicros
}
const trips = (name: ScenarioName) => (findings: Findings) => findings.roundTrips(name)

/** What a release has to reach. Ratios are CPU time of the floor over ours. */
const goals: readonly Goal[] = [
  { id: 'G1', title: 'code flow, ratio', must: 1.05, measure: ratio('code') },
  { id: 'G2', title: 'refresh with rotation, ratio', must: 0.85, measure: ratio('refresh') },
  { id: 'G3', title: 'introspection, ratio', must: 0.8, measure: ratio('introspection') },
  { id: 'G3', title: 'userinfo, ratio', must: 0.8, measure: ratio('userinfo') },
  { id: 'G4', title: 'client credentials opaque, ratio', must: 0.7, measure: ratio('client_credentials') },
  { id: 'G4', title: 'client credentials JWT, ratio', must: 0.75, measure: ratio('client_credentials_jwt') },
  {
    id: 'G4',
    title: 'client credentials JWT over an opaque floor, ratio',
    must: 0.4,
    measure: ({ jwtOverOpaqueFloor }) => jwtOverOpaqueFloor,
  },
  { id: 'G5', title: 'authorize with a live session, ratio', must: 1.2, measure: ratio('authorize') },
  { id: 'G6', title: 'discovery, ratio', must: 3, measure: ratio('discovery') },
  { id: 'G6', title: 'discovery, p99 ms at saturation', must: 2, atMost: true, measure: p99('discovery') },
  { id: 'G6', title: 'jwks, ratio', must: 2.5, measure: ratio('jwks') },
  { id: 'G6', title: 'jwks, p99 ms at saturation', must: 2, atMost: true, measure: p99('jwks') },
  { id: 'G7', title: 'round trips of a refresh', must: 2, atMost: true, measure: trips('refresh') },
  {
    id: 'G7',
    title: 'round trips of a code exchange',
    must: 2,
    atMost: true,
    measure: ({ roundTrips }) => difference(roundTrips('code'), roundTrips('authorize')),
  },
  { id: 'G7', title: 'round trips of an authorize', must: 3, atMost: true, measure: trips('authorize') },
  { id: 'G7', title: 'round trips of an introspection', must: 2, atMost: true, measure: trips('introspection') },
  { id: 'G7', title: 'round trips of a userinfo', must: 2, atMost: true, measure: trips('userinfo') },
  {
    id: 'G7',
    title: 'round trips of client credentials',
    must: 1,
    atMost: true,
    measure: trips('client_credentials'),
  },
  {
    id: 'G7',
    title: 'round trips of client credentials, JWT',
    must: 0,
    atMost: true,
    measure: trips('client_credentials_jwt'),
  },
  {
    id: 'G8',
    title: 'logins per core-second, 7 MiB and 5 passes',
    must: 60,
    measure: perCoreSecond('login_keycloak'),
  },
  { id: 'G9', title: 'logins per core-second, 19 MiB and 2 passes', must: 60, measure: perCoreSecond('login') },
  { id: 'G13', title: 'storm, p99 ms of the others', must: 25, atMost: true, measure: ({ storm }) => storm?.p99Ms },
  {
    id: 'G13',
    title: 'storm, p99 of the others over their idle p99',
    must: 3,
    atMost: true,
    measure: ({ storm }) => storm?.timesIdle,
  },
  {
    id: 'upstream',
    title: 'login through an upstream, CPU over that of an SMS login',
    must: 2,
    atMost: true,
    measure: ({ upstreamTimesSms }) => upstreamTimesSms,
  },
  {
    id: 'import',
    title: 'accounts moved in per core-second of the program',
    must: 20_000,
    measure: ({ imported }) => imported?.accountsPerCoreSecond,
  },
  {
    id: 'import',
    title: 'accounts moved in per core-second of the database',
    must: 20_000,
    measure: ({ imported }) => imported?.accountsPerDatabaseCoreSecond,
  },
  {
    id: 'import',
    title: 'import of a million accounts, MiB resident',
    must: 200,
    atMost: true,
    measure: ({ imported }) => imported?.residentMiB,
  },
  {
    id: 'scaling',
    title: 'second process, times the operations a second',
    must: 1.8,
    measure: ({ processes }) => processes.scaling?.times,
    whyNot: ({ processes }) => processes.scaling?.whyNot,
  },
  {
    id: 'crowd',
    title: '16 to 256 connections, growth of p99 over theirs',
    must: 1,
    atMost: true,
    measure: ({ processes }) => processes.waitGrowth,
  },
  {
    id: 'memory',
    title: 'MiB resident under load, heap capped as shipped',
    must: 260,
    atMost: true,
    measure: ({ processes }) => processes.residentMiB,
  },
  {
    id: 'million',
    title: 'MiB after a million requests over those before',
    must: 1.05,
    atMost: true,
    measure: ({ processes }) => processes.memoryGrowth,
  },
  { id: 'start', title: 'ready, s', must: 0.8, atMost: true, measure: ({ processes }) => processes.readySeconds },
  {
    id: 'start',
    title: 'ready at the first start, s',
    must: 2.5,
    atMost: true,
    measure: ({ processes }) => processes.firstReadySeconds,
  },
  {
    id: 'growth',
    title: 'CPU of PostgreSQL, last over first, from a fresh database',
    must: 1.3,
    atMost: true,
    measure: ({ processes }) => processes.growth,
  },
  {
    id: 'sweep',
    title: 'p99 of a refresh while a million rows are swept, over idle',
    must: 2,
    atMost: true,
    measure: ({ processes }) => processes.sweep,
  },
  {
    id: 'full',
    title: 'CPU with a million rows over hardly any',
    must: 1.1,
    atMost: true,
    measure: ({ processes }) => processes.fullness,
  },
]

export interface Verdict {
  readonly id: string
  readonly title: string
  readonly must: string
  readonly measured: number
  /** Undefined where the figure says nothing, with the reason beside it. */
  readonly met: boolean | undefined
  readonly whyNot: string | undefined
}

/** Every goal that was measured. */
export function judge(findings: Findings): Verdict[] {
  return goals.flatMap(({ id, title, must, atMost = false, measure, whyNot }) => {
    const measured = measure(findings)
    if (measured === undefined || Number.isNaN(measured)) return []
    const reason = whyNot?.(findings)
    const holds = atMost ? measured <= must : measured >= must
    const met = reason === undefined ? holds : undefined
    return [{ id, title, must: `${atMost ? '≤' : '≥'} ${must}`, measured, met, whyNot: reason }]
  })
}

function difference(whole: number | undefined, part: number | undefined): number | undefined {
  return whole === undefined || part === undefined ? undefined : whole - part
}
