import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { formToken } from '../support/account.ts'
import { type Result, runCommand } from '../support/cli.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, startLogin, token } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const hours = (count: number) => count * 3600_000
const days = (count: number) => count * hours(24)

let world: World
beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({
    clients: [
      ...clients,
      ...nativeClients,
      { ...clients[1], client_id: 'short', lifetimes: { session: { idle: '2h', max: '6h' } } } as never,
    ],
    resources,
  })
})
afterEach(() => resetClock())
afterAll(() => world.close())

let phones = 13_300_000_000
interface Person {
  readonly phone: string
  readonly visitor: Visitor
  readonly tokens: Record<string, string>
  readonly userId: string
}

async function person(clientId = 'web', phone = String(++phones)): Promise<Person> {
  const visitor = world.visitor()
  const scope = 'openid offline_access'
  const answer = await loginBySms(world, visitor, startLogin(world, clientId, redirectUri, { scope }), phone)
  const tokens = await exchange(world, clientId, redirectUri, answer.location)
  const { sub } = JSON.parse(Buffer.from(tokens['id_token']?.split('.')[1] ?? '', 'base64url').toString())
  return { phone, visitor, tokens, userId: sub }
}

/** What the login page says about the login before; undefined when it says nothing. */
async function told(
  visitor: Visitor,
  clientId = 'web',
  more: Record<string, string> = {},
): Promise<string | undefined> {
  const page = await visitor.follow(await visitor.get(startLogin(world, clientId, redirectUri, more)))
  expect(page.text).toMatch(/登录门神|请再次验证身份/)
  return /<p class="notice" role="status">([^<]+)</.exec(page.text)?.[1]
}

const cli = (...argv: string[]): Promise<Result> => runCommand(argv, { env: world.env, cwd: '/' })
async function why(...argv: string[]): Promise<Record<string, unknown>[]> {
  const { status, stdout, stderr } = await cli('users', 'why', ...argv, '--json')
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return JSON.parse(stdout)
}
const ask = (value: unknown, ...argv: string[]) =>
  runCommand(['users', 'why', '-', ...argv], { env: world.env, cwd: '/', stdin: `${value}\n` })
async function whyToken(value: unknown): Promise<Record<string, unknown>[]> {
  const { stdout } = await ask(value, '--json')
  return stdout === '' ? [] : JSON.parse(stdout)
}
async function setsPassword(visitor: Visitor, fields: Record<string, string>): Promise<void> {
  const form_token = formToken(await visitor.get('/account/password'))
  expect((await visitor.post('/account/password', { form_token, ...fields })).status).toBe(303)
}
const refresh = (value: string | undefined, client_id = 'web') =>
  token(world, { grant_type: 'refresh_token', client_id, refresh_token: value ?? '' })

describe('the login page tells the holder of the old cookie', () => {
  test.each([
    ['today', days(14) + hours(5)],
    ['after weeks, when the session itself is swept', days(21)],
  ])('that it was not used for too long: %s', async (_, later) => {
    const { visitor } = await person()
    walkTo(later)
    await world.app.core.sweep()
    expect(await told(visitor)).toBe('您已 14 天未使用，请重新登录。')
    // It is told once; the browser has a fresh cookie now.
    expect(await told(visitor)).toBeUndefined()
  })

  test.each([
    ['at once', hours(6.1)],
    ['days later', days(4)],
  ])('that the longest time is over: %s', async (_, later) => {
    const { visitor } = await person('short')
    for (let at = 1; at < 6; at++) {
      walkTo(hours(at))
      expect((await visitor.get(startLogin(world, 'short', redirectUri))).location).toContain('code=')
    }
    walkTo(later)
    await world.app.core.sweep()
    expect(await told(visitor, 'short')).toBe('距上次登录已满 6 小时，请重新登录。')
  })

  test('that an app of its own has a shorter limit than the session', async () => {
    const { visitor } = await person()
    walkTo(hours(7))
    expect(await told(visitor, 'short')).toBe('距上次登录已满 6 小时，请重新登录。')
  })

  test('that the password was changed elsewhere, or reset', async () => {
    const one = await person()
    const other = await person('web', one.phone)
    await setsPassword(other.visitor, { new_password: 'ripe tea from 4 mountains', sign_out_others: 'on' })
    expect(await told(one.visitor)).toBe('您的密码已在其他设备上修改，请重新登录。')
    const page = await one.visitor.follow(await one.visitor.get(startLogin(world, 'web', redirectUri)))
    const otp = await world.otpAfter(`+86${one.phone}`, () =>
      one.visitor.post(page.url, { method: 'reset', identifier: one.phone, agreement: 'on' }),
    )
    await one.visitor.post(page.url, { method: 'reset', otp })
    await one.visitor.post(page.url, { method: 'reset', new_password: 'green tea from 5 mountains' })
    expect(await told(other.visitor)).toBe('您的密码已重置，所有设备均已退出登录。')
  })

  test('that it was ended at another device, by an operator, or by a lock', async () => {
    const one = await person()
    const other = await person('web', one.phone)
    const page = await other.visitor.get('/account/devices')
    await other.visitor.post('/account/devices', { form_token: formToken(page), choice: 'others' })
    expect(await told(one.visitor)).toBe('您已在“设备与登录”中将此处退出登录。')
    await cli('users', 'revoke', one.phone)
    expect(await told(other.visitor)).toBe('管理员已将您退出登录。')
    const last = await person('web', one.phone)
    await cli('users', 'lock', one.phone)
    expect(await told(last.visitor)).toBe('您的账号已被管理员锁定。')
  })

  test('that a token was used twice, when the app asks for a login because of it', async () => {
    const { visitor, tokens } = await person()
    const next = await refresh(tokens['refresh_token'])
    await refresh(next.body['refresh_token'])
    expect((await refresh(tokens['refresh_token'])).status).toBe(400)
    expect(await told(visitor, 'web', { prompt: 'login' })).toBe('登录凭证被重复使用，为保护您的账号，登录已失效。')
    expect(await told(visitor, 'plain', { prompt: 'login' })).toBeUndefined()
  })

  test('and in the language of the visitor', async () => {
    const { visitor, phone } = await person()
    await cli('users', 'revoke', phone)
    const page = await visitor.follow(await visitor.get(startLogin(world, 'web', redirectUri, { ui_locales: 'en' })))
    expect(page.text).toContain('An administrator signed you out.')
  })
})

