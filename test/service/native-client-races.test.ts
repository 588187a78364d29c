import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { WireRequest } from '../../clients/native/transports.ts'
import { advanceClock, resetClock } from '../../sandbox/clock.ts'
import { byFetch, type Installation, install, logIn, type Through } from '../support/installation.ts'
import { token } from '../support/login.ts'
import { agreements } from '../support/native-app.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
})
afterEach(resetClock)
afterAll(() => world.close())

/** A storage that takes its time, as those of phones do. */
function slowStorage(stored: Installation['stored']) {
  return {
    async read() {
      await delay(randomInt(1, 4))
      return stored.text
    },
    async write(text: string) {
      await delay(randomInt(1, 4))
      stored.text = text
    },
  }
}

/** What a request is, in one word. */
function kindOf({ url, body = '' }: WireRequest): string {
  return /grant_type=(\w+)/.exec(body)?.[1] ?? url.slice(url.lastIndexOf('/') + 1)
}

/** Holds the answers of two kinds until both are there; then lets them go, one after the other. */
function meeting() {
  let order: readonly string[] = []
  const came = new Map<string, () => void>()
  const through: Through = async (answer, request) => {
    const answered = await answer
    const kind = kindOf(request)
    if (!order.includes(kind)) return answered
    await new Promise<void>((go) => {
      came.set(kind, go)
      if (came.size < order.length) return
      for (const each of order) came.get(each)?.()
      order = []
    })
    return answered
  }
  return {
    through,
    inOrder(...kinds: readonly string[]) {
      came.clear()
      order = kinds
    },
  }
}

/** An installation whose storage is slow and two of whose answers can be made to meet. */
function installSlow() {
  const { through, inOrder } = meeting()
  const stored: Installation['stored'] = { text: undefined }
  /** What the server gave for a refresh token. */
  const successors = new Map<string, string>()
  const noting: Through = async (answer, request) => {
    const came = await answer
    const used = new URLSearchParams(request.body).get('refresh_token')
    if (used !== null) successors.set(used, JSON.parse(came.text).refresh_token)
    return through(Promise.resolve(came), request)
  }
  const app = install(world, byFetch, noting, { storage: slowStorage(stored) })
  const kept = () => JSON.parse(stored.text ?? '{}') as ReturnType<Installation['kept']>
  return { ...app, stored, kept, inOrder, successors }
}

/** Fails where a refresh token is still good. */
async function isRefused(refreshToken: string | undefined): Promise<void> {
  if (refreshToken === undefined) throw new Error('there is none')
  const form = { grant_type: 'refresh_token', client_id: 'sandbox-app', refresh_token: refreshToken }
  expect((await token(world, form)).body).toMatchObject({ error: 'invalid_grant' })
}

const challenged = 'authorize-challenge'
const refreshed = 'refresh_token'
const exchanged = 'authorization_code'

describe.each([
  [[challenged, refreshed], '13700030001'],
  [[refreshed, challenged], '13700030002'],
])('the answers to a request of a login and to a refresh come in the order %s', (order, phone) => {
  test('neither undoes what the other has kept', async () => {
    const app = installSlow()
    await logIn(world, app, phone)
    const before = app.kept().refreshToken
    app.inOrder(...order)
    const [asked, fresh] = await Promise.all([
      app.client.login({ method: 'sms', phone, agreements, max_age: '0' }),
      app.client.refresh(),
    ])
    expect(asked).toMatchObject({ challenge: { step: 'otp' } })
    expect((await app.client.tokens())?.accessToken).toBe(fresh.accessToken)
    expect(app.kept().refreshToken).not.toBe(before)
    expect(app.kept().begun).toBeTruthy()
    expect(await app.client.login({ otp: await world.otp(`+86${phone}`) })).toMatchObject({ kind: 'tokens' })
    advanceClock(40_000)
    await expect(app.client.refresh()).resolves.toBeTruthy()
  })
})

