import { basename, extname } from 'node:path'
import { csvRows } from './csv-rows.ts'
import { type Charset, textOf } from './file-text.ts'
import { jsonLines, jsonList } from './json-rows.ts'
import type { RawRow } from './raw-rows.ts'

/** How a file is read. */
export interface ReadOptions {
  readonly charset: Charset
  /** The member of a JSON document that the accounts are in, where it is no list itself. */
  readonly listMember: string | undefined
}

/**
 * The rows of a file, in batches, by the end of its name: `.csv`, `.tsv`; everything else is JSON, one object a line
 * or one document, as its first character says.
 */
export async function* rowsOf(path: string, options: ReadOptions): AsyncGenerator<readonly RawRow[]> {
  const ending = extname(path).toLowerCase()
  const pieces = textOf(path, options.charset)
  if (ending === '.csv' || ending === '.tsv') yield* csvRows(pieces, ending === '.csv' ? ',' : '\t')
  else yield* jsonRows(pieces, options.listMember)
}

/** The table that a file has the rows of, by its name: `wp_users.csv` and `users.2026.jsonl` are both `users`. */
export function tableOf(path: string, tables: readonly string[]): string | undefined {
  const name = basename(path).toLowerCase().split('.')[0] ?? ''
  const fitting = tables.filter((table) => name === table || name.endsWith(`_${table}`))
  return fitting.toSorted((a, b) => b.length - a.length)[0]
}

async function* jsonRows(pieces: AsyncIterable<string>, member: string | undefined) {
  const iterator = pieces[Symbol.asyncIterator]()
  let beginning = ''
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    beginning += next.value
    if (beginning.trim() !== '') break
  }
  const all = rejoined(beginning, iterator)
  const isList = beginning.trimStart().startsWith('[')
  yield* isList || member !== undefined ? jsonList(all, isList ? undefined : member) : jsonLines(all)
}

async function* rejoined(beginning: string, rest: AsyncIterator<string>): AsyncGenerator<string> {
  if (beginning !== '') yield beginning
  yield* { [Symbol.asyncIterator]: () => rest }
}
