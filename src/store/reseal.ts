import type { Knex } from 'knex'
import type { Sealer } from './seal.ts'

/** A column whose values are sealed by the master key and live longer than a login. Each room describes its own. */
export interface SealedColumn {
  /** What it contains, in words for operators. */
  readonly name: string
  readonly table: string
  readonly id: string
  readonly column: string
  /** SQL of the sealed value in that column. */
  readonly sealed: string
  /** SQL of the condition that tells the rows apart that have one. */
  readonly where: string
  /** What the value of this row is sealed for. */
  context(id: string): string
  /** The column with another sealed value in it. */
  replaced(column: string, sealed: string): string
}

type WholeColumn = Pick<SealedColumn, 'name' | 'table' | 'id' | 'column' | 'context'> &
  Partial<Pick<SealedColumn, 'where'>>

/** A column that contains a sealed value and nothing else; in every row, unless a condition tells them apart. */
export function wholeColumn(given: WholeColumn): SealedColumn {
  return { where: 'true', ...given, sealed: given.column, replaced: (_, sealed) => sealed }
}

/** What was sealed again in one column. */
export interface Resealed {
  readonly place: string
  /** Values that are now under the current master key and were not. */
  readonly resealed: number
  /** Values that no configured master key opens; they stay as they were. */
  readonly shut: number
}

interface Row {
  readonly id: string
  readonly sealed: string
  readonly column: string
}

interface Dependencies {
  /** Without a time limit: where there are millions of rows, looking for those that are left takes a while. */
  readonly knex: Knex
  readonly sealer: Sealer
  readonly columns: readonly SealedColumn[]
}

const batchRows = 500

/**
 * Seals again, under the current master key, everything stored that another one has sealed. A row is written only if it
 * still holds what was read, so servers and other commands may go on; a run that was ended is finished by the next one.
 */
export async function reseal({ knex, sealer, columns }: Dependencies): Promise<Resealed[]> {
  const all: Resealed[] = []
  for (const place of columns) {
    let [resealed, shut, after] = [0, 0, '']
    for (;;) {
      const rows = await stale(place, sealer, knex)
        .select<Row[]>({ id: place.id, column: place.column })
        .select(knex.raw(`${place.sealed} as sealed`))
        .where(place.id, '>', after)
        .orderBy(place.id)
        .limit(batchRows)
      for (const row of rows) {
        const text = opened(row.sealed, place.context(row.id), sealer)
        if (text === undefined) shut += 1
        else {
          const column = place.replaced(row.column, sealer.seal(text, place.context(row.id)))
          resealed += await knex(place.table)
            .where({ [place.id]: row.id, [place.column]: row.column })
            .whereRaw(place.where)
            .update({ [place.column]: column })
        }
      }
      if (rows.length < batchRows) break
      after = rows.at(-1)?.id ?? ''
    }
    all.push({ place: place.name, resealed, shut })
  }
  return all
}

/** How many stored values are sealed by another master key than the current one. */
export async function countStale({ knex, sealer, columns }: Dependencies): Promise<number> {
  const counts = await Promise.all(
    columns.map((place) => stale(place, sealer, knex).count<{ count: number }[]>('* as count')),
  )
  return counts.reduce((sum, [row]) => sum + Number(row?.count ?? 0), 0)
}

function stale({ table, sealed, where }: SealedColumn, { prefix }: Sealer, knex: Knex): Knex.QueryBuilder {
  return knex(table).whereRaw(`${where} and not starts_with(${sealed}, ?)`, [prefix])
}

function opened(sealed: string, context: string, sealer: Sealer): string | undefined {
  try {
    return sealer.open(sealed, context)
  } catch {
    return undefined
  }
}
