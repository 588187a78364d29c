import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isSameSecret } from '../../src/base/same-secret.ts'

test('whatever is brought in place of a secret is only not the secret', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', 'é'.repeat(43), '\0', '\ud800'))
  const isRight = (given: string, expected: string) => given.toWellFormed() === expected.toWellFormed()
  fc.assert(fc.property(text, text, (given, expected) => isSameSecret(given, expected) === isRight(given, expected)))
  fc.assert(fc.property(text, (secret) => isSameSecret(secret, secret)))
})

test('texts that have as many letters and not as many bytes differ', () => {
  expect(isSameSecret('é'.repeat(43), 'e'.repeat(43))).toBe(false)
  expect(isSameSecret(Buffer.from([1, 2]), new Uint8Array([1, 2]))).toBe(true)
})
