import { expect, onTestFinished, test } from 'vitest'
import { durableModels } from '../../src/oidc/library/stored-models.ts'
import { openShell } from '../support/cli.ts'

const seed = (name: string) => `clients:
  - client_id: shop
    client_name: ${name}
    token_endpoint_auth_method: none
    redirect_uris: [https://shop.example.com/callback]
    backchannel_logout_uri: https://shop.example.com/logout
`

test('a client of a name that was somebody else’s inherits nothing: no grant, no place in a session, no notice of a logout', async () => {
  const shell = await openShell()
  onTestFinished(shell.close)
  const { knex } = shell.database.database
  const at = new Date()
  const later = new Date(at.getTime() + 86_400_000)
  await knex('users').insert({ id: 'usr_1', status: 'active', created_at: at, updated_at: at })
  await shell.write('seed.yaml', seed('Shop'))
  await shell.run('clients', 'apply', 'seed.yaml')

  const entry = (grantId: string) => ({ sid: `sid-${grantId}`, grantId, persistsLogout: true })
  const row = (model: number, id: string, payload: object) => ({
    ...{ model, id, uid: id, user_id: 'usr_1', expires_at: later },
    payload: JSON.stringify(payload),
  })
  /** What a running server writes before it notices that the client is gone. */
  const serve = async () => {
    await knex('oidc_records').insert([
      row(durableModels.Session, 'session', { authorizations: { shop: entry('one'), other: entry('two') } }),
      row(durableModels.Grant, 'one', { clientId: 'shop' }),
    ])
    const notice = { user_id: 'usr_1', sid: 'sid-one', created_at: at, due_at: later }
    await knex('logout_notices').insert(['shop', 'other'].map((client_id) => ({ ...notice, client_id })))
  }
  const left = async () => ({
    records: await knex('oidc_records').orderBy('id').select('id', 'payload'),
    told: await knex('logout_notices').pluck('client_id'),
  })
  const onlyTheOther = {
    records: [{ id: 'session', payload: expect.stringMatching(/^\{"authorizations": ?\{"other": ?\{[^{}]+\}\}\}$/) }],
    told: ['other'],
  }

  await serve()
  await shell.run('clients', 'remove', 'shop')
  expect(await left()).toEqual(onlyTheOther)

  await knex('oidc_records').delete()
  await knex('logout_notices').delete()
  await serve()
  await shell.write('seed.yaml', seed('Another shop'))
  expect(await shell.run('clients', 'apply', 'seed.yaml')).toMatchObject({ status: 0 })
  expect(await left()).toEqual(onlyTheOther)

  await knex('oidc_records').delete()
  await knex('logout_notices').delete()
  await serve()
  await shell.write('seed.yaml', seed('Another name'))
  expect(await shell.run('clients', 'apply', 'seed.yaml')).toMatchObject({ status: 0 })
  expect((await left()).records.map(({ id }) => id)).toEqual(['one', 'session'])

  // Every other row is as it was, down to its version.
  const others = [
    row(durableModels.Session, 'elsewhere', { authorizations: { other: entry('three') } }),
    row(durableModels.DeviceCode, 'no-session', { authorizations: { shop: entry('four') } }),
  ]
  await knex('oidc_records').insert(others)
  const versions = () =>
    knex.select(knex.raw('id, xmin::text')).from('oidc_records').whereIn('id', ['elsewhere', 'no-session'])
  const before = await versions()
  await shell.write('seed.yaml', 'clients: []\n')
  expect(await shell.run('clients', 'apply', 'seed.yaml', '--prune')).toMatchObject({ status: 0 })
  expect(await versions()).toEqual(before)
  await knex('oidc_records').whereIn('id', ['elsewhere', 'no-session']).delete()
  expect(await left()).toEqual(onlyTheOther)
})

test('a client of a new name is there without a look at anybody’s records; of one that somebody removed by hand it inherits nothing', async () => {
  const shell = await openShell()
  onTestFinished(shell.close)
  const { knex } = shell.database.database
  await shell.write('seed.yaml', seed('Shop'))
  await knex.transaction(async (trx) => {
    await trx.raw('lock table oidc_records in access exclusive mode')
    expect(await shell.run('clients', 'apply', 'seed.yaml')).toMatchObject({ status: 0 })
  })
  await knex('clients').delete()
  const grant = { model: durableModels.Grant, id: 'one', payload: '{"clientId":"shop"}' }
  await knex('oidc_records').insert({ ...grant, expires_at: new Date(Date.now() + 86_400_000) })
  expect(await shell.run('clients', 'apply', 'seed.yaml', '--dry-run')).toMatchObject({ status: 3 })
  expect(await knex('oidc_records')).toHaveLength(1)
  expect(await shell.run('clients', 'apply', 'seed.yaml')).toMatchObject({ status: 0 })
  expect(await knex('oidc_records')).toEqual([])
})