describe('nobody else', () => {
  test('is told: not who has no cookie, nor one of another signature, nor who signed out', async () => {
    const { visitor, phone } = await person()
    await cli('users', 'revoke', phone)
    expect(await told(world.visitor())).toBeUndefined()
    const thief = world.visitor()
    const [, value = ''] = /menshen_session=([^;]+)/.exec(visitor.cookieHeader('/auth')) ?? []
    thief.setCookie('menshen_session', value)
    expect(await told(thief)).toBeUndefined()
    thief.setCookie('menshen_session.sig', 'A'.repeat(27))
    expect(await told(thief)).toBeUndefined()

    const other = await person()
    const logout = await other.visitor.get('/session/end?client_id=web')
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(logout.text)?.[1] ?? ''
    await other.visitor.post('/session/end/confirm', { xsrf, logout: 'yes' })
    expect(await told(other.visitor)).toBeUndefined()
  })

  test('an app that asks without a page learns no more than that a login is needed', async () => {
    const { visitor, phone } = await person()
    await cli('users', 'revoke', phone)
    const answer = await visitor.get(startLogin(world, 'web', redirectUri, { prompt: 'none' }))
    const { searchParams } = new URL(answer.location ?? '')
    expect(searchParams.get('error')).toBe('login_required')
    expect(searchParams.get('error_description')).toBe('End-User authentication is required')
  })
})

test('a deleted account with a live session gets a login page', async () => {
  const { visitor, userId } = await person()
  await world.app.core.directory.setStatus(userId as never, 'deleted')
  expect(await told(visitor)).toBeUndefined()
  expect((await visitor.get('/account')).status).toBe(303)
})

