import type { NamedCounter } from '../ops/limits.ts'

/** A counter of codes that were entered, to be counted when that happens; and that of what counts in it once. */
export type Mark = readonly [key: string, seconds: number, once?: string]

/** More than anything is ever counted: such a counter refuses nothing. */
export const endless = 1_000_000_000_000
/** What all counters of rules are called among the limits. */
export const counterName = 'abuse'
const enteredEnd = ':entered'

/** The counter of codes that were entered, beside that of the codes that were sent. */
export function enteredKey(key: string): string {
  return `${key}${enteredEnd}`
}

/** The counters of codes that were entered, to be counted when that happens. */
export function marksIn(counters: readonly NamedCounter[]): readonly Mark[] {
  return counters
    .filter(({ key }) => key.endsWith(enteredEnd))
    .map(({ key, seconds, once }) => (once === undefined ? [key, seconds] : [key, seconds, enteredKey(once)]))
}

/** What is counted when a code with these marks was entered. */
export function enteredCounters(marks: readonly Mark[]): readonly NamedCounter[] {
  return marks.flatMap(([key, seconds, once]) => {
    const counter = { name: counterName, key, seconds, max: endless }
    return once === undefined
      ? [counter]
      : [
          { ...counter, key: once, once },
          { ...counter, once },
        ]
  })
}
