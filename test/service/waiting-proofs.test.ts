import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { UserId } from '../../src/base/ids.ts'
import { bindByCode, bindThrough, formToken, leaveToBind, signedIn } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { untilLocked } from '../support/database.ts'
import { codeVerifier, loginByPassword, loginBySms, reachLogin, startLogin, token } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { freePort } from '../support/services.ts'
import { leaveFor } from '../support/upstream.ts'
import { openUpstreams, type Upstreams } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// A proof that waits, at every step of every way in, and every event that is meant to end it. An intruder saw one code, once.

let world: World
let upstreams: Upstreams
let last = 0

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({ port, env: { ...upstreams.env(['github']), MENSHEN_SANDBOX: 'true' } })
  const needy = { client_id: 'needy', first_party: true, require_phone: true, token_endpoint_auth_method: 'none' }
  await world.register({
    resources,
    clients: [...clients, ...nativeClients, { ...needy, redirect_uris: [redirectUri] }],
  })
})
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const first = 'green kettle 绿色'
const second = 'third kettle 红色'

/** An account with a number, a name and GitHub, and its owner at a browser. */
interface Owner {
  readonly userId: UserId
  readonly phone: string
  readonly name: string
  readonly person: number
  readonly visitor: Visitor
}

async function owner({ hasPassword = true } = {}): Promise<Owner> {
  const number = ++last
  const phone = `1370013${String(number).padStart(4, '0')}`
  const name = `owner${number}`
  const person = 1000 + (number % 39)
  const { directory } = world.app.core
  const visitor = await signedIn(world, redirectUri, phone)
  const claim = { provider: 'phone', subjects: [`+86${phone}`], profile: {} } as const
  const userId = (await directory.ownerOf(claim)) as UserId
  await directory.bind(userId, { provider: 'username', subjects: [name], profile: {} }, { ip: '203.0.113.1' })
  const github = { provider: 'github', subjects: [String(person)], profile: {} } as const
  const before = await directory.ownerOf(github)
  const isIt = ({ provider, subjects }: { provider: string; subjects: readonly string[] }) =>
    provider === 'github' && subjects.includes(String(person))
  const held = before && (await directory.find(before))?.identities.find(isIt)
  if (before && held) await directory.unbind(before, held.id, async () => {})
  await directory.bind(userId, github, { ip: '203.0.113.1' })
  const whole = { userId, phone, name, person, visitor }
  if (hasPassword) await setPassword(whole, undefined, first)
  return whole
}

async function setPassword({ visitor }: Owner, current: string | undefined, next: string): Promise<void> {
  const form_token = formToken(await visitor.get('/account/password'))
  const fields = current === undefined ? {} : { password: current }
  const answer = await visitor.post('/account/password', { form_token, ...fields, new_password: next })
  const done = current === undefined ? 'password' : 'password_changed'
  if (answer.location !== `/account?done=${done}`) throw new Error(`no password: ${answer.status} ${answer.text}`)
}

async function takeAway({ userId }: Owner, provider: string): Promise<void> {
  const { directory } = world.app.core
  const identity = (await directory.find(userId))?.identities.find((each) => each.provider === provider)
  if (identity) await directory.unbind(userId, identity.id, async () => {})
}

async function reset({ phone }: Pick<Owner, 'phone'>, visitor: Visitor, next: string): Promise<Answer> {
  const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
  const otp = await world.otpAfter(`+86${phone}`, () =>
    visitor.post(page.url, { method: 'reset', identifier: phone, agreement: 'on' }),
  )
  await visitor.post(page.url, { method: 'reset', otp })
  return visitor.follow(await visitor.post(page.url, { method: 'reset', new_password: next }))
}

