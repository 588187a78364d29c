import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request as send } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startTencentSms, type TencentSmsSimulator } from '../../sandbox/simulators/tencent-sms.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
const sha = (text: string) => createHash('sha256').update(text).digest('hex')
const mac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
let now = start
let vendor: TencentSmsSimulator

interface SendStatus {
  readonly Code: string
  readonly Fee: number
  readonly SerialNo: string
  readonly PhoneNumber: string
}

interface VendorResponse {
  readonly RequestId: string
  readonly Error?: { readonly Code: string; readonly Message: string }
  readonly SendStatusSet?: readonly SendStatus[]
}

/** Everything that makes up one call; each test bends one part. */
const good = {
  body: '{"SmsSdkAppId":"1400006666","SignName":"腾讯云","TemplateId":"1234567","TemplateParamSet":["123456","5"],"PhoneNumberSet":["+8613900001234"]}',
  contentType: 'application/json',
  id: 'AKIDtest',
  secret: 'testsecret',
  seconds: undefined as number | undefined,
  date: undefined as string | undefined,
  service: 'sms',
  host: 'sms.tencentcloudapi.com',
  signedHost: undefined as string | undefined,
  names: 'content-type;host',
  signature: undefined as string | undefined,
  headers: {} as Record<string, string>,
}

function call(bent: Partial<typeof good> = {}): Promise<VendorResponse> {
  const one = { ...good, ...bent }
  const seconds = one.seconds ?? Math.floor(now / 1000)
  const date = one.date ?? new Date(seconds * 1000).toISOString().slice(0, 10)
  const host = one.signedHost ?? one.host
  const canonical = `POST\n/\n\ncontent-type:${one.contentType}\nhost:${host}\n\n${one.names}\n${sha(one.body)}`
  const key = mac(mac(mac(`TC3${one.secret}`, date), one.service), 'tc3_request')
  const toSign = `TC3-HMAC-SHA256\n${seconds}\n${date}/${one.service}/tc3_request\n${sha(canonical)}`
  const signature = one.signature ?? mac(key, toSign).toString('hex')
  return post(one.body, {
    host: one.host,
    'content-type': one.contentType,
    'x-tc-action': 'SendSms',
    'x-tc-version': '2021-01-11',
    'x-tc-region': 'ap-guangzhou',
    'x-tc-timestamp': String(seconds),
    authorization: `TC3-HMAC-SHA256 Credential=${one.id}/${date}/${one.service}/tc3_request, SignedHeaders=${one.names}, Signature=${signature}`,
    ...one.headers,
  })
}

async function post(body: string, headers: Record<string, string>): Promise<VendorResponse> {
  const outgoing = send(`${vendor.url}/`, { method: 'POST', headers }).end(body)
  const [incoming]: IncomingMessage[] = await once(outgoing, 'response')
  if (incoming === undefined) throw new Error('no answer')
  expect(incoming.statusCode).toBe(200)
  return JSON.parse(await text(incoming)).Response
}

const message = (bent: Record<string, unknown>) => JSON.stringify({ ...JSON.parse(good.body), ...bent })
const errorOf = async (bent: Partial<typeof good>) => (await call(bent)).Error?.Code
const statusOf = async (bent: Record<string, unknown>) => (await call({ body: message(bent) })).SendStatusSet?.[0]?.Code

beforeEach(async () => {
  now = start
  vendor = await startTencentSms({
    clock: () => now,
    secretKeys: { AKIDtest: 'testsecret' },
    sdkAppIds: ['1400006666'],
    temporaryKey: (id) =>
      id === 'AKIDtemporary' ? { secret: 'temporary', token: 'beside', expiresAt: start + 1000 } : undefined,
    signNamesAbroad: ['Tencent Cloud'],
    senderIds: ['Tencent'],
    templatesAbroad: { '9000001': 2 },
    signNames: ['腾讯云'],
    templates: { '1234567': 2, '7654321': 1, '2001': 2 },
    notices: ['2001'],
    longestText: 20,
    blacklist: ['+8613900009999'],
  })
})

afterEach(() => vendor.close())

