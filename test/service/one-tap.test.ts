import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Input } from '../../interactions/methods/method.ts'
import { buildOneTapVendors, oneTapMethod, oneTapOptions } from '../../interactions/methods/one-tap.ts'
import { type AliyunDypnsSimulator, startAliyunDypns } from '../../sandbox/simulators/aliyun-dypns.ts'
import { Carrier } from '../../sandbox/simulators/carrier.ts'
import type { Fault } from '../../sandbox/simulators/simulator.ts'
import { startUniverify, type UniverifySimulator } from '../../sandbox/simulators/univerify.ts'
import { httpClient } from '../../src/base/http.ts'
import { Secret } from '../../src/base/secret.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import { redisStore } from '../../src/store/redis.ts'
import { impostor } from '../contracts/connector-bench.ts'
import { clock, kept, login, refusal } from '../support/app-worlds.ts'
import { redisPrefix, redisUrl } from '../support/redis.ts'
import { freePort } from '../support/services.ts'
import { resetClock, walkTo } from '../support/time.ts'

/** One of each carrier. */
const phones = { mobile: '13800138000', unicom: '18600001234', telecom: '18900001234' }
const secret = 'app-secret-DNTL-and-more'
const appid = '__UNI__0000001'
const carrier = new Carrier({ clock, univerifyAppid: appid, aliyunScheme: 'ours' })
let store: EphemeralStore

beforeAll(() => {
  store = redisStore({ url: new Secret(redisUrl()), clock, prefix: redisPrefix() })
})
afterEach(resetClock)
afterAll(() => store.close())

type Bent = {
  readonly spent?: ReturnType<typeof kept>['spent']
  readonly timeoutMs?: number
  readonly registration?: 'closed'
}

function methodOf(settings: object, { spent = kept(store).spent, timeoutMs = 10_000, registration }: Bent = {}) {
  const http = httpClient({ timeoutMs, allowInsecure: true })
  const vendors = buildOneTapVendors([oneTapOptions.parse(settings)], {
    http,
    metadata: http,
    clock,
    allowInsecure: true,
  })
  return oneTapMethod({ vendors, spent, registration: registration ?? 'auto' }) as Parameters<typeof login>[0]
}

const faults: readonly (readonly [string, Fault, string])[] = [
  ['status 500', { kind: 'server_error' }, '500'],
  ['status 502 with HTML', { kind: 'bad_gateway_html' }, '502'],
  ['too many requests', { kind: 'too_many_requests' }, '429'],
  ['a page instead of an answer', { kind: 'html_instead' }, 'page'],
  ['half an answer', { kind: 'truncated_json' }, 'unparsable'],
  ['an answer after the time limit', { kind: 'latency', ms: 2000 }, 'no_answer'],
  ['a reset before the vendor acted', { kind: 'reset_before_accept' }, 'no_answer'],
  ['a reset after the vendor acted', { kind: 'reset_after_accept' }, 'no_answer'],
]