/** What ends proofs. */
const events = {
  'the password was changed': (own) => setPassword(own, first, second),
  'the password was reset': async (own) => {
    expect((await reset(own, world.visitor(), second)).location).toContain('code=')
  },
  'its owner signed out everywhere': async ({ visitor }) => {
    const form_token = formToken(await visitor.get('/account/devices'))
    expect((await visitor.post('/account/devices', { form_token, choice: 'all' })).status).toBe(200)
  },
  'its owner signed out all other devices': async ({ visitor }) => {
    const form_token = formToken(await visitor.get('/account/devices'))
    expect((await visitor.post('/account/devices', { form_token, choice: 'others' })).status).toBe(303)
  },
  'a way in was taken away': (own) => takeAway(own, 'github'),
  'the account was locked': async ({ userId }) => {
    await world.app.core.directory.setStatus(userId, 'locked')
  },
  'the account was locked and unlocked': async ({ userId }) => {
    await world.app.core.directory.setStatus(userId, 'locked')
    await world.app.core.directory.setStatus(userId, 'active')
  },
  'the account was deleted': async ({ userId }) => {
    await world.app.core.directory.setStatus(userId, 'deleted')
  },
  'the number moved to another account': async (own) => {
    const other = await owner()
    await takeAway(other, 'phone')
    await takeAway(own, 'phone')
    const claim = { provider: 'phone', subjects: [`+86${own.phone}`], profile: {} } as const
    await world.app.core.directory.bind(other.userId, claim, { ip: '203.0.113.1' })
  },
  'the number was given to a new account': async (own) => {
    await takeAway(own, 'phone')
    const claim = { provider: 'phone', subjects: [`+86${own.phone}`], profile: {} } as const
    await world.app.core.directory.register(claim, { ip: '203.0.113.1' })
  },
  'the number was given up': (own) => takeAway(own, 'phone'),
} as const satisfies Record<string, (own: Owner) => Promise<void>>

/** What an intruder left waiting; answers whether going on with it gets in, or gets something into the account. */
type Waiting = (own: Owner) => Promise<() => Promise<boolean>>

const start = (client = 'plain') => startLogin(world, client, redirectUri)
const isIn = ({ location = '' }: Answer) => /^https:.*[?&]code=/.test(location)
const has = async ({ userId }: Owner, subject: string) =>
  (await world.app.core.directory.find(userId))?.identities.some(({ subjects }) => subjects.includes(subject)) ?? false

async function codeFor(visitor: Visitor, page: Answer, form: Record<string, string>, phone: string): Promise<string> {
  return world.otpAfter(`+86${phone}`, () => visitor.post(page.url, { agreement: 'on', ...form }))
}

