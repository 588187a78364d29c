import { type Child, startChild } from './child.ts'
import type { Guest } from './fixture.ts'
import { type GuestCalls, type WayIn, waysIn } from './guests.ts'
import { type Server, type ServerName, startServer } from './measure.ts'
import type { Stores } from './stores.ts'

/** What a login through an upstream, and one of an app in one request, cost this server, beside one with a code from a message. */
export interface UpstreamRow {
  readonly server: ServerName
  /** CPU time of the server for one login, in the round in which it cost least. */
  readonly smsMicros: number
  readonly upstreamMicros: number
  readonly oneTapMicros: number
  readonly timesSms: number
  readonly oneTapTimesSms: number
}

interface UpstreamInput {
  readonly stores: Stores
  readonly rounds: number
  readonly loginsARound: number
  readonly connections: number
}

const servers = ['redis', 'tables'] as const

/** All ways in turn, on servers that know vendors who answer at once. The first round warms up. */
export async function measureUpstream(input: UpstreamInput): Promise<UpstreamRow[]> {
  const vendors = startChild<GuestCalls>('./guests.ts')
  const rows: UpstreamRow[] = []
  try {
    const each = (input.rounds + 1) * input.loginsARound
    const { env, guests: all } = await vendors.call('open', { guests: servers.length * each })
    for (const [index, name] of servers.entries()) {
      // Nobody twice: the vendor sends a number one message a minute.
      const guests = all.slice(index * each, (index + 1) * each)
      const server = await startServer(name, input.stores, { hash: 'ours', database: 'upstream', env })
      try {
        await server.child.call('welcome', { guests })
        rows.push(await measure(server, vendors, guests, input))
      } finally {
        await server.child.stop()
      }
    }
    return rows
  } finally {
    await vendors.stop()
  }
}

async function measure(
  { name, port, child }: Server,
  vendors: Child<GuestCalls>,
  guests: readonly Guest[],
  { rounds, loginsARound, connections }: UpstreamInput,
): Promise<UpstreamRow> {
  const least = Object.fromEntries(waysIn.map((way) => [way, Number.POSITIVE_INFINITY])) as Record<WayIn, number>
  for (let round = 0; round <= rounds; round++) {
    const some = guests.slice(round * loginsARound, (round + 1) * loginsARound)
    for (const way of waysIn) {
      const before = await child.call('sample')
      await vendors.call('login', { way, port, guests: some, connections })
      const after = await child.call('sample')
      if (round > 0) least[way] = Math.min(least[way], (after.cpuMicros - before.cpuMicros) / loginsARound)
    }
  }
  const { sms, github, one_tap: oneTap } = least
  const micros = { smsMicros: sms, upstreamMicros: github, oneTapMicros: oneTap }
  return { server: name, ...micros, timesSms: github / sms, oneTapTimesSms: oneTap / sms }
}
