import { describe, expect, test } from 'vitest'
import { maskTarget } from '../../interactions/methods/otp.ts'
import { maskedLabel } from '../../src/accounts/account-labels.ts'
import { maskIp, maskIpInLog, maskSubject } from '../../src/base/mask.ts'
import type { PhoneNumber } from '../../src/base/phone.ts'

describe('an identity', () => {
  test.each([
    ['phone', '+8613800138000', '138****8000'],
    ['phone', '+12015550123', '+1 201****0123'],
    ['email', 'lihua@example.com', 'li***@example.com'],
    ['email', 'ab@example.com', 'a***@example.com'],
    ['email', 'a@example.com', 'a***@example.com'],
    ['username', 'alice', 'alice'],
    ['github', '12345', '****45'],
    ['wechat', 'unionid:o6_bmasdasdsad6_2sgVt7hMZOPfL', 'o6****OPfL'],
    ['oidc', 'https://login.example.com:sub-1234', 'su****1234'],
  ])('of %s, %s, is shown as %s', (provider, subject, masked) => {
    expect(maskSubject(provider, subject)).toBe(masked)
  })

  test('keeps its namespace where that is asked for, and a number or address has none', () => {
    const shown = (provider: string, subject: string) => maskSubject(provider, subject, { withNamespace: true })
    expect(shown('wechat', 'openid:wx1:o6_bmasdasdsad6')).toBe('openid:wx1:o6****sad6')
    expect(shown('email', '"a:b"@example.com')).toBe('"a***@example.com')
  })

  test('looks the same where a code is asked for', () => {
    expect(maskTarget({ channel: 'email', to: 'lihua@example.com' })).toBe(maskSubject('email', 'lihua@example.com'))
    const to = '+8613800138000' as PhoneNumber
    expect(maskTarget({ channel: 'sms', to })).toBe(maskSubject('phone', to))
  })

  test('of an account that a stranger may see shows the first character of a name', () => {
    const user = { id: 'usr_1', status: 'active', profile: { nickname: '👩‍🚀阿丽' }, createdAt: new Date(0) } as const
    expect(maskedLabel({ user: user as never, identities: [] })).toBe('👩***')
  })
})

describe('an address', () => {
  test.each([
    ['203.0.113.77', '203.0.113.*', '203.0.113.0'],
    ['::ffff:203.0.113.77', '203.0.113.*', '203.0.113.0'],
    ['2001:db8:5:6:7:8:9:a', '2001:db8:5:*', '2001:db8:5::'],
    ['2001:db8::1', '2001:db8:*', '2001:db8:0::'],
    ['::1', ':*', '0:0:0::'],
    ['<script>', undefined, 'unknown'],
  ])('%s is shown as %s and logged as %s', (ip, shown, logged) => {
    expect(maskIp(ip)).toBe(shown)
    expect(maskIpInLog(ip)).toBe(logged)
  })
})
