import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { runCommand } from '../support/cli.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { freePort } from '../support/services.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { loginThrough } from '../support/upstream.ts'
import { miniProgram, openUpstreams, phoneOf, type Upstreams } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// Where accounts may be made, and with what: the same rule for every way in.

const password = 'a long enough phrase'
const day = 86_400_000

let world: World
let upstreams: Upstreams
let last = 0

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({
    port,
    env: {
      ...upstreams.env(['github', 'wechat']),
      MENSHEN_REGISTRATION__PER_DEVICE__A_DAY: '2',
      MENSHEN_REGISTRATION__PER_DEVICE__EVER: '3',
      MENSHEN_REGISTRATION__DISPOSABLE_MAIL__ALLOW: '[mailinator.com]',
    },
  })
  const of = (registration: string) => [
    { ...clients[1], client_id: `web-${registration}`, registration },
    { ...clients[1], client_id: `phones-${registration}`, registration, require_phone: true },
    { ...nativeClients[1], client_id: `app-${registration}`, registration },
  ]
  await world.register({
    resources,
    clients: [...clients, ...nativeClients, ...of('closed'), ...of('invite')] as never,
  })
})
afterEach(resetClock)
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const users = async () => Number((await world.database.database.knex('users').count().first())?.['count'])
const newPhone = () => `1370018${String(++last).padStart(4, '0')}`
const newName = () => `hanmei${++last}`
const start = (client: string) => startLogin(world, client, redirectUri)
const github = (visitor: Visitor, client: string, person: number) =>
  loginThrough(visitor, start(client), 'github', (upstream) => upstreams.github.authorize(person, upstream))

async function invite(...more: string[]): Promise<string> {
  const made = await menshen('invites', 'create', '--json', ...more)
  return JSON.parse(made.stdout)[0].code
}

function menshen(...argv: string[]) {
  return runCommand(argv, { env: { ...world.env, SUDO_USER: 'alice' }, cwd: '/tmp' })
}

async function register(client: string, more: Record<string, string> = {}): Promise<Answer> {
  const visitor = world.visitor()
  const page = await reachLogin(visitor, start(client))
  const form = { method: 'register', identifier: newName(), new_password: password, agreement: 'on', ...more }
  return visitor.follow(await visitor.post(page.url, form))
}

describe('a client that is closed', () => {
  test('tells who has no account plainly, on the page they are on, whatever they came by', async () => {
    const before = await users()
    const [phone, named, upstream] = [
      await loginBySms(world, world.visitor(), start('web-closed'), newPhone()),
      await register('web-closed'),
      await github(world.visitor(), 'web-closed', 1001),
    ]
    for (const answer of [phone, named, upstream]) {
      expect(answer.status).toBe(403)
      expect(answer.text).toContain('data-error="registration.closed"')
      expect(answer.text).toContain('暂未开放注册')
    }
    const app = new NativeApp(world, 'app-closed')
    expect((await nativeSms(world, app, newPhone())).body).toMatchObject({ message_key: 'errors.registration.closed' })
    const carrier = { vendor: 'aliyun', carrier_token: upstreams.oneTap.carrier.issueAliyunToken(phoneOf(7002)) }
    const tapped = await new NativeApp(world, 'app-closed').challenge({ method: 'one_tap', ...carrier })
    expect(tapped.body).toMatchObject({ message_key: 'errors.registration.closed' })
    const mini = { method: 'wechat_mini_program', upstream_code: upstreams.wechat.loginMiniProgram('p7', miniProgram) }
    const opened = await new NativeApp(world, 'app-closed').challenge(mini)
    expect(opened.body).toMatchObject({ message_key: 'errors.registration.closed' })
    expect(await users()).toBe(before)
  })

  test('lets in who has an account, and offers no form for a new one', async () => {
    const phone = newPhone()
    await loginBySms(world, world.visitor(), start('plain'), phone)
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start('web-closed'))
    expect(page.text).not.toContain('value="register')
    expect((await visitor.get(`${page.url.pathname}?method=register`)).text).not.toContain('name="new_password"')
    expect((await loginBySms(world, world.visitor(), start('web-closed'), phone)).location).toContain('code=')
  })
})

