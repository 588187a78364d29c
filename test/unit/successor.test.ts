import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hideSuccessor, revealSuccessor } from '../../src/oidc/records/successor.ts'

const token = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('base64url'))

test('who has the old token reads its successor, and nobody else does', () => {
  fc.assert(
    fc.property(token, token, token, (old, successor, other) => {
      const hidden = hideSuccessor(old, successor)
      expect(revealSuccessor(old, hidden)).toBe(successor)
      if (other !== old) expect(revealSuccessor(other, hidden)).not.toBe(successor)
      expect(hidden).not.toContain(successor.slice(0, 8))
    }),
  )
})

test('two successors that differ in one letter are hidden by different pads', () => {
  const hidden = Array.from({ length: 20 }, () => hideSuccessor(randomBytes(32).toString('base64url'), 'a'.repeat(43)))
  expect(new Set(hidden).size).toBe(20)
})

test('what is longer than the pad is refused instead of being half hidden', () => {
  const long = 'x'.repeat(128)
  const hidden = hideSuccessor('old', long)
  expect(revealSuccessor('old', hidden)).toBe(long)
  const bytes = Buffer.from(hidden, 'base64url')
  expect(bytes.subarray(0, 64)).not.toEqual(bytes.subarray(64))
  expect(() => hideSuccessor('old', 'x'.repeat(129))).toThrow('longer')
})
