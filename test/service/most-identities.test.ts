import { afterAll, beforeAll, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { mostIdentities } from '../../src/accounts/identity-addition.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { claimOf } from '../support/several.ts'

let own: TestDatabase
beforeAll(async () => {
  own = await createDatabase()
})
afterAll(() => own.drop())

test('an account has no more than a hundred ways in, of whatever providers, also when several are added at once', async () => {
  const directory = new AccountDirectory({ database: own.database, clock: Date.now })
  const use = { ip: '203.0.113.7' }
  const { user } = await directory.register(claimOf('phone', ['+8613800138000']), use)
  const { knex } = own.database
  const rows = Array.from({ length: mostIdentities - 3 }, (_, n) => ({ id: `idn_${n}`, provider: `oidc:p${n}` }))
  const used = { created_at: new Date(), created_ip: '', last_used_at: new Date(), last_used_ip: '' }
  await knex('identities').insert(rows.map((row) => ({ ...row, user_id: user.id, ...used })))
  const added = await Promise.allSettled(
    [1, 2, 3, 4].map((n) => directory.bind(user.id, claimOf('wechat', [`openid:wx1:${n}`]), use)),
  )
  expect(added.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected'])
  for (const each of added)
    if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'identity.limit' })
  expect(await knex('identities').where({ user_id: user.id })).toHaveLength(mostIdentities)
})
