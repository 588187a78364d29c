import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bumpCatalogVersion } from '../../src/oidc/clients/catalog.ts'
import { backendAuth, backendSecret, clients, redirectUri } from '../support/clients.ts'
import { exchange, introspect as introspectAs, loginBySms, startLogin, token } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const minute = 60
const hour = 3600
const day = 24 * hour
const legacy = 'https://legacy.example.com'
const sliding = { idle: '30m', max: '12h' }
const ours = { first_party: true, token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] }

describe.each(['redis', 'tables'] as const)('what slides with use, short-lived values in %s', (stores) => {
  let world: World
  let visitor: Visitor

  beforeAll(async () => {
    world = await openWorld({ stores })
    await world.register({
      resources: [
        {
          resource: legacy,
          scopes: ['orders:read'],
          access_token: { format: 'opaque', sliding, introspected_by: ['backend'] },
        },
        {
          resource: 'https://gone.example.com',
          scopes: ['gone'],
          access_token: { format: 'opaque', ttl: '30m', introspected_by: ['backend'] },
        },
        {
          resource: 'https://fixed.example.com',
          scopes: ['fixed'],
          access_token: { format: 'opaque', ttl: '30m', introspected_by: ['backend'] },
        },
      ],
      clients: [
        ...clients.filter(({ client_id }) => client_id === 'backend'),
        {
          client_id: 'other-api',
          secret: backendSecret,
          token_endpoint_auth_method: 'client_secret_post',
          grant_types: ['client_credentials'],
        },
        {
          ...ours,
          client_id: 'sliding',
          lifetimes: { access: { idle: '30m', max: '10h' }, session: { idle: '2h', max: '10h' } },
        },
        {
          ...ours,
          client_id: 'shorter',
          scope: 'openid offline_access',
          lifetimes: {
            access: { idle: '12h', max: '2d' },
            refresh: { idle: '1d', max: '2d' },
            session: { idle: '7d', max: '30d' },
          },
        },
        {
          ...ours,
          client_id: 'brief',
          scope: 'openid offline_access',
          lifetimes: {
            access: { idle: '12h', max: '2d' },
            refresh: { idle: '1d', max: '2d' },
            session: { idle: '1d', max: '2d' },
          },
        },
        { ...ours, client_id: 'foreign', first_party: false },
        {
          ...ours,
          client_id: 'cut',
          scope: 'openid offline_access',
          lifetimes: { refresh: { idle: '30d', max: '180d' } },
        },
        { ...ours, client_id: 'fixed', lifetimes: { session: { idle: '2h', max: '10h' } } },
        { ...ours, client_id: 'days', lifetimes: { session: { idle: '14d', max: '30d' } } },
        { ...ours, client_id: 'endless', lifetimes: { session: { idle: '14d', max: 'none' } } },
      ],
    })
  })
  beforeEach(() => {
    visitor = world.visitor()
  })
  afterEach(() => resetClock())
  afterAll(() => world.close())

  let phones = 13_700_000_000
  async function loggedIn(clientId: string, more: Record<string, string> = {}) {
    phones += 1
    const answer = await loginBySms(world, visitor, startLogin(world, clientId, redirectUri, more), String(phones))
    return { answer, tokens: await exchange(world, clientId, redirectUri, answer.location) }
  }
  const forLegacy = { scope: 'openid offline_access orders:read', resource: legacy }
  const introspect = (value: string | undefined, asker: Parameters<typeof introspectAs>[2] = backendAuth) =>
    introspectAs(world, value, asker)
  const userinfo = async (value: string | undefined) =>
    (await fetch(`${world.issuer}/me`, { headers: { authorization: `Bearer ${value}` } })).status
  const signedOn = async (clientId: string) => {
    const answer = await visitor.get(startLogin(world, clientId, redirectUri, { prompt: 'none' }))
    return new URL(answer.location ?? '').searchParams.has('code')
  }
  const now = () => Math.floor(Date.now() / 1000)
  /** When the session cookie of an answer ends, in seconds since the epoch. */
  const cookieEnd = ({ headers }: Answer) => {
    const lines = [headers['set-cookie'] ?? []].flat()
    const line = lines.find((each) => each.startsWith('menshen_session='))
    const expires = /expires=([^;]+)/.exec(line ?? '')?.[1]
    return expires === undefined ? undefined : Math.floor(Date.parse(expires) / 1000)
  }

  describe('an opaque access token', () => {
    test('lives from one introspection to the next up to its absolute limit, and tells each time until when', async () => {
      const { tokens } = await loggedIn('days', forLegacy)
      expect(Number(tokens['expires_in'])).toBe(30 * minute)
      const issued = now()
      const lives: number[] = []
      for (let at = 25; at <= 13 * 60; at += 25) {
        walkTo(at * minute * 1000)
        const answer = await introspect(tokens['access_token'])
        if (answer['active'] !== true) break
        lives.push(at)
        const expected = Math.min(now() + 30 * minute, issued + 12 * hour)
        expect(Math.abs(Number(answer['exp']) - expected)).toBeLessThanOrEqual(30)
      }
      expect(lives.at(-1)).toBe(700)
    })

    test('for userinfo slides by the policy of its client, whichever asks about it', async () => {
      const { tokens } = await loggedIn('sliding')
      for (const [n, at] of [20, 40, 60, 80, 100].entries()) {
        walkTo(at * minute * 1000)
        if (n % 2 === 0) expect(await userinfo(tokens['access_token'])).toBe(200)
        else expect(await introspect(tokens['access_token'], 'sliding')).toMatchObject({ active: true })
      }
      walkTo(131 * minute * 1000)
      expect(await userinfo(tokens['access_token'])).toBe(401)
      expect(await introspect(tokens['access_token'], 'sliding')).toEqual({ active: false })
    })

    test('has ended in the second that it said, although the clocks of clients may be off by more', async () => {
      const { tokens } = await loggedIn('sliding')
      const lifeMs = Number(tokens['expires_in']) * 1000
      walkTo(lifeMs + 2000)
      expect(await userinfo(tokens['access_token'])).toBe(401)
      expect(await introspect(tokens['access_token'], 'sliding')).toEqual({ active: false })
    })

    test('of a late refresh promises nothing past the end of its family', async () => {
      const { tokens } = await loggedIn('brief', { scope: 'openid offline_access' })
      const login = now()
      let current = tokens
      for (const at of [22, 44]) {
        walkTo(at * hour * 1000)
        const form = { grant_type: 'refresh_token', client_id: 'brief', refresh_token: current['refresh_token'] ?? '' }
        current = (await token(world, form)).body as typeof tokens
      }
      expect(Number(current['expires_in']) / hour).toBeCloseTo(4, 1)
      for (const at of [46, 47.9]) {
        walkTo(at * hour * 1000)
        const { exp } = await introspect(current['access_token'], 'brief')
        expect((Number(exp) - login) / hour).toBeCloseTo(48, 1)
      }
      walkTo(48.1 * hour * 1000)
      expect(await introspect(current['access_token'], 'brief')).toEqual({ active: false })
    })

    test('of a refresh slides up to the end of its family, though its grant and its session live on', async () => {
      const { tokens } = await loggedIn('shorter', { scope: 'openid offline_access' })
      const login = now()
      walkTo(20 * hour * 1000)
      const form = { grant_type: 'refresh_token', client_id: 'shorter', refresh_token: tokens['refresh_token'] ?? '' }
      const { access_token = '' } = (await token(world, form)).body as typeof tokens
      const promised: number[] = []
      for (const at of [25, 35, 45, 47]) {
        walkTo(at * hour * 1000)
        promised.push(Math.round((Number((await introspect(access_token, 'shorter'))['exp']) - login) / hour))
      }
      expect(promised).toEqual([37, 47, 48, 48])
    })

    test('of a machine slides too', async () => {
      const { body } = await token(world, { grant_type: 'client_credentials', resource: legacy }, backendAuth)
      for (const at of [25, 50]) {
        walkTo(at * minute * 1000)
        expect(await introspect(body['access_token'])).toMatchObject({ active: true })
      }
    })

    test('that was given a time of its own keeps it', async () => {
      const { tokens } = await loggedIn('days', { scope: 'openid fixed', resource: 'https://fixed.example.com' })
      walkTo(29 * minute * 1000)
      expect(await introspect(tokens['access_token'])).toMatchObject({ active: true })
      walkTo(31 * minute * 1000)
      expect(await introspect(tokens['access_token'])).toEqual({ active: false })
    })

    test('slides for nobody who may not look at it', async () => {
      const { tokens } = await loggedIn('sliding')
      visitor = world.visitor()
      const { tokens: forOne } = await loggedIn('days', forLegacy)
      const rows = () => world.database.database.knex('oidc_records').max('expires_at').where({ model: 5 }).first()
      walkTo(20 * minute * 1000)
      const before = await rows()
      const ask = async (token = '', more: Record<string, string>) => {
        const body = new URLSearchParams({ token, ...more })
        return (await fetch(`${world.issuer}/token/introspection`, { method: 'POST', body })).json()
      }
      const otherApi = { client_id: 'other-api', client_secret: backendSecret }
      expect(await ask(tokens['access_token'], { client_id: 'days' })).toEqual({ active: false })
      expect(await ask(forOne['access_token'], { client_id: 'sliding' })).toEqual({ active: false })
      expect(await ask(forOne['access_token'], otherApi)).toEqual({ active: false })
      expect(await rows()).toEqual(before)
      expect(await ask(forOne['access_token'], { client_id: 'days' })).toMatchObject({ active: true })
      expect(await introspect(forOne['access_token'])).toMatchObject({ active: true })
    })

    test('is nobody’s business once its resource is gone, and a refresh token never is', async () => {
      const { tokens } = await loggedIn('days', {
        scope: 'openid offline_access gone',
        resource: 'https://gone.example.com',
      })
      expect(await introspect(tokens['access_token'])).toMatchObject({ active: true })
      expect(await introspect(tokens['refresh_token'])).toEqual({ active: false })
      await world.database.database.knex.transaction(async (trx) => {
        await trx('resources').where({ resource: 'https://gone.example.com' }).delete()
        await bumpCatalogVersion(trx)
      })
      await world.app.runtime.refresh()
      expect(await introspect(tokens['access_token'])).toEqual({ active: false })
    })

    test('is still one after 20 introspections at once, and revoked it stays', async () => {
      const { tokens } = await loggedIn('sliding')
      walkTo(20 * minute * 1000)
      const answers = await Promise.all(Array.from({ length: 20 }, () => introspect(tokens['access_token'], 'sliding')))
      for (const { active, exp } of answers) {
        expect(active).toBe(true)
        expect(Math.abs(Number(exp) - now() - 30 * minute)).toBeLessThanOrEqual(30)
      }
      const revoke = fetch(`${world.issuer}/token/revocation`, {
        method: 'POST',
        body: new URLSearchParams({ client_id: 'sliding', token: tokens['access_token'] ?? '' }),
      })
      walkTo(40 * minute * 1000)
      await Promise.all([revoke, ...Array.from({ length: 10 }, () => introspect(tokens['access_token'], 'sliding'))])
      expect(await introspect(tokens['access_token'], 'sliding')).toEqual({ active: false })
    })
  })

  test('a limit that became shorter ends no family at once, which rotates and notices reuse all the same', async () => {
    let { tokens } = await loggedIn('cut', { scope: 'openid offline_access' })
    const refresh = (from: typeof tokens) =>
      token(world, { grant_type: 'refresh_token', client_id: 'cut', refresh_token: from['refresh_token'] ?? '' })
    for (const at of [20, 40, 60]) {
      walkTo(at * day * 1000)
      tokens = (await refresh(tokens)).body as typeof tokens
    }
    const { knex } = world.database.database
    await knex.transaction(async (trx) => {
      const { metadata } = await trx('clients').where({ client_id: 'cut' }).first()
      const shorter = { ...metadata, lifetimes: { refresh: { idle: '7d', max: '30d' } } }
      await trx('clients')
        .where({ client_id: 'cut' })
        .update({ metadata: JSON.stringify(shorter) })
      await bumpCatalogVersion(trx)
    })
    await world.app.runtime.refresh()
    walkTo(70 * day * 1000)
    const first = await refresh(tokens)
    expect(first.status).toBe(200)
    expect(Number(first.body['expires_in'])).toBeGreaterThan(60)
    expect(first.body['refresh_token']).not.toBe(tokens['refresh_token'])
    walkTo(80 * day * 1000)
    const second = await refresh(first.body as typeof tokens)
    expect(second.status).toBe(200)
    walkTo(81 * day * 1000 + 60_000)
    expect((await refresh(first.body as typeof tokens)).body['error']).toBe('invalid_grant')
    expect((await refresh(second.body as typeof tokens)).body['error']).toBe('invalid_grant')
  })

  describe('a browser session', () => {
    test('lives by the tokens that are bound to it', async () => {
      const { tokens } = await loggedIn('sliding')
      for (let at = 25; at <= 300; at += 25) {
        walkTo(at * minute * 1000)
        expect(await userinfo(tokens['access_token'])).toBe(200)
      }
      expect(await signedOn('sliding')).toBe(true)
      walkTo(9.9 * hour * 1000)
      expect(await signedOn('sliding')).toBe(false)
    })

    test('ends at its absolute limit, and the tokens bound to it with it', async () => {
      const { tokens } = await loggedIn('sliding')
      let last = 0
      for (let at = 25; at <= 660; at += 25) {
        walkTo(at * minute * 1000)
        if ((await userinfo(tokens['access_token'])) !== 200) break
        last = at
      }
      // At 600 minutes it is over.
      expect(last).toBe(575)
    })

    test('has ended in the second in which it does', async () => {
      await loggedIn('fixed')
      walkTo(2 * hour * 1000 + 2000)
      expect(await signedOn('fixed')).toBe(false)
    })

    test('lives by visits of the account pages, two at once too', async () => {
      await loggedIn('fixed')
      for (let at = 100; at <= 500; at += 100) {
        walkTo(at * minute * 1000)
        const pages = await Promise.all([visitor.get('/account'), visitor.get('/account/identities')])
        expect(pages.map(({ status }) => status)).toEqual([200, 200])
      }
      expect(await signedOn('fixed')).toBe(true)
      walkTo(10.1 * hour * 1000)
      expect((await visitor.get('/account')).status).toBe(303)
    })

    test('has a cookie that ends with its absolute limit and never before it does', async () => {
      const { answer } = await loggedIn('days')
      const login = now()
      expect(Math.abs(Number(cookieEnd(answer)) - login - 30 * day)).toBeLessThanOrEqual(30)
      walkTo(10 * day * 1000)
      const slid = cookieEnd(await visitor.get(startLogin(world, 'days', redirectUri)))
      expect(Math.abs(Number(slid) - login - 30 * day)).toBeLessThanOrEqual(30)
      walkTo(20 * day * 1000)
      const visited = cookieEnd(await visitor.get('/account'))
      expect(Math.abs(Number(visited) - login - 30 * day)).toBeLessThanOrEqual(30)
    })

    test('lives by the defaults when the only app was refused', async () => {
      const consent = await loginBySms(world, visitor, startLogin(world, 'foreign', redirectUri), '13700137777')
      const refused = await visitor.follow(await visitor.post(consent.url, { choice: 'deny' }))
      expect(refused.location).toContain('error=access_denied')
      for (const at of [10, 20, 29]) {
        walkTo(at * day * 1000)
        expect((await visitor.get('/account')).status).toBe(200)
      }
      const leaving = await visitor.get('/session/end')
      const [, xsrf = ''] = /name="xsrf" value="([^"]+)"/.exec(leaving.text) ?? []
      const left = await visitor.follow(await visitor.post('/session/end/confirm', { xsrf, logout: 'yes' }))
      expect(left.status).toBe(200)
      expect((await visitor.get('/account')).status).toBe(303)
    })

    test('that another app keeps longer does not carry a token past the limit of its own', async () => {
      await loggedIn('sliding')
      expect(await signedOn('endless')).toBe(true)
      walkTo(9 * hour * 1000)
      const { location } = await visitor.get(startLogin(world, 'sliding', redirectUri))
      const { access_token } = await exchange(world, 'sliding', redirectUri, location)
      let last = 0
      for (let at = 9 * 60 + 5; at < 12 * 60; at += 5) {
        walkTo(at * minute * 1000)
        if ((await userinfo(access_token)) !== 200) break
        last = at
      }
      // At ten hours it is over.
      expect(last).toBe(10 * 60 - 5)
      expect(await signedOn('endless')).toBe(true)
    })

    test('is kept as long as the app that keeps it longest says, and each app has its own limit', async () => {
      await loggedIn('fixed')
      expect(await signedOn('endless')).toBe(true)
      walkTo(9 * hour * 1000)
      expect(await signedOn('fixed')).toBe(true)
      walkTo(11 * hour * 1000)
      expect(await signedOn('fixed')).toBe(false)
      for (let at = 13; at < 400; at += 13) {
        walkTo(at * day * 1000)
        expect(await signedOn('endless')).toBe(true)
      }
      walkTo(420 * day * 1000)
      expect(await signedOn('endless')).toBe(false)
    })
  })

  test('no server starts with defaults under which something registered would end first', async () => {
    const starting = openWorld({ stores, beside: world, env: { MENSHEN_LIFETIMES__ACCESS: '3h' } })
    await expect(starting).rejects.toThrow(
      'client fixed: lifetimes.access: access (3h) must be shorter than session.idle (2h), which would end first',
    )
  })

  test('a running server says what does not fit and goes on', async () => {
    const lifetimes = { session: { idle: '5m', max: '1h' } }
    await world.register({ clients: [{ ...ours, client_id: 'misfit', lifetimes }] })
    expect(world.log.join('')).toContain(
      'client misfit: lifetimes.access: access (10m) must be shorter than session.idle',
    )
    expect(world.app.runtime.policies().lifetimes({ clientId: 'misfit' }).session.idle).toBe(5 * minute)
    await world.database.database.knex('clients').where({ client_id: 'misfit' }).delete()
  })

  test('a grant follows a policy that has become longer since', async () => {
    const client = { ...ours, client_id: 'growing', lifetimes: { refresh: { idle: '30d', max: '40d' } } }
    await world.register({ clients: [client] })
    const { tokens } = await loggedIn('growing', { scope: 'openid offline_access' })
    const longer = { ...client, lifetimes: { refresh: { idle: '30d', max: '300d' } } }
    await world.database.database.knex('clients').where({ client_id: 'growing' }).update({ metadata: longer })
    await world.database.database.knex('catalog_versions').increment('version')
    await world.app.runtime.refresh()
    let current = tokens['refresh_token'] ?? ''
    for (let at = 25; at < 300; at += 25) {
      walkTo(at * day * 1000)
      const form = { grant_type: 'refresh_token', client_id: 'growing', refresh_token: current }
      const answer = await token(world, form)
      expect(answer.status).toBe(200)
      current = answer.body['refresh_token'] ?? ''
    }
  })
})
