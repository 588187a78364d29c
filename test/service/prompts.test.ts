import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginByPassword, loginBySms, reachLogin, startLogin, subjectOf } from '../support/login.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let last = 0

beforeAll(async () => {
  world = await openWorld({ env: { MENSHEN_SMS__COUNTRIES: '["86", "852"]' } })
  await world.register({ clients, resources })
})
afterAll(() => world?.close())

const start = (more: Record<string, string> = {}, client = 'plain') =>
  startLogin(world, client, client === 'third' ? 'https://third.example.com/callback' : redirectUri, more)
const newPhone = () => `1370018${String(++last).padStart(4, '0')}`
const errorIn = ({ location = '' }: Answer) => new URL(location, world.issuer).searchParams.get('error')
const tokensOf = ({ location }: Answer) => exchange(world, 'plain', redirectUri, location)
const whose = async (answer: Answer) => subjectOf(await tokensOf(answer))

/** Somebody signed in at `plain`. */
async function member(phone = newPhone()) {
  const visitor = world.visitor()
  const tokens = await tokensOf(await loginBySms(world, visitor, start(), phone))
  return { visitor, phone, sub: subjectOf(tokens), idToken: tokens['id_token'] ?? '' }
}

/** Posts the page on by which the account before is signed out, as its script does. */
async function goesOn(visitor: Visitor, page: Answer): Promise<Answer> {
  const action = /<form method="post" action="([^"]+)"/.exec(page.text)?.[1] ?? ''
  const inputs = page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)
  const fields = Object.fromEntries([...inputs].map(([, name = '', value = '']) => [name, value]))
  return visitor.follow(await visitor.post(action, fields))
}

describe('prompt=select_account', () => {
  const choosing = { prompt: 'select_account' }

  test('shows the account that is signed in, masked, and goes on with it', async () => {
    const { visitor, phone, sub } = await member()
    const page = await reachLogin(visitor, start(choosing))
    expect(page.text).toContain('选择账号')
    expect(page.text).toContain('Plain App')
    expect(page.text).toContain(`137****${phone.slice(-4)}`)
    expect(page.text).not.toContain(phone)
    expect(await whose(await visitor.follow(await visitor.post(page.url, { choice: 'continue' })))).toBe(sub)
  })

  test('lets a person log in to another account, which takes the place of the one before', async () => {
    const { visitor, sub } = await member()
    const page = await reachLogin(visitor, start(choosing))
    const login = await visitor.follow(await visitor.post(page.url, { choice: 'other' }))
    expect(login.text).toContain('name="phone"')
    expect(login.text).not.toContain('确认是您本人')
    const other = newPhone()
    await visitor.post(login.url, { method: 'sms', phone: other, agreement: 'on' })
    const otp = await world.otp(`+86${other}`)
    const between = await visitor.follow(await visitor.post(login.url, { method: 'sms', otp }))
    const reached = await whose(await goesOn(visitor, between))
    expect(reached).not.toBe(sub)
    expect(await whose(await visitor.get(start({ prompt: 'none' })).then((each) => visitor.follow(each)))).toBe(reached)
  })

  test('that leads to the same account again goes on with it', async () => {
    const { visitor, phone, sub } = await member()
    const page = await reachLogin(visitor, start(choosing))
    const login = await visitor.follow(await visitor.post(page.url, { choice: 'other' }))
    await visitor.post(login.url, { method: 'sms', phone, agreement: 'on' })
    const otp = await world.otp(`+86${phone}`)
    expect(await whose(await visitor.follow(await visitor.post(login.url, { method: 'sms', otp })))).toBe(sub)
  })

  test('asks nobody who is signed out, and nobody twice', async () => {
    const back = await loginBySms(world, world.visitor(), start(choosing), newPhone())
    expect(back.location).toContain('code=')
  })

  test('comes before the other prompts of a request', async () => {
    const { visitor } = await member()
    const page = await reachLogin(visitor, start({ prompt: 'consent login select_account' }, 'third'))
    expect(page.text).toContain('选择账号')
    const login = await visitor.follow(await visitor.post(page.url, { choice: 'continue' }))
    expect(login.text).toContain('name="phone"')
  })

  test('can be declined, and takes no other answer', async () => {
    const { visitor } = await member()
    const page = await reachLogin(visitor, start(choosing))
    expect((await visitor.post(page.url, { choice: 'allow' })).status).toBe(400)
    expect((await visitor.post(page.url, {})).status).toBe(400)
    expect(errorIn(await visitor.follow(await visitor.post(page.url, { choice: 'cancel' })))).toBe('access_denied')
  })

  test('goes on with nobody whose session has ended while the page was open', async () => {
    const { visitor, sub } = await member()
    const page = await reachLogin(visitor, start(choosing))
    expect(await world.database.database.knex('oidc_records').where({ user_id: sub }).delete()).toBeGreaterThan(0)
    for (const choice of ['continue', 'other']) {
      const answer = await visitor.post(page.url, { choice })
      expect([answer.status, answer.location]).toEqual([400, undefined])
      expect(answer.text).toContain('attempt.expired')
    }
  })

  test('and none exclude each other', async () => {
    const { visitor } = await member()
    expect(errorIn(await visitor.get(start({ prompt: 'none select_account' })))).toBe('invalid_request')
  })
})

