import { type Child, startChild } from '../bench/child.ts'
import { quantile } from '../bench/statistics.ts'
import type { Stores } from '../bench/stores.ts'
import { type Blow, type Kind, planAttack, usualPassword } from './attack.ts'
import type { BesiegedCalls } from './besieged.ts'
import { attackers, type Loot } from './blows.ts'
import { drawLots } from './lots.ts'
import type { StoreName } from './options.ts'
import { type CutRedis, cuttableRedis } from './redis-away.ts'
import type { RefreshingCalls } from './refreshing.ts'
import { issuer } from './shop.ts'
import { startSolving } from './solving.ts'
import { buildTown, type Person, patienceMinutes, siegeMinutes, type Town } from './town.ts'
import { type Place, placeOf, prices, startVendor, type Vendor } from './vendor.ts'
import { type Device, type Visit, visit } from './visits.ts'
import { WalkedTime } from './walked-time.ts'

/** What came of one siege. */
export interface Aftermath {
  readonly visits: readonly Visit[]
  readonly loot: Loot
  /** Messages that each kind of attacker caused; those of `people` are all others. */
  readonly messages: Readonly<Partial<Record<Kind | 'people', number>>>
  /** What they cost, by where they went. */
  readonly yuan: Readonly<Record<Place, number>>
  /** p50 and p99 of a refresh in milliseconds, before and during the siege. */
  readonly idle: Waited
  readonly siege: Waited
  /** CPU time of the server over the hour, in milliseconds. */
  readonly cpuMs: number
  /** How long the hour took. */
  readonly realSeconds: number
}

interface Waited {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly refreshes: number
}

/** A server that runs, and what belongs to it. */
export interface Besieged {
  readonly port: number
  readonly child: Child<BesiegedCalls>
  readonly redis: CutRedis | undefined
  close(): Promise<void>
}

interface SiegeInput {
  readonly root: string
  readonly name: string
  readonly stores: Stores
  readonly store: StoreName
  readonly env: Readonly<Record<string, string>>
}

let redisDatabases = 0

/** Starts the server of a checkout with stores of its own. */
export async function besiege(input: SiegeInput, residents: readonly Person[], vendor: Vendor): Promise<Besieged> {
  const { root, name, stores, store, env } = input
  const child = startChild<BesiegedCalls>(new URL('./besieged.ts', import.meta.url).href)
  // Each its own part of Redis, as each has a database of its own: counters are not to meet.
  const ownRedis = `${stores.redisUrl}/${redisDatabases++}`
  const redis = store === 'redis-away' ? await cuttableRedis(ownRedis) : undefined
  const redisUrl = redis?.url ?? (store === 'redis' ? ownRedis : undefined)
  const close = async () => {
    await child.stop()
    redis?.close()
  }
  try {
    const { port } = await child.call('open', {
      root,
      folder: stores.folder,
      residents: residents.map(({ phone, hasPassword }) => ({ phone, hasPassword })),
      password: usualPassword,
      env: {
        // The vendor of this machine speaks plain HTTP, which production refuses.
        NODE_ENV: 'development',
        MENSHEN_SANDBOX_EXPOSED: 'true',
        HOST: '127.0.0.1',
        PORT: '0',
        ISSUER: issuer,
        MENSHEN_DATA_DIR: stores.folder,
        MENSHEN_SECRET_KEY: Buffer.alloc(32, 9).toString('base64url'),
        MENSHEN_OPS__METRICS: 'off',
        MENSHEN_SERVER__TRUSTED_PROXIES: '[127.0.0.1]',
        DATABASE_URL: await stores.createDatabase(name),
        ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
        ...vendor.env,
        ...env,
      },
    })
    return { port, child, redis, close }
  } catch (error) {
    await close()
    throw error
  }
}

interface HourInput extends SiegeInput {
  readonly seed: number
  readonly scale: number
  readonly speed: number
  readonly solvers: number
  readonly progress: (text: string) => void
}

/** Slow enough to be nobody's burden. */
const refreshesPerSecond = 10
/** After as many minutes the siege stands still, and those who are signed in refresh undisturbed for a while. */
const stretchMinutes = 5
const undisturbedMs = 4000
/** Redis is away between these minutes. */
const awayMinutes = { from: 25, to: 35 } as const
const dayMs = 86_400_000
const movesInMs = 1000

/**
 * One hour of attack on one server: the town moves in, two days pass, those who are signed in refresh undisturbed, and
 * then it begins.
 */
