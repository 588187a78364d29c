import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginByPassword, loginBySms, reachLogin, startLogin, subjectOf } from '../support/login.ts'
import { NativeApp, nativeClients } from '../support/native-app.ts'
import { freePort } from '../support/services.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { loginThrough } from '../support/upstream.ts'
import { openUpstreams, type Upstreams } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// What a request demands of its login holds at every door, whichever way a method is named there.

const possession = 'urn:menshen:acr:possession'
const knowledge = 'urn:menshen:acr:knowledge'
const federated = 'urn:menshen:acr:federated'
const password = 'a long enough phrase'
const essential = (acr: object) => ({ claims: JSON.stringify({ id_token: { acr: { essential: true, ...acr } } }) })

let world: World
let upstreams: Upstreams
let last = 0

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({ port, env: upstreams.env(['github']) })
  const needy = { client_id: 'needy', first_party: true, require_phone: true, token_endpoint_auth_method: 'none' }
  await world.register({
    resources,
    clients: [...clients, ...nativeClients, { ...needy, redirect_uris: [redirectUri] }],
  })
})
afterEach(resetClock)
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const start = (more: Record<string, string> = {}, client = 'plain') => startLogin(world, client, redirectUri, more)
const errorIn = ({ location = '' }: Answer) => new URL(location, world.issuer).searchParams.get('error')
const table = (name: string) => world.database.database.knex(name)
const newPhone = () => `1370017${String(++last).padStart(4, '0')}`
const github = (visitor: Visitor, url: URL, person: number) =>
  loginThrough(visitor, url, 'github', (upstream) => upstreams.github.authorize(person, upstream))

/** Somebody with a user name and a password, signed in. */
async function named(): Promise<{ readonly visitor: Visitor; readonly name: string }> {
  const name = `hanmei${++last}`
  const visitor = world.visitor()
  const page = await reachLogin(visitor, start())
  const form = { method: 'register', identifier: name, new_password: password, agreement: 'on' }
  const back = await visitor.follow(await visitor.post(page.url, form))
  expect(back.location).toContain('code=')
  return { visitor, name }
}

async function acrIn(answer: Answer): Promise<unknown> {
  return decodeJwt(String((await exchange(world, 'plain', redirectUri, answer.location))['id_token']))['acr']
}

describe('a login that proves something the person has', () => {
  const stored = async () => [
    await table('users').count(),
    await table('identities').count(),
    await table('audit_events').where({ event: 'login.succeeded' }).count(),
  ]

  test.each([
    ['acr_values', { acr_values: possession }],
    ['an essential claim', essential({ value: possession })],
    ['one of several in an essential claim', essential({ values: ['urn:nobody', possession] })],
  ])('is demanded by %s: a password lets nobody in, neither with a session nor without', async (_, demand) => {
    const { visitor, name } = await named()
    for (const each of [visitor, world.visitor()]) {
      const page = await reachLogin(each, start(demand))
      expect(page.text).not.toContain('name="password"')
      const before = await stored()
      const form = { method: 'password', identifier: name, password, agreement: 'on' }
      const refused = await each.post(page.url, form)
      expect(refused.status).toBe(403)
      expect(refused.text).toContain('login.insufficient')
      expect(await stored()).toEqual(before)
    }
  })

  test.each(['?method=password', '?method=github', '?method=register&kind=username'])(
    'is not to be had by naming a way in the address: %s',
    async (query) => {
      const visitor = world.visitor()
      const { url } = await reachLogin(visitor, start({ acr_values: possession }))
      const page = await visitor.get(`${url.pathname}${query}`)
      expect(page.text).not.toMatch(/name="password"|kind" value="username"|value="github"/)
      const opened = await reachLogin(world.visitor(), start({ acr_values: possession, method: 'password' }))
      expect(opened.text).not.toContain('name="password"')
      expect(opened.text).toContain('name="phone"')
    },
  )

  test('is demanded of an upstream’s people too, known or new', async () => {
    const before = await github(world.visitor(), start(), 1001)
    await world.visitor().follow(before)
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start({ acr_values: possession }))
    expect(page.text).not.toContain('GitHub')
    const refused = await visitor.post(page.url, { method: 'github', agreement: 'on' })
    expect(refused.status).toBe(403)
    expect(refused.location).toBeUndefined()
  })

  test('is demanded of a new account: a user name makes none', async () => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start({ acr_values: possession }))
    const before = await stored()
    const form = { method: 'register', identifier: `lilei${++last}`, new_password: password, agreement: 'on' }
    expect((await visitor.post(page.url, form)).status).toBe(403)
    expect(await stored()).toEqual(before)
  })

  test('is there after a code by SMS, and its acr is told', async () => {
    const answer = await loginBySms(world, world.visitor(), start({ acr_values: possession }), newPhone())
    expect(await acrIn(answer)).toBe(possession)
  })

  test('is what a reset ends with', async () => {
    const phone = newPhone()
    await loginBySms(world, world.visitor(), start(), phone)
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start({ acr_values: possession }))
    const otp = await world.otpAfter(`+86${phone}`, () =>
      visitor.post(page.url, { method: 'reset', identifier: phone, agreement: 'on' }),
    )
    await visitor.post(page.url, { method: 'reset', otp })
    const answer = await visitor.follow(await visitor.post(page.url, { method: 'reset', new_password: password }))
    expect(await acrIn(answer)).toBe(possession)
  })
})

