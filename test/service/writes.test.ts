import { afterAll, expect, test } from 'vitest'
import { recordGroups } from '../../src/oidc/groups.ts'
import { durableModels } from '../../src/oidc/records.ts'
import { write } from '../../src/oidc/writes.ts'
import { createDatabase } from '../support/database.ts'

const { database, drop } = await createDatabase()
afterAll(drop)

test('of two that wait for each other the one that is undone writes all the same', async () => {
  const { knex } = database
  const at = new Date()
  const model = durableModels.AccessToken
  await knex('oidc_records').insert(['a', 'b'].map((id) => ({ model, id, payload: '{}', expires_at: at })))
  const later = Math.floor(at.getTime() / 1000) + 3600
  const slides = ['a', 'b'].map((id) => ({ model: 'AccessToken' as const, id, expiresAt: later }))
  const nothing = { rows: [], consumed: undefined, deletes: [], revokedGrants: [], sessions: [], required: [] }
  const other = await knex.transaction()
  await other('oidc_records').where({ id: 'b' }).update({ payload: '{"other":1}' })
  const written = write({ database, groups: recordGroups({ database }) }, { ...nothing, at: later, slides })
  const waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%n.expires_at%'"
  await expect.poll(async () => (await knex.raw(waiting)).rows.length).toBe(1)
  await other('oidc_records').where({ id: 'a' }).update({ payload: '{"other":1}' })
  await other.commit()
  expect(await written).toBe(true)
  const rows = await knex('oidc_records').select('payload', 'expires_at')
  expect(rows.map((row) => [row.payload, row.expires_at.getTime() / 1000])).toEqual(
    Array(2).fill(['{"other":1}', later]),
  )
})
