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
  if (hasDuplicateKey(text)) return { line, problem: 'duplicate_key' }
  return { line, record: value as RawRecord }
}

/** Text that PostgreSQL cannot keep, or that was never decoded. */
export function badText(text: string): 'charset' | 'nul' | undefined {
  if (text.includes(undecodable)) return 'charset'
  return text.includes('\0') || text.includes('\\u0000') ? 'nul' : undefined
}

/** JSON that was parsed keeps the last of two members with one name, and says nothing. */
function hasDuplicateKey(text: string): boolean {
  const pattern = /"((?:[^"\\]|\\.)*)"(\s*:)?|[{}]/g
  const open: Set<string>[] = []
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    const [whole, key, colon] = found
    if (whole === '{') open.push(new Set())
    else if (whole === '}') open.pop()
    else if (key !== undefined && colon !== undefined) {
      const names = open.at(-1)
      if (names?.has(key)) return true
      names?.add(key)
    }
  }
  return false
}