test('where only a password will do a reset is followed by a login with it', async () => {
  const phone = newPhone()
  await loginBySms(world, world.visitor(), start(), phone)
  const visitor = world.visitor()
  const page = await reachLogin(visitor, start({ acr_values: knowledge }))
  const otp = await world.otpAfter(`+86${phone}`, () =>
    visitor.post(page.url, { method: 'reset', identifier: phone, agreement: 'on' }),
  )
  await visitor.post(page.url, { method: 'reset', otp })
  const asked = await visitor.follow(await visitor.post(page.url, { method: 'reset', new_password: password }))
  expect(asked.text).toContain('name="password"')
  const form = { method: 'password', identifier: phone, password, agreement: 'on' }
  expect(await acrIn(await visitor.follow(await visitor.post(page.url, form)))).toBe(knowledge)
})

test('where only an upstream’s word will do, the page has the upstreams and no form', async () => {
  const visitor = world.visitor()
  const page = await reachLogin(visitor, start({ acr_values: federated }))
  expect(page.text).toContain('GitHub')
  expect(page.text).not.toMatch(/name="phone"|name="password"/)
  const { location } = await visitor.post(page.url, { method: 'sms', phone: newPhone(), agreement: 'on' })
  expect(location).toBeUndefined()
  const asked = await github(visitor, start({ acr_values: federated }), 1002)
  const made = await visitor.follow(await visitor.post(asked.url.pathname, { choice: 'new' }))
  expect(await acrIn(made)).toBe(federated)
})

describe('a device', () => {
  async function approve(demand: Record<string, string>): Promise<{ visitor: Visitor; page: Answer }> {
    const body = new URLSearchParams({ client_id: 'tv', scope: 'openid', ...demand })
    const begun = await fetch(`${world.issuer}/device/auth`, { method: 'POST', body })
    const { user_code = '', verification_uri = '' } = (await begun.json()) as Record<string, string>
    const { visitor } = await named()
    const xsrf = /name="xsrf" value="([^"]+)"/.exec((await visitor.get(verification_uri)).text)?.[1] ?? ''
    const page = await visitor.follow(await visitor.post('/device', { xsrf, user_code, confirm: 'yes' }))
    return { visitor, page }
  }

  test('that wants a stronger login than the session gets one, and no password does', async () => {
    const { visitor, page } = await approve({ acr_values: possession })
    expect(page.text).toContain('name="phone"')
    expect(page.text).not.toContain('name="password"')
    const form = { method: 'password', identifier: 'somebody', password, agreement: 'on' }
    expect((await visitor.post(page.url, form)).status).toBe(403)
  })

  test('that wants what nobody has is told so at once', async () => {
    const body = new URLSearchParams({ client_id: 'tv', scope: 'openid', ...essential({ value: 'urn:nobody' }) })
    const answer = await fetch(`${world.issuer}/device/auth`, { method: 'POST', body })
    expect({ status: answer.status, body: await answer.json() }).toMatchObject({
      status: 400,
      body: { error: 'unmet_authentication_requirements' },
    })
  })
})

