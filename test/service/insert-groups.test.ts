import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AppError } from '../../src/base/errors.ts'
import { insertGroups } from '../../src/oidc/insert-groups.ts'
import { durableModels, type RecordRow } from '../../src/oidc/records.ts'
import type { Database } from '../../src/store/postgres.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'

let own: TestDatabase

beforeAll(async () => {
  own = await createDatabase()
})
afterAll(() => own.drop())

function row(id: string, more: Partial<RecordRow> = {}): RecordRow {
  const nobody = { grantId: null, uid: null, userCode: null, sessionUid: null, userId: null }
  return { model: 'ClientCredentials', id, payload: '{}', ...nobody, expiresAt: 2_000_000_000, ...more }
}

/** Inserts into the real database, and how many statements that took. */
function counted(commitQuery: Database['commitQuery'] = own.database.commitQuery) {
  let statements = 0
  const insert = insertGroups({
    database: {
      commitQuery: (statement) => {
        statements += 1
        return commitQuery(statement)
      },
    },
  })
  return { insert, statements: () => statements }
}

async function stored(prefix: string): Promise<string[]> {
  const rows: { id: string }[] = await own.database.knex('oidc_records').select('id').whereLike('id', `${prefix}%`)
  return rows.map(({ id }) => id).sort()
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
    const { insert, statements } = counted(async () => {
      throw new AppError('server.unavailable')
    })
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
