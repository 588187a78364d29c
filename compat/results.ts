import { existsSync, readFileSync, writeFileSync } from 'node:fs'

/** What came of a program: it works as it comes, with its setting only, or not; then with the reason. */
export type Outcome = 'works' | 'setting' | `fails: ${string}`

/** Why a program was not run. */
export interface NotRun {
  readonly notRun: string
}

/** What came of one program: with each seed or algorithm, or why it was not run. */
export type Result = Readonly<Record<string, Outcome>> | NotRun

/** Whether there is a reason in the place of outcomes. */
export function isNotRun(result: Result): result is NotRun {
  return 'notRun' in result
}

const file = new URL('results.json', import.meta.url)

/** The newest result of every program that was ever run, by its id. */
export function readResults(): Record<string, Result> {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
}

/** Keeps the results of this run beside those of programs that it left out. */
export function keepResults(results: Readonly<Record<string, Result>>): void {
  writeResults({ ...readResults(), ...results })
}

/** Forgets all results, before a run of everything. */
export function forgetResults(): void {
  writeResults({})
}

function writeResults(results: Readonly<Record<string, Result>>): void {
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
}
