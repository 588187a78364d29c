import { readFileSync } from 'node:fs'
import { AppError } from '../base/errors.ts'
import { scrub } from '../ops/scrub.ts'
import type { Output } from './command.ts'

/** One JSON value for machines, with a newline. */
export function printJson(output: Output, value: unknown): void {
  output.write(`${JSON.stringify(value, undefined, 2)}\n`)
}

/** What a cell of a printed table may hold. */
export type Cell = string | number | boolean | Date | null | undefined

/** Columns aligned for a terminal, Chinese included. Answers only the head when there are no rows. */
export function tableText(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [head.map((name) => name.toUpperCase()), ...rows.map((row) => row.map(cellText))]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => width(line[column] ?? ''))))
  const pad = (text: string, column: number) => text + ' '.repeat((widths[column] ?? 0) - width(text))
  return `${lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n')}\n`
}

/** SECURITY: what a stranger stored (a nickname, a client name) must not steer the operator's terminal. */
export function cellText(cell: Cell): string {
  if (cell === null || cell === undefined || cell === '') return '-'
  const text = cell instanceof Date ? cell.toISOString() : String(cell)
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ')
}

/** Columns a text takes: two for East Asian wide characters and emoji, none for marks that combine. */
function width(text: string): number {
  let columns = 0
  for (const character of text) {
    if (/\p{Mn}|\p{Cf}/u.test(character)) continue
    columns +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1
  }
  return columns
}

const usualCauses: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at that address',
  ENOTFOUND: 'that name has no address',
  EADDRINUSE: 'another process listens there',
  EACCES: 'this user may not',
  ENOENT: 'it does not exist',
  ENOSPC: 'the disk is full',
}

/**
 * What went wrong, for the person who reads it at night: what, why, and how to learn more. The stack only when asked
 * for.
 */
export function printError(output: Output, thrown: unknown, { debug }: { debug: boolean }): void {
  const chain = causes(thrown)
  const [first, ...deeper] = chain.map(describe)
  output.write(`error: ${first}\n`)
  for (const line of deeper) output.write(`  because: ${line}\n`)
  const isExpected =
    thrown instanceof Error &&
    (['ConfigError', 'IssuersChanged'].includes(thrown.name) || (thrown instanceof AppError && chain.length === 1))
  if (isExpected) return
  if (!debug) output.write('  run it again with LOG_LEVEL=debug for where it happened\n')
  else for (const error of chain) if (error instanceof Error) output.write(`${scrub(error.stack ?? '')}\n`)
}

function causes(thrown: unknown): unknown[] {
  const chain: unknown[] = []
  let next = thrown
  while (next !== undefined && !chain.includes(next) && chain.length < 6) {
    chain.push(next)
    next = next instanceof AggregateError ? next.errors[0] : next instanceof Error ? next.cause : undefined
  }
  return chain
}

function describe(thrown: unknown): string {
  if (thrown instanceof AppError) return `${sentence(thrown)} (${thrown.code})`
  if (!(thrown instanceof Error)) return scrub(String(thrown))
  const code = (thrown as { code?: unknown }).code
  const usual = typeof code === 'string' ? usualCauses[code] : undefined
  const text = scrub(thrown.message === '' ? (typeof code === 'string' ? code : thrown.name) : thrown.message)
  return usual === undefined ? text : `${text}: ${usual}`
}

function sentence(error: AppError): string {
  const template = englishText(error.messageKey) ?? error.code
  const seconds = error.params['retryAfterSeconds']
  const params = { wait: seconds === undefined ? 'later' : `in ${seconds} s`, ...error.params }
  const filled = template.replace(/\{\{(?:- *)?(\w+)\}\}/g, (_, name: keyof typeof params) =>
    String(params[name] ?? ''),
  )
  const reason = error.params['reason']
  return reason === undefined ? filled : `${filled} ${reason}`
}

let english: Readonly<Record<string, string>> | undefined

/** The English text of a key; undefined when there is none. */
export function englishText(key: string): string | undefined {
  english ??= readEnglish()
  return english[key]
}

function readEnglish(): Readonly<Record<string, string>> {
  try {
    return JSON.parse(readFileSync(new URL('../../views/locales/en.json', import.meta.url), 'utf8'))
  } catch {
    return {}
  }
}
