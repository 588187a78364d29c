import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AppError } from '../../src/base/errors.ts'
import { durableModels } from '../../src/oidc/library/stored-models.ts'
import { type Changes, recordStore } from '../../src/oidc/records/record-store.ts'
import type { RecordRow } from '../../src/oidc/records/records.ts'
import type { Database } from '../../src/store/postgres.ts'
import { noChanges } from '../support/changes.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'

let own: TestDatabase

beforeAll(async () => {
  own = await createDatabase()
})
afterAll(() => own.drop())

function row(id: string, more: Partial<RecordRow> = {}): RecordRow {
  const nobody = { grantId: null, uid: null, userCode: null, sessionUid: null, userId: null, since: null }
  return { model: 'ClientCredentials', id, payload: '{}', ...nobody, expiresAt: 2_000_000_000, ...more }
}

/** The records of the real database, and how many statements they took. */
function counted(queries: Partial<Pick<Database, 'readQuery' | 'commitQuery'>> = {}) {
  let statements = 0
  const { readQuery, commitQuery } = { ...own.database, ...queries }
  const { read, write } = recordStore({
    perClient: 20,
    database: {
      readQuery: (statement) => {
        statements += 1
        return readQuery(statement)
      },
      commitQuery: (statement) => {
        statements += 1
        return commitQuery(statement)
      },
    },
  })
  return {
    read,
    insert: (rows: readonly RecordRow[]) => write({ ...noChanges, rows }),
    async consume(changes: Pick<Changes, 'consumed' | 'rows' | 'at'>) {
      return (await write({ ...noChanges, ...changes })).isAllowed
    },
    statements: () => statements,
  }
}

async function stored(prefix: string): Promise<string[]> {
  const rows: { id: string }[] = await own.database.knex('oidc_records').select('id').whereLike('id', `${prefix}%`)
  return rows.map(({ id }) => id).sort()
}

