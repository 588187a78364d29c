import { createHash, randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { advanceClock, resetClock } from '../../sandbox/clock.ts'
import { type LoginAnswer, NativeClient } from '../../sandbox/demo/native-client.ts'
import { base64url, formEncoded, jwtClaims, sha256 } from '../../sandbox/demo/native-encoding.ts'
import {
  fetchTransport,
  type Transport,
  uniTransport,
  type WireRequest,
  wxTransport,
} from '../../sandbox/demo/native-transports.ts'
import { agreements } from '../support/native-app.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
})
afterEach(resetClock)
afterAll(() => world.close())

interface Options {
  readonly url: string
  readonly method: string
  readonly header: Record<string, string>
  readonly data?: string
  readonly dataType: string
  success(answer: { data: unknown; statusCode: number; header: object }): void
  fail(failure: { errMsg: string }): void
}

/** `request` as the vendors document it: callbacks only, every status a success, JSON parsed where `dataType` says so. */
function platform({ named }: { named: (name: string) => string }) {
  return {
    request({ url, method, header, data, dataType, success, fail }: Options): { abort(): void } {
      const aborted = new AbortController()
      fetch(url, { method, headers: header, signal: aborted.signal, ...(data === undefined ? {} : { body: data }) })
        .then(async (answer) => {
          const text = await answer.text()
          const names = [...answer.headers].map(([name, value]) => [named(name), value])
          const parsed = dataType === 'json' && text.startsWith('{') ? JSON.parse(text) : text
          success({ data: parsed, statusCode: answer.status, header: Object.fromEntries(names) })
        })
        .catch(() => fail({ errMsg: 'request:fail' }))
      return { abort: () => aborted.abort() }
    },
  }
}

const wx = platform({ named: (name) => name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase()) })
const uni = platform({ named: (name) => name })

interface Installation {
  readonly client: NativeClient
  /** `POST /token` and the like, as they were sent. */
  readonly sent: WireRequest[]
  readonly stored: { text: string | undefined }
}

/** An installation; `through` may lose or change what comes back. */
function install(
  transport: Transport,
  through = (answer: ReturnType<Transport>, _: WireRequest) => answer,
  { issuer }: Pick<World, 'issuer'> = world,
): Installation {
  const sent: WireRequest[] = []
  const stored: Installation['stored'] = { text: undefined }
  const client = new NativeClient({
    issuer,
    clientId: 'sandbox-app',
    scope: 'openid phone identities offline_access orders:read',
    transport: (request) => {
      sent.push(request)
      return through(transport(request), request)
    },
    storage: {
      read: () => stored.text,
      write: (text) => {
        stored.text = text
      },
    },
    random: (bytes) => randomBytes(bytes),
    locale: 'zh-CN',
  })
  return { client, sent, stored }
}

const byFetch = fetchTransport(fetch)

async function logIn({ client }: Installation, phone: string): Promise<Extract<LoginAnswer, { kind: 'tokens' }>> {
  const asked = await client.login({ method: 'sms', phone, agreements })
  expect(asked).toMatchObject({ kind: 'challenge', challenge: { step: 'otp' } })
  const answer = await client.login({ otp: await world.otp(`+86${phone}`) })
  if (answer.kind !== 'tokens') throw new Error(JSON.stringify(answer))
  return answer
}

const orders = () => ({ url: `${world.issuer}/sandbox/api/orders` })
const tokenRequests = ({ sent }: Installation) => sent.filter(({ url }) => url.endsWith('/token')).length

describe.each([
  ['fetch', byFetch, '13700010001'],
  ['uni.request', uniTransport(uni), '13700010002'],
  ['wx.request', wxTransport(wx), '13700010003'],
])('the client over %s', (_, transport, phone) => {
  test('logs in step by step, calls an API, refreshes and logs out', async () => {
    const app = install(transport)
    expect(await app.client.login({ method: 'sms', phone: '1', agreements })).toMatchObject({
      kind: 'challenge',
      challenge: { error: 'invalid_request', message: '手机号格式不正确，请检查号码和国家或地区代码。' },
    })
    const { tokens, isNew } = await logIn(app, phone)
    expect(isNew).toBe(true)
    expect(tokens.claims).toMatchObject({ phone_number: `+86${phone}`, amr: ['sms', 'otp'] })
    expect((await app.client.request(orders())).status).toBe(200)
    const fresh = await app.client.refresh()
    expect(fresh.claims['sub']).toBe(tokens.claims['sub'])
    expect(fresh.accessToken).not.toBe(tokens.accessToken)
    const list = await app.client.request({ url: `${world.issuer}/identities`, scope: 'openid identities' })
    expect(JSON.parse(list.text)).toMatchObject({ identities: [{ provider: 'phone', removable: false }] })
    await app.client.logout()
    await expect(app.client.refresh()).rejects.toThrow('login_required')
    expect(app.stored.text).toBe('{}')
  })

  test('rejects where nobody answers', async () => {
    const lonely = install((request) => transport({ ...request, url: 'http://127.0.0.1:9/' }))
    await expect(lonely.client.login({ method: 'sms', phone })).rejects.toThrow(/fail/)
  })
})

