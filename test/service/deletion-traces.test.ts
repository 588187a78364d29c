import { afterAll, beforeAll, expect, test } from 'vitest'
import { tablesOfUser } from '../../src/accounts/user-erasure.ts'
import { askToLeave, deleteAccount } from '../../src/oidc/endings/account-leaving.ts'
import { bindByCode, formToken, signedIn } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { tracesOf } from '../support/deletions.ts'
import { loginBySms, startLogin } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
const knex = () => world.database.database.knex

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients: [...clients, ...nativeClients] as never, resources })
})
afterAll(() => world?.close())

/** Tables with a column that names a user: by its name, or because it refers to the table of users. */
async function tablesThatNameUsers(): Promise<string[]> {
  const { rows } = await knex().raw<{ rows: { table: string }[] }>(`
    select distinct c.relname as "table"
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
    left join pg_constraint k on k.conrelid = c.oid and k.contype = 'f' and a.attnum = any(k.conkey)
      and k.confrelid = 'users'::regclass
    where n.nspname = 'public' and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
      and (a.attname ~ '(^|_)user(_id|s|)$' or k.oid is not null)`)
  return [...new Set([...rows.map(({ table }) => table), 'users'])].sort()
}

test('of every table that names a user it is written down what becomes of it', async () => {
  expect(Object.keys(tablesOfUser).sort()).toEqual(await tablesThatNameUsers())
})

test('a deleted account leaves its id in the audit, and no number, name, address or device anywhere', async () => {
  const phone = '13512009999'
  const mail = 'traces@example.com'
  const app = await new NativeApp(world).withKey()
  await app.exchange(await nativeSms(world, app, phone, { device_name: 'Pixel of Traces' }))
  const visitor = await signedIn(world, redirectUri, phone)
  await bindByCode(world, visitor, 'email', mail)
  await visitor.post('/account/profile', {
    form_token: formToken(await visitor.get('/account/profile')),
    nickname: 'Nickname of Traces',
  })
  await visitor.post('/account/password', {
    form_token: formToken(await visitor.get('/account/password')),
    new_password: 'a passphrase of traces',
  })
  const wrong = world.visitor()
  const page = await wrong.follow(await wrong.get(startLogin(world, 'plain', redirectUri)))
  await wrong.post(page.url, { method: 'password', identifier: phone, password: 'no', agreement: 'on' })
  const third = startLogin(world, 'third', 'https://third.example.com/callback', { prompt: 'consent' })
  const consent = await loginBySms(world, world.visitor(), third, phone)
  expect(consent.status).toBe(200)
  const { user_id: userId } = await knex()('identities')
    .join('identity_subjects', 'identity_id', 'identities.id')
    .where({ subject: `+86${phone}` })
    .first('user_id')
  await knex()('consents').insert({
    ...{ user_id: userId, client_id: 'third', decisions: '{}' },
    ...{ created_at: new Date(), updated_at: new Date(), used_at: new Date() },
  })
  await askToLeave(world.app.core, userId, { waitSeconds: 3600, ip: '203.0.113.77' })
  expect(await deleteAccount(world.app.core, userId, {})).toBe(true)
  // What was to be told may be on its way still: sealed, until it has been sent.
  await knex()('owner_messages').where({ user_id: userId }).delete()

  const everything = await tracesOf(world, userId, await tablesThatNameUsers())
  expect(everything.length).toBeGreaterThan(5)
  for (const named of [phone, mail, 'Nickname of Traces', 'Pixel of Traces', '203.0.113', '135****', 'tr****'])
    expect(everything.filter((row) => row.includes(named))).toEqual([])
  const tables = Object.entries(tablesOfUser).flatMap(([table, what]) => (typeof what === 'string' ? [table] : []))
  expect(await tracesOf(world, userId, tables)).toEqual([])
  expect(await tracesOf(world, userId, ['oidc_records', 'merge_requests'])).toEqual([])
  const audit = await knex()('audit_events').where({ user_id: userId })
  expect(audit.filter(({ ip, detail }) => ip !== null || 'device' in detail || 'key' in detail)).toEqual([])
  expect(audit.map(({ event }) => event)).toEqual(expect.arrayContaining(['user.registered', 'user.deleted']))
  expect(await knex()('identity_subjects').where('subject', 'like', `%${phone}`)).toEqual([])
})
