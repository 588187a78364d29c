import { Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import { badText, longestRow, type RawRow, type RowProblem } from './raw-rows.ts'

const batchRows = 500
/** A quotation mark that is never closed makes one row of the rest of a file. */
const largestRecord = 16 * longestRow

/** Rows of a file of columns, whose names are in its first line; an empty field is none. */
export async function* csvRows(
  pieces: AsyncIterable<string>,
  delimiter: ',' | '\t',
): AsyncGenerator<readonly RawRow[]> {
  const options = { delimiter, info: true, relax_column_count: true, skip_empty_lines: true }
  const source = Readable.from(pieces, { objectMode: false })
  const parser = source.pipe(parse({ ...options, max_record_size: largestRecord }))
  source.once('error', (error) => parser.destroy(error))
  let names: readonly string[] | undefined
  let rows: RawRow[] = []
  let before = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      const line = before + 1
      before = info.lines
      if (names === undefined) {
        names = record.map((name) => name.trim())
        const problem = problemOf(names)
        if (problem) return yield [{ line, problem }]
      } else rows.push(readRecord(record, names, line))
      if (rows.length === batchRows) {
        yield rows
        rows = []
      }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    // What was read before it may not have come out yet, so only the parser knows the line.
    const line = Math.max(before + 1, 'lines' in error ? Number(error.lines) : 1)
    rows.push({ line, problem: error.code === 'CSV_MAX_RECORD_SIZE' ? 'too_long' : 'csv' })
  }
  yield rows
}

/** Names of columns are told where nobody knows them, so they have to be text. */
function problemOf(names: readonly string[]): RowProblem | undefined {
  if (new Set(names).size < names.length) return 'duplicate_column'
  return badText(names.join(','))
}

function readRecord(record: readonly string[], names: readonly string[], line: number): RawRow {
  if (record.length !== names.length) return { line, problem: 'columns' }
  let length = 0
  for (const field of record) {
    length += field.length
    const bad = badText(field)
    if (bad) return { line, problem: bad }
  }
  if (length > longestRow) return { line, problem: 'too_long' }
  const fields = record.map((field, index) => [names[index], field] as const)
  return { line, record: Object.fromEntries(fields.filter(([, field]) => !absent.has(field))) }
}

/** As dumps of MySQL and PostgreSQL write that there is none. */
const absent: ReadonlySet<string> = new Set(['', '\\N', 'NULL'])
