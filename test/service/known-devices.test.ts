import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { KnownDevices } from '../../src/accounts/known-devices.ts'
import type { UserId } from '../../src/base/ids.ts'
import { endRecords } from '../../src/oidc/endings/endings.ts'
import { sealing } from '../../src/store/seal.ts'
import { formToken } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { solvedForm } from '../support/human-check.ts'
import { loginByPassword, reachLogin, startLogin } from '../support/login.ts'
import { NativeApp, nativeClients } from '../support/native-app.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { type Answer, errorIn, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const password = 'blue kettle 蓝色'
const wrong = 'wrong kettle 1'
const cookie = 'menshen_device'
const day = 86_400_000
const networks = Array.from({ length: 100 }, (_, n) => `198.${n % 2 === 0 ? 51 : 18}.${n}.7`)

describe.each(['redis', 'tables'] as const)('a device that logged in before, short-lived values in %s', (stores) => {
  let world: World
  let names = 0

  beforeAll(async () => {
    world = await openWorld({ stores, env: { MENSHEN_SERVER__TRUSTED_PROXIES: '[127.0.0.1, "::1"]' } })
    await world.register({ clients: [...clients, ...nativeClients], resources })
  })
  afterEach(resetClock)
  afterAll(() => world.close())

  const request = () => startLogin(world, 'plain', redirectUri, { prompt: 'login' })
  const isIn = (answer: Answer) => answer.location?.startsWith(`${redirectUri}?code=`) === true

  const worldDevices = () => {
    const { sealer, clock, database } = world.app.core
    return new KnownDevices({ database, clock, ...sealing(sealer, 'known_device') })
  }
  const markOf = (visitor: Visitor) => new RegExp(`${cookie}=([^;]+)`).exec(visitor.cookieHeader('/'))?.[1]

  /** An account, and the browser it was made with. */
  async function owner(visitor = world.visitor()): Promise<{ name: string; visitor: Visitor }> {
    names += 1
    const name = `owner${stores}${names}`
    const page = await reachLogin(visitor, request())
    const form = { method: 'register', identifier: name, new_password: password, agreement: 'on' }
    expect(isIn(await visitor.follow(await visitor.post(page.url, form)))).toBe(true)
    return { name, visitor }
  }

  /** A stranger with many addresses, who tries until the name is locked and goes on trying. */
  async function strangers(name: string, from: readonly string[] = networks): Promise<readonly (string | undefined)[]> {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, request())
    const form = { method: 'password', identifier: name, password: wrong, agreement: 'on' }
    const answers = await Promise.all(from.map((ip) => visitor.post(page.url, form, { 'x-forwarded-for': ip })))
    return answers.map(errorIn)
  }

  async function app(name: string, with_: string, installation: NativeApp): Promise<unknown> {
    const { status, body } = await installation.challenge({ method: 'password', identifier: name, password: with_ })
    return status === 200 ? 'in' : body['message_key']
  }

  test('gets in at once with the right password, whatever a stranger with a hundred addresses does', async () => {
    const { name, visitor } = await owner()
    const phone = await new NativeApp(world).withKey()
    expect(await app(name, password, phone)).toBe('in')
    const answers = await strangers(name)
    expect(answers.filter((each) => each === 'password.wrong')).toHaveLength(5)
    expect(answers.filter((each) => each === 'password.locked')).toHaveLength(95)

    const elsewhere = await loginByPassword(world.visitor(), request(), name, password)
    expect([elsewhere.status, errorIn(elsewhere)]).toEqual([429, 'password.locked'])
    expect(elsewhere.text).toContain('其他登录方式和登录过此账号的设备不受影响')
    expect(await app(name, password, await new NativeApp(world).withKey())).toBe('errors.password.locked')

    expect(isIn(await loginByPassword(visitor, request(), name, password))).toBe(true)
    phone.authSession = undefined
    expect(await app(name, password, phone)).toBe('in')
  })

  test('is told of its own wrong tries, which lock nobody else out, and parallel ones do not exceed them', async () => {
    const { name, visitor } = await owner()
    const page = await reachLogin(visitor, request())
    const form = { method: 'password', identifier: name, password: wrong, agreement: 'on' }
    const answers = await Promise.all(Array.from({ length: 30 }, () => visitor.post(page.url, form)))
    expect(answers.filter((each) => errorIn(each) === 'password.wrong')).toHaveLength(5)
    expect(answers.filter((each) => errorIn(each) === 'password.locked')).toHaveLength(25)
    expect(isIn(await loginByPassword(world.visitor(), request(), name, password))).toBe(true)
  })

  test('keeps its name when it logs in again, so that logging in brings no further tries', async () => {
    const { name, visitor } = await owner()
    const devices = worldDevices()
    const id = () => devices.browser(markOf(visitor)).marks[0]?.id
    const first = id()
    expect(first).toBeDefined()
    await loginByPassword(visitor, request(), name, password)
    expect(id()).toBe(first)
  })

  test('is none after signing out everywhere', async () => {
    const { name, visitor } = await owner()
    const phone = await new NativeApp(world).withKey()
    await app(name, password, phone)
    const form_token = formToken(await visitor.get('/account/devices'))
    expect((await visitor.post('/account/devices', { choice: 'all', form_token })).status).toBe(200)
    await strangers(name)
    expect(errorIn(await loginByPassword(visitor, request(), name, password))).toBe('password.locked')
    phone.authSession = undefined
    expect(await app(name, password, phone)).toBe('errors.password.locked')
  })

  test('is none after signing out elsewhere, but for the browser where that was pressed', async () => {
    const { name, visitor } = await owner()
    const other = world.visitor()
    await loginByPassword(other, request(), name, password)
    const form_token = formToken(await visitor.get('/account/devices'))
    expect((await visitor.post('/account/devices', { choice: 'others', form_token })).status).toBe(303)
    await strangers(name)
    expect(errorIn(await loginByPassword(other, request(), name, password))).toBe('password.locked')
    expect(isIn(await loginByPassword(visitor, request(), name, password))).toBe(true)
  })

  test('stays one when the person signs out there: that is when they have to log in again', async () => {
    const { name, visitor } = await owner()
    const page = await visitor.get('/session/end')
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    await visitor.post('/session/end/confirm', { xsrf, logout: 'yes' })
    await strangers(name)
    expect(isIn(await loginByPassword(visitor, request(), name, password))).toBe(true)
  })

  test('is none half a year after its last login', async () => {
    const { name, visitor } = await owner()
    walkTo(181 * day)
    await strangers(name)
    expect(errorIn(await loginByPassword(visitor, request(), name, password))).toBe('password.locked')
  })

  test('is known to each account somebody logged in to with it, the last five, and to no other', async () => {
    let visitor = world.visitor()
    const owners: string[] = []
    for (let n = 0; n < 6; n++) {
      owners.push((await owner(visitor)).name)
      // The same browser, signed in to nothing.
      const value = markOf(visitor) ?? ''
      visitor = world.visitor()
      visitor.setCookie(cookie, value)
    }
    const [first = '', second = ''] = owners
    await Promise.all([first, second].map((name) => strangers(name, networks.slice(0, 10))))
    expect(errorIn(await loginByPassword(visitor, request(), first, password))).toBe('password.locked')
    expect(isIn(await loginByPassword(visitor, request(), second, password))).toBe(true)
    expect(markOf(visitor)?.length).toBeLessThan(1000)
  })

  test('shows nothing readable, and a cookie that is forged, another’s, too long or for something else makes none', async () => {
    const { name, visitor } = await owner()
    const { name: otherName, visitor: other } = await owner()
    const value = markOf(visitor) ?? ''
    const { sealer, directory } = world.app.core
    const { userId = '' } = (await directory.findByIdentifier({ provider: 'username', subject: name })) ?? {}
    expect(value).not.toContain(userId)
    expect(Buffer.from(value.split('.')[1] ?? '', 'base64url').toString('latin1')).not.toContain('usr_')
    await strangers(name)
    const content = JSON.stringify([[userId, 'x', Date.now(), 0]])
    const forged = {
      plain: Buffer.from(content).toString('base64url'),
      changed: `${value.slice(0, -2)}${value.endsWith('AA') ? 'BB' : 'AA'}`,
      elsewhere: sealer.seal(content, 'attempt'),
      long: sealer.seal(JSON.stringify([[userId, 'x'.repeat(2000), Date.now(), 0]]), 'known_device'),
      odd: sealer.seal('{"marks":[]}', 'known_device'),
      theirs: markOf(other) ?? '',
      empty: '',
    }
    for (const [kind, text] of Object.entries(forged)) {
      const thief = world.visitor()
      thief.setCookie(cookie, text)
      const answer = await loginByPassword(thief, request(), name, password)
      expect([kind, errorIn(answer)]).toEqual([kind, 'password.locked'])
    }
    const thief = world.visitor()
    thief.setCookie(cookie, value)
    expect((await thief.get('/account')).status).toBe(303)
    expect(errorIn(await loginByPassword(thief, request(), otherName, wrong))).toBe('password.wrong')
  })

  test('comes of a login and of nothing before it', async () => {
    const { name } = await owner()
    const visitor = world.visitor()
    const page = await reachLogin(visitor, request())
    await visitor.post(page.url, { method: 'password', identifier: name, password: wrong, agreement: 'on' })
    await visitor.post(page.url, { method: 'sms', phone: '13800139000', agreement: 'on' })
    expect(visitor.cookies()).not.toContain(cookie)
    const phone = await new NativeApp(world).withKey()
    await app(name, wrong, phone)
    const rows = () => world.database.database.knex('known_devices').count()
    const [before] = await rows()
    await app(name, wrong, await new NativeApp(world).withKey())
    expect(await rows()).toEqual([before])
  })

  test('that is an app is one of twenty at most, and a key adds none to an account that forgot its devices since', async () => {
    const { name } = await owner()
    const { database, directory, clock } = world.app.core
    const { userId } = (await directory.findByIdentifier({ provider: 'username', subject: name })) as { userId: UserId }
    const devices = worldDevices()
    const now = () => Math.floor(clock() / 1000)
    const keys = async () => (await database.knex('known_devices').where({ user_id: userId })).map(({ key }) => key)
    for (let n = 0; n < 25; n++) {
      walkTo(n * 1000)
      await devices.rememberApp({ marks: [], key: `key${n}` }, { userId, authTime: now() })
    }
    expect((await keys()).sort()).toEqual(Array.from({ length: 20 }, (_, n) => `key${n + 5}`).sort())
    const before = now() - 60
    await endRecords({ database, clock }, userId, { kind: 'all' }, { reason: 'device' })
    expect(await keys()).toEqual([])
    await devices.rememberApp({ marks: [], key: 'late' }, { userId, authTime: before })
    expect(await keys()).toEqual([])
    expect(await devices.rememberBrowser({ marks: [] }, { userId, authTime: before })).toBeUndefined()
  })

  test('that asks codes for a fourth number, and enters none, is asked for a challenge; one that nobody knows is not', async () => {
    const at = { 'x-forwarded-for': '203.0.113.78' }
    const numbers = [1, 2, 3, 4].map((n) => `13${n}7771${stores === 'redis' ? 1 : 2}000`)
    const { visitor } = await owner()
    const page = await reachLogin(visitor, request())
    const asked = async (phone: string, by = visitor) => {
      const { status, text } = await by.post(page.url, { method: 'sms', phone, agreement: 'on' }, at)
      return text.includes('data-work') ? 'challenge' : status
    }
    const answers = []
    for (const phone of [...numbers.slice(0, 3), ...numbers]) answers.push(await asked(phone))
    expect(answers).toEqual([303, 303, 303, 303, 303, 303, 'challenge'])
    const app = await new NativeApp(world).withKey()
    const steps = []
    for (const phone of numbers.reverse()) steps.push((await app.challenge({ method: 'sms', phone }, at)).body['step'])
    expect(steps).toEqual(['otp', 'otp', 'otp', 'captcha'])
  })

  test('that waits for a lock to end, when unknown, uses up the tries of its network', async () => {
    const { name } = await owner()
    await strangers(name, networks.slice(0, 6))
    await strangers(
      name,
      Array.from({ length: 20 }, () => '203.0.113.77'),
    )
    const at = { 'x-forwarded-for': '203.0.113.77' }
    const other = await owner()
    const visitor = world.visitor()
    const page = await reachLogin(visitor, request())
    for (const waitedMs of [0, 31_000]) {
      walkTo(waitedMs)
      const form = { method: 'password', identifier: name, password: wrong, agreement: 'on' }
      const check = await visitor.post(page.url, form, at)
      expect([check.status, check.text.includes('data-work')]).toEqual([400, true])
    }
    // Whoever else is behind that address solves it, and gets in.
    const check = await visitor.post(
      page.url,
      { method: 'password', identifier: other.name, password, agreement: 'on' },
      at,
    )
    expect((await visitor.post(page.url, await solvedForm(check), at)).status).toBe(303)
  })
})

test('over https the cookie is one that only this host can set and no script can read', async () => {
  const issuer = 'https://id.example.com'
  const world = await openWorld({ env: { ISSUER: issuer, MENSHEN_SANDBOX_EXPOSED: 'true' } })
  try {
    await world.register({ clients, resources })
    const visitor = new Visitor(issuer, world.port)
    const page = await reachLogin(visitor, startLogin({ issuer }, 'plain', redirectUri))
    const form = { method: 'register', identifier: 'secure', new_password: password, agreement: 'on' }
    const { headers } = await visitor.post(page.url, form)
    const lines = [headers['set-cookie'] ?? []].flat().filter((line) => line.includes(cookie))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(
      /^__Host-menshen_device=[\w.-]{60,300}; path=\/; expires=[^;]+; samesite=lax; secure; httponly$/i,
    )
  } finally {
    await world.close()
  }
})