describe.each(['sample', 'hardened'] as const)('univerify, the function written as %s', (mode) => {
  let vendor: UniverifySimulator

  beforeEach(async () => {
    vendor = await startUniverify({ clock, carrier, appid, secret, mode })
  })
  afterEach(() => vendor.close())

  const settings = (bent: object = {}) => ({
    vendor: 'univerify',
    function_url: vendor.functionUrl,
    secret,
    protocol: mode,
    ...bent,
  })
  const method = (bent: Bent = {}) => methodOf(settings(), bent)
  const bring = (phone: string = phones.mobile, app?: string): Input => {
    const { access_token, openid } = carrier.issueUniverify(phone, app)
    return { vendor: 'univerify', carrier_token: access_token, openid }
  }

  test.each(Object.values(phones))('proves %s, as a code by SMS would', async (phone) => {
    expect(await login(method(), bring(phone))).toEqual({
      kind: 'proved',
      identity: { provider: 'phone', subjects: [`+86${phone}`], profile: {} },
      amr: ['one_tap'],
      provedAt: expect.any(Number),
      begunAt: expect.any(Number),
      registration: 'allowed',
    })
    expect(vendor.requests).toHaveLength(1)
  })

  test('makes no account where numbers make none', async () => {
    expect((await login(method({ registration: 'closed' }), bring())).registration).toBe('never')
  })

  test.each(['older', 'newer'] as const)('reads the %s shape of an answer, good or not', async (shape) => {
    vendor.setShape(shape)
    expect((await login(method(), bring())).identity.subjects).toEqual(['+8613800138000'])
    vendor.faults.push({ kind: 'refuse', code: '40201' })
    expect(await refusal(login(method(), bring()))).toEqual(['one_tap.network', '40201'])
  })

  test('takes no token twice, although its vendor would', async () => {
    const brought = bring()
    vendor.faults.push({ kind: 'refuse', code: '5000' })
    expect(await refusal(login(method(), brought), brought)).toEqual(['one_tap.failed', '5000'])
    expect(carrier.find(brought['carrier_token'] ?? '')?.state).toBe('live')
    expect(await refusal(login(method(), brought), brought)).toEqual(['one_tap.expired', 'used_here'])
    expect(vendor.requests).toHaveLength(1)
  })

  test('takes no token that is over, of another app, or with another openid', async () => {
    const [late, foreign] = [bring(), bring(phones.mobile, '__UNI__FFFFFFF')]
    expect(await refusal(login(method(), foreign), foreign)).toEqual(['one_tap.unavailable', '4003'])
    const mixed = { ...bring(phones.unicom), openid: bring(phones.telecom)['openid'] ?? '' }
    expect(await refusal(login(method(), mixed), mixed)).toEqual(['one_tap.failed', '5000'])
    walkTo(121_000)
    expect(await refusal(login(method(), late), late)).toEqual(['one_tap.failed', '5000'])
  })

  test('has an alarm for another secret, and tells it to nobody', async () => {
    const other = methodOf(settings({ secret: 'app-secret-DNTL of somebody else' }))
    expect(await refusal(login(other, bring()))).toEqual(['one_tap.unavailable', '500'])
  })

  test.each([
    ...['-7', '1000', '1001', '1002', '4001', '4003', '40004', '31415'].map((code) => [code, 'one_tap.unavailable']),
    ...['5000', '30001', '30002', '30003', '30004', '30005', '30006', '30007', '30008'].map((code) => [
      code,
      'one_tap.failed',
    ]),
    ...['40047', '40053'].map((code) => [code, 'one_tap.failed']),
    ...['20202', '40101', '40201', '40301'].map((code) => [code, 'one_tap.network']),
  ])('reads %s as %s, and keeps none of the prose', async (code = '', expected = '') => {
    const brought = bring()
    vendor.faults.push({ kind: 'refuse', code, message: secret })
    expect(await refusal(login(method(), brought), brought)).toEqual([expected, code])
  })

  test.each(faults)('is unavailable on %s, and asked once', async (_, fault, word) => {
    const brought = bring()
    vendor.faults.push(fault)
    const bent = 'ms' in fault ? { timeoutMs: 1000 } : {}
    expect(await refusal(login(method(bent), brought), brought)).toEqual(['one_tap.unavailable', word])
    expect(vendor.requests).toHaveLength(1)
  })

  test.each([
    ['{"code":0,"message":"","phoneNumber":"not a number"}', 200, 'one_tap.failed', 'no_mainland_number'],
    ['{"code":0,"message":"","phoneNumber":"+85261234567"}', 200, 'one_tap.failed', 'no_mainland_number'],
    ['{"code":0,"phoneNumber":138001380001}', 200, 'one_tap.failed', 'no_mainland_number'],
    ['{"code":0}', 200, 'one_tap.failed', 'no_mainland_number'],
    ['{"data":{"code":0,"success":false,"phoneNumber":"13800138000"}}', 200, 'one_tap.failed', 'no_success'],
    ['{"code":0,"phoneNumber":"13800138000"}', 403, 'one_tap.unavailable', '403'],
    ['{"phoneNumber":"13800138000"}', 200, 'one_tap.unavailable', 'unexpected_shape'],
    ['{"data":{"phoneNumber":"13800138000"}}', 200, 'one_tap.unavailable', 'unexpected_shape'],
    ['null', 200, 'one_tap.unavailable', 'unexpected_shape'],
  ])('takes %s with status %i for no number', async (body, status, code, word) => {
    const other = await impostor((_, answer) => answer.writeHead(status).end(body))
    const refused = await refusal(login(methodOf(settings({ function_url: other.url })), bring()))
    other.close()
    expect(refused).toEqual([code, word])
  })

  test('checks no number that is typed', async () => {
    expect(await refusal(login(method(), { ...bring(), phone: phones.mobile }))).toEqual(['request.invalid', 'phone'])
    expect(vendor.requests).toHaveLength(0)
  })

  test('sends a call that cannot be repeated only where the function is made for it', async () => {
    await login(method(), bring())
    const [{ method: verb, rawQuery, body, path } = { method: '', rawQuery: '', body: '', path: '' }] = vendor.requests
    expect(verb).toBe(mode === 'sample' ? 'GET' : 'POST')
    const again = await fetch(`${vendor.url}${path}${rawQuery && `?${rawQuery}`}`, {
      method: verb,
      ...(body ? { body, headers: { 'content-type': 'application/json' } } : {}),
    })
    expect(again.status).toBe(mode === 'sample' ? 200 : 500)
  })
})