const inBrowser = {
  'a reset that waits for the new password': async ({ phone }) => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const otp = await codeFor(visitor, page, { method: 'reset', identifier: phone }, phone)
    await visitor.post(page.url, { method: 'reset', otp })
    return async () =>
      isIn(await visitor.follow(await visitor.post(page.url, { method: 'reset', new_password: 'thief kettle 紫色' })))
  },
  'a code for a reset that was seen': async ({ phone }) => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const otp = await codeFor(visitor, page, { method: 'reset', identifier: phone }, phone)
    return async () => {
      await visitor.post(page.url, { method: 'reset', otp })
      const chosen = await visitor.post(page.url, { method: 'reset', new_password: 'thief kettle 紫色' })
      return isIn(await visitor.follow(chosen))
    }
  },
  'a code for a login that was seen': async ({ phone }) => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const otp = await codeFor(visitor, page, { method: 'sms', phone }, phone)
    return async () => isIn(await visitor.follow(await visitor.post(page.url, { method: 'sms', otp })))
  },
  'a login by code that was not followed back': async ({ phone }) => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const otp = await codeFor(visitor, page, { method: 'sms', phone }, phone)
    const left = await visitor.post(page.url, { method: 'sms', otp })
    return async () => isIn(await visitor.follow(left))
  },
  'a login by password that was not followed back': async ({ name }) => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const left = await visitor.post(page.url, {
      method: 'password',
      identifier: name,
      password: first,
      agreement: 'on',
    })
    return async () => isIn(await visitor.follow(left))
  },
  'a login that waits for consent': async ({ phone }) => {
    const visitor = world.visitor()
    const page = await loginBySms(
      world,
      visitor,
      startLogin(world, 'third', 'https://third.example.com/callback', { scope: 'openid profile' }),
      phone,
    )
    expect(page.text).toContain('value="allow"')
    return async () =>
      isIn(await visitor.follow(await visitor.post(page.url, { choice: 'allow', scope: ['openid', 'profile'] })))
  },
  'somebody at an upstream': async ({ person }) => {
    const visitor = world.visitor()
    const upstream = await leaveFor(visitor, await reachLogin(visitor, start()), 'github')
    const back = upstreams.github.authorize(person, upstream)
    return async () => isIn(await visitor.follow(await visitor.get(back)))
  },
  'an answer of an upstream that is kept': async ({ person }) => {
    const visitor = world.visitor()
    const upstream = await leaveFor(visitor, await reachLogin(visitor, start()), 'github')
    const kept = await visitor.get(upstreams.github.authorize(person, upstream))
    return async () => isIn(await visitor.follow(kept))
  },
  'the login for a device that was not followed back': async ({ phone }) => {
    const visitor = world.visitor()
    const body = new URLSearchParams({ client_id: 'tv', scope: 'openid offline_access' })
    const begun = await fetch(`${world.issuer}/device/auth`, { method: 'POST', body })
    const { device_code, user_code, verification_uri } = (await begun.json()) as Record<string, string>
    const xsrf = /name="xsrf" value="([^"]+)"/.exec((await visitor.get(String(verification_uri))).text)?.[1] ?? ''
    const page = await visitor.follow(
      await visitor.post('/device', { xsrf, user_code: String(user_code), confirm: 'yes' }),
    )
    const otp = await codeFor(visitor, page, { method: 'sms', phone }, phone)
    const left = await visitor.post(page.url, { method: 'sms', otp })
    return async () => {
      await visitor.follow(left)
      const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
      return (await token(world, { grant_type, client_id: 'tv', device_code: String(device_code) })).status === 200
    }
  },
  'a code for a number to be bound': async (own) => {
    const visitor = await signedIn(world, redirectUri, own.phone)
    const phone = `1380013${String(++last).padStart(4, '0')}`
    const path = '/account/identities/phone'
    const form_token = formToken(await visitor.get(path))
    const otp = await world.otpAfter(`+86${phone}`, () => visitor.post(path, { phone, form_token }))
    return async () => {
      await visitor.post(path, { otp, form_token })
      return has(own, `+86${phone}`)
    }
  },
  'a fresh login at the account pages': async ({ phone }) => {
    const visitor = await signedIn(world, redirectUri, phone)
    return async () => (await visitor.get('/account/identities/phone')).status === 200
  },
  'somebody at an upstream to bind it': async (own) => {
    const visitor = await signedIn(world, redirectUri, own.phone)
    const thief = 1039
    const back = upstreams.github.authorize(thief, await leaveToBind(visitor, 'github'))
    return async () => {
      await visitor.follow(await visitor.get(back))
      return has(own, String(thief))
    }
  },
} as const satisfies Record<string, Waiting>

