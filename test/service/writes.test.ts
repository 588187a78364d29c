import { afterAll, expect, test } from 'vitest'
import { durableModels } from '../../src/oidc/library/stored-models.ts'
import { recordStore } from '../../src/oidc/records/record-store.ts'
import { noChanges } from '../support/changes.ts'
import { createDatabase, untilLocked } from '../support/database.ts'

const { database, drop } = await createDatabase()
afterAll(drop)

// PostgreSQL looks for a deadlock once, a second after a wait began: only who closes the circle, by waiting last, is sure to be undone.
test('of two that wait for each other the one that is undone writes all the same', async () => {
  const { knex } = database
  const at = new Date()
  const model = durableModels.AccessToken
  const ids = ['a', 'b', 'c']
  await knex('oidc_records').insert(ids.map((id) => ({ model, id, payload: '{}', expires_at: at })))
  const later = Math.floor(at.getTime() / 1000) + 3600
  const slides = ids.map((id) => ({ model: 'AccessToken' as const, id, expiresAt: later }))
  const gate = await knex.transaction()
  const other = await knex.transaction()
  try {
    await other.raw("set local deadlock_timeout = '10min'")
    await other('oidc_records').where({ id: 'c' }).update({ payload: '{"other":1}' })
    await gate('oidc_records').where({ id: 'b' }).forUpdate()
    const written = recordStore({ database }).write({ ...noChanges, at: later, slides })
    await untilLocked(knex)
    const otherWrites = other('oidc_records').where({ id: 'a' }).update({ payload: '{"other":1}' })
    const othersEnd = otherWrites.then(() => other.commit())
    await untilLocked(knex, 2)
    await gate.commit()
    const [wrote] = await Promise.all([written, othersEnd])
    expect(wrote.isAllowed).toBe(true)
  } finally {
    await Promise.all([gate, other].filter((each) => !each.isCompleted()).map((each) => each.rollback()))
  }
  const rows = await knex('oidc_records').select('id', 'payload', 'expires_at').orderBy('id')
  expect(rows.map((row) => [row.id, row.payload, row.expires_at.getTime() / 1000])).toEqual([
    ['a', '{"other":1}', later],
    ['b', '{}', later],
    ['c', '{"other":1}', later],
  ])
})
