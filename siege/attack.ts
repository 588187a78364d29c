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
  /** Whether the tool solves what it is asked to. */
  readonly solves: boolean
}

/** Kinds whose tools always have a solver. */
const solvers: readonly Kind[] = ['solving', 'farming']

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

type Planned = Omit<Blow, 'solves'>

interface Plan {
  readonly lots: Lots
  readonly town: Town
  readonly scale: number
  /** Numbers that were drawn before. */
  readonly taken: Set<string>
  /** Share of the others' tools that have a solver too. */
  readonly solvers: number
}

/** Every blow of the hour, in the order in which they fall. */
export function planAttack({ lots, town: { people, attackedFrom }, scale, taken, solvers: share }: Plan): Blow[] {
  const times = (count: number) => Array.from({ length: scaled(count, scale) }, (_, index) => index)
  const spread = (part: number) => quietMinutes + part * (siegeMinutes - 2 * quietMinutes)
  const ip = () => lots.oneOf(attackedFrom)
  /** At some moment, from somewhere. */
  const somewhere = (kind: Kind, to: string, shareOfPages = 0): Planned => {
    const door = lots.share() < shareOfPages ? 'page' : 'app'
    return { kind, atMinute: spread(lots.share()), ip: ip(), to, door }
  }
  const number = () => ordinaryNumber(lots, taken)

  const victims = lots.shuffled(people).slice(0, scaled(whole.victims, scale))
  const bombing = victims.flatMap(({ phone: to }) =>
    Array.from({ length: whole.blowsAVictim }, (_, index): Planned => {
      const blow = somewhere('bombing', to)
      return { ...blow, atMinute: spread(index / whole.blowsAVictim) }
    }),
  )
  const planned = [
    ...bombing,
    ...times(whole.random).map(() => somewhere('random', number(), 0.25)),
    ...sequential(),
    ...pumping(),
    ...times(whole.solving).map(() => somewhere('solving', number(), 0.5)),
    ...times(whole.farming).map(() => somewhere('farming', number(), 0.5)),
    ...tries(),
  ].toSorted((a, b) => a.atMinute - b.atMinute)
  return planned.map((each) => ({ ...each, solves: solvers.includes(each.kind) || lots.share() < share }))

  /** Rows of neighbours, each from a few machines. */
  function sequential(): Planned[] {
    const count = scaled(whole.sequential, scale)
    const machines = Array.from({ length: Math.ceil(count / 250) }, () => Array.from({ length: 8 }, ip))
    const starts = machines.map(() => 13_700_000_000 + lots.below(99_000) * 1000)
    return times(whole.sequential).map((index) => {
      const row = index % machines.length
      const to = `+86${(starts[row] ?? 0) + Math.floor(index / machines.length)}`
      taken.add(to)
      const blow = somewhere('sequential', to)
      return { ...blow, atMinute: spread(index / count), ip: lots.oneOf(machines[row] ?? []) }
    })
  }

  /** Two ranges abroad, and one of an operator without a network. */
  function pumping(): Planned[] {
    const ranges = ['+8529123', '+8526543', '+861705123']
    return times(whole.pumping).map((index) => {
      const last = String(lots.below(10_000)).padStart(4, '0')
      return somewhere('pumping', `${ranges[index % ranges.length]}${last}`)
    })
  }

  /** One name in ten is that of somebody with a password, and one try in a hundred is right. */
  function tries(): Planned[] {
    const owners = people.filter(hasPassword).map(({ phone }) => phone)
    const name = (part: number) => (lots.share() < part ? lots.oneOf(owners) : `user${lots.below(1e7)}`)
    const stuffing = times(whole.stuffing).map((index) => {
      const isRight = index % 100 === 0
      const password = isRight ? usualPassword : `stolen-${lots.below(1e9)}`
      return { ...somewhere('stuffing', name(isRight ? 1 : 0.1)), password }
    })
    const spraying = times(whole.spraying).map(() => ({ ...somewhere('spraying', name(1)), password: 'woaini1314' }))
    return [...stuffing, ...spraying]
  }
}

function hasPassword({ hasPassword, hasAccount }: Person): boolean {
  return hasPassword && hasAccount
}
