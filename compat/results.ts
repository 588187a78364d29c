import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { SeedName } from './clients.ts'

/** What came of a client with one seed: it works as it comes, with its setting only, or not; then with the reason. */
export type Outcome = 'works' | 'setting' | `fails: ${string}`

/** What came of one client: with each seed, or why it was not run. */
export type ClientResult = Partial<Record<SeedName, Outcome>> | { readonly notRun: string }

const file = new URL('results.json', import.meta.url)

/** The newest result of every client that was ever run, by its id. */
export function readResults(): Record<string, ClientResult> {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
}

/** Keeps the results of this run beside those of clients that it left out. */
export function keepResults(results: Readonly<Record<string, ClientResult>>): void {
  writeFileSync(file, `${JSON.stringify({ ...readResults(), ...results }, null, 2)}\n`)
}