describe.each([
  [[exchanged, refreshed], '13700030003'],
  [[refreshed, exchanged], '13700030004'],
])('the tokens of a login and of a refresh come in the order %s', (order, phone) => {
  test('those of the login stay, and nothing of the login before lives on', async () => {
    const app = installSlow()
    await logIn(world, app, phone)
    await app.client.login({ method: 'sms', phone, agreements, max_age: '0' })
    const otp = await world.otp(`+86${phone}`)
    const before = app.kept().refreshToken
    app.inOrder(...order)
    const [answer] = await Promise.all([app.client.login({ otp }), app.client.refresh()])
    expect(answer).toMatchObject({ kind: 'tokens', tokens: { claims: { phone_number: `+86${phone}` } } })
    advanceClock(40_000)
    await expect(app.client.refresh()).resolves.toBeTruthy()
    await isRefused(app.successors.get(before ?? ''))
    await isRefused(before)
    await expect(app.client.refresh()).resolves.toBeTruthy()
  })
})

test('of two taps at once the second waits for what the first one brings', async () => {
  const phone = '13700030005'
  const app = installSlow()
  const [first, second] = await Promise.all([
    app.client.login({ method: 'sms', phone, agreements }),
    app.client.login({ method: 'sms', phone, agreements }),
  ])
  if (first.kind !== 'challenge' || second.kind !== 'challenge') throw new Error('logged in')
  const [begins, goesOn] = app.sent.map(({ body = '' }) => new URLSearchParams(body))
  expect(begins?.has('code_challenge')).toBe(true)
  expect(goesOn?.has('code_challenge')).toBe(false)
  expect(goesOn?.get('auth_session')).toBe(first.challenge['auth_session'])
  expect(await app.client.login({ otp: await world.otp(`+86${phone}`) })).toMatchObject({ kind: 'tokens' })
})

test('who logs out while a refresh is under way is out', async () => {
  const app = installSlow()
  await logIn(world, app, '13700030006')
  app.inOrder(refreshed, 'revocation')
  const refreshing = expect(app.client.refresh()).rejects.toThrow('login_required')
  await app.client.logout()
  await refreshing
  expect(app.stored.text).toBe('{}')
  expect(await app.client.tokens()).toBeUndefined()
})

test('what a refresh brings after a logout that nobody heard is revoked', async () => {
  let answered = () => {}
  const isOut = new Promise<void>((resolve) => {
    answered = resolve
  })
  let successor: string | undefined
  let isOffline = false
  const app = install(
    world,
    (request) => (isOffline ? Promise.reject(new Error('request:fail')) : byFetch(request)),
    async (answer, request) => {
      const came = await answer
      if (kindOf(request) !== refreshed) return came
      successor = JSON.parse(came.text).refresh_token
      await isOut
      return came
    },
  )
  await logIn(world, app, '13700030019')
  const refreshing = app.client.refresh()
  await expect.poll(() => successor).toBeTruthy()
  isOffline = true
  await expect(app.client.logout()).rejects.toThrow('request:fail')
  isOffline = false
  answered()
  await expect(refreshing).rejects.toThrow('login_required')
  await isRefused(successor)
})

test('a step-up takes the place of the login before', async () => {
  const app = install(world)
  await logIn(world, app, '13700030020')
  const before = app.kept().refreshToken
  await logIn(world, app, '13700030020')
  await isRefused(before)
  await expect(app.client.refresh()).resolves.toBeTruthy()
})

test('a token for some of the scope tells nothing new about the person', async () => {
  const app = install(world)
  const { tokens } = await logIn(world, app, '13700030007')
  expect((await app.client.refresh('openid')).claims).toEqual(tokens.claims)
  expect((await app.client.tokens())?.claims).toEqual(tokens.claims)
  expect((await app.client.refresh()).claims).toMatchObject({ phone_number: '+8613700030007' })
})

