import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { codeChallenge } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

describe('an authorization or logout request that is posted', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
    await world.register({ clients, resources })
  })
  afterAll(() => world.close())

  const post = (path: string, body: string | URLSearchParams, headers: Record<string, string> = {}) =>
    fetch(`${world.issuer}${path}`, { method: 'POST', redirect: 'manual', body, headers })
  const request = {
    client_id: 'plain',
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid',
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
  }

  test.each(['/auth', '/AUTH/', '/session/end'])('is followed by the same request by GET: %s', async (path) => {
    const form = new URLSearchParams({ ...request, state: 'a b&c=d' })
    form.append('resource', 'https://api.example.com')
    form.append('resource', 'https://opaque.example.com')
    const response = await post(path, form)
    expect([response.status, response.headers.get('cache-control')]).toEqual([303, 'no-store'])
    const address = new URL(response.headers.get('location') ?? '', world.issuer)
    expect([address.origin, address.pathname]).toEqual([world.issuer, path])
    expect([...address.searchParams]).toEqual([...form])
    expect(response.headers.getSetCookie()).toEqual([])
  })

  test('leads to the login page', async () => {
    const visitor = world.visitor()
    const page = await visitor.follow(await visitor.post('/auth', request))
    expect([page.status, page.url.pathname.split('/')[1]]).toEqual([200, 'interaction'])
  })

  test('is refused where it is no form, too long, or says a thing twice', async () => {
    const json = { 'content-type': 'application/json' }
    expect((await post('/auth', '{}', json)).status).toBe(415)
    expect((await post('/auth', new URLSearchParams({ state: 'x'.repeat(20_000) }))).status).toBe(413)
    const long = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, 'x'.repeat(3000)]))
    expect((await post('/auth', new URLSearchParams(long))).status).toBe(413)
    expect((await post('/session/end', new URLSearchParams('state=a&state=b'))).status).toBe(400)
  })

  test('with a hint that is none, or longer than a cookie, is refused, and never answered without it', async () => {
    const hinted = (hint: string) => post('/auth', new URLSearchParams({ ...request, id_token_hint: hint }))
    expect((await hinted('no token; path=/')).status).toBe(400)
    expect((await hinted('x'.repeat(3950))).status).toBe(413)
    const response = await hinted('a.b.c')
    expect(response.headers.get('location')).not.toContain('a.b.c')
    expect(response.headers.getSetCookie()[0]).toMatch(
      /^menshen_hint_[\w-]{8}=a\.b\.c; path=\/; expires=[^;]+; samesite=lax; httponly$/,
    )
  })

  test('another method is told which are known', async () => {
    const response = await fetch(`${world.issuer}/auth`, { method: 'DELETE' })
    expect(response.status).toBe(405)
  })
})
