import { type Child, startChild } from '../bench/child.ts'
import { quantile } from '../bench/statistics.ts'
import type { Stores } from '../bench/stores.ts'
import { type Blow, type Kind, planAttack, usualPassword } from './attack.ts'
import type { BesiegedCalls } from './besieged.ts'
import { attackers, type Loot } from './blows.ts'
import { drawLots } from './lots.ts'
import type { StoreName } from './options.ts'
import type { DeviceCookie } from './page-door.ts'
import { type CutRedis, cuttableRedis } from './redis-away.ts'
import type { RefreshingCalls } from './refreshing.ts'
import { issuer } from './shop.ts'
import { buildTown, type Person, patienceMinutes, siegeMinutes, type Town } from './town.ts'
import { priceOf, startVendor, type Vendor } from './vendor.ts'
import { type Visit, visit } from './visits.ts'
import { WalkedTime } from './walked-time.ts'

/** Messages of somebody, and what they cost in yuan. */
export interface Spent {
  readonly messages: number
  readonly yuan: number
}

/** What came of one siege. */
export interface Aftermath {
  readonly visits: readonly Visit[]
  readonly loot: Loot
  /** By kind of attacker; `people` are all others. */
  readonly spent: Readonly<Record<Kind | 'people', Spent>>
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

/** Starts the server of a checkout with stores of its own. */
export async function besiege(input: SiegeInput, residents: readonly Person[], vendor: Vendor): Promise<Besieged> {
  const { root, name, stores, store, env } = input
  const child = startChild<BesiegedCalls>(new URL('./besieged.ts', import.meta.url).href)
  const redis = store === 'redis-away' ? await cuttableRedis(stores.redisUrl) : undefined
  const redisUrl = redis?.url ?? (store === 'redis' ? stores.redisUrl : undefined)
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
  readonly progress: (text: string) => void
}

const refreshesPerSecond = 20
const idleMs = 10_000
/** Redis goes away for the second ten minutes of the second third of the hour. */
const awayMinutes = { from: 25, to: 35 } as const
const dayMs = 86_400_000

/**
 * One hour of attack on one server: the town moves in, two days pass, those who are signed in refresh undisturbed, and
 * then it begins.
 */
export async function holdOut(input: HourInput): Promise<Aftermath> {
  const { seed, scale, speed, progress, name } = input
  const lots = drawLots(seed)
  const taken = new Set<string>()
  const town = buildTown(lots, scale, taken)
  const blows = planAttack(lots, town, scale, taken)
  let now = () => Date.now()
  const vendor = await startVendor(() => now())
  const residents = town.people.filter(({ hasAccount }) => hasAccount)
  const server = await besiege(input, residents, vendor)
  const signedIn = startChild<RefreshingCalls>(new URL('./refreshing.ts', import.meta.url).href)
  try {
    const time = new WalkedTime({
      startMs: Math.ceil(Date.now() / 1000) * 1000,
      tell: (toMs) => server.child.call('walk', toMs),
      speed,
    })
    now = time.now
    progress(`${name}: ${residents.length} accounts, ${blows.length} blows`)
    const { port } = server
    const world = { port, time, vendor, password: usualPassword }
    const devices = await moveIn(town, world)
    await time.skip(time.now() + 2 * dayMs)
    await signedIn.call('begin', { port, tokens: devices.tokens })
    await signedIn.call('refresh', { perSecond: refreshesPerSecond, ms: 2000 })
    const idle = waited(await signedIn.call('refresh', { perSecond: refreshesPerSecond, ms: idleMs }))

    progress(`${name}: the siege begins`)
    const before = vendor.sent.length
    const [spentBefore, begunMs] = [await server.child.call('spent'), performance.now()]
    const { visits, loot } = prepare({ ...world, town, blows, devices: devices.cookies, redis: server.redis })
    await signedIn.call('start', refreshesPerSecond)
    await time.walk(time.now() + (siegeMinutes + patienceMinutes + 5) * 60_000)
    const siege = waited(await signedIn.call('stop'))
    const cpuMs = ((await server.child.call('spent')) - spentBefore) / 1000
    return {
      visits,
      loot,
      spent: spending(vendor.sent.slice(before), town, blows),
      idle,
      siege,
      cpuMs,
      realSeconds: (performance.now() - begunMs) / 1000,
    }
  } finally {
    await signedIn.stop()
    await server.close()
    await vendor.close()
  }
}

type World = Parameters<typeof visit>[2]

/** Those with known devices log in once. Their devices, and the tokens of a few of them. */
async function moveIn({ people }: Town, world: World) {
  const cookies = new Map<Person, DeviceCookie>()
  const tokens: string[] = []
  const { time } = world
  const known = people.filter(({ isKnown }) => isKnown)
  for (const [index, person] of known.entries()) {
    time.begin(time.now() + index * 4000, async () => {
      const { isIn, device, refreshToken, lastRefusal } = await visit(person, undefined, world)
      if (!isIn || device === undefined || refreshToken === undefined)
        throw new Error(`somebody could not move in: ${lastRefusal}`)
      cookies.set(person, device)
      if (tokens.length < 16) tokens.push(refreshToken)
    })
  }
  await time.walk(time.now() + known.length * 4000 + patienceMinutes * 60_000)
  return { cookies, tokens }
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
  readonly devices: ReadonlyMap<Person, DeviceCookie>
  readonly redis: CutRedis | undefined
}) {
  const { time } = world
  const minute = (minutes: number) => time.now() + minutes * 60_000
  const visits: Visit[] = []
  for (const person of town.people) {
    time.begin(minute(person.atMinute), async () => {
      visits.push(await visit(person, devices.get(person), world))
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
function spending(sent: Vendor['sent'], { people }: Town, blows: readonly Blow[]): Aftermath['spent'] {
  const kindOf = new Map(blows.map(({ to, kind }) => [to, kind]))
  const real = new Set(people.map(({ phone }) => phone))
  const spent = {} as Record<Kind | 'people', { messages: number; yuan: number }>
  for (const { to } of sent) {
    const who = kindOf.get(to) === 'bombing' ? 'bombing' : real.has(to) ? 'people' : (kindOf.get(to) ?? 'people')
    const sum = spent[who] ?? { messages: 0, yuan: 0 }
    spent[who] = { messages: sum.messages + 1, yuan: sum.yuan + priceOf(to) }
  }
  return spent
}