describe('prompt=create', () => {
  test('opens the form of a new account, with what the app knows of the person', async () => {
    const page = await reachLogin(world.visitor(), start({ prompt: 'create', login_hint: 'mei@example.com' }))
    expect(page.text).toMatch(/name="method" value="register"/)
    expect(page.text).toMatch(/name="kind" value="email"/)
    expect(page.text).toContain('value="mei@example.com"')
  })

  test('makes one beside the account that is signed in, which the new one takes the place of', async () => {
    const { visitor, sub } = await member()
    const page = await reachLogin(visitor, start({ prompt: 'create' }))
    const form = { method: 'register', identifier: `meimei${++last}`, new_password: 'a long enough phrase' }
    const between = await visitor.follow(await visitor.post(page.url, { ...form, agreement: 'on' }))
    expect(await whose(await goesOn(visitor, between))).not.toBe(sub)
  })

  test('leaves the way to the login open', async () => {
    const { visitor, phone, sub } = await member()
    const page = await reachLogin(visitor, start({ prompt: 'create' }))
    const login = await visitor.get(`${page.url.pathname}?method=sms`)
    expect(login.text).not.toContain('确认是您本人')
    await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' })
    const otp = await world.otp(`+86${phone}`)
    expect(await whose(await visitor.follow(await visitor.post(page.url, { method: 'sms', otp })))).toBe(sub)
  })

  test('is refused, and not announced, where nobody may register', async () => {
    const closed = await openWorld({
      env: {
        MENSHEN_REGISTRATION__PHONE: 'closed',
        MENSHEN_REGISTRATION__EMAIL: 'closed',
        MENSHEN_REGISTRATION__USERNAME: 'closed',
      },
    })
    try {
      await closed.register({ clients, resources })
      const refused = await closed.visitor().get(startLogin(closed, 'plain', redirectUri, { prompt: 'create' }))
      expect(new URL(refused.location ?? '').searchParams.get('error')).toBe('invalid_request')
      expect(await promptsOf(closed)).toEqual(['none', 'select_account', 'login', 'consent'])
    } finally {
      await closed.close()
    }
  })

  test('is announced with the other prompts where people may register', async () => {
    expect(await promptsOf(world)).toEqual(['none', 'select_account', 'login', 'consent', 'create'])
  })
})

describe('login_hint', () => {
  const field = (page: Answer, name: string) =>
    new RegExp(`name="${name}"[^>]*? value="([^"]*)"`).exec(page.text)?.[1] ?? undefined
  const hinted = (hint: string, more: Record<string, string> = {}) =>
    reachLogin(world.visitor(), start({ login_hint: hint, ...more }))

  test.each(['13800138000', '+86 138 0013 8000', '86-13800138000'])(
    'that is a phone number fills it in: %s',
    async (hint) => {
      const page = await hinted(hint)
      expect(field(page, 'phone')).toBe('13800138000')
      expect(page.text).toMatch(/<option value="86" selected>/)
    },
  )

  test('chooses the country of a number', async () => {
    const page = await hinted('+852 5123 4567')
    expect(field(page, 'phone')).toBe('51234567')
    expect(page.text).toMatch(/<option value="852" selected>/)
  })

  test.each(['mei@example.com', 'meimei'])(
    'that is another identifier opens the form that takes it: %s',
    async (hint) => {
      const page = await hinted(hint)
      expect(field(page, 'identifier')).toBe(hint)
      expect(page.text).toContain('name="password"')
    },
  )

  test('gives way to the way in that the request names', async () => {
    expect((await hinted('mei@example.com', { method: 'sms' })).text).toContain('name="phone"')
  })

  test('leaves the field empty for a number of a country nobody can choose', async () => {
    expect(field(await hinted('+1 202 555 0123'), 'phone')).toBe('')
  })

  test('that nobody types is left out, and none is taken for a part of the page', async () => {
    const { sub } = await member()
    expect((await hinted(sub)).text).not.toContain(sub)
    expect((await hinted(' ')).text).toContain('name="phone"')
    expect((await hinted('"><script>alert(1)</script>')).text).not.toContain('<script>alert')
  })

  test('tells nobody whether an account has it', async () => {
    const { phone } = await member()
    const plain = ({ text }: Answer, number: string) => text.replaceAll(number, '').replace(/[A-Za-z0-9_-]{16,}/g, '')
    const stranger = newPhone()
    expect(plain(await hinted(phone), phone)).toBe(plain(await hinted(stranger), stranger))
  })
})

