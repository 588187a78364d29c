import { drawLots, type Lots } from '../siege/lots.ts'
import { ordinaryNumber } from '../siege/town.ts'

/** What somebody wants to do. Who has nothing to do it with logs in. */
export const wishes = {
  refresh: 46,
  /** A refresh whose answer never arrives, and that is asked for again, now or later. */
  lose: 8,
  /** The same refresh twice at the same moment. */
  double: 4,
  introspect: 16,
  userinfo: 5,
  login: 9,
  logout: 4,
  /** Somebody else uses an old refresh token. */
  steal: 1,
  /** A code is exchanged twice. */
  replay: 0.5,
  /** What has ended is tried again. */
  haunt: 6,
} as const
/** One of these. */
export type Wish = keyof typeof wishes

/** What an operator does. */
export const chores = ['revoke', 'catalog', 'rotate', 'rotate_cookies'] as const
/** One of these. */
export type Chore = (typeof chores)[number]

/** What goes wrong. `stop` is a restart in good order, `kill` one without; a store is killed or stands still. */
export const faultKinds = [
  'stop',
  'kill',
  'kill_both',
  'postgres_crash',
  'postgres_pause',
  'redis_crash',
  'redis_pause',
] as const
/** One of these. */
export type FaultKind = (typeof faultKinds)[number]

/** One act of one person; `lots` are draws of its own, so that what other acts come to changes nothing in it. */
export interface Operation {
  readonly number: number
  readonly atMs: number
  readonly person: number
  readonly wish: Wish
  readonly lotsSeed: number
}

/** One act of the operator. */
export interface Duty {
  readonly number: number
  readonly atMs: number
  readonly chore: Chore
  readonly person: number
}

/** One fault: when it comes, where, and how long it stays. */
export interface Fault {
  readonly number: number
  readonly atMs: number
  readonly kind: FaultKind
  /** Of the servers, where one is meant. */
  readonly server: number
  readonly forMs: number
}

/** Somebody who uses the site. */
export interface Resident {
  readonly phone: string
  readonly ip: string
  readonly hasPassword: boolean
}

/** Everything that is to happen, in milliseconds from the beginning. */
export interface Plan {
  readonly residents: readonly Resident[]
  readonly operations: readonly Operation[]
  readonly duties: readonly Duty[]
  readonly faults: readonly Fault[]
}

/** So many people for each operation in a second: each of them does something every half minute. */
const peopleForOne = 30
/** How often the operator acts, and something goes wrong, on average. */
const betweenMs = { revoke: 50_000, catalog: 150_000, rotate: 1_500_000, rotate_cookies: 1_700_000, fault: 130_000 }
/** Nothing goes wrong before everybody has come, nor at the end. */
const quietMs = { first: 90_000, last: 20_000 }
/** A key takes over more than an hour after it was published, so the first one is published at once. */
const firstRotationMs = 30_000

/** Draws everything from a seed. */
export function plan({
  seed,
  hours,
  rate,
}: {
  readonly seed: number
  readonly hours: number
  readonly rate: number
}): Plan {
  const lots = drawLots(seed)
  const endMs = hours * 3_600_000
  const taken = new Set<string>()
  const residents = Array.from({ length: Math.max(6, Math.round(rate * peopleForOne)) }, (_, index): Resident => {
    const ip = [lots.oneOf([36, 58, 111, 117, 183, 223]), lots.below(256), lots.below(256), 1 + lots.below(254)]
    return { phone: ordinaryNumber(lots, taken), ip: ip.join('.'), hasPassword: index % 2 === 0 }
  })
  const anybody = () => lots.below(residents.length)
  const operations: Operation[] = []
  for (let atMs = 0; atMs < endMs; atMs += (2000 / rate) * lots.share()) {
    const wish = weighed(lots, wishes)
    operations.push({ number: operations.length, atMs, person: anybody(), wish, lotsSeed: lots.below(2 ** 31) })
  }
  const duties = chores
    .flatMap((chore) => {
      const first = chore.startsWith('rotate') ? firstRotationMs : betweenMs[chore]
      return moments(lots, { firstMs: first, betweenMs: betweenMs[chore], endMs }).map((atMs) => ({ atMs, chore }))
    })
    .toSorted((a, b) => a.atMs - b.atMs)
    .map((each, number) => ({ ...each, number, person: anybody() }))
  const between = {
    firstMs: Math.min(quietMs.first, endMs / 4),
    betweenMs: betweenMs.fault,
    endMs: endMs - quietMs.last,
  }
  const faults = moments(lots, between).map(
    (atMs, number): Fault => ({
      number,
      atMs,
      kind: weighed(lots, faultWeights),
      // Mostly the second one, so that the first lives long enough to show how its memory grows.
      server: lots.share() < 0.85 ? 1 : 0,
      forMs: 1000 + lots.below(14_000),
    }),
  )
  return { residents, operations, duties, faults }
}

const faultWeights: Readonly<Record<FaultKind, number>> = {
  stop: 4,
  kill: 4,
  kill_both: 0.5,
  postgres_crash: 2,
  postgres_pause: 2,
  redis_crash: 2,
  redis_pause: 2,
}

/** Moments that are a while apart: half of what they are on average, at least. */
function moments(
  lots: Lots,
  { firstMs, betweenMs: mean, endMs }: { readonly firstMs: number; readonly betweenMs: number; readonly endMs: number },
): number[] {
  const found: number[] = []
  for (let atMs = firstMs; atMs < endMs; atMs += mean * (0.5 + lots.share())) found.push(Math.round(atMs))
  return found
}

/** One of the names, the heavier the oftener. */
export function weighed<Name extends string>(lots: Lots, weights: Readonly<Record<Name, number>>): Name {
  const names = Object.keys(weights) as Name[]
  const sum = names.reduce((total, name) => total + weights[name], 0)
  let left = lots.share() * sum
  for (const name of names) {
    left -= weights[name]
    if (left < 0) return name
  }
  return names[names.length - 1] as Name
}
