import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { createEmptyDatabase, type TestDatabase } from '../support/database.ts'
import { codeVerifier, exchange, loginBySms, reachLogin, startLogin, token } from '../support/login.ts'
import { startServer } from '../support/server-process.ts'
import { freePort } from '../support/services.ts'
import { Visitor } from '../support/visitor.ts'
import { openWorld, type Stores, type World } from '../support/world.ts'

const clientId = 'sandbox-demo'
const secretKey = 'k'.repeat(43)

/** Two servers behind one address: which of them answers must not matter to anybody. */
describe.each(['redis', 'tables'] satisfies Stores[])('two servers, short-lived values in %s', (stores) => {
  let first: World
  let second: World
  let redirectUri: string

  beforeAll(async () => {
    first = await openWorld({ stores })
    second = await openWorld({ stores, beside: first })
    redirectUri = `${first.issuer}/sandbox/callback`
  })
  afterAll(async () => {
    await second?.close()
    await first?.close()
  })

  test('a login begun on one is finished on the other, at every step of it', async () => {
    const request = startLogin(first, clientId, redirectUri, { scope: 'openid phone offline_access' })
    const visitor = first.visitor()
    const page = await reachLogin(visitor, request)
    const there = visitor.through(second.port)
    const asked = await there.post(page.url, { method: 'sms', phone: '13800138000', agreement: 'on' })
    expect(asked.status).toBe(303)
    const here = there.through(first.port)
    const proved = await here.post(page.url, { method: 'sms', otp: await first.otp('+8613800138000') })
    const back = await here.through(second.port).follow(proved)
    const tokens = await exchange(first, clientId, redirectUri, back.url.href)
    expect(tokens['access_token']).toBeTypeOf('string')

    const form = { grant_type: 'refresh_token', client_id: clientId, refresh_token: tokens['refresh_token'] ?? '' }
    const refreshed = await token(second, form)
    expect(refreshed.status).toBe(200)
  })

  test('of 20 exchanges of one code at once over both exactly one succeeds', async () => {
    const request = startLogin(first, clientId, redirectUri)
    const back = await loginBySms(first, first.visitor(), request, '13800138001')
    const code = back.url.searchParams.get('code') ?? ''
    const form = { grant_type: 'authorization_code', client_id: clientId, code, redirect_uri: redirectUri }
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        token(n % 2 === 0 ? first : second, { ...form, code_verifier: codeVerifier }),
      ),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const refused = answers.filter(({ status }) => status !== 200)
    expect(new Set(refused.map(({ status, body }) => `${status} ${body['error']}`))).toEqual(
      new Set(['400 invalid_grant']),
    )
  })

  test('of 10 first logins of one number at once over both one account comes', async () => {
    const phone = '13800138002'
    const people = await Promise.all(
      Array.from({ length: 10 }, async (_, n) => {
        const visitor = new Visitor(first.issuer, n % 2 === 0 ? first.port : second.port)
        const page = await reachLogin(visitor, startLogin(first, clientId, redirectUri))
        return { visitor, page }
      }),
    )
    // One after the other, because every code is bound to the attempt that asked for it.
    const codes: string[] = []
    for (const { visitor, page } of people) {
      await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' })
      codes.push(await first.otp(`+86${phone}`))
    }
    const ends = await Promise.all(
      people.map(async ({ visitor, page }, n) =>
        visitor.follow(await visitor.post(page.url, { method: 'sms', otp: codes[n] ?? '' })),
      ),
    )
    expect(ends.filter(({ url }) => url.searchParams.has('code')).length).toBeGreaterThan(0)
    const subjects = await first.database.database.knex('identity_subjects').where({ subject: `+86${phone}` })
    expect(subjects).toHaveLength(1)
  })

  test('an application registered by one is known to the other', async () => {
    const uri = 'https://late.example.com/callback'
    await first.register({
      clients: [{ client_id: 'late', first_party: true, token_endpoint_auth_method: 'none', redirect_uris: [uri] }],
    })
    await second.app.runtime.refresh()
    const page = await new Visitor(first.issuer, second.port).get(startLogin(first, 'late', uri))
    expect(page.status).toBe(303)
    expect(page.location).toContain('/interaction/')
  })

  test('both sign with the same key', async () => {
    const keys = await Promise.all(
      [first, second].map(async ({ port }) => (await fetch(`http://localhost:${port}/jwks`)).text()),
    )
    expect(keys[0]).toBe(keys[1])
  })
})

