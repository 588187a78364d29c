import { table } from '../bench/table.ts'
import { type Finding, findingText } from './findings.ts'
import type { Options } from './options.ts'

/** What a run has come to, so far or at its end. */
export interface Result {
  readonly options: Options
  readonly begun: string
  readonly minutes: number
  /** Whether everything was looked at once more at the end. */
  readonly isOver: boolean
  /** The same number for the same seed: the plan was the same. */
  readonly operations: { readonly planned: number; readonly done: number }
  readonly people: number
  /** Logins that live, with tokens that were acknowledged. */
  readonly stays: number
  readonly tallies: Readonly<Record<string, number>>
  readonly faults: Readonly<Record<string, number>>
  /** How long it took until everything was served again, in seconds, by fault. */
  readonly healed: Readonly<Record<string, { readonly most: number }>>
  readonly keys: number
  /** Looks at every table. */
  readonly looks: number
  readonly memory: readonly {
    readonly server: string
    readonly minutes: number
    readonly firstMib: number
    readonly lastMib: number
    readonly mostMib: number
  }[]
  /** CPU of the servers, of PostgreSQL and of the soak itself, in shares of a core. */
  readonly cores: { readonly servers: number; readonly postgres: number; readonly soak: number }
  readonly findings: readonly Finding[]
}

/** The whole report for people. */
export function reportText(result: Result): string {
  const { options, minutes, operations, people, stays, tallies, faults, healed, memory, cores, findings, keys, looks } =
    result
  const { seed, rate } = options
  const sorted = Object.entries(tallies).toSorted(([a], [b]) => a.localeCompare(b))
  const parts = [
    `seed ${seed}, ${rate} operations a second, ${minutes} minutes: ${operations.done} of ${operations.planned} operations, ${people} people, ${stays} logins alive at the end, ${keys} keys, ${looks} looks at all tables`,
    `CPU in shares of a core: servers ${cores.servers}, PostgreSQL ${cores.postgres}, the soak ${cores.soak}`,
    table(
      ['what', 'times'],
      sorted.map(([name, count]) => [name, String(count)]),
    ),
    table(
      ['fault', 'times', 'healed within, s'],
      Object.entries(faults).map(([name, count]) => [name, String(count), String(healed[name]?.most ?? '-')]),
    ),
    table(
      ['process', 'minutes', 'first MiB', 'last', 'most'],
      memory.map((life) => [life.server, ...[life.minutes, life.firstMib, life.lastMib, life.mostMib].map(String)]),
    ),
    ...findings.map(findingText),
    findings.length === 0
      ? 'nothing was found'
      : `${findings.length} found; the same again: --seed ${seed} --rate ${rate}`,
  ]
  return `${parts.join('\n\n')}\n`
}
