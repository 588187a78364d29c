import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Input, Proved } from '../../interactions/methods/method.ts'
import { isTaken } from '../../interactions/methods/spent-credentials.ts'
import type { Fault } from '../../sandbox/simulators/simulator.ts'
import { Secret } from '../../src/base/secret.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import { redisStore } from '../../src/store/redis.ts'
import {
  type AppWorld,
  appleApp,
  clock,
  kept,
  login,
  methodsOf,
  miniProgram,
  qqApp,
  refusal,
  wechatApp,
  weiboApp,
} from '../support/app-worlds.ts'
import { redisPrefix, redisUrl } from '../support/redis.ts'
import { freePort } from '../support/services.ts'
import { resetClock, walkTo } from '../support/time.ts'

let store: EphemeralStore

/** What is said of something that was brought before, where it is not that a code is no good. */
const usedWords: Readonly<Record<string, string>> = {
  apple: 'upstream.code_used',
  qq_app: 'upstream.used_just_now',
  weibo_app: 'upstream.used_just_now',
}

/** What somebody is told whom nobody knows by what this login proves. */
async function unlessKnown(work: Promise<Proved>): Promise<void> {
  const { ifUnknown, identity, also } = await work
  expect([identity.subjects.length, also]).toEqual([2, undefined])
  if (ifUnknown) throw ifUnknown
}

beforeAll(() => {
  store = redisStore({ url: new Secret(redisUrl()), clock, prefix: redisPrefix() })
})
afterEach(resetClock)
afterAll(() => store.close())

