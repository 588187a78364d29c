import { cursorText, readCursor, type TimeCursor } from '../store/cursor.ts'
import type { CommandContext } from './command.ts'

/** What was asked for with `--limit` and `--after`, or why it cannot be read. */
export type Page = { readonly limit: number; readonly after: TimeCursor | undefined } | { readonly problem: string }

const usualLimit = 50
const mostLimit = 1000

/** Reads the options of a command that answers in pages. */
export function pageOf(context: CommandContext): Page {
  const limit = limitOf(context)
  if (typeof limit === 'string') return { problem: limit }
  const { after } = context.flags
  const cursor = typeof after === 'string' ? readCursor(after) : undefined
  if (after !== undefined && !cursor) return { problem: notACursor }
  return { limit, after: cursor }
}

/** How many rows a page has, or why that cannot be read. */
export function limitOf({ flags: { limit } }: Pick<CommandContext, 'flags'>): number | string {
  if (limit === undefined) return usualLimit
  const rows = /^\d{1,4}$/.test(String(limit)) ? Number(limit) : 0
  return rows >= 1 && rows <= mostLimit ? rows : `--limit: a number from 1 to ${mostLimit}`
}

/** Why `--after` is refused. */
export const notACursor = '--after: take it as the page before has told it'

/** Tells a person where the next page begins; JSON has it as `next`. */
export function tellNext({ stderr, flags }: CommandContext, next: TimeCursor | string | undefined): void {
  if (next === undefined || flags['json'] === true) return
  stderr.write(`there are more: --after ${typeof next === 'string' ? next : cursorText(next)}\n`)
}

/** The times of options, as they were typed in ISO 8601; a sentence for what is none. */
export function timesOf<Name extends string>(
  { flags }: Pick<CommandContext, 'flags'>,
  ...names: readonly Name[]
): Partial<Record<Name, Date>> | string {
  const times: Partial<Record<Name, Date>> = {}
  for (const name of names) {
    const typed = flags[name]
    if (typed === undefined) continue
    const at = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(String(typed)) ? new Date(String(typed)) : undefined
    if (!at || Number.isNaN(at.getTime())) return `--${name}: a day (2026-11-29) or a time (2026-11-29T10:00:00Z)`
    times[name] = at
  }
  return times
}
