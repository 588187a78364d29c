import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AliyunSmsSimulator, startAliyunSms } from '../../sandbox/simulators/aliyun-sms.ts'
import { callAliyun } from '../support/aliyun-call.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
let now = start
let vendor: AliyunSmsSimulator

/** Everything that makes up one call; each test bends one part. */
const good = {
  phones: '13900001234',
  sign: '阿里云短信测试',
  template: 'SMS_154950909',
  param: '{"code":"123456"}',
  key: 'testid',
  secret: 'testsecret',
  nonce: '00000000000000000000000000000001',
  date: undefined as string | undefined,
  host: 'dysmsapi.aliyuncs.com',
  extra: {} as Record<string, string>,
  unsigned: {} as Record<string, string>,
  signature: undefined as string | undefined,
}

let serial = 1
const fresh = () => {
  serial += 1
  return { nonce: String(serial).padStart(32, '0') }
}

function call(bent: Partial<typeof good> = {}): Promise<{ status: number; body: Record<string, string> }> {
  const { phones, sign, template, param, date, ...rest } = { ...good, ...bent }
  return callAliyun({
    url: vendor.url,
    action: 'SendSms',
    params: { PhoneNumbers: phones, SignName: sign, TemplateCode: template, TemplateParam: param },
    date: date ?? new Date(now).toISOString().replace('.000', ''),
    ...rest,
  })
}

const codeOf = async (bent: Partial<typeof good>) => (await call({ ...fresh(), ...bent })).body['Code']

beforeEach(async () => {
  now = start
  vendor = await startAliyunSms({
    clock: () => now,
    accessKeys: { testid: 'testsecret' },
    temporaryKey: (id) =>
      id === 'STS.test' ? { secret: 'temporary', token: 'beside', expiresAt: start + 1000 } : undefined,
    signNames: ['阿里云短信测试', '另一个签名'],
    codeSignNames: ['只发验证码'],
    templates: {
      SMS_154950909: { variables: ['code'] },
      SMS_2: { variables: ['code', 'minutes'] },
      SMS_3: { variables: ['code'], abroad: true },
      SMS_4: { variables: ['time', 'what'], isNotice: true },
    },
  })
})

afterEach(() => vendor.close())

