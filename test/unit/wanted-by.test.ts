import { expect, test } from 'vitest'
import { wantedBy } from '../../interactions/challenges/human-checks.ts'

const sms = { id: 'sms' }

test('the same request is about the same, and one for another number about something else', () => {
  const of = (attemptId: string, phone: string) => wantedBy(attemptId, sms, { phone, otp: '1', altcha: attemptId }).to
  expect(of('one', '13800138000')).toBe(of('two', '13800138000'))
  expect(of('one', '13800138000')).not.toBe(of('one', '13900139000'))
  expect(wantedBy('one', { id: 'password' }, { phone: '13800138000' }).to).not.toBe(of('one', '13800138000'))
})

test.each([
  ['another code', sms, { resend: '1' }],
  ['a code that was entered', sms, { otp: '123456' }],
  ['a new account', undefined, { choice: 'new' }],
])('what names nobody is about its own attempt, so that no two people share the room for it: %s', (_, way, fields) => {
  expect(wantedBy('one', way, fields).to).toBe(wantedBy('one', way, fields).to)
  expect(wantedBy('one', way, fields).to).not.toBe(wantedBy('two', way, fields).to)
})