describe('id_token_hint', () => {
  test('of the person who is signed in goes through, and of another one asks', async () => {
    const { visitor, idToken } = await member()
    const other = await member()
    const own = await visitor.follow(await visitor.get(start({ prompt: 'none', id_token_hint: idToken })))
    expect(own.location).toContain('code=')
    const silent = await visitor.follow(await visitor.get(start({ prompt: 'none', id_token_hint: other.idToken })))
    expect(errorIn(silent)).toBe('login_required')
    const page = await reachLogin(visitor, start({ id_token_hint: other.idToken }))
    expect(page.text).toContain('name="phone"')
    expect(page.text).not.toContain('确认是您本人')
  })

  test('is answered by nobody else, who is told so and signed in nowhere', async () => {
    const { idToken, phone, sub } = await member()
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start({ id_token_hint: idToken }))
    const other = newPhone()
    await visitor.post(page.url, { method: 'sms', phone: other, agreement: 'on' })
    const refused = await visitor.post(page.url, { method: 'sms', otp: await world.otp(`+86${other}`) })
    expect(refused.status).toBe(403)
    expect(refused.text).toContain('login.other_user')
    expect(await whose(await loginBySms(world, visitor, start({ id_token_hint: idToken }), phone))).toBe(sub)
  })

  test('holds on the way through the other prompts', async () => {
    const { visitor } = await member()
    const other = await member()
    const page = await reachLogin(visitor, start({ prompt: 'select_account', id_token_hint: other.idToken }))
    const login = await visitor.follow(await visitor.post(page.url, { choice: 'continue' }))
    const asked = { method: 'sms', phone: other.phone, agreement: 'on' }
    await visitor.post(login.url, asked)
    const otp = await world.otp(`+86${other.phone}`)
    const between = await visitor.follow(await visitor.post(login.url, { method: 'sms', otp }))
    expect(await whose(await goesOn(visitor, between))).toBe(other.sub)
  })

  test('that cannot be read is refused: without it the request would be answered for anybody', async () => {
    const { visitor, idToken } = await member()
    for (const hint of ['x', `${idToken.slice(0, -8)}AAAAAAAA`]) {
      expect(errorIn(await visitor.get(start({ id_token_hint: hint })))).toBe('invalid_request')
    }
  })
})

test('claims that are asked for one by one come with the ID token or from userinfo', async () => {
  const claims = JSON.stringify({
    id_token: { phone_number: null },
    userinfo: { phone_number_verified: { essential: true } },
  })
  const phone = newPhone()
  const tokens = await tokensOf(await loginBySms(world, world.visitor(), start({ claims }), phone))
  expect(decodeJwt(tokens['id_token'] ?? '')['phone_number']).toBe(`+86${phone}`)
  const headers = { authorization: `Bearer ${tokens['access_token']}` }
  const told = (await (await fetch(`${world.issuer}/me`, { headers })).json()) as Record<string, unknown>
  expect(told).toMatchObject({ phone_number_verified: true })
  expect(told).not.toHaveProperty('phone_number')
})

test('acr_values of a password account are met by a password, and said', async () => {
  const visitor = world.visitor()
  const identifier = `hanmei${++last}`
  const page = await reachLogin(visitor, start({ prompt: 'create' }))
  const form = { method: 'register', identifier, new_password: 'a long enough phrase', agreement: 'on' }
  await visitor.follow(await visitor.post(page.url, form))
  const acr = 'urn:menshen:acr:knowledge'
  const back = await loginByPassword(world.visitor(), start({ acr_values: acr }), identifier, 'a long enough phrase')
  expect(decodeJwt((await tokensOf(back))['id_token'] ?? '')['acr']).toBe(acr)
})

test.each([
  ['en', 'Choose an account'],
  ['fr zh-CN en', '选择账号'],
])('ui_locales choose the language: %s', async (locales, title) => {
  const { visitor } = await member()
  const page = await reachLogin(visitor, start({ prompt: 'select_account', ui_locales: locales }))
  expect(page.text).toContain(title)
})

async function promptsOf({ issuer }: World): Promise<unknown> {
  const response = await fetch(`${issuer}/.well-known/openid-configuration`)
  return ((await response.json()) as Record<string, unknown>)['prompt_values_supported']
}