test('tokens of somebody else are refused, and nothing changes', async () => {
  let isForgetful = false
  const app = install(world, (request) => {
    const fields = new URLSearchParams(request.body)
    // A server that has forgotten whose login this is.
    if (isForgetful && fields.has('code_challenge')) for (const name of ['auth_session', 'claims']) fields.delete(name)
    return byFetch({ ...request, body: fields.toString() })
  })
  const { tokens } = await logIn(world, app, '13700030008')
  const before = app.kept()
  isForgetful = true
  await expect(logIn(world, app, '13700030009')).rejects.toThrow('invalid_id_token')
  expect(await app.client.tokens()).toEqual(tokens)
  expect(app.kept().refreshToken).toBe(before.refreshToken)
  expect(app.sent.at(-1)?.url).toContain('/token/revocation')
  expect((await app.client.refresh()).claims['sub']).toBe(tokens.claims['sub'])
})

test('a refreshed ID token of somebody else is refused', async () => {
  let idToken: string | undefined
  const other = install(world, byFetch, async (answer, request) => {
    const came = await answer
    if (kindOf(request) === exchanged) idToken = JSON.parse(came.text).id_token
    return came
  })
  await logIn(world, other, '13700030010')
  const app = install(world, byFetch, async (answer, request) => {
    const came = await answer
    if (kindOf(request) !== refreshed) return came
    return { ...came, text: JSON.stringify({ ...JSON.parse(came.text), id_token: idToken }) }
  })
  const { tokens } = await logIn(world, app, '13700030011')
  await expect(app.client.refresh()).rejects.toThrow('invalid_id_token')
  expect(await app.client.tokens()).toEqual(tokens)
})

/** Loses the next answers of a kind, after the server has acted. */
function losing(kind: string) {
  const lost = { left: 0 }
  const through: Through = async (answer, request) => {
    const came = await answer
    if (kindOf(request) === kind && lost.left-- > 0) throw new Error('request:fail timeout')
    return came
  }
  return { lost, through }
}

test('after a lost exchange nobody is signed in, and the next person is welcome', async () => {
  const { lost, through } = losing(exchanged)
  const app = install(world, byFetch, through)
  lost.left = 1
  await expect(logIn(world, app, '13700030012')).rejects.toThrow('timeout')
  expect(app.stored.text).toBe('{}')
  const { tokens } = await logIn(world, app, '13700030013')
  expect(tokens.claims).toMatchObject({ phone_number: '+8613700030013' })
})

test('after the lost exchange of a step-up the person is still signed in, and nobody else gets in', async () => {
  const { lost, through } = losing(exchanged)
  const app = install(world, byFetch, through)
  const { tokens } = await logIn(world, app, '13700030014')
  lost.left = 1
  await expect(logIn(world, app, '13700030014')).rejects.toThrow('timeout')
  expect(await app.client.tokens()).toEqual(tokens)
  await expect(app.client.refresh()).resolves.toBeTruthy()
  await expect(logIn(world, app, '13700030015')).rejects.toThrow('errors.login.other_user')
  await app.client.restart()
  await expect(logIn(world, app, '13700030014')).resolves.toBeTruthy()
})

test('a refused refresh signs out, and the next person is welcome', async () => {
  const app = install(world)
  await logIn(world, app, '13700030016')
  await app.client.login({ method: 'sms', phone: '13700030016', agreements, max_age: '0' })
  const body = new URLSearchParams({ client_id: 'sandbox-app', token: app.kept().refreshToken ?? '' })
  await fetch(`${world.issuer}/token/revocation`, { method: 'POST', body })
  await expect(app.client.refresh()).rejects.toThrow('invalid_grant')
  await expect(logIn(world, app, '13700030017')).resolves.toBeTruthy()
})

test('a login that was left half-way makes room for another one', async () => {
  const phone = '13700030018'
  const app = install(world)
  const { tokens } = await logIn(world, app, phone)
  await app.client.login({ method: 'sms', phone, agreements, max_age: '600' })
  await app.client.restart()
  expect(await app.client.tokens()).toEqual(tokens)
  const asked = await app.client.login({ method: 'sms', phone, agreements, max_age: '0' })
  expect(asked).toMatchObject({ challenge: { step: 'otp' } })
  expect(await app.client.login({ otp: await world.otp(`+86${phone}`) })).toMatchObject({
    kind: 'tokens',
    tokens: { claims: { sub: tokens.claims['sub'] } },
  })
})