const inApps = {
  'a code for a login that was seen': async ({ phone }) => {
    const app = new NativeApp(world)
    const otp = await world.otpAfter(`+86${phone}`, () => app.challenge({ method: 'sms', phone }))
    return async () => (await app.challenge({ otp })).body.authorization_code !== undefined
  },
  'a code for a number to be bound': async (own) => {
    const app = new NativeApp(world)
    const tokens = await app.exchange(
      await nativeSms(world, app, own.phone, { scope: 'openid identities offline_access' }),
    )
    const { access_token } = await app.refresh(tokens, { scope: 'openid identities' })
    const authorization = `Bearer ${access_token}`
    const phone = `1380013${String(++last).padStart(4, '0')}`
    const bind = (form: Record<string, string>) => app.send('POST', '/identities', form, { authorization })
    const otp = await world.otpAfter(`+86${phone}`, () => bind({ method: 'sms', phone }))
    return async () => {
      await bind({ otp })
      return has(own, `+86${phone}`)
    }
  },
  'a fresh login of an app': async ({ phone }) => {
    const app = new NativeApp(world)
    const answer = await nativeSms(world, app, phone, { scope: 'openid identities offline_access' })
    const { access_token } = await app.refresh(await app.exchange(answer), { scope: 'openid identities' })
    return async () => {
      const form = { method: 'sms', phone: `1380013${String(++last).padStart(4, '0')}` }
      const { status, body } = await app.send('POST', '/identities', form, { authorization: `Bearer ${access_token}` })
      return status === 400 && body['step'] === 'otp'
    }
  },
} as const satisfies Record<string, Waiting>

/** A session waits for consent, which its owner ends or does not. */
const isMeant = (waiting: string, event: string) =>
  waiting !== 'a login that waits for consent' || endsSessions.has(event)
const endsSessions: ReadonlySet<string> = new Set([
  'the password was reset',
  'its owner signed out everywhere',
  'its owner signed out all other devices',
])

describe.each([
  ['pages', inBrowser],
  ['apps', inApps],
] as const)('in %s', (_, waitings: Record<string, Waiting>) => {
  describe.each(Object.entries(waitings))('%s', (name, wait) => {
    test('gets in where nothing happens', async () => {
      const own = await owner()
      const goOn = await wait(own)
      expect(await goOn()).toBe(true)
    })

    const meant = Object.entries(events).filter(([event]) => isMeant(name, event))
    test.each(meant)('is worth nothing after %s', async (_event, happen) => {
      const own = await owner()
      const goOn = await wait(own)
      await happen(own)
      expect(await goOn()).toBe(false)
    })
  })
})

test('a first password ends what was proved before it', async () => {
  const own = await owner({ hasPassword: false })
  const goOn = await inBrowser['a code for a login that was seen'](own)
  await setPassword(own, undefined, first)
  expect(await goOn()).toBe(false)
})

test('an intruder who saw one code does not take the account back from its owner', async () => {
  const own = await owner()
  const intruder = world.visitor()
  const page = await reachLogin(intruder, start())
  const otp = await codeFor(intruder, page, { method: 'reset', identifier: own.phone }, own.phone)
  await intruder.post(page.url, { method: 'reset', otp })
  const visitor = world.visitor()
  expect(isIn(await reset(own, visitor, second))).toBe(true)
  const form_token = formToken(await visitor.get('/account/devices'))
  await visitor.post('/account/devices', { form_token, choice: 'all' })
  const taken = await intruder.post(page.url, { method: 'reset', new_password: 'thief kettle 紫色' })
  expect(taken.status).toBe(400)
  expect(taken.text).toContain('attempt.expired')
  expect(isIn(await loginByPassword(world.visitor(), start(), own.name, 'thief kettle 紫色'))).toBe(false)
  expect(isIn(await loginByPassword(world.visitor(), start(), own.name, second))).toBe(true)
})

test('of resets that are finished at once one chooses the password', async () => {
  const own = await owner()
  const begun = await Promise.all(
    Array.from({ length: 4 }, async () => world.visitor()).map(async (each) => ({ visitor: await each })),
  )
  const pages: { visitor: Visitor; page: Answer }[] = []
  for (const { visitor } of begun) {
    const page = await reachLogin(visitor, start())
    const otp = await codeFor(visitor, page, { method: 'reset', identifier: own.phone }, own.phone)
    await visitor.post(page.url, { method: 'reset', otp })
    pages.push({ visitor, page })
  }
  const chosen = await Promise.all(
    pages.map(({ visitor, page }, n) =>
      visitor.post(page.url, { method: 'reset', new_password: `kettle number ${n} 紫色` }),
    ),
  )
  expect(chosen.filter(({ status }) => status === 303)).toHaveLength(1)
})