describe('a server with another master key that knows the one before', () => {
  test('goes on with the earlier sessions, tokens and keys; without it, it does not start', async () => {
    const before = await openWorld()
    onTestFinished(() => before.close())
    const redirectUri = `${before.issuer}/sandbox/callback`
    const request = startLogin(before, clientId, redirectUri, { scope: 'openid offline_access' })
    const visitor = before.visitor()
    const back = await loginBySms(before, visitor, request, '13800138005')
    const tokens = await exchange(before, clientId, redirectUri, back.url.href)

    const env = { MENSHEN_SECRET_KEY: secretKey }
    await expect(openWorld({ beside: before, env })).rejects.toThrow('master key')
    const previous = `[${before.env['MENSHEN_SECRET_KEY']}]`
    const after = await openWorld({ beside: before, env: { ...env, MENSHEN_PREVIOUS_SECRET_KEYS: previous } })
    onTestFinished(() => after.close())

    expect((await visitor.through(after.port).get(request)).location).toContain('code=')
    const form = { grant_type: 'refresh_token', client_id: clientId, refresh_token: tokens['refresh_token'] ?? '' }
    expect((await token(after, form)).status).toBe(200)
    const [old, current] = await Promise.all(
      [before, after].map(async ({ port }) => (await fetch(`http://localhost:${port}/jwks`)).text()),
    )
    expect(current).toBe(old)
  })
})

describe('processes that start at once on an empty database', () => {
  let database: TestDatabase
  let folder: string
  beforeAll(async () => {
    database = await createEmptyDatabase()
    folder = await mkdtemp(join(tmpdir(), 'menshen-many-'))
  })
  afterAll(async () => {
    await database.drop()
    await rm(folder, { recursive: true })
  })

  async function commonEnv(): Promise<Record<string, string>> {
    return {
      ISSUER: `http://localhost:${await freePort()}`,
      DATABASE_URL: database.url,
      REDIS_URL: inject('services').redisUrl,
      MENSHEN_SECRET_KEY: secretKey,
    }
  }

  test('all four come up, with one schema and one set of keys', async () => {
    const env = await commonEnv()
    const servers = await Promise.all(Array.from({ length: 4 }, () => startServer({ cwd: folder, env })))
    const said = await Promise.all(
      servers.map(async ({ port }) => {
        expect((await fetch(`http://localhost:${port}/readyz`)).status).toBe(200)
        return (await fetch(`http://localhost:${port}/jwks`)).text()
      }),
    )
    expect(new Set(said).size).toBe(1)
    expect(await Promise.all(servers.map(({ stop }) => stop()))).toEqual([0, 0, 0, 0])
  })

  test('WORKERS=2 is two processes in one command, with the embedded store too', async () => {
    const embedded = await mkdtemp(join(tmpdir(), 'menshen-workers-'))
    onTestFinished(() => rm(embedded, { recursive: true, maxRetries: 5 }))
    const metrics = `127.0.0.1:${await freePort()}`
    const server = await startServer({ cwd: embedded, env: { WORKERS: '2', MENSHEN_OPS__METRICS: metrics } })
    const issuer = `http://localhost:${server.port}`
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () =>
        (await fetch(`${issuer}/readyz`, { headers: { connection: 'close' } })).text(),
      ),
    )
    expect(new Set(answers).size).toBe(1)
    const text = await (await fetch(`http://${metrics}/metrics`)).text()
    expect(text).toMatch(/^menshen_http_request_seconds_count\{[^}]*route="readyz"[^}]*\} 20$/m)
    expect(await server.stop()).toBe(0)
  })
})
