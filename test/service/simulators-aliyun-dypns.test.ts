import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AliyunDypnsSimulator, startAliyunDypns } from '../../sandbox/simulators/aliyun-dypns.ts'
import { Carrier } from '../../sandbox/simulators/carrier.ts'
import { type AliyunCall, callAliyun } from '../support/aliyun-call.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
const mobile = '13800138000'
let now = start
let carrier: Carrier
let vendor: AliyunDypnsSimulator
let serial = 0

beforeEach(async () => {
  now = start
  carrier = new Carrier({ clock: () => now, univerifyAppid: '__UNI__0000001', aliyunScheme: 'ours' })
  vendor = await startAliyunDypns({ clock: () => now, carrier, accessKeys: { testid: 'testsecret' }, scheme: 'ours' })
})
afterEach(() => vendor.close())

interface Body {
  readonly Code: string
  readonly GateVerifyResultDTO?: { readonly VerifyResult: string }
}

function call(action: string, params: Readonly<Record<string, string>>, bent: Partial<AliyunCall> = {}) {
  serial += 1
  const date = new Date(now).toISOString().replace(/\.\d+/, '')
  const nonce = String(serial).padStart(64, '0')
  const common = { url: vendor.url, host: new URL(vendor.url).host, key: 'testid', secret: 'testsecret' }
  return callAliyun<Body>({ ...common, action, params, date, nonce, ...bent })
}
const getMobile = (AccessToken: string, bent?: Partial<AliyunCall>) => call('GetMobile', { AccessToken }, bent)
const verifyMobile = (AccessCode: string, PhoneNumber = mobile) => call('VerifyMobile', { AccessCode, PhoneNumber })
const codeOf = async (answer: Promise<{ readonly body: Body }>) => (await answer).body.Code
const resultOf = async (...given: Parameters<typeof verifyMobile>) => {
  const { Code, GateVerifyResultDTO } = (await verifyMobile(...given)).body
  return GateVerifyResultDTO?.VerifyResult ?? Code
}

describe('GetMobile', () => {
  it('answers the number behind a token', async () => {
    expect(await getMobile(carrier.issueAliyunToken('+8613800138000'))).toEqual({
      status: 200,
      body: { Code: 'OK', Message: 'OK', RequestId: expect.any(String), GetMobileResultDTO: { Mobile: mobile } },
    })
    const [request] = vendor.requests
    expect([request?.method, request?.path, request?.body]).toEqual(['POST', '/', ''])
  })

  it('takes a token once', async () => {
    const token = carrier.issueAliyunToken(mobile)
    expect(await codeOf(getMobile(token))).toBe('OK')
    expect(await getMobile(token)).toEqual({
      status: 200,
      body: { Code: 'isv.TOKEN_INVALID', Message: expect.any(String), RequestId: expect.any(String) },
    })
  })

  it.each([
    ['China Mobile', mobile, 2],
    ['China Unicom', '18600000000', 30],
    ['China Telecom', '18900000000', 10],
  ])('takes a token of %s (%s) for %i minutes', async (_, phone, minutes) => {
    const [early, late] = [carrier.issueAliyunToken(phone), carrier.issueAliyunToken(phone)]
    now = start + minutes * 60_000 - 1
    expect(await codeOf(getMobile(early))).toBe('OK')
    now += 1
    expect(await codeOf(getMobile(late))).toBe('isv.TOKEN_INVALID')
  })

  it('takes no access code, no token of another scheme, another vendor or nobody', async () => {
    const code = carrier.issueAliyunAccessCode(mobile)
    expect(await codeOf(getMobile(code))).toBe('isv.TOKEN_UNAUTHORIZED_USED')
    expect(await resultOf(code)).toBe('PASS')
    expect(await codeOf(getMobile(carrier.issueAliyunToken(mobile, 'theirs')))).toBe('isv.INVALID_APP')
    expect(await codeOf(getMobile(carrier.issueUniverify(mobile).access_token))).toBe('isv.TOKEN_INVALID')
    expect(await codeOf(getMobile('garbage'))).toBe('isv.TOKEN_INVALID')
    expect(await codeOf(getMobile(''))).toBe('isv.INVALID_PARAMETERS')
  })
})

