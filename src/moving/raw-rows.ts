import { undecodable } from './file-text.ts'

/** A row of a file whose shape nobody has looked at yet. */
export type RawRecord = Readonly<Record<string, unknown>>

/** What a reader found in one place of a file: a row, or why there is none. */
export type RawRow =
  | { readonly line: number; readonly record: RawRecord }
  | { readonly line: number; readonly problem: RowProblem }

/** Why a row cannot be read. */
export type RowProblem =
  | 'json'
  | 'not_an_object'
  | 'too_long'
  | 'charset'
  | 'nul'
  | 'duplicate_key'
  | 'too_deep'
  | 'columns'
  | 'duplicate_column'
  | 'unclosed'
  | 'no_list'
  | 'csv'

/** The longest row, in characters; a longer one is passed over without being kept. */
export const longestRow = 1_000_000

/** Reads the JSON of one account. */
export function readJson(text: string, line: number): RawRow {
  if (text.length > longestRow) return { line, problem: 'too_long' }
  const bad = badText(text)
  if (bad) return { line, problem: bad }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { line, problem: 'json' }
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return { line, problem: 'not_an_object' }
  const flaw = flawOf(text)
  return flaw ? { line, problem: flaw } : { line, record: value as RawRecord }
}

/** Text that PostgreSQL cannot keep, or that was never decoded. */
export function badText(text: string): 'charset' | 'nul' | undefined {
  if (text.includes(undecodable)) return 'charset'
  return text.includes('\0') || text.includes('\\u0000') ? 'nul' : undefined
}

const deepest = 64

/**
 * What JSON that was parsed shows no more: it keeps the last of two members with one name, however they were written,
 * and says nothing; and what is nested too deep ends whoever walks through it.
 */
function flawOf(text: string): 'duplicate_key' | 'too_deep' | undefined {
  const pattern = /"((?:[^"\\]|\\.)*)"(\s*:)?|[{}[\]]/g
  const open: Set<string>[] = []
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    const [whole, key, colon] = found
    if (whole === '{' || whole === '[') open.push(new Set())
    else if (whole === '}' || whole === ']') open.pop()
    else if (key !== undefined && colon !== undefined) {
      const name = key.includes('\\') ? String(JSON.parse(`"${key}"`)) : key
      const names = open.at(-1)
      if (names?.has(name)) return 'duplicate_key'
      names?.add(name)
    }
    if (open.length > deepest) return 'too_deep'
  }
  return undefined
}