describe('a client that takes accounts by invitation', () => {
  test('asks for one after the proof, keeps the proof while a wrong one is typed, and makes the account with a good one', async () => {
    const visitor = world.visitor()
    const asked = await loginBySms(world, visitor, start('web-invite'), newPhone())
    expect(asked.status).toBe(200)
    expect(asked.text).toContain('name="invite"')
    const without = await visitor.post(asked.url, { choice: 'new' })
    expect(without.text).toContain('registration.invite_required')
    const wrong = await visitor.post(asked.url, { choice: 'new', invite: 'AAAA-BBBB-CCCC-DDDD' })
    expect(wrong.status).toBe(400)
    expect(wrong.text).toContain('registration.invite_invalid')
    expect(wrong.text).toContain('value="AAAA-BBBB-CCCC-DDDD"')
    const code = await invite()
    const done = await visitor.follow(
      await visitor.post(asked.url, { choice: 'new', invite: ` ${code.toLowerCase().replaceAll('-', ' ')} ` }),
    )
    expect(done.location).toContain('code=')
    const again = await register('web-invite', { invite: code })
    expect(again.text).toContain('registration.invite_invalid')
  })

  test('asks on the form of a new account, before anything is sent or stored', async () => {
    const before = await users()
    expect((await register('web-invite')).text).toContain('registration.invite_required')
    expect((await register('web-invite', { invite: 'wrong' })).text).toContain('registration.invite_invalid')
    expect(await users()).toBe(before)
    expect((await register('web-invite', { invite: await invite() })).location).toContain('code=')
  })

  test('asks whom an upstream vouches for, and only then for the phone number that the client wants', async () => {
    const visitor = world.visitor()
    const asked = await github(visitor, 'phones-invite', 1002)
    expect(asked.text).toContain('name="invite"')
    const code = await invite('--client', 'phones-invite')
    const page = await visitor.follow(await visitor.post(asked.url, { choice: 'new', invite: code }))
    expect(page.text).toContain('name="phone"')
    const phone = newPhone()
    await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' })
    const otp = await world.otp(`+86${phone}`)
    const binding = await visitor.follow(await visitor.post(page.url, { method: 'sms', otp }))
    const done = await visitor.follow(await visitor.post(binding.url, { choice: 'bind' }))
    expect(done.location).toContain('code=')
  })

  test('asks an app in the step `choose`, or takes it at once', async () => {
    const app = new NativeApp(world, 'app-invite')
    const asked = await nativeSms(world, app, newPhone())
    expect(asked.body).toMatchObject({ step: 'choose', provider: 'phone', needs_invite: true })
    const wrong = await app.challenge({ choice: 'new', invite: 'wrong' })
    expect(wrong.body).toMatchObject({ message_key: 'errors.registration.invite_invalid', step: 'choose' })
    const done = await app.challenge({ choice: 'new', invite: await invite() })
    expect(done.body).toMatchObject({ new_user: true })
    const early = await nativeSms(world, new NativeApp(world, 'app-invite'), newPhone(), { invite: await invite() })
    expect(early.body).toMatchObject({ new_user: true })
  })

  test('takes an invitation of its own or of everybody, not of another client, none that was revoked or is over', async () => {
    const foreign = await invite('--client', 'phones-invite')
    expect((await register('web-invite', { invite: foreign })).text).toContain('registration.invite_invalid')
    const [revoked] = JSON.parse((await menshen('invites', 'create', '--json')).stdout)
    expect((await menshen('invites', 'revoke', revoked.id)).status).toBe(0)
    expect((await menshen('invites', 'revoke', revoked.id)).status).toBe(1)
    expect((await register('web-invite', { invite: revoked.code })).text).toContain('registration.invite_invalid')
    const short = await invite('--expires', '1d')
    walkTo(2 * day)
    expect((await register('web-invite', { invite: short })).text).toContain('registration.invite_invalid')
  })

  test('makes one account with one invitation, however many people send it at once', async () => {
    const code = await invite()
    const before = await users()
    const forms = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const visitor = world.visitor()
        return { visitor, page: await reachLogin(visitor, start('web-invite')) }
      }),
    )
    const answers = await Promise.all(
      forms.map(({ visitor, page }) =>
        visitor.post(page.url, {
          ...{ method: 'register', identifier: newName(), new_password: password, agreement: 'on', invite: code },
        }),
      ),
    )
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1)
    expect(answers.filter(({ text }) => text.includes('registration.invite_invalid'))).toHaveLength(7)
    expect(await users()).toBe(before + 1)
    const listed = JSON.parse((await menshen('invites', 'list', '--json')).stdout)
    expect(listed[0]).toMatchObject({ state: 'used', client: null, created_by: 'alice' })
    expect(listed[0].used_by).toMatch(/^usr_/)
    const rows = await world.database.database.knex('invites').select()
    expect(JSON.stringify(rows)).not.toContain(code)
  })
})

describe('one browser', () => {
  test('makes as many accounts a day and in all as the settings say; logging in to those there are goes on', async () => {
    const visitor = world.visitor()
    const phones = Array.from({ length: 5 }, newPhone)
    const login = async (phone = '') => {
      await visitor.follow(await visitor.get('/session/end'))
      const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri, { prompt: 'login' }))
      await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' })
      const otp = await world.otp(`+86${phone}`)
      return visitor.follow(await visitor.post(page.url, { method: 'sms', otp }))
    }
    const makes = async (phone?: string) => {
      const before = await users()
      const { text } = await login(phone)
      const isRefused = text.includes('data-error="registration.too_many"')
      return (await users()) > before ? 'made' : isRefused ? 'refused' : 'nothing'
    }
    // The first one makes the browser known.
    expect(await makes(phones[0])).toBe('made')
    expect(await makes(phones[1])).toBe('made')
    expect(await makes(phones[2])).toBe('made')
    expect(await makes(phones[3])).toBe('refused')
    walkTo(2 * day)
    expect(await makes(phones[3])).toBe('made')
    walkTo(4 * day)
    expect(await makes(phones[4])).toBe('refused')
  })
})

describe('a mail address that is thrown away', () => {
  test.each([
    ['someone@guerrillamail.com', true],
    ['someone@Sub.GuerrillaMail.com', true],
    ['someone@mailinator.com', false],
    ['someone@example.com', false],
  ])('makes no account: %s, and nothing is sent to it', async (identifier, isRefused) => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start('plain'))
    const form = { method: 'register', kind: 'email', identifier, new_password: password, agreement: 'on' }
    const answer = await visitor.post(page.url, form)
    expect(answer.text.includes('email.disposable')).toBe(isRefused)
    expect(answer.status).toBe(isRefused ? 400 : 303)
  })
})