describe('an acr that nobody can reach', () => {
  const unmet = 'unmet_authentication_requirements'

  test.each([
    ['unknown and essential', essential({ value: 'nobody-has-this' })],
    ['unknown, one of several, and essential', essential({ values: ['nobody-has-this', 1] })],
    ['one of none', essential({ values: [] })],
    ['unknown, and not in the list beside it', essential({ value: 'nobody-has-this', values: [possession] })],
    ['known, and not in the list beside it', essential({ value: possession, values: [knowledge] })],
    ['unknown, and essential by another word for it', essential({ essential: 'true', value: 'nobody-has-this' })],
    ['no text', essential({ value: [possession] })],
  ])('%s is an error, with a session, without one, and without a page', async (_, demand) => {
    const { visitor } = await named()
    for (const each of [visitor, world.visitor()]) {
      for (const more of [{}, { prompt: 'none' }, { prompt: 'login' }, { max_age: '0' }]) {
        expect(errorIn(await each.get(start({ ...demand, ...more })))).toBe(unmet)
      }
    }
    const form = new URLSearchParams(start(demand).search)
    const pushed = await fetch(`${world.issuer}/request`, { method: 'POST', body: form })
    expect({ status: pushed.status, body: await pushed.json() }).toMatchObject({ status: 400, body: { error: unmet } })
    const native = await new NativeApp(world).challenge({ method: 'sms', phone: newPhone(), ...demand })
    expect(native.body['error']).toBe(unmet)
  })

  test('is none when the claim says nothing of it, and no list is an invalid request, in apps too', async () => {
    const nothing = await reachLogin(world.visitor(), start(essential({ value: null })))
    expect(nothing.text).toContain('name="phone"')
    const broken = essential({ values: possession })
    expect(errorIn(await world.visitor().get(start(broken)))).toBe('invalid_request')
    const { body } = await new NativeApp(world).challenge({ method: 'sms', phone: newPhone(), ...broken })
    expect(body['error']).toBe('invalid_request')
  })

  test('and that is a wish of another vocabulary is passed over', async () => {
    const answer = await loginBySms(
      world,
      world.visitor(),
      start({ acr_values: 'urn:mace:incommon:iap:silver 2' }),
      newPhone(),
    )
    expect(await acrIn(answer)).toBe(possession)
  })

  test('is not what a session only lacks: without a page that needs a login', async () => {
    const { visitor } = await named()
    expect(errorIn(await visitor.get(start({ acr_values: possession, prompt: 'none' })))).toBe('login_required')
  })
})

describe('where no configured way in reaches it', () => {
  let small: World
  beforeAll(async () => {
    small = await openWorld({ stores: 'tables', env: { MENSHEN_LOGIN__METHODS: '[sms]', MENSHEN_CONNECTIONS: '[]' } })
    await small.register({ clients, resources })
  })
  afterAll(() => small?.close())

  test.each([
    ['acr_values', { acr_values: knowledge }] as const,
    ['essential', essential({ value: knowledge })] as const,
  ])('an acr of ours in %s is an error, because asking would never end', async (_, demand) => {
    const answer = await small.visitor().get(startLogin(small, 'plain', redirectUri, demand))
    expect(new URL(answer.location ?? '').searchParams.get('error')).toBe('unmet_authentication_requirements')
  })
})

describe('in apps', () => {
  test('a password does not reach possession, and the answer says what does', async () => {
    const { name } = await named()
    const app = new NativeApp(world)
    const form = { method: 'password', identifier: name, password, acr_values: possession }
    const { status, body } = await app.challenge(form)
    expect({ status, body }).toMatchObject({
      status: 400,
      body: { error: 'insufficient_authorization', step: 'login', acr_values: possession },
    })
    expect(JSON.stringify(body['methods'])).not.toContain('password')
    expect(body.authorization_code).toBeUndefined()
  })

  test('nothing is sent that could let nobody in, and the answer says what does', async () => {
    const phone = newPhone()
    const { body } = await new NativeApp(world).challenge({ method: 'sms', phone, acr_values: knowledge })
    expect(body).toMatchObject({ step: 'login', message_key: 'errors.login.insufficient', acr_values: knowledge })
    await expect(world.otp(`+86${phone}`)).rejects.toThrow('nothing was sent')
  })

  test('what only an upstream’s word answers goes on in the browser', async () => {
    const { body } = await new NativeApp(world).challenge({ acr_values: federated })
    expect(body['error']).toBe('redirect_to_web')
  })
})

test('a client that demands a phone number does not let a session in without one', async () => {
  const { visitor, name } = await named()
  const none = await visitor.get(start({ prompt: 'none' }, 'needy'))
  expect(errorIn(none)).toBe('login_required')
  const asked = await loginByPassword(visitor, start({}, 'needy'), name, password)
  expect(asked.text).toContain('name="phone"')
  const phone = newPhone()
  await visitor.post(asked.url, { method: 'sms', phone })
  await visitor.post(asked.url, { method: 'sms', otp: await world.otp(`+86${phone}`) })
  const back = await visitor.follow(await visitor.post(asked.url, { choice: 'bind' }))
  expect(back.location).toContain('code=')
  expect((await visitor.get(start({ prompt: 'none' }, 'needy'))).location).toContain('code=')
})

