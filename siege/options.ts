import { parseArgs } from 'node:util'

/** What the short-lived values are kept in; `redis-away` is Redis that cannot be reached for ten minutes. */
export const storeNames = ['redis', 'postgres', 'redis-away'] as const
/** One of these arrangements of stores. */
export type StoreName = (typeof storeNames)[number]

/** What a run is to do. */
export interface Options {
  readonly store: StoreName
  /** The same seed draws the same town and the same attack. */
  readonly seed: number
  /** Share of the numbers, addresses and networks of a whole siege. */
  readonly scale: number
  /** Share of the attackers who solve what is asked, beside those who always do. */
  readonly solvers: number
  /** Folder of another checkout of Menshen, which meets the same attack. */
  readonly against: string | undefined
  /** Seconds of walked time that pass in a second at most: faster, and the machine is what slows a refresh. */
  readonly speed: number
  readonly json: string | undefined
}

/** What is printed beside an option that is wrong. */
export const usage = `usage: npm run siege -- [options]

  --store NAME      ${storeNames.join(', ')}; default redis
  --seed N          draws another town, default 1
  --scale X         share of a whole siege (10 000 numbers, 2 000 addresses, 300 networks), default 1
  --solvers X       share of the tools of attackers that solve challenges, beside those that always do, default 0
  --against FOLDER  another checkout of Menshen meets the same attack, and stands beside it in the tables
  --speed N         seconds of the attack in one second at most, default 10
  --json FILE       write every figure to a file
`

/** Throws an error made for people when an option is unknown or out of range. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      store: { type: 'string', default: 'redis' },
      seed: { type: 'string', default: '1' },
      scale: { type: 'string', default: '1' },
      solvers: { type: 'string', default: '0' },
      against: { type: 'string' },
      speed: { type: 'string', default: '10' },
      json: { type: 'string' },
    },
  })
  const store = storeNames.find((name) => name === values.store)
  if (!store) throw new Error(`no store is named ${values.store}; there are ${storeNames.join(', ')}`)
  const scale = positive('scale', values.scale)
  const solvers = Number(values.solvers)
  if (scale > 1) throw new Error('--scale: expected at most 1')
  if (!(solvers >= 0 && solvers <= 1)) throw new Error('--solvers: expected a share from 0 to 1')
  return {
    store,
    seed: Math.ceil(positive('seed', values.seed)),
    scale,
    solvers,
    against: values.against,
    speed: positive('speed', values.speed),
    json: values.json,
  }
}

function positive(name: string, given: string): number {
  const value = Number(given)
  if (!(value > 0)) throw new Error(`--${name}: expected a number above 0, not ${given}`)
  return value
}
