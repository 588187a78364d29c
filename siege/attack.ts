import type { Lots } from './lots.ts'
import { ordinaryNumber, type Person, scaled, siegeMinutes, type Town } from './town.ts'

/**
 * What attackers are after. `bombing`: one person is sent message after message. `random` and `sequential`: the money
 * of the operator. `pumping`: a share of the fee for numbers that begin alike. `solving`: the same, by somebody who
 * solves what is asked. `farming`: accounts, by numbers whose codes are entered. `stuffing`: names with passwords that
 * were stolen elsewhere. `spraying`: one password for many names.
 */
export const kinds = [
  'bombing',
  'random',
  'sequential',
  'pumping',
  'solving',
  'farming',
  'stuffing',
  'spraying',
] as const
/** One kind of attacker. */
export type Kind = (typeof kinds)[number]

/** One request for a message, or one try of a password. */
export interface Blow {
  readonly kind: Kind
  readonly atMinute: number
  readonly ip: string
  /** The number, or the name that is tried. */
  readonly to: string
  /** Given for a try. */
  readonly password?: string
  /** Through the pages, as a browser without script does, or by one bare request of an app. */
  readonly door: 'page' | 'app'
}

/** What people of the town chose as a password; one in a hundred of the stolen ones is theirs. */
export const usualPassword = 'correct-horse-battery-staple'

/** In a whole siege: numbers of each kind, names with passwords, and people who are bombed. */
const whole = {
  random: 4400,
  sequential: 2500,
  pumping: 1500,
  solving: 800,
  farming: 300,
  victims: 20,
  blowsAVictim: 80,
  stuffing: 3000,
  spraying: 600,
} as const

/** The attack begins after five minutes and ends five minutes before the hour does. */
const quietMinutes = 5

/** Every blow of the hour, in the order in which they fall. */
export function planAttack(lots: Lots, { people, attackedFrom }: Town, scale: number, taken: Set<string>): Blow[] {
  const times = (count: number) => Array.from({ length: scaled(count, scale) }, (_, index) => index)
  const atMinute = () => quietMinutes + lots.share() * (siegeMinutes - 2 * quietMinutes)
  const ip = () => lots.oneOf(attackedFrom)
  const door = (shareOfPages: number) => (lots.share() < shareOfPages ? 'page' : 'app')

  const victims = lots.shuffled(people).slice(0, scaled(whole.victims, scale))
  const bombing = victims.flatMap(({ phone: to }) =>
    Array.from({ length: whole.blowsAVictim }, (_, index): Blow => {
      const every = (siegeMinutes - 2 * quietMinutes) / whole.blowsAVictim
      return { kind: 'bombing', atMinute: quietMinutes + index * every, ip: ip(), to, door: 'app' }
    }),
  )
  const number = () => ordinaryNumber(lots, taken)
  const random = times(whole.random).map(
    (): Blow => ({ kind: 'random', atMinute: atMinute(), ip: ip(), to: number(), door: door(0.25) }),
  )
  return [
    ...bombing,
    ...random,
    ...sequential(),
    ...pumping(),
    ...times(whole.solving).map(
      (): Blow => ({ kind: 'solving', atMinute: atMinute(), ip: ip(), to: number(), door: door(0.5) }),
    ),
    ...times(whole.farming).map(
      (): Blow => ({ kind: 'farming', atMinute: atMinute(), ip: ip(), to: number(), door: door(0.5) }),
    ),
    ...tries(),
  ].toSorted((a, b) => a.atMinute - b.atMinute)

  /** Rows of neighbours, each from a few machines. */
  function sequential(): Blow[] {
    const rows = Math.max(1, scaled(whole.sequential, scale) / 250)
    const machines = Array.from({ length: Math.ceil(rows) }, () => Array.from({ length: 8 }, ip))
    const starts = machines.map(() => 1_370_000_0000 + lots.below(99_000) * 1000)
    return times(whole.sequential).map((index): Blow => {
      const row = index % machines.length
      const to = `+86${(starts[row] ?? 0) + Math.floor(index / machines.length)}`
      taken.add(to)
      const share = index / scaled(whole.sequential, scale)
      const at = quietMinutes + share * (siegeMinutes - 2 * quietMinutes)
      return { kind: 'sequential', atMinute: at, ip: lots.oneOf(machines[row] ?? []), to, door: 'app' }
    })
  }

  /** Two ranges abroad, and one of an operator without a network. */
  function pumping(): Blow[] {
    const ranges = ['+8529123', '+8526543', '+861705123']
    return times(whole.pumping).map((index): Blow => {
      const to = `${ranges[index % ranges.length]}${String(lots.below(10_000)).padStart(4, '0')}`
      return { kind: 'pumping', atMinute: atMinute(), ip: ip(), to, door: 'app' }
    })
  }

  /** One name in ten is that of somebody with a password, and one try in a hundred is right. */
  function tries(): Blow[] {
    const owners = people.filter(hasPassword).map(({ phone }) => phone)
    const name = (share: number) => (lots.share() < share ? lots.oneOf(owners) : `user${lots.below(1e7)}`)
    const stuffing = times(whole.stuffing).map((index): Blow => {
      const password = index % 100 === 0 ? usualPassword : `stolen-${lots.below(1e9)}`
      const to = index % 100 === 0 ? lots.oneOf(owners) : name(0.1)
      return { kind: 'stuffing', atMinute: atMinute(), ip: ip(), to, password, door: 'app' }
    })
    const spraying = times(whole.spraying).map(
      (): Blow => ({
        kind: 'spraying',
        atMinute: atMinute(),
        ip: ip(),
        to: name(1),
        password: 'woaini1314',
        door: 'app',
      }),
    )
    return [...stuffing, ...spraying]
  }
}

function hasPassword({ hasPassword, hasAccount }: Person): boolean {
  return hasPassword && hasAccount
}