describe('VerifyMobile', () => {
  it('passes the number of the SIM and rejects another of the same carrier', async () => {
    expect(await verifyMobile(carrier.issueAliyunAccessCode(mobile))).toEqual({
      status: 200,
      body: {
        Code: 'OK',
        Message: 'OK',
        RequestId: expect.any(String),
        GateVerifyResultDTO: { VerifyResult: 'PASS', VerifyId: expect.stringMatching(/^\w{32}$/) },
      },
    })
    expect(await resultOf(carrier.issueAliyunAccessCode(mobile), '13900001234')).toBe('REJECT')
  })

  it('cannot tell when told so', async () => {
    vendor.setUnknown(true)
    expect(await resultOf(carrier.issueAliyunAccessCode(mobile))).toBe('UNKNOWN')
    vendor.setUnknown(false)
    expect(await resultOf(carrier.issueAliyunAccessCode(mobile))).toBe('PASS')
  })

  it('names a number whose carrier is not that of the SIM', async () => {
    expect(await resultOf(carrier.issueAliyunAccessCode(mobile), '18600000000')).toBe('isv.PARAMETERS_MISMATCH')
  })

  it.each([
    ['PASS', mobile],
    ['REJECT', '13900001234'],
    ['isv.PARAMETERS_MISMATCH', '18900000000'],
  ])('has used the code up after %s', async (result, phone) => {
    const code = carrier.issueAliyunAccessCode(mobile)
    expect(await resultOf(code, phone)).toBe(result)
    expect(await resultOf(code)).toBe('isv.TOKEN_INVALID')
  })

  it('takes a code for two minutes of China Mobile, and no token of a login', async () => {
    const token = carrier.issueAliyunToken(mobile)
    expect(await resultOf(token)).toBe('isv.TOKEN_UNAUTHORIZED_USED')
    expect(await codeOf(getMobile(token))).toBe('OK')
    const code = carrier.issueAliyunAccessCode(mobile)
    now += 120_000
    expect(await resultOf(code)).toBe('isv.TOKEN_INVALID')
  })

  it('wants both parameters, and a mobile number of the mainland', async () => {
    const code = carrier.issueAliyunAccessCode(mobile)
    expect(await resultOf('')).toBe('isv.INVALID_PARAMETERS')
    expect(await resultOf(code, '')).toBe('isv.INVALID_PARAMETERS')
    for (const phone of ['12800138000', '+8613800138000', '85291234567']) {
      expect(await resultOf(code, phone)).toBe('isv.MOBILE_NUMBER_ILLEGAL')
    }
    expect(await resultOf(code)).toBe('PASS')
  })
})

describe('the gateway', () => {
  it('refuses a wrong key, secret, time or action, and uses nothing up', async () => {
    const token = carrier.issueAliyunToken(mobile)
    const refused = await getMobile(token, { secret: 'wrong' })
    expect(refused).toMatchObject({ status: 400, body: { Code: 'SignatureDoesNotMatch', HostId: expect.any(String) } })
    expect(await codeOf(getMobile(token, { key: 'stranger' }))).toBe('InvalidAccessKeyId.NotFound')
    expect(await codeOf(getMobile(token, { date: '2025-12-31T23:44:59Z' }))).toBe('InvalidTimeStamp.Expired')
    expect(await codeOf(getMobile(token, { action: 'SendSms' }))).toBe('InvalidAction.NotFound')
    expect(await codeOf(getMobile(token, { unsigned: { 'x-acs-security-token': 'smuggled' } }))).toBe(
      'SignatureDoesNotMatch',
    )
    expect(await codeOf(getMobile(token))).toBe('OK')
  })

  it('takes a nonce once', async () => {
    const nonce = 'same'
    expect(await codeOf(getMobile(carrier.issueAliyunToken(mobile), { nonce }))).toBe('OK')
    expect(await codeOf(getMobile(carrier.issueAliyunToken(mobile), { nonce }))).toBe('SignatureNonceUsed')
  })

  it.each([
    'isv.TOKEN_INVALID',
    'isv.TOKEN_UNAUTHORIZED_USED',
    'isv.PARAMETERS_MISMATCH',
    'isv.MOBILE_NUMBER_ILLEGAL',
    'isv.INVALID_PARAMETERS',
    'isv.VERIFY_SCHEME_NOT_EXIST',
    'isv.SCENE_QUERY_FAIL',
    'isv.PACK_SIGN_CONFLICT',
    'isv.BUNDLE_ID_CONFLICT',
    'isv.INVALID_APP',
    'isv.RAM_PERMISSION_DENY',
    'isv.PRODUCT_UNSUBSCRIBE',
    'isv.PRODUCT_UN_SUBSCRIPT',
    'isv.OUT_OF_SERVICE',
  ])('can refuse a good call with %s, and uses nothing up', async (code) => {
    const [token, accessCode] = [carrier.issueAliyunToken(mobile), carrier.issueAliyunAccessCode(mobile)]
    vendor.faults.push({ kind: 'refuse', code }, { kind: 'refuse', code, message: 'so' })
    expect(await codeOf(getMobile(token))).toBe(code)
    expect((await verifyMobile(accessCode)).body).toMatchObject({ Code: code, Message: 'so' })
    expect(await codeOf(getMobile(token))).toBe('OK')
    expect(await resultOf(accessCode)).toBe('PASS')
  })

  it('has used the token up when the answer is lost', async () => {
    const token = carrier.issueAliyunToken(mobile)
    vendor.faults.push({ kind: 'truncated_json' })
    await expect(getMobile(token)).rejects.toThrow()
    expect(await codeOf(getMobile(token))).toBe('isv.TOKEN_INVALID')
  })
})