describe('users why', () => {
  test('finds what ended by user, session, grant and request, with when and from where', async () => {
    const one = await person()
    const other = await person('web', one.phone)
    const [, session] = JSON.parse((await cli('users', 'sessions', one.phone, '--json')).stdout).map(
      ({ id }: { id: string }) => id,
    )
    const page = await other.visitor.get('/account/devices')
    const ended = await other.visitor.post('/account/devices', {
      form_token: formToken(page),
      device: `session:${session}`,
    })
    const lines = await why(one.phone)
    expect(lines.map(({ event }) => event).toSorted()).toEqual(['grant.revoked', 'session.ended'])
    const line = lines.find(({ event }) => event === 'session.ended')
    const request_id = ended.headers['x-request-id']
    expect(line).toMatchObject({ id: session, reason: 'device', client_ids: ['web'], ip: '127.0.0.1', request_id })
    expect(Date.now() - Date.parse(String(line?.['at']))).toBeLessThan(60_000)
    expect(await why(session)).toEqual([line])
    expect(await why(String(request_id))).toHaveLength(2)
    const grant = lines.find(({ event }) => event === 'grant.revoked')
    expect(await why(String(grant?.['id']))).toEqual([grant])
    expect(await why(one.userId, '--client', 'plain')).toEqual([])
    const text = (await cli('users', 'why', one.phone)).stdout
    expect(text).toContain('its owner ended it in the list of devices')
  })

  test.each([
    ['today', 0],
    ['after the sweep', days(2)],
  ])('derives the limit that was reached: %s', async (_, later) => {
    const { phone } = await person('short')
    const app = new NativeApp(world)
    await app.exchange(await nativeSms(world, app, phone))
    walkTo(hours(3) + later)
    await world.app.core.sweep()
    const shown = async () =>
      (await why(phone)).map(({ event, reason, limit_seconds }) => ({ event, reason, limit_seconds }))
    expect(await shown()).toContainEqual({ event: 'session.ended', reason: 'idle', limit_seconds: 7200 })
    walkTo(days(30) + hours(3) + later)
    await world.app.core.sweep()
    const refreshed = { event: 'grant.expired', reason: 'idle', limit_seconds: 30 * 86_400 }
    expect(await shown()).toContainEqual(refreshed)
    expect((await why(phone, '--client', 'ios'))[0]).toMatchObject({ event: 'grant.expired' })
  })

  test('a token is read from standard input and never from the command line', async () => {
    const { tokens, phone, userId } = await person()
    const next = await refresh(tokens['refresh_token'])
    const about = { user_id: userId, client_ids: ['web'] }
    expect(await whyToken(tokens['refresh_token'])).toMatchObject([
      { ...about, event: 'token.used', reason: 'rotated' },
    ])
    const [alive, ...rest] = await whyToken(next.body['refresh_token'])
    expect(alive).toMatchObject({ ...about, event: 'token.alive', reason: 'alive', device: null })
    expect(rest).toEqual([])
    expect(Date.parse(String(alive?.['at'])) - Date.now()).toBeGreaterThan(days(29))
    const text = await ask(next.body['refresh_token'])
    expect(text.stdout).toContain(` is alive until ${alive?.['at']} `)

    await cli('users', 'revoke', phone)
    for (const value of [tokens['refresh_token'], next.body['refresh_token']])
      expect(await whyToken(value)).toMatchObject([{ ...about, event: 'grant.revoked', reason: 'operator' }])
    expect(await why(phone, '--client', 'web')).toContainEqual(
      expect.objectContaining({ event: 'grant.revoked', reason: 'operator', operator: expect.any(String) }),
    )
  })

  test('a token is known after its app gave it back, after a reuse, and after it ran out and was swept', async () => {
    const installed = async () => {
      const app = new NativeApp(world)
      const tokens = await app.exchange(await nativeSms(world, app, String(++phones), { device_name: '小明的手机' }))
      return {
        app,
        tokens,
        where: { device: '小明的手机', user_id: (await app.claims(tokens)).sub, client_ids: ['ios'] },
      }
    }
    const given = await installed()
    const { refresh_token: back } = given.tokens
    expect((await given.app.send('POST', '/token/revocation', { client_id: 'ios', token: back })).status).toBe(200)
    const gaveBack = { ...given.where, event: 'grant.revoked', reason: 'app', ip: '127.0.0.1' }
    for (const value of [back, given.tokens.access_token].filter((each) => !each.includes('.')))
      expect(await whyToken(value)).toMatchObject([gaveBack])

    const { app, tokens, where } = await installed()
    const family = [tokens]
    for (let n = 0; n < 7; n++) {
      walkTo(n * 2000)
      family.push(await app.refresh(family.at(-1) ?? tokens))
    }
    const ofFamily = (n: number) => family[n]?.refresh_token
    expect((await app.tryToken({ grant_type: 'refresh_token', refresh_token: ofFamily(0) ?? '' })).status).toBe(400)
    const reused = { ...where, event: 'grant.revoked', reason: 'reused', ip: '127.0.0.1' }
    for (const n of [0, 1, 6, 7]) expect(await whyToken(ofFamily(n))).toMatchObject([reused])
    await expect
      .poll(async () => (await why(String(where.user_id))).map(({ event }) => event))
      .toContain('token.reused')
    const lines = await why(String(where.user_id))
    expect(lines.find(({ event }) => event === 'token.reused')).toMatchObject(where)
    expect(lines).toHaveLength(2)
    for (const { id } of lines) expect(await why(String(id))).toMatchObject([reused])

    const idle = await installed()
    walkTo(days(30) + hours(1))
    const ranOut = { ...idle.where, event: 'grant.expired', reason: 'idle' }
    expect(await whyToken(idle.tokens.refresh_token)).toMatchObject([ranOut])
    walkTo(days(40))
    await world.app.core.sweep()
    expect(await whyToken(idle.tokens.refresh_token)).toMatchObject([ranOut])
  })

  test('an id of what is alive is answered too', async () => {
    const { phone, userId } = await person()
    const [{ id }] = JSON.parse((await cli('users', 'sessions', phone, '--json')).stdout)
    expect(await why(id)).toMatchObject([{ id, event: 'session.alive', user_id: userId, client_ids: ['web'] }])
    const app = new NativeApp(world)
    await app.exchange(await nativeSms(world, app, phone))
    const listed = JSON.parse((await cli('users', 'sessions', phone, '--json')).stdout)
    const native = listed.find(({ kind }: { kind: string }) => kind === 'grant')
    expect(await why(native.id)).toMatchObject([{ id: native.id, event: 'grant.alive', client_ids: ['ios'] }])
    expect((await why(native.id))[0]?.['at']).toBe(native.expires_at)
  })

  test('a JWT is not stored: it names whom to ask about, and is not believed', async () => {
    const { phone, userId } = await person()
    const claims = { sub: userId, client_id: 'web', iat: 1_770_000_000, exp: 1_770_000_600 }
    const jwt = (payload: object) =>
      ['{"alg":"ES256"}', JSON.stringify(payload), 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.')
    const before = await ask(jwt(claims))
    expect(before).toMatchObject({
      status: 0,
      stdout: 'nothing that web had of this user has ended in the last 184 days\n',
    })
    expect(before.stderr).toContain('nobody has verified it')
    expect(before.stderr).toContain(`user: ${userId}\n  client: web\n  issued: 2026-02-02T02:40:00.000Z\n`)
    await cli('users', 'revoke', phone)
    expect((await ask(jwt(claims))).stdout).toMatch(/ grant\.revoked +an operator ended it /)
    const stranger = await ask(jwt({ ...claims, sub: 'usr_0123456789abcdefghjkmnpqrs' }))
    expect(stranger).toMatchObject({ status: 1, stdout: '' })
    expect((await ask(jwt({ sub: '\u001b[2J', iat: 'x' }))).stderr).not.toContain('\u001b')
  })

  test('what nobody knows is said to be that', async () => {
    const { phone, userId } = await person()
    expect(await ask('A'.repeat(43))).toEqual({
      status: 1,
      stdout: '',
      stderr: 'error: not stored: it has ended or expired, or was never ours; ask by user, client or time\n',
    })
    expect(await cli('users', 'why', phone)).toEqual({
      status: 0,
      stdout: 'nothing of this user has ended in the last 184 days\n',
      stderr: '',
    })
    expect(await why(phone)).toEqual([])
    expect(await cli('users', 'why', userId, '--client', 'plian')).toEqual({
      status: 1,
      stdout: '',
      stderr: 'error: there is no client "plian"; did you mean "plain"?\n',
    })
    const { headers } = await new NativeApp(world).tryToken({ grant_type: 'refresh_token', refresh_token: 'never-was' })
    const { stderr, status } = await cli('users', 'why', headers.get('x-request-id') ?? '')
    expect(status).toBe(1)
    expect(stderr).toBe(
      'error: no session, grant, token, request or user of this name\na request that was refused and ended nothing is in the log alone\n',
    )
  })

  test('an address is masked for people, and whole for machines', async () => {
    const { phone, visitor } = await person()
    const page = await visitor.get('/account/devices')
    await visitor.post('/account/devices', { form_token: formToken(page), choice: 'all' })
    const { stdout } = await cli('users', 'why', phone)
    expect(stdout).toContain(' 127.0.0.* ')
    expect(stdout).not.toContain('127.0.0.1')
    expect((await why(phone))[0]).toMatchObject({ ip: '127.0.0.1' })
  })
})

describe('what goes on is not said to have ended', () => {
  test('a family that was left for another of the same grant leaves no line; the last one does', async () => {
    const { visitor, tokens, userId } = await person()
    const scope = 'openid offline_access'
    const again = await visitor.get(startLogin(world, 'web', redirectUri, { scope }))
    let second = await exchange(world, 'web', redirectUri, again.location)
    walkTo(days(20))
    second = (await refresh(second['refresh_token'])).body as typeof second
    walkTo(days(32))
    await world.app.core.sweep()
    expect((await refresh(tokens['refresh_token'])).status).toBe(400)
    const expired = async () => (await why(userId)).filter(({ event }) => event === 'grant.expired')
    expect(await expired()).toEqual([])
    expect((await refresh(second['refresh_token'])).status).toBe(200)
    walkTo(days(70))
    expect(await expired()).toHaveLength(1)
    await world.app.core.sweep()
    expect(await expired()).toHaveLength(1)
  })

  test('a token for offline use has nothing to do with the end of the session it began in', async () => {
    const { tokens } = await person()
    walkTo(days(10))
    const next = await refresh(tokens['refresh_token'])
    walkTo(days(20))
    await world.app.core.sweep()
    expect(await whyToken(tokens['refresh_token'])).toMatchObject([{ reason: 'rotated' }])
    expect(await whyToken(next.body['refresh_token'])).toMatchObject([{ reason: 'alive' }])
  })
})
