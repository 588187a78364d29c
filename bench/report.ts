import type { ArrangementRow } from './arrangements.ts'
import type { Verdict } from './goals.ts'
import type { ImportRow } from './moving.ts'
import { peersText } from './report-peers.ts'
import { processTexts } from './report-processes.ts'
import type { Report, Row, StormRow, TripsRow } from './rows.ts'
import { ratioOf } from './statistics.ts'
import { backgroundPerSecond } from './storm.ts'
import type { SweepRow } from './sweeping.ts'
import { figure, table } from './table.ts'
import { serverTitles, titleOf } from './titles.ts'
import type { UpstreamRow } from './upstream.ts'

/** The whole report for people, as Markdown. */
export function reportText(report: Report): string {
  const parts = [machineText(report)]
  if (report.rows.length > 0) parts.push(scenarioText(report.rows))
  if (report.rows.some(({ server }) => server === 'redis_beside')) parts.push(besideText(report.rows))
  if (report.storm.length > 0) parts.push(stormText(report.storm))
  if (report.sweep.length > 0) parts.push(sweepText(report.sweep))
  if (report.upstream.length > 0) parts.push(upstreamText(report.upstream))
  if (report.roundTrips.length > 0) parts.push(tripsText(report.roundTrips))
  parts.push(...processTexts(report))
  if (report.moving.length > 0) parts.push(movingText(report.moving))
  if (report.hashing.length > 0) parts.push(hashingText(report.hashing))
  parts.push(...report.peers.map(peersText))
  if (report.goals.length > 0) parts.push(goalsText(report.goals))
  parts.push(...report.failures.map((failure) => `NOT measured: ${failure}`))
  return `${parts.join('\n\n')}\n`
}

function machineText({ machine, versions, seconds, pairs, connections }: Report): string {
  const { cpu, cpus, es256PerSecond, hashesPerCoreSecond, loadAverage } = machine
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return [
    `${cpus} x ${cpu}, load average ${figure(loadAverage)} at the start`,
    names.join(', '),
    `openssl speed ecdsap256: ${es256PerSecond === undefined ? 'not measured' : `${figure(es256PerSecond)} signatures/s`}; argon2id 19 MiB, 2 passes: ${figure(hashesPerCoreSecond)} hashes per core-second`,
    `${pairs} slices of ${seconds} s for each server in turn, ${connections} connections`,
  ].join('\n')
}

function scenarioText(rows: readonly Row[]): string {
  const head = ['scenario', 'server', 'CPU µs/op', 'op/core-s', 'requests/s', 'p50 ms', 'p99 ms', 'ratio', 'median']
  return table(
    head,
    rows.map(({ scenario, server, requests, best, ratio }) => [
      titleOf(scenario),
      serverTitles[server],
      figure(best.cpuMicros),
      figure(1e6 / best.cpuMicros),
      figure(best.operationsPerSecond * requests),
      figure(best.p50Ms),
      figure(best.p99Ms),
      ratio === undefined ? '' : figure(ratio.ofLeastDisturbed),
      ratio === undefined ? '' : figure(ratio.medianOfPairs),
    ]),
  )
}

/** What an operation costs here in CPU time over what it costs in the other checkout: below 1 it is cheaper here. */
function besideText(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ scenario, server, slices }) => {
    const other = rows.find((row) => row.scenario === scenario && row.server === `${server}_beside`)
    if (!other) return []
    const { ofLeastDisturbed, medianOfPairs } = ratioOf(slices, other.slices)
    return [[titleOf(scenario), serverTitles[server], figure(ofLeastDisturbed), figure(medianOfPairs)]]
  })
  return `CPU time over the other checkout's\n\n${table(['scenario', 'server', 'times', 'median'], lines)}`
}

