import type { Finished } from './busy.ts'
import type { Child } from './child.ts'
import type { LoadCalls } from './load.ts'
import type { Server, ServerName } from './measure.ts'
import { backgroundPerSecond } from './storm.ts'

/** What deleting everything that has run out does to refreshes meanwhile. */
export interface SweepRow {
  readonly server: ServerName
  readonly rows: number
  readonly idle: Finished
  readonly sweeping: Finished
  readonly timesIdle: number
  readonly deletedPerSecond: number
}

interface SweepInput {
  readonly server: Server
  readonly background: Child<LoadCalls>
  /** Sessions that have run out: the dearest to delete, because each leaves a line in the audit. */
  readonly rows: number
  readonly seconds: number
  readonly connections: number
}

/** Refreshes at a fixed rate, first alone, then while the server sweeps. */
export async function measureSweep({ server, background, rows, seconds, connections }: SweepInput): Promise<SweepRow> {
  const { child, port } = server
  await child.call('expire', { rows })
  const seats = await child.call('seed', { clientId: 'offline', count: connections })
  const paced = {
    lanes: [{ scenario: 'refresh' as const, port, seats }],
    perSecond: backgroundPerSecond,
    ms: seconds * 1000,
  }
  const idle = await background.call('paced', paced)
  await child.call('beginSweep')
  const before = await child.call('expired')
  const sweeping = await background.call('paced', paced)
  const deleted = before - (await child.call('expired'))
  for (const { failures } of [idle, sweeping]) {
    const [failure] = Object.keys(failures)
    if (failure !== undefined) throw new Error(`sweep on ${server.name}: ${failure}`)
  }
  const timesIdle = sweeping.p99Ms / idle.p99Ms
  return { server: server.name, rows, idle, sweeping, timesIdle, deletedPerSecond: deleted / seconds }
}
