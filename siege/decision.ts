import { appDoor } from './app-door.ts'
import { drawLots } from './lots.ts'
import type { Besieged } from './siege.ts'
import { ordinaryNumber } from './town.ts'

/** What one request for a code costs the server, the sending included. */
export interface Decision {
  /** In the round in which it cost least. */
  readonly cpuMs: number
  /** To PostgreSQL and Redis together. */
  readonly roundTrips: number
}

const requestsARound = 25
/** So long that the codes of the round before, which nobody enters, do not look like an attack. */
const betweenMs = 4 * 3_600_000

/**
 * Asks each server in turn for codes, nobody twice and from nowhere twice, then counts what one request asks of the
 * stores.
 */
export async function measureDecision<Name extends string>(
  servers: Readonly<Record<Name, Pick<Besieged, 'port' | 'child'>>>,
  { rounds, walk }: { readonly rounds: number; readonly walk: (ms: number) => Promise<unknown> },
): Promise<Record<Name, Decision>> {
  const lots = drawLots(7)
  const taken = new Set<string>()
  const names = Object.keys(servers) as Name[]
  const least = Object.fromEntries(names.map((name) => [name, Number.POSITIVE_INFINITY])) as Record<Name, number>
  let asked = 0

  async function ask(port: number): Promise<void> {
    asked += 1
    const door = appDoor({ port, ip: `39.${(asked >> 8) & 255}.${asked & 255}.7` })
    const reply = await door.askForCode(ordinaryNumber(lots, taken))
    if (reply.kind !== 'code') throw new Error(`a request for a code was answered ${JSON.stringify(reply)}`)
  }

  for (let round = 0; round <= rounds; round++) {
    await walk(betweenMs)
    for (const name of names) {
      const { port, child } = servers[name]
      const before = await child.call('spent')
      for (let index = 0; index < requestsARound; index++) await ask(port)
      const cpuMs = ((await child.call('spent')) - before) / requestsARound / 1000
      // The first round warms up.
      if (round > 0) least[name] = Math.min(least[name], cpuMs)
    }
  }
  await walk(betweenMs)
  const found = {} as Record<Name, Decision>
  for (const name of names) found[name] = { cpuMs: least[name], roundTrips: await countTrips(servers[name], ask) }
  return found
}

/** What a timer of the server asks meanwhile is no part of it, so the least of a few counts. */
async function countTrips(
  { port, child }: Pick<Besieged, 'port' | 'child'>,
  ask: (port: number) => Promise<void>,
): Promise<number> {
  await child.call('startCounting')
  const all = async () => Object.values(await child.call('counted')).reduce((sum, count) => sum + count, 0)
  const tries: number[] = []
  for (let attempt = 0; attempt < 5; attempt++) {
    const before = await all()
    await ask(port)
    tries.push((await all()) - before)
  }
  return Math.min(...tries)
}
