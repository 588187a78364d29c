import { describe, expect, it } from 'vitest'
import { signTc3, tc3Keys } from '../../src/sms/tencent-signature.ts'

const sendSms = {
  secretId: 'AKIDtest',
  secretKey: 'testsecret',
  service: 'sms',
  timestampSeconds: 1767225600,
  body: '{"SmsSdkAppId":"1400006666","SignName":"腾讯云","TemplateId":"1234567","TemplateParamSet":["123456","5"],"PhoneNumberSet":["+8613900001234"]}',
}
const host = 'sms.tencentcloudapi.com'

describe('the TC3 signature', () => {
  it("reproduces the vendor's own example, which also signs the action", () => {
    const signed = signTc3({
      secretId: 'AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******',
      secretKey: 'Gu5t9xGARNpq86cd98joQYCN3*******',
      service: 'cvm',
      timestampSeconds: 1551113065,
      headers: {
        'content-type': 'application/json; charset=utf-8',
        host: 'cvm.tencentcloudapi.com',
        'x-tc-action': 'DescribeInstances',
      },
      body: '{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}',
    })
    expect(signed.bodyHash).toBe('35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064')
    expect(signed.canonicalHash).toBe('7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84')
    expect(signed.signature).toBe('be4f67d323c78ab9acb7395e43c0dbcf822a9cfac32fea2449a7bc7726b770a3')
  })

  it('derives its keys from the secret by day, service and purpose', () => {
    const keys = tc3Keys('testsecret', '2026-01-01', 'sms')
    expect(keys.day.toString('hex')).toBe('7745166444a02ff87699b69ffe72f018176aec09ef40dc5c04445d10ad8b877e')
    expect(keys.service.toString('hex')).toBe('d6a2c5d4e8641d13132d9d469f2660752c55d25f1079c24f4346cc6005d791a5')
    expect(keys.signing.toString('hex')).toBe('2023da0b449747897bcb28a25804da3a0390da7fa7512d5fa795126936653bc0')
  })

  it('signs SendSms as application/json', () => {
    const signed = signTc3({ ...sendSms, headers: { host, 'content-type': 'application/json' } })
    expect(signed.bodyHash).toBe('4f8453f949f22d9315fd1883166a37922eb264a83126e124e6cf82ee9f48df17')
    expect(signed.canonicalHash).toBe('872446d475a990bb716859435a1b742e35d853d16d434ddf196dabf4c98b1e2f')
    expect(signed.authorization).toBe(
      'TC3-HMAC-SHA256 Credential=AKIDtest/2026-01-01/sms/tc3_request, SignedHeaders=content-type;host, Signature=87d4d65a16ab1fdadce59751196d76e7868ab78ba8535339b7d45990dcc881be',
    )
  })

  it('signs SendSms with a charset in its content type', () => {
    const signed = signTc3({ ...sendSms, headers: { host, 'content-type': 'application/json; charset=utf-8' } })
    expect(signed.canonicalHash).toBe('218f40aeee252e91ddfc2108827104756f287ce4132b2b1a20527fcc4debfe99')
    expect(signed.signature).toBe('20d954506f0cbdd94617d012e42215be44c1077ad2badb8a899c299e24c9fee9')
  })

  it('takes the day of the scope in UTC', () => {
    const headers = { host, 'content-type': 'application/json' }
    expect(signTc3({ ...sendSms, timestampSeconds: 1767225599, headers }).authorization).toContain('/2025-12-31/sms/')
  })
})
