import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, reachLogin, startLogin, token } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms, type Tokens } from '../support/native-app.ts'
import { type OwnRedis, ownRedis } from '../support/redis.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let redis: OwnRedis
let world: World
let visitor: Visitor
/** Where somebody else stands in the middle of a login. */
let waiting: URL
let app: NativeApp
let keyed: Tokens
/** Another app, whose proofs somebody else has got hold of. */
let overheard: NativeApp
let theirs: Tokens
let plain: Record<string, string>

beforeAll(async () => {
  redis = await ownRedis()
  world = await openWorld({ env: { REDIS_URL: redis.url } })
  await world.register({ clients: [...clients, ...nativeClients], resources })
  const request = startLogin(world, 'plain', redirectUri, { scope: 'openid offline_access' })
  plain = await exchange(
    world,
    'plain',
    redirectUri,
    (await loginBySms(world, world.visitor(), request, '13800138000')).location,
  )
  app = await new NativeApp(world).withKey()
  keyed = await app.exchange(await nativeSms(world, app, '13800138001'))
  overheard = await new NativeApp(world).withKey()
  theirs = await overheard.exchange(await nativeSms(world, overheard, '13800138004'))
  visitor = world.visitor()
  waiting = (await reachLogin(visitor, request)).url
})
afterAll(async () => {
  await world?.close()
  await redis?.remove()
})

const probe = async (path: string) => {
  const answer = await fetch(`${world.issuer}${path}`)
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

/** A refresh of the other app, with a proof that somebody brings. */
function refreshWith(headers: Readonly<Record<string, string>>) {
  const form = { grant_type: 'refresh_token', client_id: 'ios', refresh_token: theirs.refresh_token }
  return overheard.send('POST', '/token', form, headers)
}

/** What goes on for those who are logged in: each answers a status. */
const needsNoRedis: Readonly<Record<string, () => Promise<number>>> = {
  async refresh() {
    const form = { grant_type: 'refresh_token', client_id: 'plain', refresh_token: plain['refresh_token'] ?? '' }
    const { status, body } = await token(world, form)
    plain = status === 200 ? body : plain
    return status
  },
  async 'refresh of an app with a key'() {
    const form = { grant_type: 'refresh_token', refresh_token: keyed.refresh_token }
    const { status, body } = await app.tryToken(form)
    keyed = status === 200 ? (body as unknown as Tokens) : keyed
    return status
  },
  async userinfo() {
    const authorization = `Bearer ${plain['access_token']}`
    return (await fetch(`${world.issuer}/me`, { headers: { authorization } })).status
  },
  keys: async () => (await probe('/jwks')).status,
  discovery: async () => (await probe('/.well-known/openid-configuration')).status,
}

test('whoever is logged in notices nothing of a Redis that is killed under load, and readiness says what works', async () => {
  const failed: string[] = []
  const rounds = new Map<string, number>()
  let isOver = false
  onTestFinished(() => {
    isOver = true
  })
  const load = Object.entries(needsNoRedis).map(async ([name, act]) => {
    while (!isOver) {
      const status = await act()
      if (status !== 200) failed.push(`${name}: ${status}`)
      rounds.set(name, (rounds.get(name) ?? 0) + 1)
    }
  })
  const untilServed = async (times: number) => {
    const before = new Map(rounds)
    const names = Object.keys(needsNoRedis)
    const served = () => Math.min(...names.map((name) => (rounds.get(name) ?? 0) - (before.get(name) ?? 0)))
    await expect.poll(served).toBeGreaterThanOrEqual(times)
  }

  await untilServed(3)
  await redis.kill()
  await expect.poll(async () => (await probe('/readyz')).body['status']).toBe('degraded')
  await untilServed(10)
  expect(await probe('/readyz')).toMatchObject({
    status: 200,
    body: {
      parts: { keys: 'ok', tokens: 'ok', logins: 'unavailable' },
      checks: { database: 'ok', ephemeral_store: 'server.unavailable' },
    },
  })
  expect((await probe('/readyz/keys')).status).toBe(200)
  expect((await probe('/readyz/logins')).status).toBe(503)

  const page = await visitor.post(waiting, { method: 'sms', phone: '13800138002', agreement: 'on' })
  expect([page.status, page.headers['retry-after']]).toEqual([503, '1'])
  expect(page.headers['content-type']).toContain('text/html')
  const answer = await new NativeApp(world).challenge({ method: 'sms', phone: '13800138003' })
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
  expect(answer.body).toMatchObject({ error: 'temporarily_unavailable', message_key: 'errors.server.unavailable' })

  const proof = await overheard.proof('POST', '/token')
  const first = await refreshWith(proof)
  expect(first.status).toBe(200)
  theirs = first.body as unknown as Tokens
  expect(await refreshWith(proof)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })

  await redis.start()
  await expect.poll(async () => (await probe('/readyz')).body['status']).toBe('ok')
  await untilServed(3)
  // An empty Redis does not let the proof pass; it was the proof that was refused, and not the token.
  expect(await refreshWith(proof)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  expect((await refreshWith(await overheard.proof('POST', '/token'))).status).toBe(200)
  isOver = true
  await Promise.all(load)
  expect(failed).toEqual([])
})

test('people log in again when Redis is back', async () => {
  const request = startLogin(world, 'plain', redirectUri)
  const back = await loginBySms(world, world.visitor(), request, '13800138002')
  expect(back.location).toContain('code=')
})

test('a Redis that is full refuses logins and nothing else, loses nothing, and goes on by itself when it has room', async () => {
  const admin = new Redis(redis.url)
  onTestFinished(() => admin.disconnect())
  const person = world.visitor()
  const { url } = await reachLogin(person, startLogin(world, 'plain', redirectUri))
  const ask = () => person.post(url, { method: 'sms', phone: '13800138005', agreement: 'on' })
  await admin.config('SET', 'maxmemory', '1')

  const page = await ask()
  expect([page.status, page.headers['retry-after']]).toEqual([503, '1'])
  const answer = await new NativeApp(world).challenge({ method: 'sms', phone: '13800138006' })
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
  for (const act of Object.values(needsNoRedis)) expect(await act()).toBe(200)
  const proof = await overheard.proof('POST', '/token')
  const refreshed = await refreshWith(proof)
  expect(refreshed.status).toBe(200)
  theirs = refreshed.body as unknown as Tokens
  expect(await refreshWith(proof)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })

  await admin.config('SET', 'maxmemory', '0')
  expect(await refreshWith(proof)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  expect((await ask()).status).toBe(303)
  const otp = await world.otp('+8613800138005')
  expect((await person.follow(await person.post(url, { method: 'sms', otp }))).location).toContain('code=')
})