test('who changes the password or takes a way in away goes on there without another login', async () => {
  const own = await owner()
  await setPassword(own, first, second)
  const page = await own.visitor.get('/account/identities')
  // Not the number: what this very login was made with takes it along.
  const [, identity = ''] = [...page.text.matchAll(/unbind\?identity=(idn_\w+)/g)].at(-1) ?? []
  const form_token = formToken(await own.visitor.get(`/account/identities/unbind?identity=${identity}`))
  const unbound = await own.visitor.post('/account/identities/unbind', { identity, form_token })
  expect(unbound.location).toBe('/account/identities?done=unbound')
  expect((await own.visitor.get('/account/identities/phone')).status).toBe(200)
})

test('what the owner does with their own reset lets them in at once, and says when', async () => {
  const own = await owner()
  const visitor = world.visitor()
  expect(isIn(await reset(own, visitor, second))).toBe(true)
  expect((await visitor.get('/account')).status).toBe(200)
  await bindByCode(world, visitor, 'phone', `1380013${String(++last).padStart(4, '0')}`)
  await bindThrough(visitor, 'github', (upstream) => upstreams.github.authorize(1038, upstream))
})

test('the address a login is taken up at is no way around, in whatever letters', async () => {
  const own = await owner()
  const visitor = world.visitor()
  const page = await reachLogin(visitor, start())
  const otp = await codeFor(visitor, page, { method: 'sms', phone: own.phone }, own.phone)
  const { location = '' } = await visitor.post(page.url, { method: 'sms', otp })
  const { pathname } = new URL(location, world.issuer)
  const other = pathname.replace('/auth/', '/AUTH/')
  for (const pair of visitor.cookieHeader(pathname).split('; ')) {
    const [name = '', value = ''] = pair.split('=')
    visitor.setCookie(name, value, other)
  }
  await events['the account was locked and unlocked'](own)
  expect(isIn(await visitor.follow(await visitor.get(other)))).toBe(false)
})

test('a fresh login that was ended does not come back by signing out the others', async () => {
  const own = await owner({ hasPassword: false })
  const thief = await signedIn(world, redirectUri, own.phone)
  await setPassword(own, undefined, first)
  const form_token = formToken(await thief.get('/account/devices'))
  expect((await thief.post('/account/devices', { form_token, choice: 'others' })).location).toContain('done=others')
  expect((await thief.get('/account')).status).toBe(200)
  expect((await thief.get('/account/identities/phone')).status).toBe(303)
})

describe('a login that is being written while its proofs are ended', () => {
  /** Ends the proofs of an account as an ending does, and commits once `work` waits for it. */
  async function endDuring<Result>({ userId }: Owner, work: () => Promise<Result>): Promise<Result> {
    const { knex } = world.database.database
    const ending = await knex.transaction()
    try {
      await ending('users').where({ id: userId }).update({ proofs_ended_at: new Date() })
      const working = work()
      await untilLocked(knex)
      await ending.commit()
      return await working
    } finally {
      if (!ending.isCompleted()) await ending.rollback()
    }
  }

  test('is none in a browser', async () => {
    const own = await owner()
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const otp = await codeFor(visitor, page, { method: 'sms', phone: own.phone }, own.phone)
    const left = await visitor.post(page.url, { method: 'sms', otp })
    const answer = await endDuring(own, () => visitor.get(left.location ?? ''))
    expect(answer.status).toBe(400)
    expect((await visitor.get('/account')).status).toBe(303)
  })

  test('is none in an app', async () => {
    const own = await owner()
    const app = new NativeApp(world)
    const otp = await world.otpAfter(`+86${own.phone}`, () => app.challenge({ method: 'sms', phone: own.phone }))
    const { body } = await endDuring(own, () => app.challenge({ otp }))
    const code = String(body.authorization_code)
    expect((await app.tryToken({ grant_type: 'authorization_code', code, code_verifier: codeVerifier })).status).toBe(
      400,
    )
  })
})