function sweepText(rows: readonly SweepRow[]): string {
  const text = table(
    ['server', 'rows', 'p50 idle', 'p99 idle', 'p50 sweep', 'p99 sweep', 'p99 x', 'deleted/s'],
    rows.map(({ server, rows: count, idle, sweeping, timesIdle, deletedPerSecond }) => [
      serverTitles[server],
      ...[count, idle.p50Ms, idle.p99Ms, sweeping.p50Ms, sweeping.p99Ms, timesIdle, deletedPerSecond].map(figure),
    ]),
  )
  return `sweep of what has run out: ${backgroundPerSecond} refreshes a second, ms\n\n${text}`
}

function stormText(rows: readonly StormRow[]): string {
  const head = ['server', 'p50 idle', 'p99 idle', 'p50 storm', 'p99 storm', 'p99 x', 'logins/s', 'CPU ms/login']
  const text = table(
    head,
    rows.map((row) => [
      serverTitles[row.server],
      figure(row.idleP50Ms),
      figure(row.idleP99Ms),
      figure(row.stormP50Ms),
      figure(row.stormP99Ms),
      figure(row.timesIdle),
      figure(row.loginsPerSecond),
      figure(row.cpuMsPerLogin),
    ]),
  )
  return `login storm: ${backgroundPerSecond} refreshes and JWT token requests a second, ms\n\n${text}`
}

const arrangementTitles: Readonly<Record<ArrangementRow['arrangement'], string>> = {
  compiled: 'npm argon2 as compiled here, if it was, own process',
  prebuilt: 'npm argon2 as its package brings it, own process',
  node: 'argon2 of Node, own process',
  same_process: 'npm argon2 in the process that signs, no limit',
}

function hashingText(rows: readonly ArrangementRow[]): string {
  const text = table(
    ['arrangement', 'hashes/core-s', 'hashes/s', 'signature p99 idle', 'p99 beside', 'MiB'],
    rows.map((row) => [
      arrangementTitles[row.arrangement],
      figure(row.hashesPerCoreSecond),
      figure(row.hashesPerSecond),
      figure(row.idleP99Ms),
      figure(row.besideP99Ms),
      row.residentMiB === undefined ? '' : figure(row.residentMiB),
    ]),
  )
  return `argon2id at 19 MiB and 2 passes beside 100 ES256 signatures a second, ms\n\n${text}`
}

function movingText(rows: readonly ImportRow[]): string {
  const text = table(
    ['accounts', 'accounts/s', 'accounts/core-s of the program', 'accounts/core-s of the database', 'MiB resident'],
    rows.map((row) => [
      figure(row.accounts),
      figure(row.accountsPerSecond),
      figure(row.accountsPerCoreSecond),
      figure(row.accountsPerDatabaseCoreSecond),
      figure(row.residentMiB),
    ]),
  )
  return `users import\n\n${text}`
}

function upstreamText(rows: readonly UpstreamRow[]): string {
  const text = table(
    ['server', 'CPU µs/SMS login', 'CPU µs/upstream login', 'times', 'CPU µs/one-tap login', 'times'],
    rows.map((row) => [
      serverTitles[row.server],
      figure(row.smsMicros),
      figure(row.upstreamMicros),
      figure(row.timesSms),
      figure(row.oneTapMicros),
      figure(row.oneTapTimesSms),
    ]),
  )
  return `logins from the authorization request to the tokens, with a code by SMS, through GitHub, and by one tap from an app in one request, all simulated without latency\n\n${text}`
}

function tripsText(rows: readonly TripsRow[]): string {
  const kinds = ['read', 'commit', 'knex', 'store']
  const text = table(
    ['scenario', 'server', ...kinds, 'all'],
    rows.map(({ scenario, server, counts, total }) => [
      titleOf(scenario),
      serverTitles[server],
      ...kinds.map((kind) => String(counts[kind] ?? 0)),
      String(total),
    ]),
  )
  return `round trips to the stores of one operation\n\n${text}`
}

function goalsText(goals: readonly Verdict[]): string {
  const rows = goals.map(({ id, title, must, measured, met, whyNot }) => {
    const verdict = met === undefined ? `not judged: ${whyNot}` : met ? 'met' : 'NOT met'
    return [id, title, must, figure(measured), verdict]
  })
  return table(['goal', 'what', 'must', 'measured', ''], rows)
}