export async function holdOut(input: HourInput): Promise<Aftermath> {
  const { seed, scale, speed, solvers, progress, name } = input
  const lots = drawLots(seed)
  const taken = new Set<string>()
  const town = buildTown(lots, scale, taken)
  const blows = planAttack({ lots, town, scale, taken, solvers })
  let now = () => Date.now()
  const vendor = await startVendor(() => now())
  const residents = town.people.filter(({ hasAccount }) => hasAccount)
  const server = await besiege(input, residents, vendor)
  const solving = startSolving()
  const signedIn = startChild<RefreshingCalls>(new URL('./refreshing.ts', import.meta.url).href)
  const refreshFor = (ms: number) => signedIn.call('refresh', { perSecond: refreshesPerSecond, ms })
  try {
    const time = new WalkedTime({
      startMs: Math.ceil(Date.now() / 1000) * 1000,
      tell: (toMs) => server.child.call('walk', toMs),
      speed,
    })
    now = time.now
    progress(`${name}: ${residents.length} accounts, ${blows.length} blows`)
    const { port } = server
    const world = { port, time, vendor, solving, password: usualPassword }
    const devices = await moveIn(town, world)
    await time.skip(eveningAfter(time.now()))
    await signedIn.call('begin', { port, tokens: devices.tokens })
    await refreshFor(2000)
    progress(`${name}: the siege begins`)
    const before = vendor.sent.length
    const [spentBefore, begunMs] = [await server.child.call('spent'), performance.now()]
    const { visits, loot } = prepare({ ...world, town, blows, devices: devices.used, redis: server.redis })
    const waits = { idle: [] as number[], siege: [] as number[] }
    const endMs = time.now() + (siegeMinutes + patienceMinutes + 5) * 60_000
    while (time.now() < endMs) {
      // In turn, because what else runs on the machine changes within minutes.
      waits.idle.push(...(await refreshFor(undisturbedMs)))
      await signedIn.call('start', refreshesPerSecond)
      await time.walk(Math.min(time.now() + stretchMinutes * 60_000, endMs))
      waits.siege.push(...(await signedIn.call('stop')))
      progress(`${name}: ${Math.round((endMs - time.now()) / 60_000)} minutes left`)
    }
    const cpuMs = ((await server.child.call('spent')) - spentBefore) / 1000
    return {
      visits,
      loot,
      messages: causesOf(vendor.sent.slice(before), town, blows),
      yuan: costOf(vendor.sent.slice(before)),
      idle: waited(waits.idle),
      siege: waited(waits.siege),
      cpuMs,
      realSeconds: (performance.now() - begunMs) / 1000,
    }
  } finally {
    await signedIn.stop()
    await solving.close()
    await server.close()
    await vendor.close()
  }
}

/** Eight in the evening in China, when two days at least have passed: rules may look at the hour. */
function eveningAfter(nowMs: number): number {
  return Math.ceil(nowMs / dayMs + 2) * dayMs + dayMs / 2
}

type World = Parameters<typeof visit>[2]

/** Those with known devices log in once. Their devices, and the tokens of a few of them. */
async function moveIn({ people }: Town, world: World) {
  const used = new Map<Person, Device>()
  const tokens: string[] = []
  const { time } = world
  const known = people.filter(({ isKnown }) => isKnown)
  for (const [index, person] of known.entries()) {
    time.begin(time.now() + index * movesInMs, async () => {
      const { device, refreshToken, lastRefusal } = await visit(person, {}, world)
      if (refreshToken === undefined) throw new Error(`somebody could not move in: ${lastRefusal}`)
      used.set(person, device)
      // A token of an app is bound to its key.
      if (!person.isInApp && tokens.length < 16) tokens.push(refreshToken)
    })
  }
  await time.walk(time.now() + known.length * movesInMs + 60_000)
  return { used, tokens }
}

/** Sets everything up that happens in the hour; what comes of it is collected as it does. */
function prepare({
  town,
  blows,
  devices,
  redis,
  ...world
}: World & {
  readonly town: Town
  readonly blows: readonly Blow[]
  readonly devices: ReadonlyMap<Person, Device>
  readonly redis: CutRedis | undefined
}) {
  const { time } = world
  const minute = (minutes: number) => time.now() + minutes * 60_000
  const visits: Visit[] = []
  for (const person of town.people) {
    time.begin(minute(person.atMinute), async () => {
      visits.push(await visit(person, devices.get(person) ?? {}, world))
    })
  }
  const { strike, tally: loot } = attackers(world)
  for (const blow of blows) time.begin(minute(blow.atMinute), () => strike(blow))
  if (redis) {
    time.begin(minute(awayMinutes.from), async () => redis.cut())
    time.begin(minute(awayMinutes.to), () => redis.mend())
  }
  return { visits, loot }
}

function waited(latencies: readonly number[]): Waited {
  return { p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99), refreshes: latencies.length }
}

/** Whose message it was: a person's own where somebody real has the number and nobody bombs it. */
function causesOf(sent: Vendor['sent'], { people }: Town, blows: readonly Blow[]): Aftermath['messages'] {
  const kindOf = new Map(blows.map(({ to, kind }) => [to, kind]))
  const real = new Set(people.map(({ phone }) => phone))
  const messages: Partial<Record<Kind | 'people', number>> = {}
  for (const { to } of sent) {
    const kind = kindOf.get(to) ?? 'people'
    const cause = real.has(to) && kind !== 'bombing' ? 'people' : kind
    messages[cause] = (messages[cause] ?? 0) + 1
  }
  return messages
}

function costOf(sent: Vendor['sent']): Record<Place, number> {
  const yuan = { mainland: 0, abroad: 0 }
  for (const { to } of sent) yuan[placeOf(to)] += prices[placeOf(to)]
  return yuan
}
