import type { Knex } from 'knex'
import type { Charset } from './file-text.ts'
import type { Finding } from './findings.ts'
import { isProblem } from './findings.ts'
import type { Converted, Format, FormatOptions, Part } from './format.ts'
import { type Reading, readAccount } from './neutral-account.ts'
import type { RawRecord } from './raw-rows.ts'
import { rowsOf, tableOf } from './row-reader.ts'
import type { Place, Staging } from './staging.ts'
import { steadyFile } from './steady-file.ts'

/** What is read, and how. */
export interface Files {
  readonly paths: readonly string[]
  readonly format: Format
  readonly charset: Charset
  readonly options: FormatOptions
  readonly reading: Reading
}

interface Work extends Files {
  readonly knex: Knex
  readonly staged: Staging
  readonly seal: (text: string, n: number) => string
  readonly onProgress: (rows: number) => void
  readonly onBatch: () => void
}

const progressRows = 100_000
const fetchedParts = 5000

/** Reads every file into the staging tables; what cannot be read is a finding. Answers how many rows there were. */
export async function readFiles(work: Work): Promise<number> {
  let rows = 0
  for (const [file, path] of work.paths.entries()) {
    const table = work.format.tables ? tableOf(path, work.format.tables) : ''
    if (table === undefined) {
      tell(work.staged, { file, line: 1 }, { code: 'table', about: work.format.tables?.join(', ') })
      continue
    }
    const steady = await steadyFile(path)
    const options = { charset: work.charset, listMember: work.format.listMember }
    for await (const batch of rowsOf(path, options)) {
      for (const row of batch) {
        const place = { file, line: row.line }
        if ('problem' in row) tell(work.staged, place, { code: row.problem })
        else if (work.format.tables) keepPart(work, place, { table, record: row.record })
        else keepAccount(work, place, [{ table, record: row.record }])
      }
      if (Math.floor((rows + batch.length) / progressRows) > Math.floor(rows / progressRows)) work.onProgress(rows)
      rows += batch.length
      if (await work.staged.flush()) work.onBatch()
    }
    await steady.requireUnchanged()
  }
  await work.staged.flush(true)
  if (work.format.tables) await joinParts(work)
  return rows
}

function tell(staged: Staging, place: Place, finding: Finding): void {
  staged.finding(place, finding, isProblem(finding.code))
}

function keepPart({ format, staged }: Work, place: Place, part: Part): void {
  const whose = format.partOf?.(part)
  if (whose) staged.part(place, { ...whose, source: part.table, record: JSON.stringify(part.record) })
  else tell(staged, place, { code: 'key', about: part.table })
}

function keepAccount(work: Work, place: Place, parts: readonly Part[]): void {
  const converted: Converted = work.format.convert(parts, work.options)
  if ('leftOut' in converted) {
    tell(work.staged, place, { code: 'left_out', about: converted.leftOut })
    return
  }
  const read = readAccount(converted.account, work.reading)
  for (const finding of [...(converted.findings ?? []), ...read.findings]) tell(work.staged, place, finding)
  if (read.account) work.staged.account(place, read.account, work.seal)
}

interface PartRow {
  readonly key: string
  readonly file: number
  readonly line: string | number
  readonly source: string
  readonly record: string
}

/** Brings the rows of an account together, which may be anywhere in several files: the database sorts them. */
async function joinParts(work: Work): Promise<void> {
  const { knex, staged } = work
  await knex.raw(`
    update staged_parts p set key = r.key from staged_parts r where r.link = p.key and r.link is not null and p.link is null`)
  await knex.raw(`
    declare parts cursor with hold for
    select key, file, line, source, record from staged_parts order by key, file, line`)
  let together: PartRow[] = []
  const end = () => {
    const [first] = together
    if (!first) return
    const parts = together.map(({ source, record }) => ({ table: source, record: JSON.parse(record) as RawRecord }))
    keepAccount(work, { file: first.file, line: Number(first.line) }, parts)
  }
  for (;;) {
    const { rows } = await knex.raw<{ rows: readonly PartRow[] }>(`fetch ${fetchedParts} from parts`)
    for (const row of rows) {
      if (row.key !== together[0]?.key) {
        end()
        together = []
      }
      together.push(row)
    }
    if (await staged.flush()) work.onBatch()
    if (rows.length < fetchedParts) break
  }
  end()
  await staged.flush(true)
  await knex.raw('close parts')
  await knex.raw('truncate staged_parts')
}
