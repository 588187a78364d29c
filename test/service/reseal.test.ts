import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { ensureKeys } from '../../src/oidc/keys/key-rotation.ts'
import { loadKeys } from '../../src/oidc/keys/signing-keys.ts'
import { durableModels } from '../../src/oidc/library/stored-models.ts'
import { sealedColumns as columns } from '../../src/oidc/sealed-columns.ts'
import { countStale, reseal } from '../../src/store/reseal.ts'
import { sealer } from '../../src/store/seal.ts'
import { openShell, type Shell, secretKey } from '../support/cli.ts'
import { untilLocked } from '../support/database.ts'

const newKey = Buffer.alloc(32, 9).toString('base64url')
const before = sealer({ keys: [new Secret(secretKey)] })
const both = sealer({ keys: [new Secret(newKey), new Secret(secretKey)] })
const after = sealer({ keys: [new Secret(newKey)] })
const withBoth = { MENSHEN_SECRET_KEY: newKey, MENSHEN_PREVIOUS_SECRET_KEYS: `[${secretKey}]` }
const at = new Date(Date.UTC(2026, 10, 20))
/** More than a batch, and no multiple of one. */
const people = 1203

let shell: Shell

/** One of everything a master key seals, and many of what there are many of. */
beforeEach(async () => {
  shell = await openShell()
  const { close, database } = shell
  onTestFinished(close)
  const { knex } = database.database
  await ensureKeys({ database: database.database, sealer: before, clock: () => at.getTime(), log: { error() {} } })
  const times = { created_at: at, updated_at: at }
  await knex('clients').insert([
    { client_id: 'backend', metadata: '{}', secret: before.seal('the secret', 'client_secret:backend'), ...times },
    { client_id: 'public', metadata: '{}', secret: null, ...times },
  ])
  await knex('users').insert({ id: 'usr_1', status: 'active', ...times })
  const identity = {
    user_id: 'usr_1',
    provider: 'wechat',
    created_at: at,
    created_ip: '::1',
    last_used_at: at,
    last_used_ip: '::1',
  }
  const rows = Array.from({ length: people }, (_, n) => ({
    ...identity,
    id: `idn_${n}`,
    upstream_credential: before.seal(`credential ${n}`, 'upstream_credential'),
  }))
  await knex.batchInsert('identities', [...rows, { ...identity, id: 'idn_none', upstream_credential: null }] as never)
  await knex('upstream_revocations').insert({
    id: 'r',
    provider: 'apple',
    subject_digest: 'd',
    user_id: 'usr_1',
    credential: before.seal('credential to give back', 'upstream_credential'),
    created_at: at,
    due_at: at,
  })
  await knex('owner_messages').insert({
    ...{ id: 'm', user_id: 'usr_1', event: 'password_set', channel: 'sms', detail: '{}' },
    address: before.seal('+8613800138000', 'owner_message'),
    ...{ happened_at: at, created_at: at, due_at: at },
  })
  await knex('identity_changes').insert({
    ...{ identity_id: 'idn_none', user_id: 'usr_1', label: '138****8000', ip: '::1' },
    subject: before.seal('+8613800138001', 'identity_change'),
    ...{ proved_at: at, asked_at: at, due_at: at },
  })
  const archived = { made_at: at, expires_at: at, archive: before.seal('a ZIP', 'data_export') }
  const [person] = await knex('users').limit(1)
  await knex('data_exports').insert({ user_id: person.id, ...archived })
  const sealed = before.seal('{"jti":"x"}', 'DeviceCode')
  await knex('oidc_records').insert([
    { model: durableModels.DeviceCode, id: 'd', payload: JSON.stringify({ sealed, exp: 1 }), expires_at: at },
    { model: durableModels.Grant, id: 'd', payload: '{"exp":1}', expires_at: at },
  ])
})

