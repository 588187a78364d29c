import { describe, expect, it } from 'vitest'
import { sha256Hex, signAcs3 } from '../../src/sms/aliyun-signature.ts'

const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

const sendSms = {
  accessKeyId: 'testid',
  accessKeySecret: 'testsecret',
  method: 'POST',
  path: '/',
  query: {
    TemplateParam: '{"code":"123456"}',
    PhoneNumbers: '13900001234',
    SignName: '阿里云短信测试',
    TemplateCode: 'SMS_154950909',
  },
  headers: {
    'x-acs-version': '2017-05-25',
    host: 'dysmsapi.aliyuncs.com',
    'x-acs-action': 'SendSms',
    'x-acs-content-sha256': emptyHash,
    'x-acs-date': '2026-01-01T00:00:00Z',
    'x-acs-signature-nonce': '00000000000000000000000000000001',
  },
  body: '',
} as const

describe('the Aliyun V3 signature', () => {
  it("reproduces the vendor's own example", () => {
    const signed = signAcs3({
      accessKeyId: 'YourAccessKeyId',
      accessKeySecret: 'YourAccessKeySecret',
      method: 'POST',
      path: '/',
      query: { RegionId: 'cn-shanghai', ImageId: 'win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd' },
      headers: {
        host: 'ecs.cn-shanghai.aliyuncs.com',
        'x-acs-action': 'RunInstances',
        'x-acs-content-sha256': emptyHash,
        'x-acs-date': '2023-10-26T10:22:32Z',
        'x-acs-signature-nonce': '3156853299f313e23d1673dc12e1703d',
        'x-acs-version': '2014-05-26',
      },
      body: '',
    })
    expect(signed.canonicalHash).toBe('7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259')
    expect(signed.signature).toBe('06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0')
  })

  it('signs SendSms with its parameters in the query, whatever order they come in', () => {
    const signed = signAcs3(sendSms)
    expect(signed.query).toBe(
      'PhoneNumbers=13900001234&SignName=%E9%98%BF%E9%87%8C%E4%BA%91%E7%9F%AD%E4%BF%A1%E6%B5%8B%E8%AF%95&TemplateCode=SMS_154950909&TemplateParam=%7B%22code%22%3A%22123456%22%7D',
    )
    expect(signed.canonicalHash).toBe('8ad3fffdf74804704c42e0804fe8d158b2291448e0b72e539413f111c6b5bb9c')
    expect(signed.authorization).toBe(
      'ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=8d33eca15e86e753feff958b6370c58a90a3937ea50e6323900d6c405bdbd4d1',
    )
  })

  it('hashes an empty body as the vendor does', () => {
    expect(sha256Hex('')).toBe(emptyHash)
  })

  it('encodes everything outside the unreserved set, space as %20', () => {
    expect(signAcs3({ ...sendSms, query: { a: " !'()*~-_.+/", '!b': '号' } }).query).toBe(
      '%21b=%E5%8F%B7&a=%20%21%27%28%29%2A~-_.%2B%2F',
    )
  })

  it('changes with the secret, the nonce and any parameter', () => {
    const { signature } = signAcs3(sendSms)
    const headers = { ...sendSms.headers, 'x-acs-signature-nonce': '00000000000000000000000000000002' }
    expect(signAcs3({ ...sendSms, accessKeySecret: 'other' }).signature).not.toBe(signature)
    expect(signAcs3({ ...sendSms, headers }).signature).not.toBe(signature)
    expect(signAcs3({ ...sendSms, query: { ...sendSms.query, SignName: '别的' } }).signature).not.toBe(signature)
  })
})
