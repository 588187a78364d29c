import { inGroups } from '../../base/grouping.ts'
import type { Database } from '../../store/postgres.ts'
import { type DurableModel, durableModels } from '../library/stored-models.ts'
import type { RecordRow, StoredRow } from './records.ts'
import { insertValues, type LookUp, lookUps, statements } from './statements.ts'

/** What most requests ask of the database, asked together: under load PostgreSQL is woken once for several of them. */
export interface Groups {
  /** Finds the row of a value in one of the ways rows are looked up. */
  read(by: LookUp, value: string): Promise<StoredRow | undefined>
  /** Inserts rows and resolves when they are committed. */
  insert(rows: readonly RecordRow[]): Promise<void>
  /** Inserts what replaces a value if that was still unused, which is answered. */
  consume(consumption: Consumption): Promise<boolean>
}

/** The compare-and-set of one request. */
export interface Consumption {
  readonly consumed: Consumed
  readonly rows: readonly RecordRow[]
  /** Seconds since the epoch. */
  readonly at: number
}

/** The value that must still be unused, and hidden, what replaces it. */
export interface Consumed {
  readonly model: DurableModel
  readonly id: string
  readonly successor: string | null
}

type Queries = Pick<Database, 'readQuery' | 'commitQuery'>

/** The groups of one database. */
export function recordGroups({ database }: { readonly database: Queries }): Groups {
  const readers = Object.fromEntries(
    Object.entries(lookUps).map(([by, statement]) => [
      by,
      inGroups(async (values: readonly string[]) => {
        const { rows } = await database.readQuery<StoredRow>({ ...statement, values: [values] })
        const found = new Map(rows.map((row) => [row.key, row]))
        return values.map((value) => found.get(value))
      }),
    ]),
  ) as Record<LookUp, (value: string) => Promise<StoredRow | undefined>>

  async function insert(rows: readonly RecordRow[]): Promise<void> {
    await database.commitQuery({ ...statements.insert, values: insertValues(rows) })
  }

  const insertTogether = inGroups(async (parts: readonly (readonly RecordRow[])[]) => {
    await insert(parts.flat())
    return parts.map(() => undefined)
  })

  const consumeTogether = inGroups(async (parts: readonly Consumption[]) => {
    const numbers = parts.flatMap(({ rows }, index) => rows.map(() => index + 1))
    const values = [
      ...insertValues(parts.flatMap(({ rows }) => rows)),
      numbers,
      parts.map(({ consumed }) => durableModels[consumed.model]),
      parts.map(({ consumed }) => consumed.id),
      parts.map(({ consumed }) => consumed.successor),
      parts.map(({ at }) => at),
    ]
    const { rows } = await database.commitQuery<{ part: number }>({ ...statements.consumeMany, values })
    const done = new Set(rows.map(({ part }) => part))
    return parts.map((_, index) => done.has(index + 1))
  })

  return {
    read: (by, value) => readers[by](value),
    insert: (rows) => (areFresh(rows) ? insertTogether(rows) : insert(rows)),
    async consume(consumption) {
      const { consumed, rows, at } = consumption
      if (areFresh(rows) && (await consumeTogether(consumption))) return true
      // It was used already, or somebody is about to: only a statement that waits for them knows.
      const values = [...insertValues(rows), at, durableModels[consumed.model], consumed.id, consumed.successor]
      const { rows: answer } = await database.commitQuery<{ allowed: boolean }>({ ...statements.consume, values })
      return answer[0]?.allowed ?? false
    },
  }
}

const freshModels: ReadonlySet<DurableModel> = new Set([
  'AuthorizationCode',
  'ClientCredentials',
  'AccessToken',
  'RefreshToken',
])

/** Their ids are digests of fresh random values: no two inserts meet in a row, so none waits for another's lock. */
function areFresh(rows: readonly RecordRow[]): boolean {
  return rows.every(({ model }) => freshModels.has(model))
}
