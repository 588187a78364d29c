import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type ScenarioName, scenarioNames } from './scenarios.ts'

/** Rows of the table that are not one scenario in alternating slices. */
const extraNames = [
  'login_keycloak',
  'storm',
  'upstream',
  'crowd',
  'round_trips',
  'growth',
  'full',
  'memory',
  'start',
  'scaling',
] as const
/** Rows that take long and are measured only when they are asked for. */
const askedNames = ['hashing', 'import', 'million', 'peers', 'sweep'] as const
export type RowName = ScenarioName | (typeof extraNames | typeof askedNames)[number]

export interface Options {
  readonly rows: readonly RowName[]
  /** Length of a slice. */
  readonly seconds: number
  readonly pairs: number
  readonly connections: number
  readonly quick: boolean
  /** Folder of another checkout of Menshen, whose servers are measured in the same run. */
  readonly beside: string | undefined
  readonly json: string | undefined
  /** Folder in which other servers are kept between runs. */
  readonly cache: string
  /** Folder for CPU profiles of the measured slices. */
  readonly profile: string | undefined
}

export const usage = `usage: npm run bench -- [options]

  --scenario NAME   only this row; may be given several times, or names with commas between
                    (${[...scenarioNames, ...extraNames].join(', ')};
                    only when named: ${askedNames.join(', ')})
  --seconds N       length of a slice, default 0.5
  --pairs N         slices of each server, default 6
  --beside FOLDER   measure the servers of another checkout of Menshen in the same run
  --peers           measure Ory Hydra and Keycloak too, on the same PostgreSQL; the row is named peers
  --cache FOLDER    where they are kept between runs, default ~/.cache/menshen-bench; what is missing there
                    is fetched with go and mvn
  --json FILE       write every figure to a file
  --profile FOLDER  write a CPU profile of the last slice of each server; the figures are then worth nothing
  --quick           a few milliseconds of everything: shows that it runs, measures nothing
`

/** Throws an error made for people when an option is unknown or out of range. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      scenario: { type: 'string', multiple: true, default: [] },
      seconds: { type: 'string' },
      pairs: { type: 'string' },
      beside: { type: 'string' },
      peers: { type: 'boolean', default: false },
      cache: { type: 'string', default: join(homedir(), '.cache/menshen-bench') },
      json: { type: 'string' },
      profile: { type: 'string' },
      quick: { type: 'boolean', default: false },
    },
  })
  const usual: readonly string[] = [...scenarioNames, ...extraNames]
  const known = [...usual, ...askedNames]
  const named = values.scenario.flatMap((names) => names.split(','))
  const unknown = named.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`no scenario is named ${unknown.join(', ')}; there are ${known.join(', ')}`)
  const chosen = named.length > 0 ? named : usual
  return {
    rows: known.filter((name) => chosen.includes(name) || (values.peers && name === 'peers')) as RowName[],
    seconds: positive('seconds', values.seconds, values.quick ? 0.02 : 0.5),
    pairs: Math.ceil(positive('pairs', values.pairs, values.quick ? 1 : 6)),
    connections: values.quick ? 4 : 16,
    quick: values.quick,
    beside: values.beside,
    cache: values.cache,
    json: values.json,
    profile: values.profile,
  }
}

function positive(name: string, given: string | undefined, fallback: number): number {
  const value = given === undefined ? fallback : Number(given)
  if (!(value > 0)) throw new Error(`--${name}: expected a number above 0, not ${given}`)
  return value
}
