import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { jwksCacheSeconds, signsAfterSeconds, silenceSeconds } from '../../src/oidc/keys/key-life.ts'
import { advanceKeys } from '../../src/oidc/keys/key-rotation.ts'
import { runCommand } from '../support/cli.ts'
import { exchange, loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const day = 86_400
const clientId = 'sandbox-demo'

let first: World
let second: World
/** Seconds the time of everybody is ahead. */
let ahead = 0

beforeEach(async () => {
  onTestFinished(resetClock)
  ahead = 0
  first = await openWorld()
  const { close } = first
  second = await openWorld({ beside: first })
  onTestFinished(async () => {
    await second.close().catch(() => {})
    await close()
  })
})

function walk(seconds: number): void {
  ahead += seconds
  walkTo(ahead * 1000)
}

const menshen = (...argv: string[]) => runCommand(argv, { env: first.env, cwd: '/' })
const jwks = async ({ port }: World) => {
  const answer = await fetch(`http://localhost:${port}/jwks`)
  const [etag, cacheControl] = ['etag', 'cache-control'].map((name) => answer.headers.get(name))
  return { etag, cacheControl, set: (await answer.json()) as JSONWebKeySet }
}
const publishedBy = async (world: World) => (await jwks(world)).set.keys.map(({ kid }) => kid)
const currentOf = async (alg: string) =>
  (await first.database.database.knex('keys').where({ alg, state: 'current' }).select('id')).map(({ id }) => id)
/** A server looks every two seconds. */

const redirectUri = () => `${first.issuer}/sandbox/callback`
const request = () => startLogin(first, clientId, redirectUri(), { scope: 'openid offline_access' })

async function login(visitor: Visitor, phone: string): Promise<Record<string, string>> {
  const back = await loginBySms(first, visitor, request(), phone)
  return exchange(first, clientId, redirectUri(), back.url.href)
}

const kidOf = (tokens: Record<string, string>) => decodeProtectedHeader(tokens['id_token'] ?? '').kid

test('by hand: published everywhere at once, signing later, and what was signed before stays good', async () => {
  const visitor = first.visitor()
  const old = await login(visitor, '13800138000')
  const before = await jwks(second)
  expect(before.cacheControl).toBe(`public, max-age=${jwksCacheSeconds}`)
  expect((await menshen('keys', 'rotate')).status).toBe(0)
  for (const world of [first, second]) {
    await expect.poll(async () => (await publishedBy(world)).length).toBe(8)
    expect((await jwks(world)).etag).not.toBe(before.etag)
  }
  expect((await jwks(first)).etag).toBe((await jwks(second)).etag)

  walk(signsAfterSeconds - 60)
  expect(kidOf(await login(first.visitor(), '13800138001'))).toBe(kidOf(old))
  walk(120)
  await expect.poll(() => currentOf('ES256')).not.toContain(kidOf(old))
  await Promise.all([first, second].map(({ app }) => app.runtime.refresh()))
  const fresh = await login(first.visitor(), '13800138002')
  expect([kidOf(fresh)]).toEqual(await currentOf('ES256'))

  for (const world of [first, second]) {
    const keys = createLocalJWKSet((await jwks(world)).set)
    const currentDate = new Date(Date.now() - signsAfterSeconds * 1000)
    expect((await jwtVerify(old['id_token'] ?? '', keys, { currentDate })).payload.iss).toBe(first.issuer)
  }
  const hint = `/session/end?id_token_hint=${old['id_token']}`
  expect((await visitor.get(hint)).status).toBe(200)
  expect((await visitor.through(second.port).get(hint)).status).toBe(200)

  walk(31 * day)
  await expect.poll(() => publishedBy(second)).not.toContain(kidOf(old))
  await first.app.runtime.refresh()
  const hinted = startLogin(first, clientId, redirectUri(), { prompt: 'none', id_token_hint: old['id_token'] ?? '' })
  expect((await visitor.get(hinted)).location).toContain('error=invalid_request')
  expect((await visitor.get(hint)).status).toBe(200)
  expect(await publishedBy(first)).toHaveLength(4)
})

test('on a schedule: without anybody’s doing, in time, and once for all servers', async () => {
  const before = await Promise.all(['ES256', 'RS256', 'HS256'].map(currentOf))
  walk(90 * day - signsAfterSeconds + 1)
  const age = async () =>
    (await first.app.metrics.signingKeyAge.get()).values.find(({ labels }) => labels.alg === 'ES256')
  await expect.poll(async () => (await age())?.value).toBeGreaterThan(89 * day)
  await expect.poll(() => publishedBy(second)).toHaveLength(8)
  walk(signsAfterSeconds)
  await expect
    .poll(async () => (await Promise.all(['ES256', 'RS256', 'HS256'].map(currentOf))).flat())
    .not.toEqual(expect.arrayContaining(before[0] ?? []))
  walk(31 * day)
  await expect.poll(() => publishedBy(first)).toHaveLength(4)
  const events = await first.database.database
    .knex('audit_events')
    .where('event', 'like', 'key.%')
    .select('event', 'detail')
    .orderBy('id')
  expect(events.map(({ event, detail }) => `${event} ${detail.alg}`).sort()).toEqual(
    ['ES256', 'EdDSA', 'HS256', 'PS256', 'RS256']
      .flatMap((alg) => [`key.created ${alg}`, `key.created ${alg}`, `key.rotated ${alg}`, `key.retired ${alg}`])
      .sort(),
  )
  expect(events.filter(({ detail }) => detail.operator)).toEqual([])
})

test('of 20 servers that take a step at the same moment one does', async () => {
  const { database, sealer, config, log } = first.app.core
  const rules = { options: config.keys, lifetimes: config.lifetimes }
  const { knex } = first.database.database
  // Two clocks that differ by two seconds, on both sides of every step.
  for (const seconds of [90 * day - signsAfterSeconds, 90 * day, 121 * day]) {
    const at = Date.now() + seconds * 1000
    const clock = (n: number) => Object.assign(() => at + (n % 2) * 2000, { aheadMs: () => at - Date.now() })
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => advanceKeys({ database, sealer, log, rules, clock: clock(n) })),
    )
    const states = await knex('keys').where({ alg: 'ES256' }).select('state').orderBy('state')
    expect(states.filter(({ state }) => state === 'current')).toHaveLength(1)
    expect(states.length).toBeLessThanOrEqual(2)
  }
  const events = await knex('audit_events').where('event', 'like', 'key.%').whereRaw(`detail ->> 'alg' = 'ES256'`)
  expect(events.map(({ event }) => event)).toEqual(['key.created', 'key.created', 'key.rotated', 'key.retired'])
})

