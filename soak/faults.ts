import { setTimeout as delay } from 'node:timers/promises'
import type { FallibleStore, Stores } from '../bench/stores.ts'
import type { Fleet } from './fleet.ts'
import type { Fault } from './plan.ts'
import type { ServerLife } from './server-life.ts'
import type { Weather } from './weather.ts'

/** What can be made to fail. */
export interface Grounds {
  readonly stores: Stores
  readonly fleet: Fleet
  readonly weather: Weather
  /** The processes that run now, by their number. */
  readonly lives: readonly ServerLife[]
  /** Starts one again whose process has ended. */
  readonly restart: (server: number) => Promise<void>
}

/** So long may it take until everything is served again; longer is a fault that does not heal. */
const healsWithinMs = 240_000
/** A server that was told to stop drains and finishes for fifteen seconds. */
const stopsWithinMs = 120_000

/** Brings a fault, waits until everything is served again, and answers what stayed broken. */
export async function strike(fault: Fault, grounds: Grounds): Promise<string | undefined> {
  const { weather, fleet } = grounds
  const over = weather.begin(fault.kind)
  try {
    await happen(fault, grounds)
    const giveUpMs = Date.now() + healsWithinMs
    while (!(await fleet.isWhole())) {
      if (Date.now() > giveUpMs) return `after ${fault.kind} not everything is served again`
      await delay(250)
    }
    await fleet.probe()
    return undefined
  } finally {
    over()
  }
}

async function happen({ kind, server, forMs }: Fault, grounds: Grounds): Promise<void> {
  const { stores } = grounds
  switch (kind) {
    case 'stop':
      return end([server], 'SIGTERM', grounds)
    case 'kill':
      return end([server], 'SIGKILL', grounds)
    case 'kill_both':
      return end([0, 1], 'SIGKILL', grounds)
    case 'postgres_crash':
      return crash(stores.postgres, forMs)
    case 'postgres_pause':
      return pause(stores.postgres, forMs)
    case 'redis_crash':
      return crash(stores.redis, forMs)
    case 'redis_pause':
      return pause(stores.redis, forMs)
  }
}

async function end(servers: readonly number[], signal: NodeJS.Signals, { lives, restart }: Grounds): Promise<void> {
  await Promise.all(
    servers.map(async (server) => {
      const life = lives[server]
      const isLate = await Promise.race([
        life?.end(signal).then(() => false),
        delay(stopsWithinMs, true, { ref: false }),
      ])
      if (isLate) throw new Error(`${life?.name} did not end after ${signal}`)
      await restart(server)
    }),
  )
}

async function crash(store: FallibleStore, forMs: number): Promise<void> {
  await store.crash()
  await delay(forMs)
  await store.start()
}

async function pause(store: FallibleStore, forMs: number): Promise<void> {
  await store.pause()
  try {
    await delay(forMs)
  } finally {
    await store.goOn()
  }
}
