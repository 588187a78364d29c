import { parseArgs } from 'node:util'

/** What a run is to do. */
export interface Options {
  /** How long people come and go; looking at everything afterwards takes some minutes more. */
  readonly hours: number
  /** The same seed plans the same operations and faults. */
  readonly seed: number
  /** Operations a second. */
  readonly rate: number
  readonly json: string | undefined
}

/** What is printed beside an option that is wrong. */
export const usage = `usage: npm run soak -- [options]

  --hours N    how long people come and go, default 2; 0.1 is six minutes
  --seed N     plans other operations and faults, default 1
  --rate N     operations a second, default 15
  --json FILE  write what was found so far to a file every minute, and everything at the end
`

/** Throws an error made for people when an option is unknown or out of range. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      hours: { type: 'string', default: '2' },
      seed: { type: 'string', default: '1' },
      rate: { type: 'string', default: '15' },
      json: { type: 'string' },
    },
  })
  return {
    hours: positive('hours', values.hours),
    seed: Math.ceil(positive('seed', values.seed)),
    rate: positive('rate', values.rate),
    json: values.json,
  }
}

function positive(name: string, given: string): number {
  const value = Number(given)
  if (!(value > 0)) throw new Error(`--${name}: expected a number above 0, not ${given}`)
  return value
}