describe('a key for cookies', () => {
  test('changes without anybody being signed out, on either server', async () => {
    const visitor = first.visitor()
    await login(visitor, '13800138000')
    await menshen('keys', 'rotate', '--cookies')
    const [old] = await currentOf('HS256')
    walk(signsAfterSeconds + 10)
    await expect.poll(() => currentOf('HS256')).not.toContain(old)
    await Promise.all([first, second].map(({ app }) => app.runtime.refresh()))
    for (const { port } of [first, second]) {
      const account = await visitor.through(port).get('/account')
      expect(account.status).toBe(200)
      // A signature by the new key that lasts only until the browser is closed would end the session then.
      const lasting = [account.headers['set-cookie'] ?? []].flat().filter((line) => line.includes('session.sig'))
      expect(lasting.filter((line) => !line.includes('expires='))).toEqual([])
      expect((await visitor.through(port).get(request())).location).toContain('code=')
    }
  })

  test('that is taken away at once signs out whom it signed in', async () => {
    const visitor = first.visitor()
    await login(visitor, '13800138000')
    const [stolen = ''] = await currentOf('HS256')
    const { status, stderr } = await menshen('keys', 'retire', stolen, '--now')
    expect({ status, stderr: stderr.includes('signed out within seconds') }).toEqual({ status: 0, stderr: true })
    await first.app.runtime.refresh()
    expect((await reachLogin(visitor, request())).status).toBe(200)
  })
})

test('a stolen key is gone from every server, and what it signed is worth nothing', async () => {
  const visitor = first.visitor()
  const old = await login(visitor, '13800138000')
  expect((await menshen('keys', 'retire', kidOf(old) ?? '', '--now')).status).toBe(0)
  for (const world of [first, second]) {
    await expect.poll(() => publishedBy(world)).not.toContain(kidOf(old))
    const keys = createLocalJWKSet((await jwks(world)).set)
    await expect(jwtVerify(old['id_token'] ?? '', keys)).rejects.toThrow('no applicable key')
    const asked = await visitor.through(world.port).get(`/session/end?id_token_hint=${old['id_token']}`)
    expect([asked.status, asked.text.includes('确定退出登录？')]).toEqual([200, true])
  }
  expect([kidOf(await login(first.visitor(), '13800138001'))]).toEqual(await currentOf('ES256'))
})

describe('a server that has not heard of the database', () => {
  test('asks before it answers when it was long ago', async () => {
    await menshen('keys', 'rotate')
    walk(silenceSeconds + 1)
    expect(await publishedBy(second)).toHaveLength(8)
  })

  test('and cannot ask publishes and signs nothing, after an hour in which it did', async () => {
    await second.app.core.database.close()
    walk(silenceSeconds - 60)
    expect(await publishedBy(second)).toHaveLength(4)
    walk(120)
    const ask = async (path: string) => (await fetch(`http://localhost:${second.port}${path}`)).status
    expect(await ask('/jwks')).toBe(503)
    expect(await ask('/.well-known/openid-configuration')).toBe(503)
    expect(await ask('/livez')).toBe(200)
    expect(await ask('/readyz')).toBe(503)
  })

  test('because it cannot read what is registered is not ready', async () => {
    const ready = async () => (await fetch(`http://localhost:${second.port}/readyz`)).json()
    expect(await ready()).toMatchObject({ status: 'ok', checks: { catalog: 'ok' } })
    await first.database.database.knex('keys').insert({
      id: 'strange',
      use: 'sig',
      alg: 'ES256',
      state: 'next',
      secret: 'sealed.elsewhere',
      created_at: new Date(),
    })
    await first.database.database.knex('catalog_versions').increment('version')
    // An answer is good for all that ask within a second.
    await expect.poll(ready).toMatchObject({ status: 'unavailable', checks: { database: 'ok', catalog: 'failed' } })
  })
})
