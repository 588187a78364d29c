import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteJWKSet, decodeJwt, type JWTPayload, jwtVerify } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { deliverLogouts } from '../../src/oidc/endings/logout-notices.ts'
import { formToken, signedIn } from '../support/account.ts'
import { runCommand } from '../support/cli.ts'
import { redirectUri } from '../support/clients.ts'
import { exchange, loginBySms, startLogin, token } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { patienceMs } from '../support/patience.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

/** A client's server: what it was sent, and what it answers. */
interface Receiver {
  readonly url: string
  readonly tokens: string[]
  /** Statuses of the next answers; 200 when there is none left. */
  answers: number[]
  close(): Promise<void>
}

async function openReceiver(): Promise<Receiver> {
  const tokens: string[] = []
  const receiver: Receiver = {
    url: '',
    tokens,
    answers: [],
    close: () => new Promise((done) => server.close(() => done())),
  }
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    tokens.push(`${new URLSearchParams(body).get('logout_token')}`)
    response.writeHead(receiver.answers.shift() ?? 200, { connection: 'close' }).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return Object.assign(receiver, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/logout` })
}

let world: World
let shop: Receiver
let ledger: Receiver
const common = { first_party: true, token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] }

beforeAll(async () => {
  ;[shop, ledger] = [await openReceiver(), await openReceiver()]
  world = await openWorld({ stores: 'tables', env: { MENSHEN_OUTBOUND__PRIVATE_ADDRESSES: 'true' } })
  const told = (client_id: string, { url }: Receiver) => ({
    ...common,
    client_id,
    backchannel_logout_uri: url,
    backchannel_logout_session_required: true,
  })
  const third = {
    client_id: 'third',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['https://third.example.com/callback'],
    scope: 'openid offline_access',
  }
  await world.register({
    clients: [told('shop', shop), told('ledger', ledger), { ...common, client_id: 'plain' }, third, ...nativeClients],
    resources: [{ resource: 'https://api.example.com', scopes: ['orders:read'] }],
  })
})
beforeEach(async () => {
  // Nothing of the test before is on its way any more.
  await vi.waitFor(async () => expect(await waiting()).toEqual([]), patient)
  for (const receiver of [shop, ledger]) {
    receiver.tokens.length = 0
    receiver.answers = []
  }
})
afterEach(() => resetClock())
afterAll(async () => {
  await world?.close()
  await shop?.close()
  await ledger?.close()
})

const waiting = () => world.database.database.knex('logout_notices')
let phones = 13_400_000_000
const patient = { timeout: patienceMs, interval: 50 }

/** A browser with both apps in one session. */
async function both(): Promise<{
  visitor: Visitor
  phone: string
  shopTokens: Record<string, string>
  ledgerTokens: Record<string, string>
}> {
  phones += 1
  const phone = String(phones)
  const visitor = world.visitor()
  const scope = { scope: 'openid offline_access' }
  const first = await loginBySms(world, visitor, startLogin(world, 'shop', redirectUri, scope), phone)
  const second = await visitor.get(startLogin(world, 'ledger', redirectUri, scope))
  return {
    visitor,
    phone,
    shopTokens: await exchange(world, 'shop', redirectUri, first.location),
    ledgerTokens: await exchange(world, 'ledger', redirectUri, second.location),
  }
}

async function logsOut(visitor: Visitor, clientId: string, everywhere: boolean): Promise<void> {
  const page = await visitor.get(`/session/end?client_id=${clientId}`)
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
  await visitor.post('/session/end/confirm', { xsrf, ...(everywhere ? { logout: 'yes' } : {}) })
}

async function verified(receiver: Receiver, clientId: string, n = 0): Promise<JWTPayload> {
  const keys = createRemoteJWKSet(new URL(`${world.issuer}/jwks`))
  const { payload, protectedHeader } = await jwtVerify(receiver.tokens[n] ?? '', keys, {
    issuer: world.issuer,
    audience: clientId,
    currentDate: new Date(Date.now()),
  })
  expect(protectedHeader.typ).toBe('logout+jwt')
  expect(payload['events']).toEqual({ 'http://schemas.openid.net/event/backchannel-logout': {} })
  expect(payload).not.toHaveProperty('nonce')
  return payload
}

const ways: [string, (signed: Awaited<ReturnType<typeof both>>) => Promise<unknown>][] = [
  ['signing out', ({ visitor }) => logsOut(visitor, 'shop', true)],
  [
    'the list of devices',
    async ({ visitor }) => {
      const form_token = formToken(await visitor.get('/account/devices'))
      await visitor.post('/account/devices', { form_token, choice: 'all' })
    },
  ],
  [
    'the list of devices of another browser',
    async ({ phone }) => {
      const visitor = await signedIn(world, redirectUri, phone)
      const form_token = formToken(await visitor.get('/account/devices'))
      await visitor.post('/account/devices', { form_token, choice: 'others' })
    },
  ],
  ['users revoke', ({ phone }) => runCommand(['users', 'revoke', phone], { env: world.env, cwd: '/' })],
  ['users lock', ({ phone }) => runCommand(['users', 'lock', phone], { env: world.env, cwd: '/' })],
]

test.each(ways)('every client of a session is told when it ends by %s', async (_, end) => {
  const signed = await both()
  await end(signed)
  await vi.waitFor(() => expect([shop.tokens.length, ledger.tokens.length]).toEqual([1, 1]), patient)
  for (const [receiver, clientId, tokens] of [
    [shop, 'shop', signed.shopTokens],
    [ledger, 'ledger', signed.ledgerTokens],
  ] as const) {
    const { sub, sid } = await verified(receiver, clientId)
    expect(sub).toBe(decodeJwt(tokens['id_token'] ?? '').sub)
    expect(sid).toMatch(/^[\w-]{20,}$/)
  }
  await vi.waitFor(async () => expect(await waiting()).toEqual([]), patient)
})

test('a client that fails is tried again, with a token of its own each time, until it takes it', async () => {
  const { visitor } = await both()
  shop.answers = [500, 302]
  await logsOut(visitor, 'shop', true)
  await vi.waitFor(() => expect(shop.tokens).toHaveLength(1), patient)
  await vi.waitFor(() => expect(ledger.tokens).toHaveLength(1), patient)
  await vi.waitFor(async () => expect(await waiting()).toMatchObject([{ client_id: 'shop', attempts: 1 }]), patient)
  walkTo(11_000)
  await vi.waitFor(() => expect(shop.tokens).toHaveLength(2), patient)
  await vi.waitFor(async () => {
    const [{ due_at }] = await waiting()
    expect(due_at.getTime() - Date.now()).toBeGreaterThan(50_000)
    expect(due_at.getTime() - Date.now()).toBeLessThanOrEqual(60_000)
  }, patient)
  walkTo(90_000)
  await vi.waitFor(() => expect(shop.tokens).toHaveLength(3), patient)
  await vi.waitFor(async () => expect(await waiting()).toEqual([]), patient)
  const payloads = [await verified(shop, 'shop', 0), await verified(shop, 'shop', 1), await verified(shop, 'shop', 2)]
  expect(new Set(payloads.map(({ jti }) => jti)).size).toBe(3)
  expect(new Set(payloads.map(({ sid }) => sid)).size).toBe(1)
  expect(ledger.tokens).toHaveLength(1)
})

test('a client that stays away is given up after an hour and more, and that is on record', async () => {
  const { visitor } = await both()
  shop.answers = Array.from({ length: 9 }, () => 503)
  await logsOut(visitor, 'shop', true)
  for (const [n, at] of [0, 11, 80, 700, 4400].entries()) {
    walkTo(at * 1000)
    await vi.waitFor(async () => expect((await waiting())[0]?.attempts ?? 5).toBe(n + 1), patient)
    await vi.waitFor(() => expect(shop.tokens).toHaveLength(n + 1), patient)
  }
  await vi.waitFor(async () => expect(await waiting()).toEqual([]), patient)
  const record = await world.database.database.knex('audit_events').where({ event: 'logout.undelivered' }).first()
  expect(record).toMatchObject({ client_id: 'shop', detail: { attempts: 5 } })
  const counted = await world.app.metrics.registry.metrics()
  expect(counted).toMatch(/menshen_logout_notices_total\{outcome="given_up"\} 1/)
})

test('what one process leaves behind another one sends, once', async () => {
  const { visitor } = await both()
  shop.answers = [500]
  await logsOut(visitor, 'shop', true)
  await vi.waitFor(() => expect(shop.tokens).toHaveLength(1), patient)
  const other = await openWorld({
    stores: 'tables',
    beside: world,
    env: { MENSHEN_OUTBOUND__PRIVATE_ADDRESSES: 'true', MENSHEN_DATA_DIR: world.env['MENSHEN_DATA_DIR'] ?? '' },
  })
  try {
    walkTo(11_000)
    await vi.waitFor(async () => expect(await waiting()).toEqual([]), patient)
    expect(shop.tokens).toHaveLength(2)
    expect(ledger.tokens).toHaveLength(1)
  } finally {
    await other.close()
  }
})

test('of many that look at once one sends each notice', async () => {
  const { shopTokens } = await both()
  const user_id = decodeJwt(shopTokens['id_token'] ?? '').sub
  const at = new Date()
  const notices = Array.from({ length: 30 }, (_, n) => ({
    client_id: 'shop',
    user_id,
    sid: `s${n}`,
    created_at: at,
    due_at: at,
  }))
  await world.database.database.knex('logout_notices').insert(notices)
  const { core, runtime, metrics } = world.app
  const provider = () => runtime.provider()
  const deliveries: Promise<number>[] = []
  await world.database.database.knex.transaction(async (trx) => {
    // Whoever waited for these would find them when they are free, all at the same moment.
    await trx('logout_notices').forUpdate()
    deliveries.push(...Array.from({ length: 8 }, () => deliverLogouts({ ...core, provider, metrics })))
    await Promise.race([Promise.all(deliveries), new Promise((done) => setTimeout(done, 300))])
  })
  await Promise.all(deliveries)
  await vi.waitFor(async () => expect(await waiting()).toEqual([]), patient)
  expect(shop.tokens.map((sent) => decodeJwt(sent)['sid']).toSorted()).toEqual(notices.map(({ sid }) => sid).toSorted())
})

test('whoever signs out of one app leaves the other one, other browsers, native apps and other people’s apps alone', async () => {
  const { visitor, phone, shopTokens, ledgerTokens } = await both()
  const elsewhere = world.visitor()
  const there = await loginBySms(
    world,
    elsewhere,
    startLogin(world, 'shop', redirectUri, { scope: 'openid offline_access' }),
    phone,
  )
  const thereTokens = await exchange(world, 'shop', redirectUri, there.location)
  const consent = await visitor.follow(
    await visitor.get(
      startLogin(world, 'third', 'https://third.example.com/callback', {
        scope: 'openid offline_access',
        prompt: 'consent',
      }),
    ),
  )
  const allowed = await visitor.follow(await visitor.post(consent.url, { choice: 'allow', scope: 'offline_access' }))
  const thirdTokens = await exchange(world, 'third', 'https://third.example.com/callback', allowed.location)
  const app = new NativeApp(world)
  const native = await app.exchange(await nativeSms(world, app, phone))
  const refresh = (client_id: string, tokens: Record<string, string>) =>
    token(world, { grant_type: 'refresh_token', client_id, refresh_token: tokens['refresh_token'] ?? '' })

  await logsOut(visitor, 'shop', false)
  await vi.waitFor(() => expect(shop.tokens).toHaveLength(1), patient)
  expect((await refresh('shop', shopTokens)).body).toMatchObject({ error: 'invalid_grant' })
  const ledgerAfter = await refresh('ledger', ledgerTokens)
  expect(ledgerAfter.status).toBe(200)
  expect((await visitor.get('/account')).status).toBe(200)
  expect(ledger.tokens).toEqual([])

  await logsOut(visitor, 'ledger', true)
  await vi.waitFor(() => expect(ledger.tokens).toHaveLength(1), patient)
  expect((await refresh('ledger', ledgerAfter.body)).body).toMatchObject({ error: 'invalid_grant' })
  expect((await visitor.get('/account')).status).toBe(303)
  expect((await refresh('third', thirdTokens)).status).toBe(200)
  expect((await refresh('shop', thereTokens)).status).toBe(200)
  expect((await elsewhere.get('/account')).status).toBe(200)
  await app.refresh(native)
  expect(shop.tokens).toHaveLength(1)
})
