import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { clients, resources } from '../support/clients.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let phones = 13_515_000_000
const scope = { scope: 'openid phone identities offline_access' }

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients: [...clients, ...nativeClients] as never, resources })
})
afterEach(() => resetClock())
afterAll(() => world?.close())

/** Somebody signed in in an app of ours, with a token for this server itself. */
async function owner() {
  const phone = String(++phones)
  const app = new NativeApp(world)
  const tokens = await app.exchange(await nativeSms(world, app, phone, scope))
  const own = await app.refresh(tokens, { scope: 'openid identities' })
  const bearer = { authorization: `Bearer ${own.access_token}` }
  const sub = (await app.claims(tokens)).sub
  return {
    phone,
    app,
    tokens: own,
    sub,
    send: (method: string, form?: Record<string, string>, more = {}) =>
      app.send(method, '/account/deletion', form, { ...bearer, ...more }),
  }
}

test('an app shows what goes, asks, and is told the date; its tokens are worth nothing then', async () => {
  const { app, tokens, send } = await owner()
  const shown = await send('GET')
  expect(shown.status).toBe(200)
  expect(shown.body).toEqual({
    ...{ wait_seconds: 604_800, audit_seconds: 184 * 86_400 },
    apps: [{ client_id: 'ios', client_name: '茶铺' }],
  })
  const unsure = await send('POST', {})
  expect([unsure.status, unsure.body['parameter']]).toEqual([400, 'confirm'])
  const asked = await send('POST', { confirm: '1' })
  expect(asked.status).toBe(200)
  const { deletion_at } = z.strictObject({ deletion_at: z.iso.datetime() }).parse(asked.body)
  expect(Math.abs(Date.parse(deletion_at) - Date.now() - 604_800_000)).toBeLessThan(60_000)
  const refused = await app.tryToken({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })
  expect(refused.body).toMatchObject({ error: 'invalid_grant' })
  expect((await send('GET')).status).toBe(401)
})

test('a login of long ago has to be repeated first, and a page cannot ask', async () => {
  const { send, app, tokens, sub } = await owner()
  expect((await send('POST', { confirm: '1' }, { origin: 'https://evil.example.com' })).status).toBe(400)
  walkTo(601_000)
  const own = await app.refresh(tokens, { scope: 'openid identities' })
  const headers = { authorization: `Bearer ${own.access_token}` }
  const late = await app.send('POST', '/account/deletion', { confirm: '1' }, headers)
  expect(late.status).toBe(401)
  expect(late.body).toMatchObject({ error: 'insufficient_user_authentication', max_age: 600 })
  expect(await world.app.core.database.knex('account_deletions').where({ user_id: sub })).toEqual([])
})

test('the next login is a step: undone it lets in as before, otherwise it ends there', async () => {
  const { phone, sub, send } = await owner()
  await send('POST', { confirm: '1' })
  const app = new NativeApp(world)
  const step = await nativeSms(world, app, phone, scope)
  expect(step.status).toBe(400)
  expect(step.body).toMatchObject({
    ...{ error: 'insufficient_authorization', step: 'leaving', deletion_at: expect.any(String) },
    options: ['keep_deletion', 'undo_deletion'],
  })
  const kept = await app.challenge({ choice: 'keep_deletion' })
  expect(kept.body).toMatchObject({ error: 'access_denied', message_key: 'errors.user.leaving' })
  expect((await app.challenge({ choice: 'undo_deletion' })).body['error']).toBe('invalid_request')
  const again = new NativeApp(world)
  await nativeSms(world, again, phone, scope)
  const tokens = await again.exchange(await again.challenge({ choice: 'undo_deletion' }))
  expect((await again.claims(tokens)).sub).toBe(sub)
})
