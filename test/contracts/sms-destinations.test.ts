import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AliyunSmsSimulator, startAliyunSms } from '../../sandbox/simulators/aliyun-sms.ts'
import { startTencentSms, type TencentSmsSimulator } from '../../sandbox/simulators/tencent-sms.ts'
import { httpClient } from '../../src/base/http.ts'
import { parsePhone } from '../../src/base/phone.ts'
import type { SmsCode, SmsTemplate } from '../../src/sms/sms-sender.ts'
import { buildSmsSender, smsSenderOptions } from '../../src/sms/sms-senders.ts'
import { patienceMs } from '../support/patience.ts'
import { forEachPurpose } from '../support/sms-templates.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
let now = start
const clock = () => now
const http = httpClient({ timeoutMs: patienceMs, allowInsecure: true })

let aliyun: AliyunSmsSimulator
let tencent: TencentSmsSimulator
let lines: Record<string, unknown>[] = []
const keep = (fields: unknown) => void lines.push(fields as Record<string, unknown>)
const log = { info: keep, warn: keep, error: keep }

const aliyunPlain = () => ({
  type: 'aliyun',
  access_key_id: 'testid',
  access_key_secret: 'secret',
  sign_name: '门神',
  templates: forEachPurpose('SMS_mainland'),
  endpoint: aliyun.url,
})
const tencentPlain = () => ({
  type: 'tencent',
  secret_id: 'AKIDtest',
  secret_key: 'secret',
  sdk_app_id: '1400006666',
  sign_name: '门神',
  templates: forEachPurpose({ id: '1001', params: ['otp'] }),
  endpoint: tencent.url,
})

const all = ['86', '852', '853', '886', '1', '44', '7']
function sender(settings: readonly object[], countries = all) {
  const options = settings.map((each) => smsSenderOptions.parse(each))
  return buildSmsSender(options, { http, metadata: http, clock, log, countries })
}
const message = (number: string, country: string, template: SmsTemplate = 'login_code'): SmsCode => ({
  to: parsePhone(number, country),
  template,
  otp: '739251',
  ttlMinutes: 5,
})
const mainland = message('13900001234', '86')
const hongKong = message('51234567', '852')
const macau = message('66123456', '853')
const taiwan = message('0912345678', '886')
const california = message('(310) 555-0123', '1')
const jersey = message('7797712345', '44')

beforeEach(async () => {
  now = start
  lines = []
  aliyun = await startAliyunSms({
    clock,
    accessKeys: { testid: 'secret' },
    signNames: ['门神', '門神', 'Menshen'],
    templates: {
      SMS_mainland: { variables: ['code'] },
      SMS_named: { variables: ['yzm', 'fen'] },
      SMS_hmt: { variables: ['code'], abroad: true },
      SMS_abroad: { variables: ['code'], abroad: true },
      SMS_us: { variables: ['code'], abroad: true },
      SMS_jersey: { variables: ['code'], abroad: true },
      SMS_reset: { variables: ['code'], abroad: true },
    },
  })
  tencent = await startTencentSms({
    clock,
    secretKeys: { AKIDtest: 'secret' },
    sdkAppIds: ['1400006666', '1400007777'],
    signNames: ['门神'],
    signNamesAbroad: ['Menshen'],
    senderIds: ['MENSHEN'],
    templates: { '1001': 1 },
    templatesAbroad: { '2001': 1, '2002': 2 },
  })
})

afterEach(() => Promise.all([aliyun.close(), tencent.close()]))

const queryOf = (index = -1) => new URLSearchParams(aliyun.requests.at(index)?.rawQuery)
const bodyOf = (index = -1) => JSON.parse(tencent.requests.at(index)?.body ?? '{}')