describe('the Aliyun simulator', () => {
  it("accepts the fact sheet's signed call byte by byte", async () => {
    const signature = '8d33eca15e86e753feff958b6370c58a90a3937ea50e6323900d6c405bdbd4d1'
    const { status, body } = await call({ signature })
    expect(status).toBe(200)
    expect(body).toEqual({ Code: 'OK', Message: 'OK', BizId: expect.any(String), RequestId: expect.any(String) })
    expect(vendor.sent).toEqual([
      { to: '+8613900001234', template: 'SMS_154950909', params: { code: '123456' }, at: start },
    ])
  })

  it('checks whatever headers are listed as signed, and demands host and every x-acs header', async () => {
    expect(await codeOf({ extra: { 'x-acs-credentials-provider': 'static_ak' } })).toBe('OK')
    expect(await codeOf({ unsigned: { 'x-acs-security-token': 'smuggled' } })).toBe('SignatureDoesNotMatch')
    expect(await codeOf({ unsigned: { 'content-type': 'text/plain' } })).toBe('SignatureDoesNotMatch')
    expect(await codeOf({ unsigned: { host: 'elsewhere.example' } })).toBe('SignatureDoesNotMatch')
  })

  it('takes the host with its port where the client sends one', async () => {
    expect(await codeOf({ host: '127.0.0.1:8080' })).toBe('OK')
  })

  it('refuses a wrong key, secret, time or nonce at the gateway, with a body that says so', async () => {
    expect(await call({ ...fresh(), secret: 'wrong' })).toEqual({
      status: 400,
      body: {
        Code: 'SignatureDoesNotMatch',
        Message: expect.any(String),
        RequestId: expect.any(String),
        HostId: 'dysmsapi.aliyuncs.com',
        Recommend: expect.stringContaining('http'),
      },
    })
    expect(await codeOf({ key: 'stranger' })).toBe('InvalidAccessKeyId.NotFound')
    expect(await codeOf({ key: 'toString' })).toBe('InvalidAccessKeyId.NotFound')
    expect(await codeOf({ date: '2025-12-31T23:44:59Z' })).toBe('InvalidTimeStamp.Expired')
    expect(await codeOf({ date: '2026-01-01T00:15:01Z' })).toBe('InvalidTimeStamp.Expired')
    expect(await codeOf({ date: '2026-01-01T00:00:00.000Z' })).toBe('InvalidTimeStamp.Format')
    expect(await codeOf({ date: '2026-01-01T00:15:00Z' })).toBe('OK')
    expect(vendor.sent).toHaveLength(1)
  })

  it('takes a nonce once, and forgets one that came with a bad signature', async () => {
    expect((await call({ secret: 'wrong' })).body['Code']).toBe('SignatureDoesNotMatch')
    expect((await call()).body['Code']).toBe('OK')
    expect(await call()).toMatchObject({ status: 400, body: { Code: 'SignatureNonceUsed' } })
  })

  it('refuses another action or version', async () => {
    expect((await call({ extra: { 'x-acs-action': 'QuerySendDetails' } })).status).toBe(404)
    expect((await call({ extra: { 'x-acs-version': '2018-05-25' } })).status).toBe(404)
  })

  it('answers business failures with status 200 and no BizId', async () => {
    const { status, body } = await call({ sign: '未审核' })
    expect(status).toBe(200)
    expect(body).toEqual({
      Code: 'isv.SMS_SIGNATURE_ILLEGAL',
      Message: expect.any(String),
      RequestId: expect.any(String),
    })
  })

  it('demands an approved template with every variable as letters or digits', async () => {
    expect(await codeOf({ template: 'SMS_1' })).toBe('isv.SMS_TEMPLATE_ILLEGAL')
    expect(await codeOf({ param: 'code=123456' })).toBe('isv.INVALID_JSON_PARAM')
    expect(await codeOf({ param: '["123456"]' })).toBe('isv.INVALID_JSON_PARAM')
    expect(await codeOf({ template: 'SMS_2' })).toBe('isv.TEMPLATE_MISSING_PARAMETERS')
    expect(await codeOf({ param: '{"code":"五"}' })).toBe('isv.INVALID_PARAMETERS')
    expect(vendor.sent).toEqual([])
  })

  it.each(['13900001234', '+13900001234', '8613900001234', '+8613900001234', '008613900001234'])(
    'reads %s as a mainland number',
    async (phones) => {
      await call({ phones })
      expect(vendor.sent.map(({ to }) => to)).toEqual(['+8613900001234'])
    },
  )

  it('takes a temporary key only with its token and only until it expires', async () => {
    const temporary = { key: 'STS.test', secret: 'temporary' }
    const beside = (token: string) => ({ ...temporary, extra: { 'x-acs-security-token': token } })
    expect(await codeOf(temporary)).toBe('MissingSecurityToken')
    expect(await codeOf(beside('other'))).toBe('InvalidSecurityToken.MismatchWithAccessKey')
    expect(await codeOf({ extra: { 'x-acs-security-token': 'beside' } })).toBe(
      'InvalidSecurityToken.MismatchWithAccessKey',
    )
    expect(await codeOf(beside('beside'))).toBe('OK')
    now += 1000
    expect(await codeOf(beside('beside'))).toBe('InvalidSecurityToken.Expired')
  })

  it('keeps mainland and foreign numbers to their own templates', async () => {
    expect(await codeOf({ phones: '12900001234' })).toBe('isv.MOBILE_NUMBER_ILLEGAL')
    expect(await codeOf({ phones: '85291234567' })).toBe('isv.SMS_TEMPLATE_ILLEGAL')
    expect(await codeOf({ template: 'SMS_3' })).toBe('isv.DOMESTIC_NUMBER_NOT_SUPPORTED')
    expect(await codeOf({ template: 'SMS_3', phones: '+85291234567' })).toBe('isv.MOBILE_NUMBER_ILLEGAL')
    expect(await codeOf({ template: 'SMS_3', phones: '85291234567' })).toBe('OK')
    expect(await codeOf({ template: 'SMS_3', phones: '13105551234' })).toBe('OK')
    expect(await codeOf({ template: 'SMS_3', phones: '85261234567', sign: '只发验证码' })).toBe(
      'isv.SMS_SIGNATURE_SCENE_ILLEGAL',
    )
    expect(await codeOf({ phones: Array(1001).fill('13900001234').join(',') })).toBe('isv.MOBILE_COUNT_OVER_LIMIT')
  })

  it('limits one number under one signature to 1 a minute, 5 an hour and 10 a day', async () => {
    const outcomes: string[] = []
    const tryAt = async (seconds: number) => {
      now = start + seconds * 1000
      const { body } = await call(fresh())
      outcomes.push(body['Code'] === 'OK' ? 'OK' : (body['Message'] ?? ''))
      if (body['Code'] !== 'OK') expect(body['Code']).toBe('isv.BUSINESS_LIMIT_CONTROL')
    }
    for (const seconds of [0, 59, 60, 120, 180, 240, 300, 3600, 3660, 3720, 3780, 3840, 7300, 86_399, 86_400]) {
      await tryAt(seconds)
    }
    const [minute, hour, day] = ['触发分钟级流控Permits:1', '触发小时级流控Permits:5', '触发天级流控Permits:10']
    expect(outcomes).toEqual([
      ...['OK', minute, 'OK', 'OK', 'OK', 'OK', hour],
      ...['OK', 'OK', 'OK', 'OK', 'OK', day, day, 'OK'],
    ])
    expect(await codeOf({ sign: '另一个签名' })).toBe('OK')
  })

  it('takes texts for a notice, but nothing empty, too long, or like a link or a signature', async () => {
    const notice = (time: string, what: string, template = 'SMS_4') =>
      codeOf({ template, param: JSON.stringify({ time, what, code: '1' }) })
    expect(await notice('2026-11-29 22:30', 'Edge · Windows')).toBe('OK')
    expect(vendor.sent.at(-1)?.params).toMatchObject({ what: 'Edge · Windows' })
    expect(await notice('2026-11-29 22:30', '')).toBe('isv.INVALID_PARAMETERS')
    expect(await notice('now', '【茶铺】')).toBe('isv.INVALID_PARAMETERS')
    expect(await notice('now', 'https://example.com')).toBe('isv.INVALID_PARAMETERS')
    expect(await notice('now', '门'.repeat(36))).toBe('isv.PARAM_LENGTH_LIMIT')
    expect(await codeOf({ template: 'SMS_4', param: '{"time":"now"}' })).toBe('isv.TEMPLATE_MISSING_PARAMETERS')
    expect(await notice('2026-11-29 22:30', 'x', 'SMS_154950909')).toBe('isv.INVALID_PARAMETERS')
  })

  it('records every request, refused ones too', async () => {
    await call({ secret: 'wrong' })
    expect(vendor.requests).toMatchObject([
      { method: 'POST', path: '/', rawQuery: expect.stringContaining('PhoneNumbers=13900001234'), body: '' },
    ])
  })

  it('plays one fault for one request, before or after it acted', async () => {
    vendor.faults.push({ kind: 'reset_before_accept' }, { kind: 'reset_after_accept' })
    await expect(call(fresh())).rejects.toThrow()
    expect(vendor.sent).toHaveLength(0)
    await expect(call(fresh())).rejects.toThrow()
    expect(vendor.sent).toHaveLength(1)
    vendor.faults.push({ kind: 'server_error' }, { kind: 'bad_gateway_html' }, { kind: 'truncated_json' })
    for (const _ of vendor.faults.slice())
      await expect(call(fresh()).catch(String)).resolves.toMatch(/SyntaxError|JSON/)
    vendor.faults.push(
      { kind: 'refuse', code: 'isv.OUT_OF_SERVICE' },
      { kind: 'latency', ms: 20 },
      { kind: 'slow_body', ms: 20 },
    )
    expect(await codeOf({ phones: '13900001235' })).toBe('isv.OUT_OF_SERVICE')
    expect(await codeOf({ phones: '13900001235' })).toBe('OK')
    expect(await codeOf({ phones: '13900001236' })).toBe('OK')
    expect(vendor.faults).toEqual([])
  })
})
