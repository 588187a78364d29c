import { AppError } from '../base/errors.ts'
import type { Database } from '../store/postgres.ts'
import { type DurableModel, insertValues, type RecordRow, statements } from './records.ts'

/** Their ids are digests of fresh random values: no two inserts meet in a row, so none waits for another's lock. */
const models: readonly DurableModel[] = ['AuthorizationCode', 'ClientCredentials', 'AccessToken', 'RefreshToken']

/** Statements under way before the next request waits for company. More would only make PostgreSQL switch between them. */
const mostUnderWay = 2

interface Group {
  readonly parts: (readonly RecordRow[])[]
  readonly written: Promise<void>
  start(): void
}

/**
 * Writes rows of requests that come at the same time with one statement and one commit, which under load costs half as much. Each
 * call resolves when its own rows are committed; alone it waits for nobody. When a shared statement fails for anything but a
 * database that is away, every request is tried on its own, so that no request fails for what another wrote.
 */
export function insertGroups({
  database,
}: {
  readonly database: Pick<Database, 'commitQuery'>
}): (rows: readonly RecordRow[]) => Promise<void> {
  let underWay = 0
  let waiting: Group | undefined

  async function insert(rows: readonly RecordRow[]): Promise<void> {
    await database.commitQuery({ ...statements.insert, values: insertValues(rows) })
  }

  async function carryOut<T>(work: () => Promise<T>): Promise<T> {
    underWay += 1
    try {
      return await work()
    } finally {
      underWay -= 1
      const next = waiting
      waiting = undefined
      next?.start()
    }
  }

  /** Each part's outcome is its own. */
  async function insertParts(parts: readonly (readonly RecordRow[])[]): Promise<void> {
    try {
      await insert(parts.flat())
    } catch (error) {
      if (parts.length === 1 || (error instanceof AppError && error.code === 'server.unavailable')) throw error
      throw new SharedFailure()
    }
  }

  function newGroup(): Group {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const parts: (readonly RecordRow[])[] = []
    return {
      parts,
      written: promise,
      start: () => {
        carryOut(() => insertParts(parts)).then(resolve, reject)
      },
    }
  }

  return async (rows) => {
    if (!rows.every(({ model }) => models.includes(model))) return insert(rows)
    if (underWay < mostUnderWay) return carryOut(() => insert(rows))
    waiting ??= newGroup()
    waiting.parts.push(rows)
    try {
      await waiting.written
    } catch (error) {
      if (!(error instanceof SharedFailure)) throw error
      await insert(rows)
    }
  }
}

/** Says to each request of a group that the fault may be another's. */
class SharedFailure extends Error {}