describe('destinations of Aliyun', () => {
  const wide = () => ({
    ...aliyunPlain(),
    destinations: [
      {
        to: ['international'],
        sign_name: 'Menshen',
        templates: { ...forEachPurpose('SMS_abroad'), reset_code: { code: 'SMS_reset', sign_name: '門神' } },
      },
      { to: ['1'], templates: { login_code: 'SMS_us' } },
      { to: ['hmt'], sign_name: '門神', templates: forEachPurpose('SMS_hmt') },
      { to: ['441', '447797'], templates: { login_code: 'SMS_jersey' } },
    ],
  })

  it.each([
    ['a mainland number', mainland, 'SMS_mainland', '门神', '13900001234'],
    ['Hong Kong', hongKong, 'SMS_hmt', '門神', '85251234567'],
    ['Macau', macau, 'SMS_hmt', '門神', '85366123456'],
    ['Taiwan, without the trunk zero', taiwan, 'SMS_hmt', '門神', '886912345678'],
    ['+1, which looks like a mainland number', california, 'SMS_us', 'Menshen', '13105550123'],
    ['a part of +44', jersey, 'SMS_jersey', 'Menshen', '447797712345'],
    ['any other country', message('9123456789', '7'), 'SMS_abroad', 'Menshen', '79123456789'],
  ])('sends to %s what its narrowest entry says', async (_, to, template, sign, number) => {
    expect(await sender([wide()]).send(to)).toBe('sent')
    expect(queryOf().get('TemplateCode')).toBe(template)
    expect(queryOf().get('SignName')).toBe(sign)
    expect(queryOf().get('PhoneNumbers')).toBe(number)
    expect(aliyun.sent).toHaveLength(1)
  })

  it('takes from wider entries what the narrowest does not say, for each purpose', async () => {
    await sender([wide()]).send({ ...california, template: 'bind_code' })
    expect([queryOf().get('TemplateCode'), queryOf().get('SignName')]).toEqual(['SMS_abroad', 'Menshen'])
    await sender([wide()]).send({ ...california, template: 'reset_code' })
    expect([queryOf().get('TemplateCode'), queryOf().get('SignName')]).toEqual(['SMS_reset', '門神'])
  })

  it('names the variables as the templates do', async () => {
    const named = {
      ...aliyunPlain(),
      templates: forEachPurpose('SMS_named'),
      variables: { otp: 'yzm', ttl_minutes: 'fen' },
    }
    await sender([named]).send(mainland)
    expect(aliyun.sent[0]?.params).toEqual({ yzm: '739251', fen: '5' })
    const one = {
      ...aliyunPlain(),
      templates: {
        ...forEachPurpose('SMS_mainland'),
        bind_code: { code: 'SMS_named', variables: { otp: 'yzm', ttl_minutes: 'fen' } },
      },
    }
    now += 60_000
    await sender([one]).send({ ...mainland, template: 'bind_code' })
    expect(aliyun.sent[1]?.params).toEqual({ yzm: '739251', fen: '5' })
  })

  it('sends a text by SendMessageToGlobe, with its sender', async () => {
    const text = 'Your code is {otp}, good for {ttl_minutes} minutes.'
    const world = {
      to: ['international'],
      endpoint: aliyun.url,
      sender_id: 'Menshen',
      templates: forEachPurpose({ text }),
    }
    await sender([{ ...aliyunPlain(), destinations: [world] }]).send(hongKong)
    expect(aliyun.sent).toMatchObject([
      { to: '+85251234567', params: { text: 'Your code is 739251, good for 5 minutes.', from: 'Menshen' } },
    ])
    expect(aliyun.requests[0]?.headers['x-acs-version']).toBe('2018-05-01')
  })

  it('sends an address and a region of its own', async () => {
    const other = await startAliyunSms({
      clock,
      accessKeys: { testid: 'secret' },
      signNames: ['Menshen'],
      templates: { SMS_abroad: { variables: ['code'], abroad: true } },
    })
    const abroad = {
      to: ['international'],
      endpoint: other.url,
      region: 'ap-southeast-1',
      sign_name: 'Menshen',
      templates: forEachPurpose('SMS_abroad'),
    }
    await sender([{ ...aliyunPlain(), destinations: [abroad] }]).send(hongKong)
    expect(other.sent).toHaveLength(1)
    expect(other.requests[0]?.rawQuery).toContain('RegionId=ap-southeast-1')
    expect(aliyun.requests).toEqual([])
    await other.close()
  })
})

