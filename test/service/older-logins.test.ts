import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { hasher } from '../../src/accounts/hashing.ts'
import { recordStore } from '../../src/oidc/records/record-store.ts'
import { noChanges } from '../support/changes.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { untilLocked } from '../support/database.ts'
import { exchange, loginBySms, startLogin, token } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms, type Tokens } from '../support/native-app.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

// Logins of one app on one device take each other's place, and of one client an account has no more than a few.

let world: World
beforeAll(async () => {
  world = await openWorld({ env: { MENSHEN_SESSION__PER_CLIENT: '3' } })
  await world.register({ clients: [...clients, ...nativeClients], resources })
})
afterEach(() => resetClock())
afterAll(() => world.close())

let phones = 13_700_000_000
const newPhone = () => String(++phones)
const knex = () => world.database.database.knex

async function login(app: NativeApp, phone: string): Promise<Tokens> {
  return app.exchange(await nativeSms(world, app.again(), phone))
}

const isAlive = async (app: NativeApp, { refresh_token }: Tokens) =>
  (await app.tryToken({ grant_type: 'refresh_token', refresh_token })).status === 200

async function userOf(phone: string): Promise<string> {
  const row = await knex()('identity_subjects as s')
    .join('identities as i', 'i.id', 's.identity_id')
    .where({ subject: `+86${phone}` })
    .first('user_id')
  return row.user_id
}

const grantsOf = async (phone: string) => knex()('oidc_records').where({ model: 2, user_id: await userOf(phone) })
const endingsOf = async (phone: string) =>
  knex()('audit_events')
    .where({ event: 'grant.revoked', user_id: await userOf(phone) })
    .orderBy('id')

const password = 'grape-ladder-42-river'

async function givePassword(phone: string): Promise<void> {
  const { password: settings } = world.app.core.config
  const own = hasher({ parameters: settings.argon2, workers: 1, maxQueue: 4 })
  const hash = await own.hash(password).finally(() => own.close())
  await knex()('passwords').insert({ user_id: await userOf(phone), hash, updated_at: new Date(0) })
}

/** Logs in many times at the same moment. */
async function atOnce(app: NativeApp, phone: string, times: number): Promise<readonly number[]> {
  const form = { method: 'password', identifier: phone, password }
  const answers = await Promise.all(Array.from({ length: times }, () => app.again().challenge(form)))
  return answers.map(({ status }) => status)
}

const installation = (clientId?: string) => new NativeApp(world, clientId).withKey()

test('a login of an app ends the one it had on the same device, with its tokens, and the audit says why', async () => {
  const phone = newPhone()
  const app = await installation()
  const first = await login(app, phone)
  walkTo(60_000)
  const second = await login(app, phone)
  expect(await grantsOf(phone)).toHaveLength(1)
  expect(await isAlive(app, second)).toBe(true)
  expect(await isAlive(app, first)).toBe(false)
  expect(await endingsOf(phone)).toMatchObject([
    {
      client_id: 'ios',
      request_id: expect.stringMatching(/^[\w-]{12}$/),
      detail: { reason: 'replaced', grant: expect.any(String), tokens: expect.any(Array), method: 'sms' },
    },
  ])
})

test('a login on another device, of another account, or of another client on the same device, ends nothing', async () => {
  const [phone, other] = [newPhone(), newPhone()]
  const app = await installation()
  const first = await login(app, phone)
  await login(await installation(), phone)
  await login(app, other)
  await loginBySms(world, world.visitor(), startLogin(world, 'web', redirectUri), phone)
  const grants = await grantsOf(phone)
  expect(grants.filter(({ payload }) => payload.includes('"ios"'))).toHaveLength(2)
  expect(await isAlive(app, first)).toBe(true)
  expect(await endingsOf(phone)).toEqual([])
})

test('a login that is refused ends nothing', async () => {
  const phone = newPhone()
  const app = await installation()
  const first = await login(app, phone)
  await app.challenge({ method: 'sms', phone })
  const wrong = (await world.otp(`+86${phone}`)) === '000000' ? '111111' : '000000'
  expect((await app.challenge({ otp: wrong })).status).toBe(400)
  expect(await isAlive(app, first)).toBe(true)
})

