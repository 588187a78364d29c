import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type StrangerWrite, strangerWrites } from '../../src/http/stranger-writes.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { codeChallenge, startLogin } from '../support/login.ts'
import { agreements, nativeClients } from '../support/native-app.ts'
import { type OwnRedis, ownRedis } from '../support/redis.ts'
import { type Route, routesOf } from '../support/routes.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

/** Something in a store: how much it takes up, keys and indexes included, and for how long. */
interface Stored {
  readonly bytes: number
  readonly seconds: number
}

/** Nothing here is bounded by an hour: the audit has a retention of its own. */
const audit = 'audit_events'
const rows = strangerWrites as Readonly<Record<string, StrangerWrite | 'nothing'>>

describe.each(['redis', 'tables'] as const)('what a stranger leaves behind, short-lived values in %s', (stores) => {
  let world: World
  let routes: Route[]
  let redis: OwnRedis | undefined
  let admin: Redis | undefined

  beforeAll(async () => {
    redis = stores === 'redis' ? await ownRedis() : undefined
    admin = redis && new Redis(redis.url)
    const env = redis ? { REDIS_URL: redis.url } : {}
    const opened = await routesOf(() => openWorld({ stores, env }))
    world = opened.built
    routes = opened.routes.filter(({ path }) => !path.startsWith('/sandbox'))
    await world.register({ clients: [...clients, ...nativeClients], resources })
  })
  afterAll(async () => {
    admin?.disconnect()
    await world.close()
    await redis?.remove()
  })

  /** Everything that is stored, by its place. */
  async function everything(): Promise<Map<string, Stored>> {
    const found = new Map<string, Stored>()
    const { knex } = world.database.database
    const tables: string[] = (await knex('pg_tables').where({ schemaname: 'public' }).pluck('tablename')) as string[]
    for (const table of tables) {
      const life =
        table === 'oidc_records'
          ? 'extract(epoch from expires_at - now())'
          : table === 'ephemeral'
            ? 'expires_at_ms / 1000.0 - extract(epoch from now())'
            : "'infinity'::float8"
      // An entry of each index is about as long as its columns; 24 bytes are the header of a row.
      const { rows: each } = await knex.raw<{ rows: { place: string; bytes: string; seconds: string }[] }>(
        `select md5(t::text) as place, pg_column_size(t.*) + 24 + 2 * coalesce(octet_length(to_jsonb(t) ->> 'key'), 60) as bytes,
           ${life} as seconds, coalesce(to_jsonb(t) ->> 'key', '') as key from ${table} t`,
      )
      for (const row of each as { place: string; bytes: string; seconds: string; key?: string }[]) {
        found.set(`${table} ${row.key || row.place}`, { bytes: Number(row.bytes), seconds: Number(row.seconds) })
      }
    }
    if (!admin) return found
    for (const key of await admin.keys('*')) {
      const [bytes, ms] = await Promise.all([admin.memory('USAGE', key, 'SAMPLES', 0), admin.pttl(key)])
      found.set(`redis ${key}`, { bytes: Number(bytes), seconds: ms < 0 ? Number.POSITIVE_INFINITY : ms / 1000 })
    }
    return found
  }

  /**
   * What work has added, without the counters of limits and of money, which are for a network or for all, and without
   * the signs of life of the server.
   */
  async function left(work: () => Promise<unknown>): Promise<Map<string, Stored>> {
    const before = await everything()
    await work()
    const after = await everything()
    const added = [...after].filter(([place, { bytes }]) => {
      const counted = /limit:|abuse:|audited:|readiness |^servers |^money_spent |ping$/.test(place)
      return !counted && bytes > (before.get(place)?.bytes ?? 0)
    })
    return new Map(added)
  }
  const total = (stored: Map<string, Stored>) =>
    [...stored].reduce((sum, [place, { bytes }]) => sum + (place.startsWith(audit) ? 0 : bytes), 0)

  const random = (length: number) => randomBytes(length).toString('base64url').slice(0, length)
  /** All that a client may send, none of it short. */
  const request = (clientId: string) => ({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: clientId === 'ios' ? 'com.example.shop:/callback' : redirectUri,
    scope: 'openid',
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
    nonce: random(200),
    login_hint: random(100),
    ui_locales: 'zh-CN',
  })
  async function proof(path: string): Promise<Record<string, string>> {
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    const dpop = await new SignJWT({ htm: 'POST', htu: `${world.issuer}${path}`, jti: random(200) })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(publicKey) })
      .setIssuedAt()
      .sign(privateKey)
    return { dpop }
  }
  const xsrfOf = (page: Answer) => /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''

  /** How far somebody without a login gets: as far as what goes before each route leads. */
  async function drive({ method, path, name }: Route, visitor: Visitor): Promise<Answer | undefined> {
    const filled = path.replace(/:\w+/g, 'nothing')
    const begin = () =>
      visitor.get(startLogin(world, 'plain', redirectUri, { ...request('plain'), state: random(2048) }))
    switch (`${method} ${name}`) {
      case 'GET authorization':
        return begin()
      case 'GET resume':
      case 'GET interaction':
      case 'GET interaction_callback':
        return visitor.follow(await begin())
      case 'POST interaction_submit': {
        const { url } = await visitor.follow(await begin())
        await visitor.post(url, { method: 'password', identifier: random(200), password: 'x', agreement: 'on' })
        return visitor.post(url, { method: 'sms', phone: '13800138000', agreement: 'on' })
      }
      case 'POST pushed_authorization_request':
        return visitor.post(filled, { ...request('plain'), state: random(2000) }, await proof(filled))
      case 'POST device_authorization':
        return visitor.post(filled, { ...request('tv'), scope: 'openid' }, { 'user-agent': random(9000) })
      case 'POST code_verification': {
        const xsrf = xsrfOf(await visitor.get(filled))
        return visitor.post(filled, { xsrf, user_code: 'BBBB-BBBB' })
      }
      case 'GET end_session':
        return visitor.get(
          `${filled}?client_id=web&post_logout_redirect_uri=https://app.example.com/&state=${random(2048)}`,
        )
      case 'POST end_session_confirm':
        return visitor.post(filled, { xsrf: 'x', logout: 'yes' })
      case 'POST token': {
        const polled = await visitor.post('/device/auth', { client_id: 'tv', scope: 'openid' })
        const { device_code } = JSON.parse(polled.text) as { device_code: string }
        const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
        return visitor.post(filled, { client_id: 'tv', grant_type, device_code }, await proof(filled))
      }
      case 'POST authorization_challenge': {
        const sms = { method: 'sms', phone: '13800138001', agreements, device_name: random(300) }
        const { redirect_uri: _, ...params } = request('ios')
        return visitor.post(
          filled,
          { ...params, claims: `{"id_token":{"${random(1500)}":null}}`, ...sms },
          await proof(filled),
        )
      }
      default: {
        const form = { ...request('plain'), token: random(300), grant_type: 'refresh_token', refresh_token: random(43) }
        const headers = { 'user-agent': random(4000), authorization: `Bearer ${random(43)}`, ...(await proof(filled)) }
        return method === 'GET'
          ? visitor.get(`${filled}?state=${random(2000)}&code=${random(500)}&handle=${random(24)}`, headers)
          : visitor.post(filled, { ...form, form_token: 'x', state: random(2000), code: random(500) }, headers)
      }
    }
  }

  test('every route is in the table, and no row is about a route that is not there', () => {
    const names = new Set(routes.map(({ name }) => name))
    expect([...names].filter((name) => !(name in rows)).sort()).toEqual([])
    expect(
      Object.keys(rows)
        .filter((name) => !names.has(name))
        .sort(),
    ).toEqual([])
  })

  test('no route leaves more, or for longer, than its row says', async () => {
    const wrong: string[] = []
    for (const route of routes) {
      if (!['GET', 'POST'].includes(route.method)) continue
      const row = rows[route.name]
      // With a cookie of a session that is over, as a browser has it that came back.
      const visitor = world.visitor()
      const stored = await left(() => drive(route, visitor))
      const needed = row !== 'nothing' && typeof row?.limit === 'object' ? rows[row.limit.within] : undefined
      const before = needed === undefined || needed === 'nothing' ? 0 : needed.bytes
      const bytes = row === undefined || row === 'nothing' ? 0 : row.bytes + (route.name === 'token' ? before : 0)
      const seconds =
        row === undefined || row === 'nothing'
          ? 0
          : Math.max(row.seconds, needed && needed !== 'nothing' ? needed.seconds : 0)
      for (const [place, each] of stored) {
        const isAudit = place.startsWith(audit)
        if (isAudit ? row === 'nothing' || !row?.audited : each.seconds > seconds + 5)
          wrong.push(`${route.method} ${route.path}: ${place} stays ${each.seconds} s`)
      }
      if (total(stored) > bytes) {
        const parts = [...stored].map(([place, each]) => `${place} ${each.bytes}`)
        wrong.push(`${route.method} ${route.path} leaves ${total(stored)} bytes, not ${bytes}: ${parts.join(', ')}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('rows that say that something is written are about routes that write', async () => {
    for (const name of ['authorization', 'pushed_authorization_request', 'device_authorization', 'end_session']) {
      const route = routes.find((each) => each.name === name && each.method !== 'OPTIONS') as Route
      const stored = await left(() => drive(route, world.visitor()))
      expect({ name, writes: stored.size > 0 }).toEqual({ name, writes: true })
    }
  })

  test('a login that is given up takes up no more than 4 KB, with the longest state and a code that was sent', async () => {
    const state = Array.from(randomBytes(2048), (byte) => String.fromCharCode(33 + (byte % 94))).join('')
    for (const more of [{ state }, { state: random(2048), nonce: random(300), login_hint: random(200) }]) {
      const visitor = world.visitor()
      const stored = await left(async () => {
        const page = await visitor.follow(await visitor.get(startLogin(world, 'web', redirectUri, more)))
        expect(page.status).toBe(200)
        const sent = await visitor.post(page.url, { method: 'sms', phone: '13800138002', agreement: 'on' })
        expect(sent.status).toBe(303)
      })
      expect(total(stored)).toBeLessThanOrEqual(4096)
      for (const [place, { seconds }] of stored)
        expect({ place, isOver: seconds <= 3601 }).toEqual({ place, isOver: true })
    }
    const plain = await left(() => world.visitor().get(startLogin(world, 'web', redirectUri, { state: random(40) })))
    expect(total(plain)).toBeLessThan(2300)
  })

  test('a login that is given up takes up no more than 4 KB, whatever was tried one after the other', async () => {
    let phones = 13_800_139_000
    const code = () => ({ phone: String(++phones) })
    const ways = {
      sms: code,
      reset: () => ({ identifier: String(++phones) }),
      register: code,
      github: () => ({}),
      wechat: () => ({}),
      apple: () => ({}),
    } as const
    const names = Object.keys(ways) as (keyof typeof ways)[]
    for (const order of [
      names,
      names.toReversed(),
      ['sms', 'github'],
      ['github', 'sms'],
      ['apple', 'reset'],
    ] as const) {
      for (const state of [random(40), random(600), random(2048)]) {
        const visitor = world.visitor()
        const stored = await left(async () => {
          const page = await visitor.follow(await visitor.get(startLogin(world, 'web', redirectUri, { state })))
          for (const method of order) {
            const answer = await visitor.post(page.url, { method, agreement: 'on', ...ways[method]() })
            expect({ method, status: answer.status }).toEqual({ method, status: 303 })
          }
        })
        const parts = [...stored].map(([place, { bytes }]) => `${place} ${bytes}`)
        expect({ order, parts, fits: total(stored) <= 4096 }).toEqual({ order, parts, fits: true })
      }
    }
  })

  test('buttons of vendors that are pressed and answered again and again leave no more than the last of them', async () => {
    const visitor = world.visitor()
    const connections = ['github', 'wechat', 'qq', 'weibo', 'apple']
    let page: Answer | undefined
    const press = async (connection: string) => {
      const { location } = await visitor.post(page?.url ?? '', { method: connection, agreement: 'on' })
      return new URL(location ?? 'x:').searchParams.get('state') ?? ''
    }
    const pressed = await left(async () => {
      page = await visitor.follow(await visitor.get(startLogin(world, 'web', redirectUri, { state: random(2048) })))
      for (const connection of [...connections, ...connections]) expect(await press(connection)).not.toBe('')
      for (const _ of connections) await press('github')
    })
    expect([...pressed]).toHaveLength(3)
    expect(total(pressed)).toBeLessThanOrEqual(4096)
    const answered = await left(async () => {
      for (const connection of [...connections, ...connections]) {
        const query = new URLSearchParams({ state: await press(connection), code: random(3900) })
        const { location } = await visitor.get(`/callback/${connection}?${query}`)
        expect(location).toContain('/callback?handle=')
      }
    })
    expect(total(answered)).toBeLessThanOrEqual(8192)
  })

  test('an auth_session without its key, or with other parameters, leaves no mark however often it is sent', async () => {
    const path = '/authorize-challenge'
    const { redirect_uri: _, ...params } = request('ios')
    const begun = await world.visitor().post(path, { ...params, agreements }, await proof(path))
    const { auth_session } = JSON.parse(begun.text) as { auth_session: string }
    const stored = await left(async () => {
      for (let times = 0; times < 5; times++) {
        const other = await world.visitor().post(path, { auth_session, method: 'sms' }, await proof(path))
        expect(JSON.parse(other.text)).toMatchObject({ error: 'invalid_session' })
        await world.visitor().post(path, { auth_session, nonce: 'another' }, await proof(path))
      }
    })
    expect([...stored.keys()]).toEqual([])
  })

  test('sessions and device codes of nobody are gone a minute after they have ended', async () => {
    const { knex } = world.database.database
    await world.visitor().get('/device')
    await world.visitor().get('/session/end')
    await world.visitor().post('/device/auth', { client_id: 'tv', scope: 'openid' })
    expect(await knex('oidc_records').whereNull('user_id')).not.toEqual([])
    await knex('oidc_records').update({ expires_at: knex.raw("now() - interval '61 seconds'") })
    await world.app.core.sweep()
    expect(await knex('oidc_records').whereNull('user_id')).toEqual([])
  })
})
