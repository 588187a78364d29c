import { execFile } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { NativeClient } from '../../clients/native/client.ts'
import { base64url, formEncoded, jwtClaims, queryOf, sha256 } from '../../clients/native/encoding.ts'
import {
  type fetchTransport,
  type Transport,
  uniTransport,
  type WireRequest,
  wxTransport,
} from '../../clients/native/transports.ts'
import type { NativeClientOptions } from '../../clients/native/types.ts'
import { advanceClock, resetClock } from '../../sandbox/clock.ts'
import { byFetch, type Installation, install, logIn as logInTo } from '../support/installation.ts'
import { loginBySms } from '../support/login.ts'
import { agreements, nativeClients } from '../support/native-app.ts'
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

/** `request` as the vendors document it: callbacks only, every status a success, bodies JSON until a header says otherwise. */
function platform({ named }: { named: (name: string) => string }) {
  return {
    request({ url, method, header, data, dataType, success, fail }: Options): { abort(): void } {
      const aborted = new AbortController()
      const headers = new Headers({ 'content-type': 'application/json', ...header })
      fetch(url, { method, headers, signal: aborted.signal, ...(data === undefined ? {} : { body: data }) })
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

const logIn = (app: Installation, phone: string) => logInTo(world, app, phone)
const orders = () => ({ url: `${world.issuer}/sandbox/api/orders` })
const tokenRequests = ({ sent }: Installation) => sent.filter(({ url }) => url.endsWith('/token')).length

describe.each([
  ['fetch', byFetch, '13700010001'],
  ['uni.request', uniTransport(uni), '13700010002'],
  ['wx.request', wxTransport(wx), '13700010003'],
])('the client over %s', (_, transport, phone) => {
  test('logs in step by step, calls an API, refreshes and logs out', async () => {
    const app = install(world, transport)
    expect(await app.client.login({ method: 'sms', phone: '1', agreements })).toMatchObject({
      kind: 'challenge',
      challenge: { error: 'invalid_request', message: '手机号格式不正确，请检查后重新输入。' },
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
    const lonely = install(world, (request) => transport({ ...request, url: 'http://127.0.0.1:9/' }))
    await expect(lonely.client.login({ method: 'sms', phone })).rejects.toThrow(/fail/)
  })
})

test('who asks for fresh tokens together shares one refresh', async () => {
  const app = install(world, byFetch)
  await logIn(app, '13700010004')
  const before = tokenRequests(app)
  const tokens = await Promise.all(Array.from({ length: 5 }, () => app.client.refresh()))
  expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1)
  expect(tokenRequests(app) - before).toBe(1)
})

test('requests whose token has ended share one refresh and are sent again', async () => {
  const app = install(world, byFetch)
  await logIn(app, '13700010005')
  advanceClock(11 * 60_000)
  const before = tokenRequests(app)
  const answers = await Promise.all(Array.from({ length: 4 }, () => app.client.request(orders())))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  expect(tokenRequests(app) - before).toBe(1)
})

test('a 401 that comes after somebody else’s refresh uses what that brought', async () => {
  let refreshed = Promise.resolve()
  const app = install(world, byFetch, async (answer, { url }) => {
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
  const app = install(world, byFetch)
  await logIn(app, '13700010006')
  app.sent.length = 0
  const answer = await app.client.request({ ...orders(), scope: 'openid' })
  expect(answer.status).toBe(401)
  expect(app.sent.filter(({ url }) => url.endsWith('/orders'))).toHaveLength(2)
})

test('refreshes for several scopes take turns', async () => {
  const app = install(world, byFetch)
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
  const app = install(world, byFetch, losing(1))
  await logIn(app, '13700010008')
  const { accessToken } = await app.client.refresh()
  expect((await app.client.tokens())?.accessToken).toBe(accessToken)
  await expect(app.client.refresh()).resolves.toBeTruthy()
})

test('after two lost answers the next refresh still has the token', async () => {
  const app = install(world, byFetch, losing(2))
  await logIn(app, '13700010009')
  await expect(app.client.refresh()).rejects.toThrow('timeout')
  await expect(app.client.refresh()).resolves.toBeTruthy()
})

test.each([
  [502, '<html>'],
  [503, '{"message":"no healthy upstream"}'],
  [500, '{"error":"server_error"}'],
])('a refresh that is answered %s is asked for once more', async (status, text) => {
  let isAway = true
  const app = install(world, byFetch, async (answer, { body = '' }) => {
    const came = await answer
    if (!body.includes('refresh_token=') || !isAway) return came
    isAway = false
    return { status, headers: {}, text }
  })
  await logIn(app, `1370001${status}0`)
  await expect(app.client.refresh()).resolves.toBeTruthy()
})

test('a refused refresh is not tried again and ends the login', async () => {
  const app = install(world, byFetch)
  await logIn(app, '13700010011')
  const thief = install(world, byFetch)
  thief.stored.text = app.stored.text
  await thief.client.refresh()
  await thief.client.refresh()
  const before = tokenRequests(app)
  await expect(app.client.refresh()).rejects.toThrow('invalid_grant')
  expect(tokenRequests(app) - before).toBe(1)
  expect(await app.client.tokens()).toBeUndefined()
})

test('an ID token of another login is refused', async () => {
  const app = install(world, byFetch, async (answer, { url }) => {
    const came = await answer
    return url.endsWith('/token')
      ? { ...came, text: came.text.replace(/"id_token":"[^"]+"/, `"id_token":"${other}"`) }
      : came
  })
  const elsewhere = install(world, byFetch, async (answer, { url }) => {
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
  const app = install(world, byFetch)
  await logIn(app, '13700010014')
  const kept = JSON.parse(app.stored.text ?? '').authSession
  const again = await app.client.login({ method: 'sms', phone: '13700010014', agreements, max_age: '0' })
  expect(again).toMatchObject({ challenge: { step: 'otp' } })
  expect(app.sent.at(-1)?.body).toContain(`auth_session=${kept}`)
  await app.client.login({ otp: await world.otp('+8613700010014') })
  const fromOld = install(world, byFetch)
  fromOld.stored.text = JSON.stringify({ authSession: 'of-long-ago' })
  expect(await logIn(fromOld, '13700010015')).toMatchObject({ kind: 'tokens' })
})

test('a request that wants a fresh login is handed back without a refresh', async () => {
  const app = install(world, byFetch)
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
  const app = install(before, (request) => byFetch({ ...request, url: request.url.replace(/:\d+/, `:${port}`) }))
  await app.client.login({ method: 'sms', phone: '13700010019', agreements: 'terms@1' })
  await app.client.login({ otp: await before.otp('+8613700010019') })
  port = after.port
  const refused: unknown = await app.client.refresh().catch((error: unknown) => error)
  expect(refused).toMatchObject({ message: 'insufficient_authorization', body: { step: 'agreement' } })
  expect(await app.client.login({ agreements: 'terms@2' })).toMatchObject({ kind: 'tokens' })
  await expect(app.client.refresh()).resolves.toBeTruthy()
})

test('a login goes on in the browser and is finished with the address it came back to', async () => {
  const app = install(world)
  const { client } = app
  const asked = await client.login({ method: 'register' })
  if (asked.kind !== 'challenge') throw new Error('logged in')
  expect(asked.challenge.error).toBe('redirect_to_web')
  const url = new URL(client.browserUrl(asked.challenge))
  expect(`${url.origin}${url.pathname}`).toBe(`${world.issuer}/auth`)
  const { location = '' } = await loginBySms(world, world.visitor(), url, '13700010020')
  expect(location).toMatch(/^app\.menshen\.sandbox:\/callback\?/)
  // Another app has opened ours, with an answer of another server.
  const from = (changed: Record<string, string>) => {
    const query = new URLSearchParams([...new URL(location).searchParams, ...Object.entries(changed)])
    for (const name of Object.keys(changed)) query.set(name, changed[name] ?? '')
    return `app.menshen.sandbox:/callback?${query}`
  }
  await expect(client.finish(from({ iss: 'https://other.example.com' }))).rejects.toThrow('invalid_issuer')
  await expect(client.finish('app.menshen.sandbox:/callback?code=made-up')).rejects.toThrow('invalid_issuer')
  await expect(client.finish(from({ code: 'made-up' }))).rejects.toThrow('invalid_grant')
  expect(await client.tokens()).toBeUndefined()
  const answer = await client.finish(`${location}#_`)
  expect(answer).toMatchObject({ kind: 'tokens', tokens: { claims: { phone_number: '+8613700010020' } } })
  expect((await client.request(orders())).status).toBe(200)
  await expect(client.refresh()).resolves.toBeTruthy()
  await expect(client.finish(location)).rejects.toThrow('invalid_session')
  // Who is signed in is known without a session too.
  const other = await client.login({ method: 'sms', phone: '13700010021', agreements })
  expect(other).toMatchObject({ challenge: { step: 'otp' } })
  const refused = await client.login({ otp: await world.otp('+8613700010021') })
  expect(refused).toMatchObject({ challenge: { message_key: 'errors.login.other_user' } })
})

test('who leaves the browser goes on in the app', async () => {
  const { client } = install(world)
  await client.login({ method: 'register' })
  const callback = `app.menshen.sandbox:/callback?error=access_denied&iss=${encodeURIComponent(world.issuer)}`
  expect(await client.finish(callback)).toMatchObject({ kind: 'challenge', challenge: { error: 'access_denied' } })
  await client.login({ method: 'sms', phone: '13700010022', agreements })
  expect(await client.login({ otp: await world.otp('+8613700010022') })).toMatchObject({ kind: 'tokens' })
})

test('with a hook for proofs everything is bound to the key of the installation', async () => {
  const scope = 'openid phone identities offline_access'
  await world.register({ clients: [{ ...nativeClients[1], client_id: 'bound', dpop_bound_access_tokens: true }] })
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = await exportJWK(publicKey)
  const proof: NonNullable<NativeClientOptions['proof']> = ({ method, url, accessToken }) => {
    // RFC 9449 §4.2: `htu` is without query.
    expect(url).not.toContain('?')
    const ath = accessToken && createHash('sha256').update(accessToken).digest('base64url')
    return new SignJWT({ htm: method, htu: url, jti: randomUUID(), ...(ath ? { ath } : {}) })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
      .setIssuedAt()
      .sign(privateKey)
  }
  const without = install(world, byFetch, undefined, { clientId: 'bound', scope })
  const refused = await without.client.login({ method: 'sms', phone: '13700010023', agreements })
  expect(refused).toMatchObject({ challenge: { error: 'invalid_dpop_proof' } })
  const app = install(world, byFetch, losing(1), { clientId: 'bound', scope, proof })
  await logIn(app, '13700010023')
  await app.client.refresh()
  const own = { url: `${world.issuer}/identities?shown=all`, scope: 'openid identities' }
  expect((await app.client.request(own)).status).toBe(200)
  expect(app.sent.at(-1)?.headers['authorization']).toMatch(/^DPoP /)
  // Nobody else can use what they have stolen.
  const thief = install(world, byFetch, undefined, { clientId: 'bound', scope })
  thief.stored.text = app.stored.text
  await expect(thief.client.refresh()).rejects.toThrow(/invalid_dpop_proof|invalid_grant/)
})

test.each([
  [503, '{"error":"temporarily_unavailable"}', 'temporarily_unavailable'],
  [500, '{"error":"server_error"}', 'server_error'],
  [502, '<html>', 'temporarily_unavailable'],
  [504, '{"message":"timeout"}', 'temporarily_unavailable'],
  [429, '{"error":"slow_down","retry_after":1}', 'slow_down'],
  [200, '<html>Please accept the terms of this hotel</html>', 'temporarily_unavailable'],
])('an answer %s %s leaves the login where it was', async (status, text, error) => {
  let isAway = false
  const app = install(world, (request) => {
    return isAway ? Promise.resolve({ status, headers: {}, text }) : byFetch(request)
  })
  const away = async (form: Record<string, string>) => {
    isAway = true
    const before = app.stored.text
    expect(await app.client.login(form)).toMatchObject({ kind: 'challenge', challenge: { error } })
    expect(app.stored.text).toBe(before)
    isAway = false
  }
  const phone = `1370002${status}${text.length % 10}`
  await app.client.login({ method: 'sms', phone, agreements })
  const otp = await world.otp(`+86${phone}`)
  await away({ otp })
  expect(await app.client.login({ otp })).toMatchObject({ kind: 'tokens' })
  await away({ method: 'sms', phone, max_age: '0' })
  expect(app.kept().authSession).toBeTruthy()
})

test.each(['{}', 'null', '"text"', '[]', '', '{"error":42}'])('an answer %s has a name', async (text) => {
  const { client } = install(world, () => Promise.resolve({ status: 400, headers: {}, text }))
  const login = await client.login({ method: 'sms' }).catch(({ message }: Error) => ({ challenge: { error: message } }))
  expect(login).toMatchObject({ challenge: { error: expect.stringMatching(/^[a-z_]+$/) } })
  expect(JSON.stringify(login)).not.toContain('undefined')
  const { client: signedIn, stored } = install(world, () => Promise.resolve({ status: 400, headers: {}, text }))
  stored.text = JSON.stringify({ refreshToken: 'kept' })
  await expect(signedIn.refresh()).rejects.toThrow(/^(invalid_answer|temporarily_unavailable)$/)
})

test('a platform that does not say why it fails has a name for it too', async () => {
  const silent = { request: ({ fail }: { fail(failure: { errMsg?: string }): void }) => fail({}) }
  await expect(install(world, wxTransport(silent)).client.login({ method: 'sms' })).rejects.toThrow('request:fail')
})

test('without random bytes no login begins', async () => {
  const app = install(world, byFetch, undefined, { random: () => new Uint8Array() })
  await expect(app.client.login({ method: 'sms' })).rejects.toThrow('no_random_source')
  expect(app.sent).toEqual([])
})

test('the file to copy compiles elsewhere as it is, and logs in', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'menshen-client-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const root = fileURLToPath(new URL('../..', import.meta.url))
  await copyFile(join(root, 'docs/native-client.ts'), join(folder, 'native-client.ts'))
  const compilerOptions = { strict: true, target: 'es2018', lib: ['es2020'], types: [], module: 'commonjs' }
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...compilerOptions, outDir: 'out' } }),
  )
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  await promisify(execFile)(process.execPath, [tsc, '-p', folder]).catch(({ stdout }) => expect(stdout).toBe(''))
  const copied = createRequire(import.meta.url)(join(folder, 'out/native-client.js')) as {
    NativeClient: typeof NativeClient
    fetchTransport: typeof fetchTransport
  }
  let stored = ''
  const client = new copied.NativeClient({
    ...{ issuer: world.issuer, clientId: 'sandbox-app', scope: 'openid phone offline_access orders:read' },
    transport: copied.fetchTransport(fetch),
    storage: {
      read: () => stored,
      write: (text) => {
        stored = text
      },
    },
    random: (bytes) => randomBytes(bytes),
  })
  const { tokens } = await logInTo(world, { client }, '13700010024')
  expect(tokens.claims).toMatchObject({ phone_number: '+8613700010024' })
  expect((await client.request(orders())).status).toBe(200)
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
  expect(queryOf('app:/callback?a=%E9%97%A8+x%2By&b=c==&d#e=f')).toEqual({ a: '门 x+y', b: 'c==', d: '' })
  const claims = { name: '门神 😀', sub: 'usr_1' }
  expect(jwtClaims(`x.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.y`)).toEqual(claims)
})
