import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { codeChallenge, startLogin } from '../support/login.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const max = 12

describe.each(['redis', 'tables'] as const)('what one network may begin, on %s', (stores) => {
  let world: World

  beforeAll(async () => {
    world = await openWorld({
      stores,
      env: {
        MENSHEN_SERVER__TRUSTED_PROXIES: '[127.0.0.1, "::1"]',
        MENSHEN_LOGIN__LIMITS__PER_NETWORK: `{ max: ${max}, seconds: 3600 }`,
      },
    })
    const confidential = {
      client_id: 'confidential',
      secret: 'confidential-secret-of-at-least-32-letters',
      token_endpoint_auth_method: 'client_secret_post',
      redirect_uris: [redirectUri],
    }
    await world.register({ clients: [...clients, confidential], resources })
  })
  afterAll(() => world.close())

  const from = (ip: string) => ({ 'x-forwarded-for': ip })
  const authorize = (ip: string, more: Record<string, string> = {}, visitor: Visitor = world.visitor()) =>
    visitor.get(startLogin(world, 'plain', redirectUri, more), from(ip))
  const post = (path: string, form: Record<string, string>, ip: string) =>
    fetch(`${world.issuer}${path}`, { method: 'POST', headers: from(ip), body: new URLSearchParams(form) })
  const times = <T>(count: number, work: () => Promise<T>) => Promise.all(Array.from({ length: count }, work))

  test('are so many logins, counted together however they arrive; another network goes on', async () => {
    const answers = await times(max + 5, () => authorize('198.51.100.1'))
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(max)
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused).toHaveLength(5)
    for (const { headers, location, text } of refused) {
      expect(Number(headers['retry-after'])).toBeGreaterThan(0)
      expect(location).toBeUndefined()
      expect(text).toContain('request.too_many')
    }
    expect((await authorize('198.51.100.2')).status).toBe(303)
  })

  test('are logins alone: what is refused, or begins none, is not counted', async () => {
    await times(max + 5, () => authorize('198.51.101.1', { prompt: 'none' }))
    await times(max + 5, () => authorize('198.51.101.1', { code_challenge: 'x' }))
    await times(max + 5, () => authorize('198.51.101.1', { state: 'x'.repeat(3000) }))
    await times(max + 5, () => world.visitor().get('/auth?client_id=nobody', from('198.51.101.1')))
    expect((await authorize('198.51.101.1')).status).toBe(303)
  })

  test.each(['/AUTH', '/auth/', '/Auth/', '//auth', '/./auth', '/%61uth', '/auth%2f', '/auth//', '/auth;x'])(
    'cannot be had by the spelling %s',
    async (path) => {
      const ip = `2001:db8:${Math.floor(Math.random() * 65_535).toString(16)}:1::1`
      await times(max, () => authorize(ip))
      const { search } = startLogin(world, 'plain', redirectUri)
      const { status } = await fetch(`${world.issuer}${path}${search}`, { headers: from(ip), redirect: 'manual' })
      expect([404, 429]).toContain(status)
      const head = await fetch(`${world.issuer}/auth${search}`, {
        method: 'HEAD',
        headers: from(ip),
        redirect: 'manual',
      })
      expect(head.status).toBe(429)
    },
  )

  test('are so many pushed requests of public clients; a backend is not slowed down by its own users', async () => {
    const request = { redirect_uri: redirectUri, response_type: 'code', scope: 'openid' }
    const pkce = { code_challenge: codeChallenge, code_challenge_method: 'S256' }
    const push = (client: Record<string, string>) =>
      post('/request', { ...request, ...pkce, ...client }, '198.51.102.1')
    const answers = await times(max + 5, () => push({ client_id: 'plain' }))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(max)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(5)
    const own = { client_id: 'confidential', client_secret: 'confidential-secret-of-at-least-32-letters' }
    expect((await push(own)).status).toBe(201)
  })

  test('are so many device codes', async () => {
    const ask = () => post('/device/auth', { client_id: 'tv', scope: 'openid' }, '198.51.103.1')
    const statuses = (await times(305, ask)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(300)
    expect(statuses.filter((status) => status === 429)).toHaveLength(5)
  })

  test('a cookie whose session is over makes no new one, at any route', async () => {
    const knex = world.database.database.knex
    const visitor = world.visitor()
    await visitor.get('/device', from('198.51.104.1'))
    expect(visitor.cookies()).toContain('menshen_session')
    await knex('oidc_records').where({ model: 1 }).delete()
    const paths = ['/auth?client_id=nobody', '/auth/nothing', '/session/end/success', '/account']
    for (const path of paths) await visitor.get(path, from('198.51.104.1'))
    await authorize('198.51.104.1', { prompt: 'none' }, visitor)
    await visitor.post('/session/end/confirm', { xsrf: 'x', logout: 'yes' }, from('198.51.104.1'))
    expect(await knex('oidc_records').where({ model: 1 })).toEqual([])
  })

  test('a device is kept with no more of its name than the page shows', async () => {
    const response = await fetch(`${world.issuer}/device/auth`, {
      method: 'POST',
      headers: { ...from('198.51.105.1'), 'user-agent': 'x'.repeat(10_000) },
      body: new URLSearchParams({ client_id: 'tv', scope: 'openid' }),
    })
    expect(response.status).toBe(200)
    const rows = await world.database.database.knex('oidc_records').where({ model: 7 }).pluck('payload')
    expect(Math.max(...rows.map((payload: string) => payload.length))).toBeLessThan(1500)
  })

  test('the state of a logout is no longer than that of a login', async () => {
    const knex = world.database.database.knex
    const visitor = world.visitor()
    await visitor.get(`/session/end?state=${'x'.repeat(6000)}`, from('198.51.106.1'))
    const rows = await knex('oidc_records').where({ model: 1 }).pluck('payload')
    expect(rows.length).toBeGreaterThan(0)
    expect(Math.max(...rows.map((payload: string) => payload.length))).toBeLessThan(3000)
  })
})