test('who asks for fresh tokens together shares one refresh', async () => {
  const app = install(byFetch)
  await logIn(app, '13700010004')
  const before = tokenRequests(app)
  const tokens = await Promise.all(Array.from({ length: 5 }, () => app.client.refresh()))
  expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1)
  expect(tokenRequests(app) - before).toBe(1)
})

test('requests whose token has ended share one refresh and are sent again', async () => {
  const app = install(byFetch)
  await logIn(app, '13700010005')
  advanceClock(11 * 60_000)
  const before = tokenRequests(app)
  const answers = await Promise.all(Array.from({ length: 4 }, () => app.client.request(orders())))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  expect(tokenRequests(app) - before).toBe(1)
})

test('a 401 that comes after somebody else’s refresh uses what that brought', async () => {
  let refreshed = Promise.resolve()
  const app = install(byFetch, async (answer, { url }) => {
    const came = await answer
    if (url.endsWith('/orders') && came.status === 401) await refreshed
    return came
  })
  await logIn(app, '13700010018')
  advanceClock(11 * 60_000)
  const before = tokenRequests(app)
  refreshed = app.client.refresh().then(() => {})
  expect((await app.client.request(orders())).status).toBe(200)
  expect(tokenRequests(app) - before).toBe(1)
})

test('a request that stays unauthorized is sent twice and no more', async () => {
  const app = install(byFetch)
  await logIn(app, '13700010006')
  app.sent.length = 0
  const answer = await app.client.request({ ...orders(), scope: 'openid' })
  expect(answer.status).toBe(401)
  expect(app.sent.filter(({ url }) => url.endsWith('/orders'))).toHaveLength(2)
})

test('refreshes for several scopes take turns', async () => {
  const app = install(byFetch)
  await logIn(app, '13700010007')
  const [api, own] = await Promise.all([app.client.refresh(), app.client.refresh('openid identities')])
  expect(api.accessToken).not.toBe(own.accessToken)
  await expect(app.client.refresh()).resolves.toBeTruthy()
})

/** Loses so many answers of the token endpoint to refreshes, after the server has acted. */
function losing(answers: number) {
  let left = answers
  return async (answer: ReturnType<Transport>, { body = '' }: WireRequest) => {
    const came = await answer
    if (body.includes('grant_type=refresh_token') && left-- > 0) throw new Error('request:fail timeout')
    return came
  }
}

test('a lost answer is asked for once more with the same token, and the family goes on', async () => {
  const app = install(byFetch, losing(1))
  await logIn(app, '13700010008')
  const { accessToken } = await app.client.refresh()
  expect((await app.client.tokens())?.accessToken).toBe(accessToken)
  await expect(app.client.refresh()).resolves.toBeTruthy()
})

test('after two lost answers the next refresh still has the token', async () => {
  const app = install(byFetch, losing(2))
  await logIn(app, '13700010009')
  await expect(app.client.refresh()).rejects.toThrow('timeout')
  await expect(app.client.refresh()).resolves.toBeTruthy()
})

test('an answer of a proxy counts as lost', async () => {
  let isAway = true
  const app = install(byFetch, async (answer, { body = '' }) => {
    const came = await answer
    if (!body.includes('refresh_token=') || !isAway) return came
    isAway = false
    return { status: 502, headers: {}, text: '<html>' }
  })
  await logIn(app, '13700010010')
  await expect(app.client.refresh()).resolves.toBeTruthy()
})