describe.each([
  { name: 'wechat_app', open: wechatApp },
  { name: 'wechat_mini_program', open: miniProgram },
  { name: 'qq_app', open: qqApp },
  { name: 'weibo_app', open: weiboApp },
  { name: 'apple', open: appleApp },
])('the login method $name', ({ name, open }) => {
  /** Apple's SDK of uni-app brings the same again until the app signs out of it, so an app must know this one. */
  const usedWord = usedWords[name] ?? 'upstream.code_invalid'
  let world: AppWorld

  beforeEach(async () => {
    world = await open()
  })
  afterEach(() => world.simulator.close())

  const method = (bent: Partial<Parameters<typeof methodsOf>[1]> = {}) =>
    methodsOf([world.settings()], { ...kept(store), ...bent }).get(name)
  const asked = () => world.simulator.requests.length

  test('proves who it is, by the subjects of a login in a browser', async () => {
    const { identity, amr } = await login(method(), world.bring())
    expect(identity).toMatchObject(world.expected)
    expect(amr).toEqual([world.expected.provider])
  })

  test('takes nothing twice, and does not ask the vendor again', async () => {
    const [brought, one, other] = [world.bring(), method(), method()]
    await login(one, brought)
    const before = asked()
    expect(await refusal(login(one, brought), brought)).toEqual([usedWord, 'used_here'])
    expect(await refusal(login(other, brought), brought)).toEqual([usedWord, 'used_here'])
    expect(asked()).toBe(before)
  })

  test('is as good as before for another attempt after the vendor did not answer', async () => {
    const brought = world.bring()
    world.simulator.faults.push({ kind: 'server_error', path: world.paths[0] ?? '' })
    expect((await refusal(login(method(), brought), brought))[0]).toBe('upstream.busy')
    expect((await login(method(), brought)).identity).toMatchObject(world.expected)
    expect(await refusal(login(method(), brought), brought)).toEqual([usedWord, 'used_here'])
  })

  test('lets one of ten in who bring the same at once, over two processes', async () => {
    const [brought, processes] = [world.bring(), [method(), method()]]
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) => login(processes[index % 2], brought)),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const first = world.simulator.requests.filter(({ path }) => path === world.paths[0])
    expect(first).toHaveLength(1)
  })

  test('takes nothing of an app of somebody else', async () => {
    const foreign = world.bringForeign()
    expect(await refusal(login(method(), foreign), foreign)).toEqual(['upstream.code_invalid', world.foreignWord])
  })

  test('takes nothing that is over', async () => {
    const brought = world.bring()
    walkTo(world.lifeMs)
    const overWord = name === 'apple' ? 'upstream.code_used' : 'upstream.code_invalid'
    expect((await refusal(login(method(), brought), brought))[0]).toBe(overWord)
  })

  test('names what is missing, and asks the vendor nothing', async () => {
    const { phone_code: _, ...needed } = world.bring()
    for (const field of Object.keys(needed)) {
      const { [field]: __, ...rest } = world.bring()
      expect(await refusal(login(method(), rest))).toEqual(['request.invalid', field])
      expect(await refusal(login(method(), { ...world.bring(), [field]: '' }))).toEqual(['request.invalid', field])
    }
    expect(asked()).toBe(0)
  })

  test('finds its connection by name, or the only one', async () => {
    const two = methodsOf([world.settings('one'), world.settings('two')], kept(store)).get(name)
    expect(await refusal(login(two, world.bring()))).toEqual(['request.invalid', 'connection'])
    expect(await refusal(login(two, { ...world.bring(), connection: 'three' }))).toEqual(['attempt.method_unknown'])
    expect(asked()).toBe(0)
    const { identity } = await login(two, { ...world.bring(), connection: 'two' })
    expect(identity.subjects).toEqual(world.expected.subjects)
    const unknown = login(method(), { ...world.bring(), connection: 'one' })
    expect(await refusal(unknown)).toEqual(['attempt.method_unknown'])
  })

  test('lets nobody in while the store cannot tell what was used', async () => {
    const away = redisStore({ url: new Secret(`redis://127.0.0.1:${await freePort()}`), clock })
    const brought = world.bring()
    expect(await refusal(login(method({ spent: kept(away).spent }), brought), brought)).toEqual(['server.unavailable'])
    await away.close()
    expect(asked()).toBe(0)
  })

  test.each<[string, Fault, string]>([
    ['status 500', { kind: 'server_error' }, 'upstream.busy'],
    ['too many requests', { kind: 'too_many_requests' }, 'upstream.busy'],
    ['status 502 with HTML', { kind: 'bad_gateway_html' }, 'upstream.busy'],
    ['a page instead of an answer', { kind: 'html_instead' }, 'upstream.busy'],
    ['half an answer', { kind: 'truncated_json' }, 'upstream.refused'],
    ['an answer after the time limit', { kind: 'latency', ms: 2000 }, 'upstream.busy'],
    ['a reset before the vendor acted', { kind: 'reset_before_accept' }, 'upstream.busy'],
    ['a reset after the vendor acted', { kind: 'reset_after_accept' }, 'upstream.busy'],
  ])('fails on %s of any call, and tries none twice', async (_, fault, code) => {
    for (const path of [...world.paths, ...(world.sparePaths ?? [])]) {
      const brought = world.bring()
      const unshared = kept({ ...store, get: async () => undefined })
      world.simulator.faults.push({ ...fault, path })
      const before = asked()
      const bent = { shared: unshared.shared, ...('ms' in fault ? { timeoutMs: 1000 } : {}) }
      const isSpare = world.sparePaths?.includes(path)
      const work = isSpare ? unlessKnown(login(method(bent), brought)) : login(method(bent), brought)
      expect([path, (await refusal(work, brought))[0]]).toEqual([path, code])
      const paths = world.simulator.requests.slice(before).map((request) => request.path)
      expect(paths.filter((each) => each === path)).toHaveLength(1)
    }
  })

  test.each([
    [{ upstream: 'ask', phone: 'closed' }, 'ask'],
    [{ upstream: 'auto', phone: 'closed' }, 'allowed'],
    [{ upstream: 'closed', phone: 'closed' }, 'never'],
  ] as const)('under %o says of somebody new: %s', async (registration, expected) => {
    expect((await login(method({ registration }), world.bring())).registration).toBe(expected)
  })
})

