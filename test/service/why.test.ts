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
  expect(page.text).toMatch(/登录 门神|请再次验证身份/)
  return /<p class="notice" role="status">([^<]+)</.exec(page.text)?.[1]
}

const cli = (...argv: string[]): Promise<Result> => runCommand(argv, { env: world.env, cwd: '/' })
async function why(...argv: string[]): Promise<Record<string, unknown>[]> {
  const { status, stdout, stderr } = await cli('users', 'why', ...argv, '--json')
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return JSON.parse(stdout)
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
    expect(await told(visitor)).toBe('您已14天没有使用，请重新登录。')
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
    expect(await told(visitor, 'short')).toBe('距上次登录已满6小时，请重新登录。')
  })

  test('that an app of its own has a shorter limit than the session', async () => {
    const { visitor } = await person()
    walkTo(hours(7))
    expect(await told(visitor, 'short')).toBe('距上次登录已满6小时，请重新登录。')
  })

  test('that the password was changed elsewhere, or reset', async () => {
    const one = await person()
    const other = await person('web', one.phone)
    await setsPassword(other.visitor, { new_password: 'ripe tea from 4 mountains', sign_out_others: 'on' })
    expect(await told(one.visitor)).toBe('您的账号在其他设备上修改了密码，请重新登录。')
    const page = await one.visitor.follow(await one.visitor.get(startLogin(world, 'web', redirectUri)))
    const otp = await world.otpAfter(`+86${one.phone}`, () =>
      one.visitor.post(page.url, { method: 'reset', identifier: one.phone, agreement: 'on' }),
    )
    await one.visitor.post(page.url, { method: 'reset', otp })
    await one.visitor.post(page.url, { method: 'reset', new_password: 'green tea from 5 mountains' })
    expect(await told(other.visitor)).toBe('您的密码已重置，所有设备都已退出登录。')
  })

  test('that it was ended at another device, by an operator, or by a lock', async () => {
    const one = await person()
    const other = await person('web', one.phone)
    const page = await other.visitor.get('/account/devices')
    await other.visitor.post('/account/devices', { form_token: formToken(page), choice: 'others' })
    expect(await told(one.visitor)).toBe('您在“设备与登录”中结束了这次登录。')
    await cli('users', 'revoke', one.phone)
    expect(await told(other.visitor)).toBe('管理员结束了登录。')
    const last = await person('web', one.phone)
    await cli('users', 'lock', one.phone)
    expect(await told(last.visitor)).toBe('管理员锁定了账号，登录已结束。')
  })

  test('that a token was used twice, when the app asks for a login because of it', async () => {
    const { visitor, tokens } = await person()
    const next = await refresh(tokens['refresh_token'])
    await refresh(next.body['refresh_token'])
    expect((await refresh(tokens['refresh_token'])).status).toBe(400)
    expect(await told(visitor, 'web', { prompt: 'login' })).toBe('为保护账号，登录已失效：同一凭证被重复使用。')
    expect(await told(visitor, 'plain', { prompt: 'login' })).toBeUndefined()
  })

  test('and in the language of the visitor', async () => {
    const { visitor, phone } = await person()
    await cli('users', 'revoke', phone)
    const page = await visitor.follow(await visitor.get(startLogin(world, 'web', redirectUri, { ui_locales: 'en' })))
    expect(page.text).toContain('An administrator ended your sign-in.')
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
    expect(Date.now() - Date.parse(String(line?.['at']))).toBeLessThan(20_000)
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

  test('reads a token from standard input and never from the command line', async () => {
    const { tokens, phone } = await person()
    const next = await refresh(tokens['refresh_token'])
    const ask = (value: string | undefined) =>
      runCommand(['users', 'why', '-', '--json'], { env: world.env, cwd: '/', stdin: `${value}\n` })
    expect(JSON.parse((await ask(tokens['refresh_token'])).stdout)).toMatchObject([
      { event: 'token.used', reason: 'rotated', client_ids: ['web'] },
    ])
    const alive = await ask(next.body['refresh_token'])
    expect(alive).toMatchObject({ status: 1, stdout: '' })
    await cli('users', 'revoke', phone)
    expect((await ask(next.body['refresh_token'])).status).toBe(1)
    expect(await why(phone, '--client', 'web')).toContainEqual(
      expect.objectContaining({ event: 'grant.revoked', reason: 'operator', operator: expect.any(String) }),
    )
  })
})