test('of two logins on one device at once one is left', async () => {
  const phone = newPhone()
  const app = await installation()
  await login(app, phone)
  await givePassword(phone)
  expect(await atOnce(app, phone, 4)).toEqual([200, 200, 200, 200])
  expect(await grantsOf(phone)).toHaveLength(1)
  const reasons = (await endingsOf(phone)).map(({ detail }) => detail.reason)
  expect(reasons).toEqual(['replaced', 'replaced', 'replaced', 'replaced'])
})

test('neither of two that wait for the same older login misses the other', async () => {
  const phone = newPhone()
  await login(await installation(), phone)
  const [older] = await grantsOf(phone)
  const { key } = JSON.parse(older.about)
  const at = Math.floor(Date.now() / 1000)
  const store = recordStore({ database: world.database.database, perClient: 3 })
  const write = (id: string) => {
    const { payload, about, user_id: userId } = older
    const nothing = { grantId: null, uid: null, userCode: null, sessionUid: null }
    const row = { model: 'Grant', id, payload, about, userId, ...nothing, expiresAt: at + 600, since: at } as const
    return store.write({
      ...noChanges,
      rows: [row],
      at,
      logins: [{ grantId: id, userId, clientId: 'ios', key }],
    })
  }
  const gate = await knex().transaction()
  try {
    await gate('oidc_records').where({ model: 2, id: older.id }).forUpdate()
    const both = Promise.all([write(`one-${phone}`), write(`two-${phone}`)])
    await untilLocked(knex(), 2)
    await gate.commit()
    expect((await both).map(({ isAllowed }) => isAllowed)).toEqual([true, true])
  } finally {
    if (!gate.isCompleted()) await gate.rollback()
  }
  expect(await grantsOf(phone)).toHaveLength(1)
})

test('an app without a key has as many logins as may live at once: the oldest ends', async () => {
  const phone = newPhone()
  const apps: [NativeApp, Tokens][] = []
  for (let n = 0; n < 5; n++) {
    walkTo(n * 1000)
    const app = new NativeApp(world, 'mp')
    apps.push([app, await login(app, phone)])
  }
  const alive = await Promise.all(apps.map(([app, tokens]) => isAlive(app, tokens)))
  expect(alive).toEqual([false, false, true, true, true])
  expect((await endingsOf(phone)).map(({ detail }) => detail.reason)).toEqual(['outnumbered', 'outnumbered'])
})

test('however many logins come at once, no more are left', async () => {
  const phone = newPhone()
  const app = new NativeApp(world, 'mp')
  await login(app, phone)
  await givePassword(phone)
  expect(await atOnce(app, phone, 5)).toEqual(Array.from({ length: 5 }, () => 200))
  expect(await grantsOf(phone)).toHaveLength(3)
})

test('browsers of a client are counted too, and the login page of the oldest one says why it has to log in', async () => {
  const phone = newPhone()
  const offline = { scope: 'openid offline_access' }
  const url = startLogin(world, 'web', redirectUri, offline)
  const signed = []
  for (let n = 0; n < 4; n++) {
    walkTo(n * 1000)
    const visitor = world.visitor()
    const { location } = await loginBySms(world, visitor, url, phone)
    signed.push({ visitor, tokens: await exchange(world, 'web', redirectUri, location) })
  }
  const refreshed = await Promise.all(
    signed.map(({ tokens }) =>
      token(world, { grant_type: 'refresh_token', client_id: 'web', refresh_token: tokens['refresh_token'] ?? '' }),
    ),
  )
  expect(refreshed.map(({ status }) => status)).toEqual([400, 200, 200, 200])
  const [oldest] = signed
  const page = await oldest?.visitor.follow(
    await oldest.visitor.get(startLogin(world, 'web', redirectUri, { ...offline, prompt: 'login' })),
  )
  expect(page?.text).toContain('您在太多设备上登录了该应用')
})