test('a refused refresh is not tried again and ends the login', async () => {
  const app = install(byFetch)
  await logIn(app, '13700010011')
  const thief = install(byFetch)
  thief.stored.text = app.stored.text
  await thief.client.refresh()
  await thief.client.refresh()
  const before = tokenRequests(app)
  await expect(app.client.refresh()).rejects.toThrow('invalid_grant')
  expect(tokenRequests(app) - before).toBe(1)
  expect(await app.client.tokens()).toBeUndefined()
})

test('an ID token of another login is refused', async () => {
  const app = install(byFetch, async (answer, { url }) => {
    const came = await answer
    return url.endsWith('/token')
      ? { ...came, text: came.text.replace(/"id_token":"[^"]+"/, `"id_token":"${other}"`) }
      : came
  })
  const elsewhere = install(byFetch, async (answer, { url }) => {
    const came = await answer
    if (url.endsWith('/token')) other = JSON.parse(came.text).id_token
    return came
  })
  let other = ''
  await logIn(elsewhere, '13700010012')
  await expect(logIn(app, '13700010013')).rejects.toThrow('invalid_id_token')
  expect(await app.client.tokens()).toBeUndefined()
})

test('the session that was kept asks the same person; one that ran out is left behind', async () => {
  const app = install(byFetch)
  await logIn(app, '13700010014')
  const kept = JSON.parse(app.stored.text ?? '').authSession
  const again = await app.client.login({ method: 'sms', phone: '13700010014', agreements, max_age: '0' })
  expect(again).toMatchObject({ challenge: { step: 'otp' } })
  expect(app.sent.at(-1)?.body).toContain(`auth_session=${kept}`)
  await app.client.login({ otp: await world.otp('+8613700010014') })
  const fromOld = install(byFetch)
  fromOld.stored.text = JSON.stringify({ authSession: 'of-long-ago' })
  expect(await logIn(fromOld, '13700010015')).toMatchObject({ kind: 'tokens' })
})

test('a request that wants a fresh login is handed back without a refresh', async () => {
  const app = install(byFetch)
  await logIn(app, '13700010016')
  advanceClock(601_000)
  await app.client.refresh('openid identities')
  const before = tokenRequests(app)
  const answer = await app.client.request({
    url: `${world.issuer}/identities`,
    method: 'POST',
    scope: 'openid identities',
    form: { method: 'sms', phone: '13700010017' },
  })
  expect(answer.status).toBe(401)
  expect(JSON.parse(answer.text)).toMatchObject({ error: 'insufficient_user_authentication', max_age: 600 })
  expect(tokenRequests(app)).toBe(before)
})

test('a refresh that waits for a document goes on once the person has agreed', async () => {
  const documents = (version: string) => JSON.stringify([{ id: 'terms', version, url: '/terms', reconfirm: true }])
  const before = await openWorld({ env: { MENSHEN_AGREEMENTS: documents('1') } })
  const after = await openWorld({ beside: before, env: { MENSHEN_AGREEMENTS: documents('2') } })
  onTestFinished(async () => {
    await after.close()
    await before.close()
  })
  let { port } = before
  const app = install(
    (request) => byFetch({ ...request, url: request.url.replace(/:\d+/, `:${port}`) }),
    undefined,
    before,
  )
  await app.client.login({ method: 'sms', phone: '13700010019', agreements: 'terms@1' })
  await app.client.login({ otp: await before.otp('+8613700010019') })
  port = after.port
  const refused: unknown = await app.client.refresh().catch((error: unknown) => error)
  expect(refused).toMatchObject({ message: 'insufficient_authorization', body: { step: 'agreement' } })
  expect(await app.client.login({ agreements: 'terms@2' })).toMatchObject({ kind: 'tokens' })
  await expect(app.client.refresh()).resolves.toBeTruthy()
})

test('SHA-256, base64url, forms and claims are those of the platform', () => {
  for (let length = 0; length < 200; length++) {
    const text = randomBytes(length)
      .toString('latin1')
      .replace(/[^ -~]/g, 'x')
    expect(base64url(sha256(text))).toBe(createHash('sha256').update(text).digest('base64url'))
    const bytes = randomBytes(length)
    expect(base64url(bytes)).toBe(bytes.toString('base64url'))
  }
  const fields = { name: '门 神&=+', empty: '', absent: undefined }
  expect(new URLSearchParams(formEncoded(fields)).toString()).toBe(
    new URLSearchParams({ name: '门 神&=+', empty: '' }).toString(),
  )
  const claims = { name: '门神 😀', sub: 'usr_1' }
  expect(jwtClaims(`x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.y`)).toEqual(claims)
})
