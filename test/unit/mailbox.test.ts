import { expect, test } from 'vitest'
import { mailboxOf } from '../../src/mail/mailbox.ts'

test.each([
  ['a@example.com', 'a@example.com'],
  ['A+1@Example.COM', 'a@example.com'],
  ['a+1+2@example.com', 'a@example.com'],
  ['a+@example.com', 'a@example.com'],
  ['+@example.com', '+@example.com'],
  ['a.b@example.com', 'a.b@example.com'],
  ['A.b.C+shop@gmail.com', 'abc@gmail.com'],
  ['a.bc@GoogleMail.com', 'abc@gmail.com'],
  ['a@例子.中国', 'a@xn--fsqu00a.xn--fiqs8s'],
  ['a+b@xn--fsqu00a.xn--fiqs8s', 'a@xn--fsqu00a.xn--fiqs8s'],
])('%s is the mailbox %s', (address, mailbox) => {
  expect(mailboxOf(address)).toBe(mailbox)
})
