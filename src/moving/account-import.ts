import type { Knex } from 'knex'
import type { Hasher } from '../accounts/hashing.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../ops/log.ts'
import type { Database } from '../store/postgres.ts'
import type { Sealer } from '../store/seal.ts'
import { applyChunk, chunkRows } from './application.ts'
import {
  checkAgainstAccounts,
  checkAgainstEarlier,
  checkAmongThemselves,
  checkFormerIds,
  checkForTwins,
  everything,
  indexStaging,
} from './checks.ts'
import type { Finding, Note, Problem } from './findings.ts'
import { type Files, readFiles } from './import-files.ts'
import { createStaging, type Place, staging } from './staging.ts'
import { wrapWeak } from './wrapping.ts'

/** What an import works with. */
export interface ImportDependencies {
  readonly database: Database
  readonly clock: Clock
  readonly log: Pick<Log, 'error'>
  readonly sealer: Sealer
  readonly hasher: Hasher
  /** How many passwords are hashed at once. */
  readonly lanes: number
  readonly copiesPictures: boolean
}

/** What an operator wants. */
export interface ImportOrder extends Files {
  /** What the accounts are filed under, with their ids there. */
  readonly source: string
  readonly operator: string
  /** Does everything but hash passwords, and takes it back. */
  readonly isDryRun: boolean
  /** Goes on although there are rows with a problem. */
  readonly skipsInvalid: boolean
  readonly onFinding: (place: Place, finding: Finding) => void
  readonly onProgress: (text: string) => void
  /** Called after some thousand rows. */
  readonly onBatch: () => void
}

/** What came of it. */
export interface Imported {
  readonly rows: number
  /** Accounts that were made, or would be. */
  readonly imported: number
  readonly unchanged: number
  /** Came before, and the file says something else now. */
  readonly differing: number
  readonly findings: Readonly<Partial<Record<Problem | Note, number>>>
  readonly problems: number
  /** Digests that were hashed, or would have to be; and how many a second. */
  readonly wrapped: number
  readonly wrapsPerSecond: number | undefined
  /** False when there were problems and nothing was to be skipped. */
  readonly isApplied: boolean
}

/** Chunks are smaller where each account costs a hash, so that less is done again after a run that was ended. */
const chunkOfWeak = 250

/**
 * Moves accounts in: reads everything, looks at everything, and only then makes accounts, some thousand in a
 * transaction. Nothing of what is read is on the disk but in tables of this connection, which go with it. A run that
 * was ended is finished by the next one, which finds what the first has made.
 */
export function importAccounts(dependencies: ImportDependencies, order: ImportOrder): Promise<Imported> {
  return dependencies.database.maintenance(async (knex) => {
    await createStaging(knex)
    const { sealer } = dependencies
    const seal = (text: string, n: number) => sealer.seal(text, `moving:${n}`)
    const onProgress = (rows: number) => order.onProgress(`${rows} rows read`)
    const rows = await readFiles({ ...order, knex, staged: staging(knex), seal, onProgress })
    order.onProgress(`${rows} rows read; looking for what collides`)
    await indexStaging(knex)
    await checkForTwins(knex)
    await checkFormerIds(knex)
    await checkAgainstEarlier(knex, order.source, everything)
    await checkAmongThemselves(knex)
    await checkAgainstAccounts(knex, everything)
    const told = await tellFindings(knex, order, 0)
    const before = await countFindings(knex)
    if (before.problems > 0 && !order.skipsInvalid) {
      const outcomes = await countOutcomes(knex)
      return { rows, ...before, ...outcomes, imported: 0, wrapped: 0, wrapsPerSecond: undefined, isApplied: false }
    }
    const made = await applyAll(knex, dependencies, order)
    await tellFindings(knex, order, told)
    if (made.imported >= analysedRows && !order.isDryRun) await analyze(knex)
    return { rows, ...(await countFindings(knex)), ...(await countOutcomes(knex)), ...made, isApplied: true }
  })
}

const analysedRows = 10_000

