import { afterAll, beforeAll, expect, test } from 'vitest'
import { NativeApp } from '../support/native-app.ts'
import { openWorld, type World } from '../support/world.ts'

const page = '/sandbox/apple'
let world: World

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
})
afterAll(() => world?.close())

/** Logs somebody in with what the SDK of the sandbox gives. */
async function login(person: string): Promise<{ app: NativeApp; refresh_token: string }> {
  const given = await world.visitor().post('/sandbox/native/credential', { kind: 'apple_without_nonce', person })
  const app = new NativeApp(world, 'sandbox-app')
  const first = await app.challenge(JSON.parse(given.text))
  const answer = first.body['step'] === 'choose' ? await app.challenge({ choice: 'new' }) : first
  const { refresh_token } = await app.exchange(answer)
  return { app, refresh_token }
}

test('a person who stops using Apple on the page is logged out, and gets in again', async () => {
  const { app, refresh_token } = await login('lintao')
  const visitor = world.visitor()
  const shown = await visitor.get(page)
  expect([shown.status, shown.text.includes('value="consent-revoked"')]).toEqual([200, true])
  const told = await visitor.follow(await visitor.post(page, { person: 'lintao', type: 'consent-revoked' }))
  expect(told.text).toContain('200')
  expect((await app.tryToken({ grant_type: 'refresh_token', refresh_token })).status).toBe(400)
  expect((await login('lintao')).refresh_token).toBeTypeOf('string')
})

test('the page tells of nobody and of nothing that it does not offer, nor for another site', async () => {
  const visitor = world.visitor()
  expect((await visitor.post(page, { person: 'nobody', type: 'consent-revoked' })).status).toBe(400)
  expect((await visitor.post(page, { person: 'lintao', type: 'something' })).status).toBe(400)
  const cross = { 'sec-fetch-site': 'cross-site', origin: 'https://elsewhere.example.com' }
  expect((await visitor.post(page, { person: 'lintao', type: 'account-delete' }, cross)).status).toBe(403)
})
