import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { backendAuth, clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, introspect, loginBySms, startLogin, subjectOf, token } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const watched = 'https://watched.example.com'
const inactive = { active: false }
const offline = { scope: 'openid phone offline_access orders:read' }

describe.each(['redis', 'tables'] as const)(
  'a JWT that is asked about or given back, short-lived values in %s',
  (stores) => {
    let world: World

    beforeAll(async () => {
      world = await openWorld({ stores })
      await world.register({
        clients: [
          ...clients,
          {
            client_id: 'other',
            first_party: true,
            token_endpoint_auth_method: 'none',
            redirect_uris: [redirectUri],
          },
          {
            client_id: 'robot',
            secret: 'robot-secret-of-at-least-32-characters',
            grant_types: ['client_credentials'],
            default_resource: watched,
            scope: 'watch',
          },
        ],
        resources: [
          ...resources,
          { resource: watched, scopes: ['watch'], access_token: { introspected_by: ['backend'] } },
        ],
      })
    })
    afterEach(resetClock)
    afterAll(() => world.close())

    let phones = 13_620_000_000
    async function login(
      more: Record<string, string> = offline,
      clientId = 'web',
    ): Promise<[Record<string, string>, Visitor]> {
      phones += 1
      const visitor = world.visitor()
      const answer = await loginBySms(world, visitor, startLogin(world, clientId, redirectUri, more), String(phones))
      return [await exchange(world, clientId, redirectUri, answer.location), visitor]
    }
    const revoke = (value: string, clientId = 'web') =>
      fetch(`${world.issuer}/token/revocation`, {
        method: 'POST',
        headers: { accept: 'application/json' },
        body: new URLSearchParams({ client_id: clientId, token: value }),
      })
    const refresh = (value: string | undefined) =>
      token(world, { grant_type: 'refresh_token', client_id: 'web', refresh_token: value ?? '' })
    async function expectNothing(response: Response): Promise<void> {
      expect([response.status, await response.text()]).toEqual([200, ''])
      expect(response.headers.get('content-type')).toBeNull()
    }
    const robotAuth = {
      authorization: `Basic ${Buffer.from('robot:robot-secret-of-at-least-32-characters').toString('base64')}`,
    }
    const robotToken = async () =>
      String((await token(world, { grant_type: 'client_credentials' }, robotAuth)).body['access_token'])

    test('a client that gives its JWT back is answered with nothing, and its refresh tokens end', async () => {
      const [{ access_token: jwt = '', refresh_token: family }] = await login()
      expect(await introspect(world, jwt, 'web')).toMatchObject({ active: true })
      await expectNothing(await revoke(jwt))
      expect(await introspect(world, jwt, 'web')).toEqual(inactive)
      expect(await refresh(family)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
      const { rows } = await world.database.database.knex.raw(
        `select user_id, detail from audit_events where event = 'grant.revoked' order by at desc limit 1`,
      )
      expect(rows[0]).toMatchObject({ user_id: decodeJwt(jwt).sub, detail: { reason: 'app' } })
    })

    test('access token first, then refresh token, as stock clients give them back: both answers are empty', async () => {
      const [{ access_token: jwt = '', refresh_token: family = '' }] = await login()
      await expectNothing(await revoke(jwt))
      await expectNothing(await revoke(family))
    })

    test.each([
      ['a word', 'abc'],
      ['three parts that are no JWT', 'a.b.c'],
      ['a JWT without a signature', 'eyJhbGciOiJub25lIn0.e30.'],
      ['something long', 'x'.repeat(3000)],
    ])('%s is given back as if it had been a token, and is not active', async (_, value) => {
      await expectNothing(await revoke(value))
      expect(await introspect(world, value, 'web')).toEqual(inactive)
    })

    test('nobody gives back what another client has, and nobody learns that it is there', async () => {
      const [{ access_token: jwt = '', refresh_token: family = '' }] = await login()
      await expectNothing(await revoke(jwt, 'other'))
      await expectNothing(await revoke(family, 'other'))
      expect(await introspect(world, jwt, 'other')).toEqual(inactive)
      expect(await introspect(world, jwt, 'web')).toMatchObject({ active: true })
      expect((await refresh(family)).status).toBe(200)
    })

    test('an introspection tells what is in the token, and of what kind it is', async () => {
      const [{ access_token: jwt = '' }] = await login()
      const claims = decodeJwt(jwt)
      expect(await introspect(world, jwt, 'web')).toEqual({ active: true, ...claims, token_type: 'Bearer' })
      expect(claims).toMatchObject({ scope: 'orders:read', client_id: 'web', acr: expect.any(String) })
    })

    test('the name of a token is not repeated, and tells neither its grant nor its session', async () => {
      const [first, visitor] = await login({ scope: 'openid orders:read' })
      const answer = await visitor.get(startLogin(world, 'web', redirectUri, { scope: 'openid orders:read' }))
      const second = await exchange(world, 'web', redirectUri, answer.location)
      const names = [first, second].map(({ access_token: jwt = '' }) => String(decodeJwt(jwt).jti))
      expect(names[0]).not.toBe(names[1])
      const rows = await world.database.database.knex('oidc_records').select('id', 'uid', 'grant_id')
      const kept = rows.flatMap(({ id, uid, grant_id }) => [id, uid, grant_id]).filter((each) => each !== null)
      const plain = Buffer.from(names.join('.'), 'base64url').toString('latin1')
      for (const each of kept) expect(names.join(' ') + plain).not.toContain(String(each))
    })

    test('the API that is named looks into its JWTs, and into no other API’s', async () => {
      const own = await robotToken()
      expect(await introspect(world, own, backendAuth)).toMatchObject({
        active: true,
        client_id: 'robot',
        scope: 'watch',
      })
      const [{ access_token: jwt }] = await login()
      expect(await introspect(world, jwt, backendAuth)).toEqual(inactive)
    })

    test('a machine’s JWT that was given back is no longer active', async () => {
      const [given, kept] = [await robotToken(), await robotToken()]
      const response = await fetch(`${world.issuer}/token/revocation`, {
        method: 'POST',
        headers: robotAuth,
        body: new URLSearchParams({ token: given }),
      })
      await expectNothing(response)
      expect(await introspect(world, given, robotAuth)).toEqual(inactive)
      expect(await introspect(world, kept, robotAuth)).toMatchObject({ active: true })
    })

    test('an expired one, an ID token and one with another signature are not active', async () => {
      const [{ access_token: jwt = '', id_token: idToken = '' }] = await login()
      const [header, payload, signature = ''] = jwt.split('.')
      const forged = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
      expect(await introspect(world, idToken, 'web')).toEqual(inactive)
      expect(await introspect(world, forged, 'web')).toEqual(inactive)
      const leftMs = Number(decodeJwt(jwt).exp) * 1000 - Date.now()
      walkTo(leftMs - 20_000)
      expect(await introspect(world, jwt, 'web')).toMatchObject({ active: true })
      walkTo(leftMs + 1000)
      expect(await introspect(world, jwt, 'web')).toEqual(inactive)
    })

    test('nor is one whose session has ended by a logout, at once and for good', async () => {
      const [{ access_token: jwt, id_token: hint = '' }, visitor] = await login({ scope: 'openid orders:read' })
      expect(await introspect(world, jwt, 'web')).toMatchObject({ active: true })
      const page = await visitor.get(`/session/end?${new URLSearchParams({ id_token_hint: hint })}`)
      const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
      await visitor.post('/session/end/confirm', { xsrf, logout: 'yes' })
      expect(await introspect(world, jwt, 'web')).toEqual(inactive)
    })

    test('nor one whose user is locked or has ended everything, and a locked one’s opaque token is not either', async () => {
      const [tokens] = await login()
      const [opaque] = await login({ scope: 'openid' }, 'plain')
      const { directory } = world.app.core
      await directory.setStatus(subjectOf(tokens), 'locked')
      await directory.setStatus(subjectOf(opaque), 'locked')
      expect(await introspect(world, tokens['access_token'], 'web')).toEqual(inactive)
      expect(await introspect(world, opaque['access_token'], 'plain')).toEqual(inactive)
    })

    test('a refresh token that came twice ends its JWTs too', async () => {
      const [first] = await login()
      const { body: second } = await refresh(first['refresh_token'])
      expect((await refresh(second['refresh_token'])).status).toBe(200)
      expect(await introspect(world, second['access_token'], 'web')).toMatchObject({ active: true })
      expect((await refresh(first['refresh_token'])).status).toBe(400)
      expect(await introspect(world, second['access_token'], 'web')).toEqual(inactive)
    })

    test('who gives one back while it is refreshed ends what comes of that as well', async () => {
      const [{ access_token: jwt = '', refresh_token: family }] = await login()
      const [, renewed] = await Promise.all([revoke(jwt), refresh(family)])
      expect(await introspect(world, renewed.body['access_token'] ?? jwt, 'web')).toEqual(inactive)
      if (renewed.status === 200) expect((await refresh(renewed.body['refresh_token'])).status).toBe(400)
    })
  },
)