async function expectAllUnder(master: typeof after): Promise<void> {
  const { knex } = shell.database.database
  expect((await loadKeys({ database: { knex }, sealer: master })).signing).toHaveLength(4)
  const { secret } = await knex('clients').where({ client_id: 'backend' }).first('secret')
  expect(master.open(secret, 'client_secret:backend')).toBe('the secret')
  const identities = await knex('identities').whereNotNull('upstream_credential')
  for (const { id, upstream_credential } of identities) {
    expect(`idn_${master.open(upstream_credential, 'upstream_credential').slice('credential '.length)}`).toBe(id)
  }
  const { credential } = await knex('upstream_revocations').first('credential')
  expect(master.open(credential, 'upstream_credential')).toBe('credential to give back')
  const { address } = await knex('owner_messages').first('address')
  expect(master.open(address, 'owner_message')).toBe('+8613800138000')
  const { subject } = await knex('identity_changes').first('subject')
  expect(master.open(subject, 'identity_change')).toBe('+8613800138001')
  const { archive } = await knex('data_exports').first('archive')
  expect(master.open(archive, 'data_export')).toBe('a ZIP')
  const { payload } = await knex('oidc_records').where({ model: durableModels.DeviceCode }).first('payload')
  const { sealed, exp } = JSON.parse(payload)
  expect([master.open(sealed, 'DeviceCode'), exp]).toEqual(['{"jti":"x"}', 1])
}

test('after keys reseal the new master key alone opens everything, and a second run finds nothing', async () => {
  expect(await countStale({ knex: shell.database.database.knex, sealer: both, columns })).toBe(people + 11)
  const { status, stdout, stderr } = await shell.runWith(withBoth, 'keys', 'reseal', '--json')
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toEqual([
    { place: 'keys', resealed: 5, shut: 0 },
    { place: 'client secrets', resealed: 1, shut: 0 },
    { place: 'upstream credentials', resealed: people, shut: 0 },
    { place: 'upstream revocations', resealed: 1, shut: 0 },
    { place: 'device codes', resealed: 1, shut: 0 },
    { place: 'messages to owners', resealed: 1, shut: 0 },
    { place: 'numbers to come', resealed: 1, shut: 0 },
    { place: 'archives of people’s own data', resealed: 1, shut: 0 },
  ])
  expect(stderr).toContain('you may remove the earlier ones from previous_secret_keys')
  await expectAllUnder(after)
  const again = await shell.runWith(withBoth, 'keys', 'reseal')
  expect(again.stdout).toMatch(/^upstream credentials +0 +0$/m)
  expect(await countStale({ knex: shell.database.database.knex, sealer: both, columns })).toBe(0)
})

test('of four at once each value is sealed again once', async () => {
  const { knex } = shell.database.database
  const all = await Promise.all(Array.from({ length: 4 }, () => reseal({ knex, sealer: both, columns })))
  const sum = all.flat().reduce((total, each) => total + each.resealed, 0)
  expect(sum).toBe(people + 11)
  await expectAllUnder(after)
})

test('what changes meanwhile stays as it was changed', async () => {
  const { knex } = shell.database.database
  const secret = both.seal('changed', 'client_secret:backend')
  const trx = await knex.transaction()
  await trx('clients').where({ client_id: 'backend' }).update({ secret })
  // It has read the earlier secret, and waits to write.
  const running = reseal({ knex, sealer: both, columns })
  await untilLocked(knex)
  await trx.commit()
  expect(await running).toContainEqual({ place: 'client secrets', resealed: 0, shut: 0 })
  expect(await knex('clients').where({ client_id: 'backend' }).select('secret')).toEqual([{ secret }])
})

test('what no key opens is counted and stays, and the rest is done', async () => {
  const { knex } = shell.database.database
  const lost = 'lost.value'
  await knex('identities').where({ id: 'idn_7' }).update({ upstream_credential: lost })
  const { status, stderr, stdout } = await shell.runWith(withBoth, 'keys', 'reseal')
  expect(status).toBe(1)
  expect(stderr).toContain('1 values need a master key')
  expect(stdout).toMatch(new RegExp(`^upstream credentials +${people - 1} +1$`, 'm'))
  expect(await knex('identities').where({ upstream_credential: lost }).select('id')).toEqual([{ id: 'idn_7' }])
})
