import type { Found } from './rows.ts'
import { figure, table } from './table.ts'
import { serverTitles, titleOf } from './titles.ts'

/** What is said of the server as a process: connections, growth, full tables, memory, starts and a second process. */
export function processTexts(found: Found): string[] {
  const { crowd, growth, fullness, memory, million, starts, scaling } = found
  return [
    ...(crowd.length > 0 ? [crowdText(crowd)] : []),
    ...(growth.length > 0 ? [growthText(growth)] : []),
    ...(fullness.length > 0 ? [fullnessText(fullness)] : []),
    ...(memory.length > 0 ? [memoryText('memory under load', memory)] : []),
    ...(million.length > 0 ? [memoryText('memory over a million requests', million)] : []),
    ...(starts.length > 0 ? [startsText(starts)] : []),
    ...(scaling.length > 0 ? [scalingText(scaling)] : []),
  ]
}

function crowdText(rows: Found['crowd']): string {
  const text = table(
    ['scenario', 'server', 'connections', 'CPU µs/op', 'op/s', 'p50 ms', 'p99 ms'],
    rows.map((row) => [
      titleOf(row.scenario),
      serverTitles[row.server],
      figure(row.connections),
      figure(row.cpuMicros),
      figure(row.operationsPerSecond),
      figure(row.p50Ms),
      figure(row.p99Ms),
    ]),
  )
  return `more and more connections, each of which asks as soon as it is answered\n\n${text}`
}

function growthText(rows: Found['growth']): string {
  const text = table(
    ['scenario', 'server', 'records at the end', 'PostgreSQL CPU µs/op first', 'last', 'times'],
    rows.map((row) => [
      titleOf(row.scenario),
      serverTitles[row.server],
      figure(row.records),
      figure(row.firstMicros),
      figure(row.lastMicros),
      figure(row.times),
    ]),
  )
  return `a fresh database grows, without statistics\n\n${text}`
}

function fullnessText(rows: Found['fullness']): string {
  const text = table(
    ['scenario', 'server', 'CPU µs/op nearly empty', 'full', 'times'],
    rows.map((row) => [
      titleOf(row.scenario),
      serverTitles[row.server],
      figure(row.emptyMicros),
      figure(row.fullMicros),
      figure(row.times),
    ]),
  )
  return `a million accounts and a million records in the tables, CPU of server and PostgreSQL\n\n${text}`
}

function memoryText(title: string, rows: Found['memory']): string {
  const text = table(
    ['server', 'requests', 'MiB idle', 'MiB at most', 'end over beginning'],
    rows.map((row) => [
      serverTitles[row.server],
      figure(row.requests),
      figure(row.idleMiB),
      figure(row.mostMiB),
      figure(row.growth),
    ]),
  )
  return `${title}, resident, heap capped as the image caps it\n\n${text}`
}

const storeTitles: Readonly<Record<Found['starts'][number]['store'], string>> = {
  embedded: 'embedded PostgreSQL, sandbox',
  redis: serverTitles.redis,
  tables: serverTitles.tables,
}

function startsText(rows: Found['starts']): string {
  const text = table(
    ['store', 'start', 'ready after s', 'median'],
    rows.map((row) => [
      storeTitles[row.store],
      row.isFirst ? 'first' : 'later',
      figure(row.leastSeconds),
      figure(row.medianSeconds),
    ]),
  )
  return `from the start of the process to /readyz\n\n${text}`
}

function scalingText(rows: Found['scaling']): string {
  const text = table(
    ['scenario', 'server', 'op/s, one process', 'two', 'times'],
    rows.map((row) => [
      titleOf(row.scenario),
      serverTitles[row.server],
      figure(row.one),
      figure(row.two),
      figure(row.times),
    ]),
  )
  return `WORKERS=1 and WORKERS=2 on one database\n\n${text}`
}