const away = async () => {
  throw new AppError('server.unavailable')
}
const ids = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(3, '0')}`)

describe('inserts of requests that come at once', () => {
  test('share statements, and each is committed when its call resolves', async () => {
    const { insert, statements } = counted()
    const wanted = ids('many', 100)
    const seen = await Promise.all(
      wanted.map(async (id) => {
        await insert([row(id)])
        return (await own.database.knex('oidc_records').where({ id })).length
      }),
    )
    expect(seen).toEqual(wanted.map(() => 1))
    expect(await stored('many')).toEqual(wanted)
    expect(statements()).toBeLessThan(20)
  })

  test('one alone is written at once, and one after the other each by itself', async () => {
    const { insert, statements } = counted()
    for (const id of ids('alone', 3)) await insert([row(id)])
    expect(statements()).toBe(3)
    expect(await stored('alone')).toEqual(ids('alone', 3))
  })

  test('what PostgreSQL refuses of one request fails that request only', async () => {
    const { insert } = counted()
    const outcomes = await Promise.allSettled(
      ids('bad', 12).map((id, index) => insert([row(id, index === 7 ? { payload: '\0' } : {})])),
    )
    expect(outcomes.map(({ status }) => status)).toEqual(
      ids('bad', 12).map((_, index) => (index === 7 ? 'rejected' : 'fulfilled')),
    )
    expect(await stored('bad')).toEqual(ids('bad', 12).filter((_, index) => index !== 7))
  })

  test('a database that is away fails everybody once, and nobody is tried again', async () => {
    const { insert, statements } = counted({ commitQuery: away })
    const outcomes = await Promise.allSettled(ids('away', 30).map((id) => insert([row(id)])))
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true)
    expect(statements()).toBeLessThanOrEqual(3)
  })

  test('a grant, whose row may be there already, is never written together with others', async () => {
    const { insert, statements } = counted()
    await Promise.all(Array.from({ length: 10 }, () => insert([row('grant', { model: 'Grant' })])))
    expect(statements()).toBe(10)
    expect(await own.database.knex('oidc_records').where({ id: 'grant', model: durableModels.Grant })).toHaveLength(1)
  })
})

describe('reads of requests that come at once', () => {
  test('share statements, and each gets its own row, or none', async () => {
    const { insert, read, statements } = counted()
    await Promise.all(ids('read', 50).map((id) => insert([row(id, { payload: JSON.stringify({ id }) })])))
    const before = statements()
    const wanted = [...ids('read', 50), 'nothing', ...ids('read', 3)]
    const found = await Promise.all(wanted.map((id) => read('token', id)))
    expect(found.map((each) => each && JSON.parse(each.payload).id)).toEqual(
      wanted.map((id) => (id === 'nothing' ? undefined : id)),
    )
    expect(statements() - before).toBeLessThan(5)
  })

  test('of very many two hundred share one at most', async () => {
    const { read, statements } = counted()
    await Promise.all(ids('crowd', 1000).map((id) => read('token', id)))
    expect(statements()).toBe(5)
  })

  test('what PostgreSQL cannot read fails its own request only, and a database that is away everybody’s', async () => {
    const { insert, read } = counted()
    await insert([row('fine')])
    const outcomes = await Promise.allSettled(['fine', '\0', 'nothing'].map((id) => read('token', id)))
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    const gone = counted({ readQuery: away })
    const refused = await Promise.allSettled(ids('read', 9).map((id) => gone.read('token', id)))
    expect(refused.every(({ status }) => status === 'rejected')).toBe(true)
    expect(gone.statements()).toBe(1)
  })
})

describe('values that are consumed at once', () => {
  const at = 1_700_000_000
  const consumption = (id: string, replacement: string) => ({
    consumed: { model: 'RefreshToken', id, successor: `after ${id}`, isForgotten: false } as const,
    rows: [row(replacement)],
    at,
  })
  const fill = async (prefix: string, count: number) => {
    const { insert } = counted()
    await Promise.all(ids(prefix, count).map((id) => insert([row(id, { model: 'RefreshToken' })])))
  }
  const consumed = async (prefix: string) => {
    const rows = await own.database
      .knex('oidc_records')
      .where({ model: durableModels.RefreshToken })
      .whereLike('id', `${prefix}%`)
    return rows.filter(({ consumed_at }) => consumed_at !== null)
  }

  test('share statements, each once: of many that want the same value one gets it, and only its rows are there', async () => {
    await fill('once', 20)
    const { consume, statements } = counted()
    const attempts = ids('once', 20).flatMap((id) => [1, 2, 3].map((attempt) => ({ id, rows: `new-${id}-${attempt}` })))
    const outcomes = await Promise.all(attempts.map(({ id, rows }) => consume(consumption(id, rows))))
    expect(outcomes.filter(Boolean)).toHaveLength(20)
    const winners = attempts.filter((_, index) => outcomes[index]).map(({ rows }) => rows)
    expect(new Set(attempts.filter((_, index) => outcomes[index]).map(({ id }) => id)).size).toBe(20)
    expect(await stored('new-once')).toEqual(winners.sort())
    for (const { id, successor, consumed_at } of await consumed('once')) {
      expect([successor, consumed_at.getTime()]).toEqual([`after ${id}`, at * 1000])
    }
    // The forty that lost ask once more by themselves.
    expect(statements()).toBeLessThan(50)
  })

  test('two processes at the same values: each value goes to one of them', async () => {
    await fill('both', 40)
    const processes = [counted(), counted()]
    const outcomes = await Promise.all(
      processes.map(({ consume }, process) =>
        Promise.all(
          (process === 0 ? ids('both', 40) : ids('both', 40).toReversed()).map((id) =>
            consume(consumption(id, `of-${process}-${id}`)),
          ),
        ),
      ),
    )
    expect(outcomes.flat().filter(Boolean)).toHaveLength(40)
    expect((await stored('of-')).map((id) => id.slice(5))).toEqual(ids('both', 40))
  })

  test('a value that somebody holds keeps nobody else waiting', async () => {
    await fill('held', 12)
    const { consume } = counted()
    const other = await own.database.knex.transaction()
    const wanted = await (async () => {
      await other('oidc_records').where({ id: 'held003' }).forUpdate().select('id')
      const asked = ids('held', 12).map((id) => ({ id, done: consume(consumption(id, `new-${id}`)) }))
      const others = asked.filter(({ id }) => id !== 'held003')
      expect(await Promise.all(others.map(({ done }) => done))).toEqual(others.map(() => true))
      expect(await consumed('held')).toHaveLength(11)
      await other('oidc_records').where({ id: 'held003' }).delete()
      return asked
    })().finally(() => other.commit())
    expect(await wanted[3]?.done).toBe(false)
    expect(await stored('new-held')).toHaveLength(11)
  })

  test('a value that is not there, or a row that cannot be stored, changes nothing', async () => {
    await fill('odd', 2)
    const { consume } = counted()
    const bad = { ...consumption('odd001', 'x'), rows: [row('new-odd001', { payload: '\0' })] }
    const outcomes = await Promise.allSettled([
      consume(consumption('odd000', 'new-odd000')),
      consume(bad),
      consume(consumption('odd-none', 'new-odd-none')),
    ])
    expect(outcomes.map((each) => (each.status === 'fulfilled' ? each.value : each.status))).toEqual([
      true,
      'rejected',
      false,
    ])
    expect(await stored('new-odd')).toEqual(['new-odd000'])
    expect((await consumed('odd')).map(({ id }) => id)).toEqual(['odd000'])
  })
})