describe('a mini program', () => {
  let world: Awaited<ReturnType<typeof miniProgram>>

  beforeEach(async () => {
    world = await miniProgram()
    // A store of its own for every test, as far as tokens go.
    const own = redisStore({ url: new Secret(redisUrl()), clock, prefix: redisPrefix() })
    state = { ...kept(own), own }
  })
  afterEach(async () => {
    await state.own.close()
    await world.simulator.close()
  })

  let state: ReturnType<typeof kept> & { readonly own: EphemeralStore }
  const settings = (id?: string) => [world.settings(id)]
  const method = (registration?: Parameters<typeof methodsOf>[1]['registration']) =>
    methodsOf(settings(), { ...state, ...(registration ? { registration } : {}) }).get('wechat_mini_program')
  const phoneCalls = () => world.simulator.requests.filter(({ path }) => path.endsWith('getuserphonenumber'))

  test('brings a phone number along, which is the one SMS proves', async () => {
    const { also, registration } = await login(method({ upstream: 'closed', phone: 'auto' }), world.bring())
    expect(also).toEqual({ provider: 'phone', subjects: ['+8613800138000'], profile: {} })
    expect(registration).toBe('allowed')
  })

  test.each(['number', 'string'] as const)('reads a country code that is a %s', async (written) => {
    world.simulator.setCountryCodeAs(written)
    const { also } = await login(method(), world.bring('meimei'))
    expect(also?.subjects).toEqual(['+85261234567'])
  })

  test('tells WeChat who logs in, so that the phone code of somebody else is refused', async () => {
    const brought = world.bring()
    const other = { ...brought, phone_code: world.bring('meimei')['phone_code'] ?? '' }
    expect(await refusal(login(method(), other))).toEqual(['upstream.code_invalid', '40003'])
  })

  test('does without a number, and asks for none', async () => {
    const { also, registration } = await login(method(), world.bring('phoneless'))
    expect([also, registration]).toEqual([undefined, 'ask'])
    expect(world.simulator.requests.map(({ path }) => path)).toEqual(['/sns/jscode2session'])
  })

  test('tells nobody the session key, nor what else WeChat answers', async () => {
    world.simulator.setErrcodeZero(true)
    const told = inspect(await login(method(), world.bring()), { depth: 9, showHidden: true })
    const answer = await fetch(
      `${world.simulator.url}/sns/jscode2session?${new URLSearchParams({
        appid: 'wxmini',
        secret: 'app-secret-DNTL',
        grant_type: 'authorization_code',
        js_code: world.bring('phoneless')['upstream_code'] ?? '',
      })}`,
    )
    expect(Object.keys((await answer.json()) as object)).toContain('session_key')
    expect(told).not.toMatch(/session|==/)
  })

  test('fails as a whole with its phone code, which no other login can bring again', async () => {
    const stolen = world.bring()
    await login(method(), stolen)
    const fresh = { ...world.bring(), phone_code: stolen['phone_code'] ?? '' }
    expect(await refusal(login(method(), fresh), fresh)).toEqual(['upstream.code_invalid', 'used_here'])
    const madeUp: Input = { ...world.bring(), phone_code: 'made-up' }
    expect(await refusal(login(method(), madeUp), madeUp)).toEqual(['upstream.code_invalid', '40029'])
  })

  test('gives the phone code back, and it alone, when WeChat could not tell the number', async () => {
    const [path, brought] = ['/wxa/business/getuserphonenumber', world.bring()]
    world.simulator.faults.push({ kind: 'server_error', path })
    expect(await refusal(unlessKnown(login(method(), brought)))).toEqual(['upstream.busy', '500'])
    expect(await refusal(login(method(), brought), brought)).toEqual(['upstream.code_invalid', 'used_here'])
    const again = { ...world.bring(), phone_code: brought['phone_code'] ?? '' }
    expect((await login(method(), again)).also?.subjects).toEqual(['+8613800138000'])
    const third = { ...world.bring(), phone_code: brought['phone_code'] ?? '' }
    expect(await refusal(login(method(), third), third)).toEqual(['upstream.code_invalid', 'used_here'])
  })

  test('is not good again after a refusal because something is brought beside it that would be', async () => {
    const brought: Input = { ...world.bring(), phone_code: 'made-up-beside', upstream_token: 'of-nobody' }
    expect(await refusal(login(method(), brought))).toEqual(['upstream.code_invalid', '40029'])
    const fresh: Input = { ...world.bring(), phone_code: 'made-up-beside' }
    expect(await refusal(login(method(), fresh))).toEqual(['upstream.code_invalid', 'used_here'])
  })

  test.each([
    [{ appid: 'wxminitheirs' }, 'upstream.refused', 'watermark_appid'],
    [{ ageSeconds: 302 }, 'upstream.code_invalid', 'watermark_timestamp'],
    [{ ageSeconds: -302 }, 'upstream.code_invalid', 'watermark_timestamp'],
  ])('takes no number with the watermark %o', async (bent, code, word) => {
    world.simulator.setWatermark(bent)
    expect(await refusal(login(method(), world.bring()))).toEqual([code, word])
  })

  test('takes a number that was told 298 seconds ago', async () => {
    world.simulator.setWatermark({ ageSeconds: 298 })
    expect((await login(method(), world.bring())).also).toBeDefined()
  })

  test('fetches the token of the API once for 50 logins at once over two connections', async () => {
    const both = methodsOf([world.settings('one'), world.settings('two')], state).get('wechat_mini_program')
    const logins = Array.from({ length: 50 }, (_, index) => ({
      ...world.bring(),
      connection: index % 2 ? 'one' : 'two',
    }))
    await Promise.all(logins.map((input) => login(both, input)))
    expect(world.simulator.stableTokenCalls('wxmini')).toEqual({ normal: 1, forced: 0 })
    expect(phoneCalls()).toHaveLength(50)
  })

  test('shares that token with other processes, until five minutes before it ends', async () => {
    await login(method(), world.bring())
    const other = methodsOf(settings(), kept(state.own)).get('wechat_mini_program')
    walkTo(6_890_000)
    await login(other, world.bring())
    expect(world.simulator.stableTokenCalls('wxmini').normal).toBe(1)
    walkTo(6_910_000)
    await login(other, world.bring())
    expect(world.simulator.stableTokenCalls('wxmini').normal).toBe(2)
  })

  test('shares what another process fetched anew', async () => {
    const other = methodsOf(settings(), kept(state.own)).get('wechat_mini_program')
    await login(other, world.bring())
    world.simulator.faults.push({ kind: 'refuse', code: '40001', path: '/wxa/business/getuserphonenumber' })
    await login(method(), world.bring())
    await login(other, world.bring())
    expect(world.simulator.stableTokenCalls('wxmini').normal).toBe(2)
    expect(phoneCalls()).toHaveLength(4)
  })

  test('keeps that token so that nobody reads it in the store', async () => {
    const written: unknown[] = []
    const watched: EphemeralStore = {
      ...store,
      set: (key, value, ttlSeconds) => {
        written.push([key, value])
        return store.set(key, value, ttlSeconds)
      },
    }
    const { shared } = kept(watched)
    await login(methodsOf(settings(), { ...state, shared }).get('wechat_mini_program'), world.bring())
    const [call] = phoneCalls()
    const token = new URLSearchParams(call?.rawQuery).get('access_token') ?? ''
    expect([token.length, written.length]).toEqual([512, 1])
    expect(inspect(written, { maxStringLength: null })).not.toMatch(new RegExp(`${token.slice(0, 32)}|wxmini`))
  })

  test.each(['40001', '40014', '42001'])('fetches another token after %s, and asks once more', async (code) => {
    await login(method(), world.bring())
    world.simulator.faults.push({ kind: 'refuse', code, path: '/wxa/business/getuserphonenumber' })
    expect((await login(method(), world.bring())).also).toBeDefined()
    expect(world.simulator.stableTokenCalls('wxmini').normal).toBe(2)
    expect(phoneCalls()).toHaveLength(3)
  })

  test('goes on after another system has forced a new token', async () => {
    await login(method(), world.bring())
    await fetch(`${world.simulator.url}/cgi-bin/stable_token`, {
      method: 'POST',
      body: JSON.stringify({
        grant_type: 'client_credential',
        appid: 'wxmini',
        secret: 'app-secret-DNTL',
        force_refresh: true,
      }),
    })
    expect((await login(method(), world.bring())).also).toBeDefined()
  })

  test('asks no third time', async () => {
    const fault = { kind: 'refuse', code: '42001', path: '/wxa/business/getuserphonenumber' } as const
    world.simulator.faults.push(fault, fault)
    expect(await refusal(unlessKnown(login(method(), world.bring())))).toEqual(['upstream.busy', '42001'])
    expect(phoneCalls()).toHaveLength(2)
  })

  test.each([
    ...['/sns/jscode2session', '/cgi-bin/stable_token', '/wxa/business/getuserphonenumber'].flatMap((path) => [
      ...['-1', '45009', '45011'].map((code) => [path, code, 'upstream.busy'] as const),
      ...['40013', '40125', '40164', '45035', '48001'].map((code) => [path, code, 'upstream.misconfigured'] as const),
      ...['40226', '50001', '50002'].map((code) => [path, code, 'upstream.account_restricted'] as const),
      ...['41008', '43002'].map((code) => [path, code, 'upstream.refused'] as const),
    ]),
    ['/sns/jscode2session', '40003', 'upstream.refused'],
    ['/cgi-bin/stable_token', '40003', 'upstream.refused'],
    ['/wxa/business/getuserphonenumber', '40003', 'upstream.code_invalid'],
    ...['40029', '40163', '42003', '42007'].flatMap((code) => [
      ['/sns/jscode2session', code, 'upstream.code_invalid'] as const,
      ['/wxa/business/getuserphonenumber', code, 'upstream.code_invalid'] as const,
    ]),
    ['/sns/jscode2session', '40001', 'upstream.misconfigured'],
    ['/cgi-bin/stable_token', '40001', 'upstream.misconfigured'],
  ] as const)('%s with %s is %s', async (path, code, expected) => {
    const brought = world.bring()
    const fault = { kind: 'refuse', code, message: 'prose-DNTL', path } as const
    world.simulator.faults.push(...(code === '-1' ? [fault, fault, fault] : [fault]))
    const isSpare = path !== '/sns/jscode2session' && expected !== 'upstream.code_invalid'
    const work = login(method(), brought)
    expect(await refusal(isSpare ? unlessKnown(work) : work, brought)).toEqual([expected, code])
  })
})

