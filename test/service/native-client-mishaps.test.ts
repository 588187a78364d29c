import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Transport } from '../../clients/native/transports.ts'
import { byFetch, install, logIn, type Through } from '../support/installation.ts'
import { loginBySms } from '../support/login.ts'
import { agreements } from '../support/native-app.ts'
import { openWorld, type World } from '../support/world.ts'

// What goes wrong around the client to copy: answers that get lost, servers that are away, people who change.

let world: World

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
})
afterAll(() => world.close())

const orders = () => ({ url: `${world.issuer}/sandbox/api/orders`, method: 'POST' as const, body: 'order' })
const asksFor = (part: string) => (request: { readonly url: string; readonly body?: string | undefined }) =>
  `${request.url} ${request.body}`.includes(part)
const away = { status: 503, headers: {}, text: '' }

test('two logins through one browser are two logins, and the later one goes on', async () => {
  const app = install(world)
  const visitor = world.visitor()
  const through = async (phone: string) => {
    const asked = await app.client.login({ method: 'reset' })
    if (asked.kind !== 'challenge') throw new Error('logged in')
    const { location = '' } = await loginBySms(world, visitor, new URL(app.client.browserUrl(asked.challenge)), phone)
    const answer = await app.client.finish(location)
    expect(answer.kind).toBe('tokens')
    return app.kept().refreshToken
  }
  const first = await through('13700020001')
  const second = await through('13700020001')
  expect(second).not.toBe(first)
  await expect(app.client.refresh()).resolves.toBeTruthy()
})

test('a login that was under way is not begun again in silence', async () => {
  let loses = false
  const through: Through = async (answer) => {
    const came = await answer
    if (!loses) return came
    loses = false
    throw new Error('the line is gone')
  }
  const app = install(world, byFetch, through)
  await app.client.login({ method: 'sms', phone: '13700020002', agreements })
  loses = true
  const form = { method: 'sms', phone: '13700020003', agreements }
  await expect(app.client.login(form)).rejects.toThrow('the line is gone')
  expect(await app.client.login(form)).toMatchObject({ kind: 'challenge', challenge: { error: 'invalid_session' } })
  expect(await app.client.login({ method: 'sms', phone: '13700020004', agreements })).toMatchObject({
    challenge: { step: 'otp' },
  })
})

test('what one person asked for is not asked again for the next', async () => {
  let first = true
  const through: Through = async (answer, request) => {
    const came = await answer
    if (!first || !asksFor('/orders')(request)) return came
    first = false
    await app.client.logout()
    await logIn(world, app, '13700020006')
    return { status: 401, headers: {}, text: '' }
  }
  const app = install(world, byFetch, through)
  await logIn(world, app, '13700020005')
  expect((await app.client.request(orders())).status).toBe(401)
  expect(app.sent.filter(asksFor('/orders'))).toHaveLength(1)
})

test('a code is exchanged again with a server that was away, and not where no answer came', async () => {
  let refuses: 'away' | 'silent' | undefined = 'away'
  const transport: Transport = async (request) => {
    if (!refuses || !asksFor('grant_type=authorization_code')(request)) return byFetch(request)
    const how = refuses
    refuses = undefined
    if (how === 'away') return away
    throw new Error('the line is gone')
  }
  const app = install(world, transport)
  await logIn(world, app, '13700020007')
  const other = install(world, transport)
  refuses = 'silent'
  await expect(logIn(world, other, '13700020008')).rejects.toThrow('the line is gone')
  expect(other.sent.filter(asksFor('grant_type=authorization_code'))).toHaveLength(1)
  expect(other.kept().refreshToken).toBeUndefined()
})

test('a logout says when the server was not told', async () => {
  const through: Through = async (answer, request) =>
    (await answer) && asksFor('/revocation')(request) ? away : answer
  const app = install(world, byFetch, through)
  await logIn(world, app, '13700020009')
  await expect(app.client.logout()).rejects.toThrow('temporarily_unavailable')
  expect(app.kept()).toEqual({})
})

test('two clients over one storage keep the successor both were given', async () => {
  const one = install(world)
  await logIn(world, one, '13700020010')
  const shared = {
    read: () => one.stored.text,
    write: (text: string) => {
      one.stored.text = text
    },
  }
  const came = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const held: Through = async (answer) => {
    const held = await answer
    came.resolve()
    await gate.promise
    return held
  }
  const late = install(world, byFetch, held, { storage: shared }).client.refresh()
  await came.promise
  await one.client.refresh()
  gate.resolve()
  await late
  await expect(one.client.refresh()).resolves.toBeTruthy()
})

test('what a refresh asks for goes before a login that was left', async () => {
  let asks = false
  const body = JSON.stringify({ error: 'insufficient_authorization', step: 'agreement', auth_session: 'for-agreement' })
  const through: Through = async (answer, request) =>
    asks && asksFor('grant_type=refresh_token')(request) ? { status: 403, headers: {}, text: body } : answer
  const app = install(world, byFetch, through)
  await logIn(world, app, '13700020011')
  await app.client.login({ method: 'sms', phone: '13700020012', agreements })
  asks = true
  await expect(app.client.refresh()).rejects.toThrow('insufficient_authorization')
  await app.client.login({ agreements })
  expect(app.sent.at(-1)?.body).toContain('auth_session=for-agreement')
})

test('a storage nobody can read is that of nobody', async () => {
  const app = install(world)
  app.stored.text = '{"refreshToken":"ab'
  expect(await app.client.tokens()).toBeUndefined()
  await app.client.logout()
  await logIn(world, app, '13700020013')
})