test('a login that has waited past max_age lets nobody in, and its time is that of its proof', async () => {
  const { name } = await named()
  const visitor = world.visitor()
  const page = await reachLogin(visitor, start({ max_age: '60' }, 'needy'))
  const asked = await visitor.follow(
    await visitor.post(page.url, { method: 'password', identifier: name, password, agreement: 'on' }),
  )
  walkTo(120_000)
  const phone = newPhone()
  await visitor.post(asked.url, { method: 'sms', phone })
  await visitor.post(asked.url, { method: 'sms', otp: await world.otp(`+86${phone}`) })
  const again = await visitor.follow(await visitor.post(asked.url, { choice: 'bind' }))
  expect(again.location).toBeUndefined()
  expect(again.text).toContain('name="phone"')
})

describe('a login that is finished and not followed back', () => {
  async function finished(demand: Record<string, string>, client?: string) {
    const phone = newPhone()
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start(demand, client))
    await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' })
    const left = await visitor.post(page.url, { method: 'sms', otp: await world.otp(`+86${phone}`) })
    expect(left.location).toMatch(/\/auth\/[\w-]+$/)
    return { visitor, left }
  }

  test.each([
    ['within the age the request allows it', { max_age: '120' }, 100],
    ['within a minute, where it must be new', { max_age: '1' }, 30],
    ['within ten minutes', {}, 590],
  ])('lets its person in %s', async (_, demand, seconds) => {
    const { visitor, left } = await finished(demand)
    walkTo(seconds * 1000)
    expect((await visitor.follow(left)).location).toContain('code=')
  })

  test.each([
    ['past max_age', { max_age: '120' }, 240],
    ['past a minute, where it must be new', { max_age: '1' }, 90],
    ['past ten minutes', {}, 660],
  ])('lets nobody in %s', async (_, demand, seconds) => {
    const { visitor, left } = await finished(demand)
    walkTo(seconds * 1000)
    const answer = await visitor.follow(left)
    expect(answer).toMatchObject({ status: 200, location: undefined })
    expect(answer.text).toContain('name="phone"')
    expect((await visitor.get('/account')).status).toBe(303)
  })

  test('past the age its client allows lets nobody in either', async () => {
    await world.register({
      clients: [
        {
          client_id: 'hasty',
          first_party: true,
          token_endpoint_auth_method: 'none',
          redirect_uris: [redirectUri],
          default_max_age: 60,
        },
      ],
    })
    const { visitor, left } = await finished({}, 'hasty')
    walkTo(180_000)
    expect((await visitor.follow(left)).location).toBeUndefined()
  })

  test('does not age while its person reads what they are asked to agree to', async () => {
    const visitor = world.visitor()
    const url = startLogin(world, 'third', 'https://third.example.com/callback', {
      scope: 'openid profile',
      max_age: '60',
    })
    const page = await loginBySms(world, visitor, url, newPhone())
    expect(page.text).toContain('value="allow"')
    walkTo(300_000)
    const scope = ['openid', 'profile']
    expect((await visitor.follow(await visitor.post(page.url, { choice: 'allow', scope }))).location).toContain('code=')
  })
})

test('a request for one account is answered by nobody else, who is told so and signed in nowhere', async () => {
  const phone = newPhone()
  const first = await loginBySms(world, world.visitor(), start(), phone)
  const sub = subjectOf(await exchange(world, 'plain', redirectUri, first.location))
  const wanted = start({ claims: JSON.stringify({ id_token: { sub: { value: sub } } }) })
  const visitor = world.visitor()
  const page = await reachLogin(visitor, wanted)
  const before = await table('users').count()
  const other = newPhone()
  await visitor.post(page.url, { method: 'sms', phone: other, agreement: 'on' })
  const refused = await visitor.post(page.url, { method: 'sms', otp: await world.otp(`+86${other}`) })
  expect(refused.status).toBe(403)
  expect(refused.text).toContain('login.other_user')
  expect(await table('users').count()).toEqual(before)
  expect((await visitor.get('/account')).status).toBe(303)
  expect((await loginBySms(world, visitor, wanted, phone)).location).toContain('code=')
})