describe('the Tencent simulator', () => {
  it.each([
    ['application/json', '87d4d65a16ab1fdadce59751196d76e7868ab78ba8535339b7d45990dcc881be'],
    ['application/json; charset=utf-8', '20d954506f0cbdd94617d012e42215be44c1077ad2badb8a899c299e24c9fee9'],
  ])("accepts the fact sheet's call signed as %s", async (contentType, signature) => {
    expect(await call({ contentType, signature })).toEqual({
      SendStatusSet: [
        {
          SerialNo: expect.stringMatching(/.+/),
          PhoneNumber: '+8613900001234',
          Fee: 1,
          SessionContext: '',
          Code: 'Ok',
          Message: 'send success',
          IsoCode: 'CN',
        },
      ],
      RequestId: expect.any(String),
    })
    expect(vendor.sent).toEqual([
      { to: '+8613900001234', template: '1234567', params: { '1': '123456', '2': '5' }, at: start },
    ])
  })

  it("bears the official SDK's habits: host signed without port, service from the scope", async () => {
    const local = { host: '127.0.0.1:8080', signedHost: '127.0.0.1', service: '127' }
    expect((await call(local)).SendStatusSet?.[0]?.Code).toBe('Ok')
    expect(await errorOf({ host: '127.0.0.1:8080' })).toBe('AuthFailure.SignatureFailure')
  })

  it('refuses a wrong key, a wrong signature and unsigned headers in Response.Error', async () => {
    expect(await errorOf({ id: 'AKIDother' })).toBe('AuthFailure.SecretIdNotFound')
    expect(await errorOf({ secret: 'wrong' })).toBe('AuthFailure.SignatureFailure')
    expect(await errorOf({ date: '2026-01-02' })).toBe('AuthFailure.SignatureFailure')
    expect(await errorOf({ names: 'content-type' })).toBe('AuthFailure.SignatureFailure')
    expect(await errorOf({ headers: { 'content-type': 'text/plain' } })).toBe('AuthFailure.SignatureFailure')
    expect(vendor.sent).toEqual([])
  })

  it('allows a clock to be five minutes off, not more', async () => {
    const seconds = start / 1000
    expect(await errorOf({ seconds: seconds - 301 })).toBe('AuthFailure.SignatureExpire')
    expect(await errorOf({ seconds: seconds + 301 })).toBe('AuthFailure.SignatureExpire')
    expect(await errorOf({ seconds: seconds - 300 })).toBeUndefined()
  })

  it('refuses another action, another version and a missing region', async () => {
    expect(await errorOf({ headers: { 'x-tc-action': 'PullSmsSendStatus' } })).toBe('InvalidAction')
    expect(await errorOf({ headers: { 'x-tc-version': '2019-07-11' } })).toBe('NoSuchVersion')
    expect(await errorOf({ headers: { 'x-tc-region': '' } })).toBe('MissingParameter')
  })

  it('refuses an unknown app, a malformed body and a mix of mainland and foreign numbers as a whole', async () => {
    expect(await errorOf({ body: message({ SmsSdkAppId: '1400000000' }) })).toBe(
      'InvalidParameterValue.SdkAppIdNotExist',
    )
    expect(await errorOf({ body: '{"PhoneNumberSet":' })).toBe('InvalidParameter')
    expect(await errorOf({ body: message({ TemplateParamSet: [123456, 5] }) })).toBe('InvalidParameter')
    expect(await errorOf({ body: message({ PhoneNumberSet: ['+8613900001234', '+85291234567'] }) })).toBe(
      'UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber',
    )
  })

  it('refuses one number in SendStatusSet, without fee or serial number', async () => {
    const { SendStatusSet } = await call({ body: message({ PhoneNumberSet: ['+8613900009999', '+8613900001234'] }) })
    expect(SendStatusSet).toMatchObject([
      { Code: 'FailedOperation.PhoneNumberInBlacklist', Fee: 0, SerialNo: '', PhoneNumber: '+8613900009999' },
      { Code: 'Ok', Fee: 1, PhoneNumber: '+8613900001234' },
    ])
    expect(vendor.sent).toHaveLength(1)
  })

  it('takes texts for a notice, but nothing empty, too long, or like a link or a signature', async () => {
    const notice = (...TemplateParamSet: string[]) => statusOf({ TemplateId: '2001', TemplateParamSet })
    expect(await notice('2026-11-29 22:30', 'Edge · Windows')).toBe('Ok')
    const format = 'InvalidParameterValue.TemplateParameterFormatError'
    expect(await notice('now', '')).toBe(format)
    expect(await notice('now')).toBe(format)
    expect(await notice('now', '【茶铺】')).toBe(format)
    expect(await notice('now', 'https://example.com')).toBe(format)
    expect(await notice('now', '门'.repeat(21))).toBe('InvalidParameterValue.TemplateParameterLengthLimit')
  })

  it('demands an approved signature, an approved template and exactly its parameters', async () => {
    expect(await statusOf({ SignName: '未审核' })).toBe('FailedOperation.SignatureIncorrectOrUnapproved')
    expect(await statusOf({ SignName: '' })).toBe('FailedOperation.SignatureIncorrectOrUnapproved')
    expect(await statusOf({ TemplateId: '1' })).toBe('FailedOperation.TemplateIncorrectOrUnapproved')
    const format = 'InvalidParameterValue.TemplateParameterFormatError'
    expect(await statusOf({ TemplateParamSet: ['123456'] })).toBe(format)
    expect(await statusOf({ TemplateParamSet: ['12345a', '5'] })).toBe(format)
    expect(await statusOf({ TemplateParamSet: ['1234567', '5'] })).toBe(
      'InvalidParameterValue.TemplateParameterLengthLimit',
    )
    expect(await statusOf({ PhoneNumberSet: ['12900001234'] })).toBe('InvalidParameterValue.IncorrectPhoneNumber')
  })

  it('keeps templates, signatures and sender IDs for abroad apart from those of the mainland', async () => {
    const abroad = { PhoneNumberSet: ['+85291234567'], TemplateId: '9000001', SignName: '' }
    expect(await statusOf({ ...abroad, TemplateId: '1234567' })).toBe(
      'UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone',
    )
    expect(await statusOf({ TemplateId: '9000001' })).toBe('UnsupportedOperation.GlobalTemplateToChineseMainlandPhone')
    expect(await statusOf({ ...abroad, SignName: '腾讯云' })).toBe('FailedOperation.SignatureIncorrectOrUnapproved')
    expect(await statusOf({ ...abroad, SenderId: 'Unknown' })).toBe('InvalidParameterValue')
    expect(await statusOf({ SenderId: 'Tencent' })).toBe('InvalidParameterValue')
    expect(await statusOf({ ...abroad, SenderId: 'Tencent' })).toBe('Ok')
    now += 60_000
    expect(await statusOf({ ...abroad, SignName: 'Tencent Cloud' })).toBe('Ok')
  })

  it('takes a temporary key only with its token and only until it expires', async () => {
    const temporary = { id: 'AKIDtemporary', secret: 'temporary' }
    const beside = { ...temporary, headers: { 'x-tc-token': 'beside' } }
    expect(await errorOf(temporary)).toBe('AuthFailure.TokenFailure')
    expect(await errorOf({ headers: { 'x-tc-token': 'beside' } })).toBe('AuthFailure.TokenFailure')
    expect(await errorOf(beside)).toBeUndefined()
    now += 1000
    expect(await errorOf(beside)).toBe('AuthFailure.TokenFailure')
  })

  it.each(['13900001234', '8613900001234', '008613900001234', '+8613900001234'])(
    'reads %s as a mainland number',
    async (phone) => {
      expect(await statusOf({ PhoneNumberSet: [phone] })).toBe('Ok')
      expect(vendor.sent.map(({ to }) => to)).toEqual(['+8613900001234'])
    },
  )

  it('sends one text to one number once in 30 s and two messages in a day of Beijing', async () => {
    expect(await statusOf({})).toBe('Ok')
    now = start + 29_000
    expect(await statusOf({})).toBe('LimitExceeded.PhoneNumberThirtySecondLimit')
    expect(await statusOf({ TemplateParamSet: ['654321', '5'] })).toBe('Ok')
    now = start + 60_000
    expect(await statusOf({})).toBe('LimitExceeded.PhoneNumberDailyLimit')
    now = Date.parse('2026-01-01T15:59:59Z')
    expect(await statusOf({})).toBe('LimitExceeded.PhoneNumberDailyLimit')
    now = Date.parse('2026-01-01T16:00:00Z')
    expect(await statusOf({})).toBe('Ok')
  })

  it('takes other limits where the operator raised them', async () => {
    await vendor.close()
    vendor = await startTencentSms({
      clock: () => now,
      secretKeys: { AKIDtest: 'testsecret' },
      sdkAppIds: ['1400006666'],
      signNames: ['腾讯云'],
      templates: { '1234567': 2 },
      limits: { sameContentSeconds: 0, perDay: 3 },
    })
    const codes = [await statusOf({}), await statusOf({}), await statusOf({}), await statusOf({})]
    expect(codes).toEqual(['Ok', 'Ok', 'Ok', 'LimitExceeded.PhoneNumberDailyLimit'])
  })

  it('plays a refusal of the whole request or of the number, and records every request', async () => {
    const code = 'FailedOperation.InsufficientBalanceInSmsPackage'
    vendor.faults.push(
      { kind: 'refuse', code },
      { kind: 'refuse', code, forNumber: true },
      { kind: 'reset_after_accept' },
    )
    expect(await errorOf({})).toBe(code)
    expect(await statusOf({})).toBe(code)
    expect(vendor.sent).toHaveLength(0)
    await expect(call()).rejects.toThrow()
    expect(vendor.sent).toHaveLength(1)
    expect(vendor.requests).toHaveLength(3)
    expect(vendor.requests[0]).toMatchObject({ method: 'POST', path: '/', body: good.body })
  })
})
