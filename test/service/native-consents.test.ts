import { afterAll, beforeAll, expect, test } from 'vitest'
import { consentList } from '../../interactions/native/answers.ts'
import { api, clients, resources } from '../support/clients.ts'
import { exchange, loginBySms, startLogin, token } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let phones = 13_640_000_000
const uri = 'https://third.example.com/callback'

beforeAll(async () => {
  world = await openWorld()
  const [orders, ...others] = resources
  const read = { name: 'orders:read', title: { 'zh-CN': '查看订单', en: 'See your orders' } }
  await world.register({
    clients: [...clients, ...nativeClients] as never,
    resources: [{ ...orders, resource: api, scopes: [read, 'orders:write'] }, ...others],
  })
})
afterAll(() => world?.close())

/** Somebody signed in in an app of ours, with a token of this scope for this server itself. */
async function owner(phone: string, scope = 'openid identities') {
  const app = new NativeApp(world)
  const answer = await nativeSms(world, app, phone, { scope: 'openid phone identities offline_access' })
  const own = await app.refresh(await app.exchange(answer), { scope })
  return (method: string, path: string, headers: Readonly<Record<string, string>> = {}) =>
    app.send(method, path, undefined, { authorization: `Bearer ${own.access_token}`, ...headers })
}

/** Somebody has allowed `third` this, in a browser. */
async function allowed(phone: string, ...scope: string[]): Promise<Record<string, string>> {
  const visitor = world.visitor()
  const asked = { scope: 'openid phone offline_access orders:read', prompt: 'consent' }
  const page = await loginBySms(world, visitor, startLogin(world, 'third', uri, asked), phone)
  const back = await visitor.follow(await visitor.post(page.url, { choice: 'allow', scope }))
  return exchange(world, 'third', uri, back.location)
}

test('an app of ours shows what its person has allowed, in their language, and takes it back', async () => {
  const phone = String(++phones)
  const tokens = await allowed(phone, 'phone', 'offline_access', `${api} orders:read`)
  const send = await owner(phone)
  const [shown] = consentList.parse((await send('GET', '/consents', { 'accept-language': 'en' })).body).consents
  expect(shown).toMatchObject({ client_id: 'third', client_name: '第三方应用' })
  expect(shown?.granted).toContainEqual({ scope: 'orders:read', resource: api, title: 'See your orders' })
  expect(shown?.granted.map(({ scope }) => scope).toSorted()).toEqual(
    ['offline_access', 'openid', 'orders:read', 'phone'].toSorted(),
  )
  expect((await send('DELETE', '/consents/third')).status).toBe(204)
  const refresh_token = tokens['refresh_token'] ?? ''
  const refused = await token(world, { grant_type: 'refresh_token', client_id: 'third', refresh_token })
  expect(refused.body).toMatchObject({ error: 'invalid_grant' })
  expect((await send('GET', '/consents')).body).toEqual({ consents: [] })
  expect((await send('DELETE', '/consents/third')).status).toBe(404)
})

test('nobody takes back what another has allowed, nor with a token of another scope, nor from a page', async () => {
  const phone = String(++phones)
  const tokens = await allowed(phone, 'offline_access')
  const other = await owner(String(++phones))
  expect((await other('DELETE', '/consents/third')).status).toBe(404)
  const narrow = await owner(phone, 'openid phone')
  expect((await narrow('DELETE', '/consents/third')).status).toBe(403)
  const mine = await owner(phone)
  expect((await mine('DELETE', '/consents/third', { origin: 'https://evil.example.com' })).status).toBe(400)
  const refresh_token = tokens['refresh_token'] ?? ''
  expect((await token(world, { grant_type: 'refresh_token', client_id: 'third', refresh_token })).status).toBe(200)
})