describe('Aliyun', () => {
  let vendor: AliyunDypnsSimulator

  beforeEach(async () => {
    vendor = await startAliyunDypns({ clock, carrier, accessKeys: { ours: secret }, scheme: 'ours' })
  })
  afterEach(() => vendor.close())

  const settings = (bent: object = {}) => ({
    vendor: 'aliyun',
    access_key_id: 'ours',
    access_key_secret: secret,
    endpoint: vendor.url,
    ...bent,
  })
  const method = (bent: Bent = {}) => methodOf(settings(), bent)
  const bring = (phone: string = phones.mobile): Input => ({
    vendor: 'aliyun',
    carrier_token: carrier.issueAliyunToken(phone),
  })
  const claim = (phone: string, claimed = phone): Input => ({
    vendor: 'aliyun',
    carrier_token: carrier.issueAliyunAccessCode(phone),
    phone: claimed,
  })

  test.each(Object.values(phones))('proves %s, as a code by SMS would', async (phone) => {
    expect(await login(method(), bring(phone))).toMatchObject({
      identity: { provider: 'phone', subjects: [`+86${phone}`] },
      amr: ['one_tap'],
      registration: 'allowed',
    })
    expect(vendor.requests.map(({ headers }) => headers['x-acs-action'])).toEqual(['GetMobile'])
  })

  test('confirms that a number that was typed is the phone’s own', async () => {
    const typed = claim(phones.unicom, '+86 186-0000-1234')
    expect((await login(method(), typed)).identity.subjects).toEqual(['+8618600001234'])
    expect(vendor.requests.map(({ headers }) => headers['x-acs-action'])).toEqual(['VerifyMobile'])
  })

  test.each([
    ['the number of another SIM', '13900001234', 'REJECT'],
    ['the number of another carrier', phones.unicom, 'isv.PARAMETERS_MISMATCH'],
  ])('says of %s that it is not this one', async (_, claimed, word) => {
    const brought = claim(phones.mobile, claimed)
    expect(await refusal(login(method(), brought), brought)).toEqual(['one_tap.other_number', word])
  })

  test('proves nothing where the carrier cannot tell', async () => {
    vendor.setUnknown(true)
    expect(await refusal(login(method(), claim(phones.mobile)))).toEqual(['one_tap.failed', 'UNKNOWN'])
  })

  test.each(['', 'pass', 'Pass', 'PASS ', 'constructor'])('takes the verdict "%s" for no proof', async (verdict) => {
    const answer = { Code: 'OK', GateVerifyResultDTO: { VerifyResult: verdict, VerifyId: '1' } }
    const other = await impostor((_, response) => response.end(JSON.stringify(answer)))
    const refused = await refusal(login(methodOf(settings({ endpoint: other.url })), claim(phones.mobile)))
    other.close()
    expect(refused[0]).toBe('one_tap.failed')
  })

  test('asks about mainland numbers only', async () => {
    const abroad = { ...claim(phones.mobile), phone: '61234567', country: '852' }
    expect(await refusal(login(method(), abroad))).toEqual(['phone.country_unsupported', 'phone'])
    const none = { ...claim(phones.mobile), phone: '12' }
    expect(await refusal(login(method(), none))).toEqual(['phone.invalid', 'phone'])
    expect(vendor.requests).toHaveLength(0)
  })

  test('takes no token twice, although its vendor would', async () => {
    const brought = bring()
    vendor.faults.push({ kind: 'refuse', code: 'isv.OUT_OF_SERVICE' })
    expect(await refusal(login(method(), brought), brought)).toEqual(['one_tap.unavailable', 'isv.OUT_OF_SERVICE'])
    expect(carrier.find(brought['carrier_token'] ?? '')?.state).toBe('live')
    const again = { ...brought, phone: phones.mobile }
    expect(await refusal(login(method(), brought), brought)).toEqual(['one_tap.expired', 'used_here'])
    expect(await refusal(login(method(), again), again)).toEqual(['one_tap.expired', 'used_here'])
    expect(vendor.requests).toHaveLength(1)
  })

  test('takes a token again that the vendor did not judge', async () => {
    const brought = bring()
    vendor.faults.push({ kind: 'bad_gateway_html' })
    expect(await refusal(login(method(), brought), brought)).toEqual(['one_tap.unavailable', '502'])
    expect((await login(method(), brought)).identity.subjects).toEqual([`+86${phones.mobile}`])
    expect(await refusal(login(method(), brought), brought)).toEqual(['one_tap.expired', 'used_here'])
  })

  test('remembers a token for longer than any carrier lets it live', async () => {
    const brought = bring(phones.unicom)
    await login(method(), brought)
    walkTo(1_799_000)
    expect(await refusal(login(method(), brought), brought)).toEqual(['one_tap.expired', 'used_here'])
    walkTo(1_801_000)
    expect(await refusal(login(method(), brought), brought)).toEqual(['one_tap.expired', 'isv.TOKEN_INVALID'])
  })

  test('lets one of ten in who bring the same token at once', async () => {
    const brought = bring()
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => login(method(), brought)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(vendor.requests).toHaveLength(1)
  })

  test('lets nobody in while the store cannot tell what was used', async () => {
    const away = redisStore({ url: new Secret(`redis://127.0.0.1:${await freePort()}`), clock })
    expect(await refusal(login(method({ spent: kept(away).spent }), bring()))).toEqual(['server.unavailable'])
    await away.close()
    expect(vendor.requests).toHaveLength(0)
  })

  test.each([
    [phones.mobile, 120],
    [phones.telecom, 600],
    [phones.unicom, 1800],
  ])('takes a token of %s for %i seconds', async (phone, seconds) => {
    const [inTime, late] = [bring(phone), bring(phone)]
    walkTo((seconds - 1) * 1000)
    await login(method(), inTime)
    walkTo((seconds + 1) * 1000)
    expect(await refusal(login(method(), late), late)).toEqual(['one_tap.expired', 'isv.TOKEN_INVALID'])
  })

  test('takes neither a token of another scheme nor one that was made for the other question', async () => {
    const foreign = { vendor: 'aliyun', carrier_token: carrier.issueAliyunToken(phones.mobile, 'theirs') }
    expect(await refusal(login(method(), foreign))).toEqual(['one_tap.unavailable', 'isv.INVALID_APP'])
    const { phone: _, ...crossed } = claim(phones.mobile)
    expect(await refusal(login(method(), crossed))).toEqual(['one_tap.failed', 'isv.TOKEN_UNAUTHORIZED_USED'])
  })

  test('has an alarm for another key, and tells it to nobody', async () => {
    const other = methodOf(settings({ access_key_secret: 'app-secret-DNTL of somebody else' }))
    expect((await refusal(login(other, bring())))[0]).toBe('one_tap.unavailable')
  })

  test.each([
    ['TOKEN_INVALID', 'one_tap.expired'],
    ['PARAMETERS_MISMATCH', 'one_tap.other_number'],
    ...['TOKEN_UNAUTHORIZED_USED', 'MOBILE_NUMBER_ILLEGAL', 'INVALID_PARAMETERS'].map((code) => [
      code,
      'one_tap.failed',
    ]),
    ...[
      ...['VERIFY_SCHEME_NOT_EXIST', 'SCENE_QUERY_FAIL', 'PACK_SIGN_CONFLICT', 'BUNDLE_ID_CONFLICT', 'INVALID_APP'],
      ...['RAM_PERMISSION_DENY', 'PRODUCT_UNSUBSCRIBE', 'PRODUCT_UN_SUBSCRIPT', 'OUT_OF_SERVICE', 'NEVER_HEARD_OF'],
    ].map((code) => [code, 'one_tap.unavailable']),
  ])('reads %s as %s, with its prefix and without', async (code, expected) => {
    for (const written of [`isv.${code}`, code]) {
      const brought = bring()
      vendor.faults.push({ kind: 'refuse', code: written, message: secret })
      expect(await refusal(login(method(), brought), brought)).toEqual([expected, written])
    }
  })

  test.each(faults)('is unavailable on %s, and asked once', async (_, fault, word) => {
    const brought = bring()
    vendor.faults.push(fault)
    const bent = 'ms' in fault ? { timeoutMs: 1000 } : {}
    expect(await refusal(login(method(bent), brought), brought)).toEqual(['one_tap.unavailable', word])
    expect(vendor.requests).toHaveLength(1)
  })

  test.each([
    ['{"Code":"OK","GetMobileResultDTO":{"Mobile":"138001380"}}', 200, 'one_tap.failed', 'no_mainland_number'],
    ['{"Code":"OK","GetMobileResultDTO":{}}', 200, 'one_tap.failed', 'no_mainland_number'],
    ['{"Code":"OK"}', 200, 'one_tap.unavailable', 'unexpected_shape'],
    ['{"Code":"OK","GetMobileResultDTO":{"Mobile":"13800138000"}}', 403, 'one_tap.unavailable', '403'],
    ['[]', 200, 'one_tap.unavailable', 'unexpected_shape'],
  ])('takes %s with status %i for no number', async (body, status, code, word) => {
    const other = await impostor((_, answer) => answer.writeHead(status).end(body))
    const refused = await refusal(login(methodOf(settings({ endpoint: other.url })), bring()))
    other.close()
    expect(refused).toEqual([code, word])
  })

  test('names what is missing, and knows no vendor that is not configured', async () => {
    expect(await refusal(login(method(), {}))).toEqual(['request.invalid', 'vendor'])
    expect(await refusal(login(method(), { vendor: 'aliyun' }))).toEqual(['request.invalid', 'carrier_token'])
    expect(await refusal(login(method(), { ...bring(), vendor: 'univerify' }))).toEqual(['attempt.method_unknown'])
    expect(vendor.requests).toHaveLength(0)
  })
})

test.each([
  { vendor: 'univerify', function_url: 'http://function.example.com/', secret },
  { vendor: 'aliyun', access_key_id: 'ours', access_key_secret: secret, endpoint: 'http://dypns.example.com' },
])('$vendor is not set up outside the sandbox with an address that is not https', (settings) => {
  const http = httpClient({ timeoutMs: 1000 })
  const build = (bent: object) =>
    buildOneTapVendors([oneTapOptions.parse({ ...settings, ...bent })], {
      http,
      metadata: http,
      clock,
      allowInsecure: false,
    })
  expect(() => build({})).toThrow(`one_tap ${settings.vendor}: `)
  const address = settings.vendor === 'univerify' ? 'function_url' : 'endpoint'
  expect(() => build({ [address]: 'https://vendor.example.com' })).not.toThrow()
})
