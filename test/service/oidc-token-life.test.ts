import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { api, backendAuth, clients, redirectUri, resources } from '../support/clients.ts'
import {
  codeVerifier,
  exchange,
  introspect as introspectAs,
  loginBySms,
  startLogin,
  subjectOf,
  token,
} from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const hour = 3600
const day = 24 * hour

/** Logout tokens a client has received. */
interface BackChannel {
  readonly url: string
  readonly received: string[]
  close(): void
}

async function backChannel(): Promise<BackChannel> {
  const received: string[] = []
  const server: Server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    received.push(new URLSearchParams(body).get('logout_token') ?? '')
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/logout`,
    received,
    close: () => server.close(),
  }
}

describe.each(['redis', 'tables'] as const)('the life of tokens and sessions, short-lived values in %s', (stores) => {
  let world: World
  let visitor: Visitor
  let back: BackChannel

  beforeAll(async () => {
    back = await backChannel()
    world = await openWorld({ stores })
    await world.register({
      resources,
      clients: [
        ...clients,
        {
          client_id: 'short',
          first_party: true,
          token_endpoint_auth_method: 'none',
          redirect_uris: [redirectUri],
          scope: 'openid offline_access',
          lifetimes: { refresh: { idle: '30d', max: '90d' }, session: { idle: '14d', max: '30d' } },
        },
        {
          client_id: 'listening',
          first_party: true,
          token_endpoint_auth_method: 'none',
          redirect_uris: [redirectUri],
          post_logout_redirect_uris: ['https://app.example.com/bye'],
          backchannel_logout_uri: back.url,
          backchannel_logout_session_required: true,
        },
      ],
    })
  })
  beforeEach(() => {
    visitor = world.visitor()
  })
  afterEach(() => resetClock())
  afterAll(async () => {
    await world.close()
    back.close()
  })

  let phones = 13_900_000_000
  async function loggedIn(clientId = 'short', scope = 'openid offline_access'): Promise<Record<string, string>> {
    phones += 1
    const answer = await loginBySms(world, visitor, startLogin(world, clientId, redirectUri, { scope }), String(phones))
    return exchange(world, clientId, redirectUri, answer.location)
  }
  const refresh = (refreshToken: string | undefined, clientId = 'short', more: Record<string, string> = {}) =>
    token(world, { grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshToken ?? '', ...more })
  const userinfo = (accessToken: string | undefined) =>
    fetch(`${world.issuer}/me`, { headers: { authorization: `Bearer ${accessToken}` } })
  const introspect = (value: string | undefined, asker: Parameters<typeof introspectAs>[2] = 'plain') =>
    introspectAs(world, value, asker)

  test('a refresh token that is used every 20 days lives to its absolute limit and no longer', async () => {
    let { refresh_token: current } = await loggedIn()
    const days: number[] = []
    for (let at = 20; at <= 100; at += 20) {
      walkTo(at * day * 1000)
      const answer = await refresh(current)
      if (answer.status !== 200) {
        expect(answer.body['error']).toBe('invalid_grant')
        break
      }
      days.push(at)
      current = answer.body['refresh_token']
    }
    expect(days).toEqual([20, 40, 60, 80])
  })

  test('one that rests longer than its idle limit has ended', async () => {
    const { refresh_token: first } = await loggedIn()
    walkTo(31 * day * 1000)
    expect(await refresh(first)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })

  test('the grant of an old session is prolonged for a family that begins late in its life', async () => {
    await loggedIn()
    walkTo(12 * day * 1000)
    const again = await visitor.get(startLogin(world, 'short', redirectUri, { scope: 'openid offline_access' }))
    let { refresh_token: current } = await exchange(world, 'short', redirectUri, again.location)
    for (const at of [40, 68, 96]) {
      walkTo(at * day * 1000)
      const answer = await refresh(current)
      expect(answer.status).toBe(200)
      current = answer.body['refresh_token'] as string
    }
  })

  test('a rotated token that comes back within a day brings the same successor, so a lost answer costs nobody the login', async () => {
    const { refresh_token: first } = await loggedIn()
    const second = await refresh(first)
    for (const seconds of [0, 31, day - 5]) {
      walkTo(seconds * 1000)
      const again = await refresh(first)
      expect(again.status).toBe(200)
      expect(again.body['refresh_token']).toBe(second.body['refresh_token'])
    }
    expect((await refresh(second.body['refresh_token'])).status).toBe(200)
  })

  test.each([
    ['once its successor was used', async (successor: string | undefined) => void (await refresh(successor))],
    ['after a day', async () => walkTo((day + 1) * 1000)],
  ])('a rotated token that comes back %s ends the whole family', async (_, meanwhile) => {
    const { refresh_token: first } = await loggedIn()
    const second = await refresh(first)
    await meanwhile(second.body['refresh_token'])
    const reused = () => world.database.database.knex('audit_events').where({ event: 'token.reused' })
    const before = await reused()
    expect(await refresh(first)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect(await refresh(second.body['refresh_token'])).toMatchObject({ status: 400 })
    // The record is written beside the answer, not before it.
    await expect.poll(async () => (await reused()).length).toBe(before.length + 1)
  })

  test('20 uses of one refresh token at once get 20 answers and one successor', async () => {
    const first = await loggedIn('plain', 'openid offline_access')
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(first['refresh_token'], 'plain')))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(new Set(answers.map(({ body }) => body['refresh_token'])).size).toBe(1)
    for (const { body } of answers) expect((await userinfo(body['access_token'])).status).toBe(200)
    expect((await refresh(answers[0]?.body['refresh_token'], 'plain')).status).toBe(200)
  })

  test('a token bound to a key is repeated with that key alone, and a thief without it ends nothing', async () => {
    const config = await oidc.discovery(new URL(world.issuer), 'plain', undefined, oidc.None(), {
      execute: [oidc.allowInsecureRequests],
    })
    const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'))
    const another = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'))
    phones += 1
    const request = startLogin(world, 'plain', redirectUri, { scope: 'openid offline_access' })
    const back = await loginBySms(world, visitor, request, String(phones))
    const url = new URL(back.location as string)
    const first = await oidc.authorizationCodeGrant(config, url, { pkceCodeVerifier: codeVerifier }, undefined, {
      DPoP,
    })
    const bound = (value: string | undefined, key = DPoP) =>
      oidc.refreshTokenGrant(config, value as string, undefined, { DPoP: key })
    const second = await bound(first.refresh_token)
    await expect(bound(first.refresh_token, another)).rejects.toMatchObject({ error: 'invalid_grant' })
    expect(await refresh(first.refresh_token, 'plain')).toMatchObject({ status: 400 })
    expect((await bound(first.refresh_token)).refresh_token).toBe(second.refresh_token)
    expect((await bound(second.refresh_token)).refresh_token).toBeTypeOf('string')
  })

  test('the successor cannot be read from the database', async () => {
    const { refresh_token: first } = await loggedIn()
    const second = await refresh(first)
    const dump = JSON.stringify(await world.database.database.knex('oidc_records').select('*'))
    expect(dump).not.toContain(first)
    expect(dump).not.toContain(second.body['refresh_token'])
  })

  test('a refresh may ask for less, not for more', async () => {
    const { refresh_token: first } = await loggedIn()
    expect(await refresh(first, 'short', { scope: 'openid phone' })).toMatchObject({ body: { error: 'invalid_scope' } })
  })

  test('a session slides with use, ends when idle, and ends at its absolute limit', async () => {
    await loggedIn()
    const isSignedOn = async (): Promise<boolean> => {
      const answer = await visitor.get(startLogin(world, 'short', redirectUri, { prompt: 'none' }))
      return new URL(answer.location as string).searchParams.has('code')
    }
    for (const at of [10, 20, 29]) {
      walkTo(at * day * 1000)
      expect(await isSignedOn()).toBe(true)
    }
    walkTo(31 * day * 1000)
    expect(await isSignedOn()).toBe(false)

    visitor = world.visitor()
    resetClock()
    await loggedIn()
    walkTo(15 * day * 1000)
    expect(await isSignedOn()).toBe(false)
  })

  test('an opaque access token can be asked about until it expires or is revoked', async () => {
    const first = await loggedIn('plain')
    expect(await introspect(first['access_token'])).toMatchObject({ active: true, client_id: 'plain' })
    expect((await userinfo(first['access_token'])).status).toBe(200)
    const revoked = await fetch(`${world.issuer}/token/revocation`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'plain', token: first['access_token'] as string }),
    })
    expect(revoked.status).toBe(200)
    expect(await introspect(first['access_token'])).toEqual({ active: false })

    const second = await exchange(
      world,
      'plain',
      redirectUri,
      (await visitor.get(startLogin(world, 'plain', redirectUri))).location,
    )
    walkTo(11 * 60 * 1000)
    expect(await introspect(second['access_token'])).toEqual({ active: false })
    expect((await userinfo(second['access_token'])).status).toBe(401)
    expect(await introspect('made-up')).toEqual({ active: false })
  })

  test('revoking a refresh token ends its family and its opaque access tokens', async () => {
    const tokens = await loggedIn('plain', 'openid offline_access')
    await fetch(`${world.issuer}/token/revocation`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'plain', token: tokens['refresh_token'] as string }),
    })
    expect(await refresh(tokens['refresh_token'], 'plain')).toMatchObject({ status: 400 })
    expect((await userinfo(tokens['access_token'])).status).toBe(401)
  })

  test('a client cannot revoke or refresh what belongs to another', async () => {
    const tokens = await loggedIn('plain', 'openid offline_access')
    await fetch(`${world.issuer}/token/revocation`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'web', token: tokens['refresh_token'] as string }),
    })
    expect(await refresh(tokens['refresh_token'], 'web')).toMatchObject({ status: 400 })
    expect((await refresh(tokens['refresh_token'], 'plain')).status).toBe(200)
  })

  test('a locked user is out everywhere at once, and meets a login page instead of an error', async () => {
    const tokens = await loggedIn('plain', 'openid offline_access')
    const sub = subjectOf(tokens)
    await world.app.core.directory.setStatus(sub, 'locked')
    expect((await userinfo(tokens['access_token'])).status).toBe(401)
    expect(await refresh(tokens['refresh_token'], 'plain')).toMatchObject({ status: 400 })
    const page = await visitor.follow(await visitor.get(startLogin(world, 'plain', redirectUri)))
    expect(page.status).toBe(200)
    expect(page.text).toContain('name="phone"')
  })

  describe('logout', () => {
    const xsrfOf = (page: Answer) => /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''

    test('asks first, then ends the session and tells the client behind the scenes', async () => {
      const tokens = await loggedIn('listening', 'openid')
      const url = new URL('/session/end', world.issuer)
      url.search = new URLSearchParams({
        id_token_hint: tokens['id_token'] as string,
        post_logout_redirect_uri: 'https://app.example.com/bye',
        state: 'bye',
      }).toString()
      const page = await visitor.get(url)
      expect(page.status).toBe(200)
      const before = back.received.length
      const done = await visitor.post('/session/end/confirm', { xsrf: xsrfOf(page), logout: 'yes' })
      expect(done.location).toBe('https://app.example.com/bye?state=bye')
      await expect.poll(() => back.received.length).toBe(before + 1)
      const logoutToken = decodeJwt(back.received.at(-1) as string)
      expect(logoutToken).toMatchObject({ aud: 'listening', sub: subjectOf(tokens) })
      expect(logoutToken['sid']).toBeTypeOf('string')
      expect(logoutToken).not.toHaveProperty('nonce')
      expect((await userinfo(tokens['access_token'])).status).toBe(401)
      const refused = await visitor.get(startLogin(world, 'listening', redirectUri, { prompt: 'none' }))
      expect(refused.location).toContain('login_required')
    })

    test('everywhere ends what our web apps hold for offline use, and leaves native apps alone', async () => {
      const web = await loggedIn('plain', 'openid offline_access')
      const nativeUri = 'com.example.app:/callback'
      const back = await visitor.get(startLogin(world, 'native', nativeUri, { scope: 'openid offline_access' }))
      const native = await exchange(world, 'native', nativeUri, back.location)
      const page = await visitor.get('/session/end')
      await visitor.post('/session/end/confirm', { xsrf: xsrfOf(page), logout: 'yes' })
      expect((await refresh(web['refresh_token'], 'plain')).status).toBe(400)
      expect((await refresh(native['refresh_token'], 'native')).status).toBe(200)
    })

    test('of one app leaves the others signed in', async () => {
      const tokens = await loggedIn('listening', 'openid')
      await visitor.get(startLogin(world, 'plain', redirectUri))
      const url = `/session/end?id_token_hint=${tokens['id_token']}`
      const page = await visitor.get(url)
      await visitor.post('/session/end/confirm', { xsrf: xsrfOf(page) })
      expect((await userinfo(tokens['access_token'])).status).toBe(401)
      const other = await visitor.get(startLogin(world, 'plain', redirectUri, { prompt: 'none' }))
      expect(other.location).toContain('code=')
    })

    test('leads only to a registered address, and needs the token of the form', async () => {
      const tokens = await loggedIn('listening', 'openid')
      const wrong = new URL('/session/end', world.issuer)
      wrong.search = new URLSearchParams({
        id_token_hint: tokens['id_token'] as string,
        post_logout_redirect_uri: 'https://evil.example.com/',
      }).toString()
      expect((await visitor.get(wrong)).status).toBe(400)
      await visitor.get('/session/end')
      const forged = await visitor.post('/session/end/confirm', { xsrf: 'forged', logout: 'yes' })
      expect(forged.status).toBe(400)
      expect((await userinfo(tokens['access_token'])).status).toBe(200)
    })

    test('with a client that is away takes no longer than the time we give it', async () => {
      await world.register({
        clients: [
          {
            client_id: `dead-${stores}`,
            first_party: true,
            token_endpoint_auth_method: 'none',
            redirect_uris: [redirectUri],
            backchannel_logout_uri: 'http://127.0.0.1:9/logout',
          },
        ],
      })
      const tokens = await loggedIn(`dead-${stores}`, 'openid')
      const page = await visitor.get(`/session/end?id_token_hint=${tokens['id_token']}`)
      const done = await visitor.post('/session/end/confirm', { xsrf: xsrfOf(page), logout: 'yes' })
      expect(done.status).toBe(303)
    })
  })

  describe('claims about the person in access tokens', () => {
    const asking = `https://asking-${stores}.example.com`
    const opaque = `https://asking-opaque-${stores}.example.com`
    const claims = ['nickname', 'phone_number', 'phone_number_verified', 'identities']
    beforeAll(() =>
      world.register({
        resources: [
          { resource: asking, scopes: ['ask'], access_token: { claims } },
          {
            resource: opaque,
            scopes: ['ask-opaque'],
            access_token: { format: 'opaque', claims, introspected_by: ['backend'] },
          },
        ],
      }),
    )
    const tokensFor = async (
      clientId: string,
      resource: string,
      scope: string,
      uri = redirectUri,
      ticks: string[] = [],
    ) => {
      phones += 1
      const request = startLogin(world, clientId, uri, { scope, resource })
      const back = await loginBySms(world, visitor, request, String(phones))
      if (back.location) return exchange(world, clientId, uri, back.location)
      const agreed = await visitor.follow(await visitor.post(back.url, { choice: 'allow', scope: ticks }))
      return exchange(world, clientId, uri, agreed.location)
    }

    test('are those the resource is registered with, in a JWT, at introspection, and after a refresh', async () => {
      const first = await tokensFor('plain', asking, 'openid offline_access ask')
      const known = { phone_number: `+86${phones}`, phone_number_verified: true }
      expect(decodeJwt(first['access_token'] as string)).toMatchObject({
        ...known,
        identities: [{ provider: 'phone', subjects: [known.phone_number] }],
        amr: ['sms', 'otp'],
      })
      const later = await refresh(first['refresh_token'], 'plain')
      expect(decodeJwt(later.body['access_token'] as string)).toMatchObject(known)
      expect(decodeJwt(later.body['access_token'] as string)).not.toHaveProperty('picture')
      visitor = world.visitor()
      const second = await tokensFor('plain', opaque, 'openid ask-opaque')
      expect(await introspect(second['access_token'], backendAuth)).toMatchObject({
        active: true,
        phone_number: `+86${phones}`,
      })
    })

    test('for an app that is not ours are only what the person agreed to, and no identities', async () => {
      const uri = 'https://third-asking.example.com/callback'
      const third = { client_id: `third-${stores}`, token_endpoint_auth_method: 'none', redirect_uris: [uri] }
      await world.register({ clients: [third] })
      const told = async (...ticks: string[]) => {
        visitor = world.visitor()
        const tokens = await tokensFor(third.client_id, asking, 'openid phone ask', uri, ticks)
        return decodeJwt(tokens['access_token'] as string)
      }
      const agreed = await told('phone', `${asking} ask`)
      expect(agreed).toMatchObject({ aud: asking, phone_number: `+86${phones}` })
      expect(agreed).not.toHaveProperty('identities')
      expect(await told(`${asking} ask`)).not.toHaveProperty('phone_number')
    })

    test('are not in the token of a machine', async () => {
      const { body } = await token(world, { grant_type: 'client_credentials', resource: asking }, backendAuth)
      expect(decodeJwt(body['access_token'] as string)).not.toHaveProperty('phone_number')
    })
  })

  test('a JWT access token names its audience and how the person logged in', async () => {
    const tokens = await loggedIn('web', 'openid offline_access orders:read')
    const claims = decodeJwt(tokens['access_token'] as string)
    expect(claims).toMatchObject({
      aud: api,
      scope: 'orders:read',
      acr: 'urn:menshen:acr:possession',
      client_id: 'web',
    })
    const later = await refresh(tokens['refresh_token'], 'web')
    expect(decodeJwt(later.body['access_token'] as string)).toMatchObject({
      aud: api,
      auth_time: claims['auth_time'],
      amr: ['sms', 'otp'],
    })
  })
})