describe('destinations of Tencent', () => {
  const wide = () => ({
    ...tencentPlain(),
    destinations: [
      {
        to: ['international'],
        sdk_app_id: '1400007777',
        region: 'ap-singapore',
        templates: forEachPurpose({ id: '2001', params: ['otp'] }),
      },
      {
        to: ['852'],
        sign_name: 'Menshen',
        sender_id: 'MENSHEN',
        templates: { login_code: { id: '2002', params: ['otp', 'ttl_minutes'] } },
      },
    ],
  })

  it('sends to the mainland with its signature and without a sender', async () => {
    await sender([{ ...wide(), sender_id: 'MENSHEN' }]).send(mainland)
    expect(tencent.sent).toMatchObject([{ to: '+8613900001234', template: '1001' }])
    expect(bodyOf()).toMatchObject({ SignName: '门神', SmsSdkAppId: '1400006666' })
    expect(bodyOf()).not.toHaveProperty('SenderId')
  })

  it('sends abroad without the signature of the mainland', async () => {
    await sender([wide()]).send(taiwan)
    expect(tencent.sent).toMatchObject([{ to: '+886912345678', template: '2001' }])
    expect(bodyOf()).not.toHaveProperty('SignName')
    expect(bodyOf()).toMatchObject({ SmsSdkAppId: '1400007777' })
    expect(tencent.requests[0]?.headers['x-tc-region']).toBe('ap-singapore')
  })

  it('sends to one country with a signature, a sender and parameters of its own', async () => {
    await sender([wide()]).send(hongKong)
    expect(tencent.sent).toMatchObject([{ template: '2002', params: { '1': '739251', '2': '5' } }])
    expect(bodyOf()).toMatchObject({ SignName: 'Menshen', SenderId: 'MENSHEN', SmsSdkAppId: '1400007777' })
    now += 60_000
    await sender([wide()]).send({ ...hongKong, template: 'bind_code' })
    expect(tencent.sent).toMatchObject([{}, { template: '2001', params: { '1': '739251' } }])
  })
})

describe('several senders', () => {
  it('only those that serve a number are asked, in their order', async () => {
    const both = [
      aliyunPlain(),
      {
        ...tencentPlain(),
        destinations: [{ to: ['hmt'], templates: forEachPurpose({ id: '2001', params: ['otp'] }) }],
      },
    ]
    await sender(both).send(hongKong)
    expect([aliyun.requests.length, tencent.sent.length]).toEqual([0, 1])
    aliyun.faults.push({ kind: 'refuse', code: 'isv.OUT_OF_SERVICE' })
    await sender(both).send(mainland)
    expect([aliyun.requests.length, tencent.sent.length]).toEqual([1, 2])
  })

  it('a failure abroad goes on to nobody who serves the mainland alone', async () => {
    const abroad = {
      ...tencentPlain(),
      sign_name: undefined,
      templates: undefined,
      destinations: [{ to: ['hmt'], templates: forEachPurpose({ id: '2001', params: ['otp'] }) }],
    }
    tencent.faults.push({ kind: 'refuse', code: 'FailedOperation.InsufficientBalanceInSmsPackage' })
    await expect(sender([abroad, aliyunPlain()]).send(hongKong)).rejects.toMatchObject({ code: 'sms.undeliverable' })
    expect(aliyun.requests).toEqual([])
  })

  it('settings without destinations serve everybody where the mainland is not served, as they always did', async () => {
    const plain = { ...aliyunPlain(), templates: forEachPurpose('SMS_abroad') }
    expect(await sender([plain], ['852', '1']).send(hongKong)).toBe('sent')
    expect(await sender([plain], ['852', '1']).send(california)).toBe('sent')
  })
})

describe('a template of the wrong kind', () => {
  it.each([
    ['UnsupportedOperation.ChineseMainlandTemplateToGlobalPhone', hongKong, { id: '1001', params: ['otp'] }],
    ['UnsupportedOperation.GlobalTemplateToChineseMainlandPhone', mainland, { id: '2001', params: ['otp'] }],
  ])('tells the operator what to do about Tencent’s %s', async (code, to, template) => {
    const wrong = {
      ...tencentPlain(),
      templates: forEachPurpose(template),
      destinations: [{ to: ['hmt'], templates: forEachPurpose(template) }],
    }
    await expect(sender([wrong]).send(to)).rejects.toMatchObject({ code: 'sms.undeliverable' })
    expect(lines).toMatchObject([{ vendor_code: code, remedy: expect.stringContaining('see destinations') }])
  })

  it.each([
    ['isv.SMS_TEMPLATE_ILLEGAL', hongKong, 'SMS_mainland', '852'],
    ['isv.DOMESTIC_NUMBER_NOT_SUPPORTED', mainland, 'SMS_abroad', '86'],
  ])('tells the operator what to do about Aliyun’s %s', async (code, to, template, callingCode) => {
    const wrong = {
      ...aliyunPlain(),
      templates: forEachPurpose(template),
      destinations: [{ to: ['hmt'], templates: forEachPurpose(template) }],
    }
    await expect(sender([wrong]).send(to)).rejects.toMatchObject({ code: 'sms.undeliverable' })
    expect(lines).toMatchObject([
      {
        vendor_code: code,
        calling_code: callingCode,
        template: 'login_code',
        remedy: expect.stringContaining('see destinations'),
      },
    ])
  })
})