async function analyze(knex: Knex): Promise<void> {
  for (const table of ['users', 'identities', 'identity_subjects', 'passwords', 'imported_accounts'])
    await knex.raw(`analyze ${table}`)
}

type Made = Pick<Imported, 'imported' | 'wrapped' | 'wrapsPerSecond'>

async function applyAll(knex: Knex, dependencies: ImportDependencies, order: ImportOrder): Promise<Made> {
  const { hasher, lanes, sealer } = dependencies
  const { rows } = await knex.raw<{ rows: readonly { last: number | null; weak: string | number }[] }>(
    `select max(n) as last, count(*) filter (where weak is not null) as weak from staged_accounts where outcome is null`,
  )
  const last = rows[0]?.last ?? 0
  const weak = Number(rows[0]?.weak ?? 0)
  const wrapping = { knex, hasher, lanes, open: (sealed: string, n: number) => sealer.open(sealed, `moving:${n}`) }
  const step = weak > 0 ? chunkOfWeak : chunkRows
  let [imported, wrapped, wrappingMs] = [0, 0, 0]
  for (let from = 1; from <= last; from += step) {
    const range = { from, to: from + step - 1 }
    if (!order.isDryRun) {
      const startedMs = performance.now()
      wrapped += await wrapWeak(wrapping, range)
      wrappingMs += performance.now() - startedMs
    }
    imported += await applyChunk({ ...dependencies, ...order, knex }, range)
    if (from % (10 * step) === 1 && from > 1) order.onProgress(`${imported} accounts`)
  }
  if (order.isDryRun)
    return { imported, wrapped: weak, wrapsPerSecond: weak > 0 ? await rateOf(dependencies) : undefined }
  return { imported, wrapped, wrapsPerSecond: wrapped > 0 ? (wrapped * 1000) / wrappingMs : undefined }
}

/** How many hashes a second there would be. */
async function rateOf({ hasher, lanes }: ImportDependencies): Promise<number> {
  const all = () => Promise.all(Array.from({ length: lanes }, () => hasher.hash('how long does it take')))
  await all()
  const startedMs = performance.now()
  for (let round = 0; round < 3; round++) await all()
  return (3 * lanes * 1000) / (performance.now() - startedMs)
}

const fetchedFindings = 5000

/** Tells what was found since the number `after`, in the order of the files. Answers the number of the last one. */
async function tellFindings(knex: Knex, { onFinding }: ImportOrder, after: number): Promise<number> {
  await knex.raw(
    `declare told cursor with hold for select id, file, line, code, about from staged_findings
     where id > ${after} order by file, line, id`,
  )
  let last = after
  for (;;) {
    const { rows } = await knex.raw<{
      rows: readonly { id: number; file: number; line: number; code: Problem; about: string | null }[]
    }>(`fetch ${fetchedFindings} from told`)
    for (const { id, file, line, code, about } of rows) {
      last = Math.max(last, id)
      onFinding({ file, line: Number(line) }, { code, about: about ?? undefined })
    }
    if (rows.length < fetchedFindings) break
  }
  await knex.raw('close told')
  return last
}

async function countFindings(knex: Knex): Promise<Pick<Imported, 'findings' | 'problems'>> {
  const { rows } = await knex.raw<{ rows: readonly { code: Problem; is_problem: boolean; count: number }[] }>(
    `select code, is_problem, count(*)::int as count from staged_findings group by code, is_problem order by code`,
  )
  const problems = rows.filter(({ is_problem }) => is_problem).reduce((sum, { count }) => sum + count, 0)
  return { findings: Object.fromEntries(rows.map(({ code, count }) => [code, count])), problems }
}

async function countOutcomes(knex: Knex): Promise<Pick<Imported, 'unchanged' | 'differing'>> {
  const { rows } = await knex.raw<{ rows: readonly { outcome: string; count: number }[] }>(
    `select outcome, count(*)::int as count from staged_accounts where outcome is not null group by outcome`,
  )
  const of = (wanted: string) => rows.find(({ outcome }) => outcome === wanted)?.count ?? 0
  return { unchanged: of('unchanged'), differing: of('differs') }
}