describe('what QQ, Weibo and Apple say of what an app brings', () => {
  const closing: (() => Promise<void>)[] = []
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()))
  })
  async function opened<World extends AppWorld>(open: () => Promise<World>): Promise<World> {
    const world = await open()
    closing.push(() => world.simulator.close())
    return world
  }
  const methodOf = (world: AppWorld) => methodsOf([world.settings()], kept(store)).get(world.method)

  test.each([
    { open: qqApp, word: 'openid_mismatch' },
    { open: weiboApp, word: 'token:uid' },
  ])('somebody else than the token names is nobody: $word', async ({ open, word }) => {
    const world: AppWorld = await opened<AppWorld>(open)
    const lie = { ...world.bring('lilei'), upstream_subject: world.bring('meimei')['upstream_subject'] ?? '' }
    expect(await refusal(login(methodOf(world), lie), lie)).toEqual(['upstream.code_invalid', word])
    expect(world.simulator.requests.map(({ path }) => path)).toEqual([world.paths[0]])
  })

  test.each([qqApp, weiboApp])(
    'a token is good for its attempt again, and for another after five minutes',
    async (open) => {
      const world: AppWorld = await opened<AppWorld>(open)
      const [brought, method] = [world.bring(), methodOf(world)]
      await login(method, brought, 'first')
      await login(method, brought, 'first')
      walkTo(299_000)
      expect(await refusal(login(method, brought, 'second'))).toEqual(['upstream.used_just_now', 'used_here'])
      const told = await login(method, brought, 'second').catch((error) => error)
      expect(told).toMatchObject({ status: 429, oauth: 'slow_down', params: { retryAfterSeconds: 1 } })
      walkTo(301_000)
      await login(method, brought, 'second')
    },
  )

  test('a token that was refused is judged again, and not told to wait', async () => {
    const world = await opened(qqApp)
    const brought = world.bring()
    world.simulator.faults.push({ kind: 'refuse', code: '100016', path: '/oauth2.0/me' })
    expect(await refusal(login(methodOf(world), brought))).toEqual(['upstream.code_invalid', '100016'])
    expect((await login(methodOf(world), brought)).identity).toMatchObject(world.expected)
  })

  test('a mark is given back by the request that set it, and by no other', async () => {
    const { spent } = kept(store)
    const take = (attempt: string) => spent.oncePerAttempt('upstream_token', `race-${name}`, attempt)
    const name = String(Math.random())
    const first = await take('first')
    const again = await take('first')
    if (isTaken(first) || isTaken(again)) throw new Error('taken')
    await again.giveBack()
    expect(isTaken(await take('second'))).toBe(true)
    await first.giveBack()
    const outcomes = await Promise.all(['second', 'third', 'fourth'].map(take))
    expect(outcomes.filter((each) => !isTaken(each))).toHaveLength(1)
    await first.giveBack()
    expect(isTaken(await take('fifth'))).toBe(true)
  })

  test('a token of the website is no token of the app, at QQ', async () => {
    const world = await opened(qqApp)
    const { access_token, openid } = world.simulator.issueTokens('lilei', '101')
    const brought = { upstream_token: access_token, upstream_subject: openid }
    expect(await refusal(login(methodOf(world), brought))).toEqual(['upstream.code_invalid', 'client_id_mismatch'])
  })

  test.each([
    ['100008', 'upstream.misconfigured'],
    ['100013', 'upstream.code_invalid'],
    ['100014', 'upstream.code_invalid'],
    ['100015', 'upstream.code_invalid'],
    ['100016', 'upstream.code_invalid'],
    ['100030', 'upstream.cancelled'],
    ['100031', 'upstream.misconfigured'],
    ['100044', 'upstream.misconfigured'],
    ['100007', 'upstream.refused'],
  ])('QQ’s %s is %s', async (code, expected) => {
    const world = await opened(qqApp)
    world.simulator.faults.push({ kind: 'refuse', code, path: '/oauth2.0/me' })
    expect(await refusal(login(methodOf(world), world.bring()))).toEqual([expected, code])
  })

  test.each([
    ['21325', 'upstream.code_invalid'],
    ['21327', 'upstream.code_invalid'],
    ['21332', 'upstream.code_invalid'],
    ['21324', 'upstream.misconfigured'],
    ['21331', 'upstream.busy'],
    ['10016', 'upstream.refused'],
  ])('Weibo’s %s is %s', async (code, expected) => {
    const world = await opened(weiboApp)
    world.simulator.faults.push({ kind: 'refuse', code, path: '/oauth2/get_token_info' })
    expect(await refusal(login(methodOf(world), world.bring()))).toEqual([expected, code])
  })

  test.each(['number', 'string'] as const)('Weibo may write its ids as a %s', async (written) => {
    const world = await opened(weiboApp)
    world.simulator.setIdsAs(written)
    expect((await login(methodOf(world), world.bring())).identity.subjects).toEqual([world.simulator.uid('lilei')])
  })

  test.each([
    ['wrong_aud', 'id_token:aud'],
    ['wrong_iss', 'id_token:iss'],
    ['expired', 'id_token:exp'],
    ['wrong_nonce', 'id_token:nonce'],
    ['nonce_unsupported', 'id_token:nonce'],
    ['unpublished_key', 'ERR_JWKS_NO_MATCHING_KEY'],
    ['false_signature', 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED'],
  ] as const)('an identity token of Apple with %s is refused before its code is redeemed', async (fault, word) => {
    const world = await opened(appleApp)
    world.simulator.misbehaviours.add(fault)
    const brought = world.bring()
    world.simulator.misbehaviours.clear()
    const refused = await refusal(login(methodOf(world), brought), brought)
    expect(refused).toEqual([fault === 'expired' ? 'upstream.code_used' : 'upstream.code_invalid', word])
    expect(world.simulator.requests.map(({ path }) => path)).not.toContain('/auth/token')
  })

  test('an identity token of Apple needs the nonce it was asked for with', async () => {
    const world = await opened(appleApp)
    const brought = { ...world.bring(), raw_nonce: 'another' }
    expect(await refusal(login(methodOf(world), brought))).toEqual(['upstream.code_invalid', 'id_token:nonce'])
  })

  test('an identity token of Apple goes with its own code only', async () => {
    const world = await opened(appleApp)
    const brought = { ...world.bring('lilei'), upstream_code: world.bring('meimei')['upstream_code'] ?? '' }
    expect(await refusal(login(methodOf(world), brought))).toEqual(['upstream.code_invalid', 'id_token:c_hash'])
  })

  test('a code of Apple is redeemed as the app, without an address, and its refresh token kept', async () => {
    const world = await opened(appleApp)
    const { credential } = await login(methodOf(world), world.bring())
    expect(credential?.client).toBe('com.example.app')
    expect(world.simulator.isLive(credential?.secret ?? '')).toBe(true)
    const { body = '' } = world.simulator.requests.find(({ path }) => path === '/auth/token') ?? {}
    const sent = new URLSearchParams(body)
    expect([sent.get('client_id'), sent.get('redirect_uri')]).toEqual(['com.example.app', null])
  })
})
