import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import type { Payload } from '../../src/oidc/library/stored-models.ts'
import { familyIn, familyTokens, repeatableFor } from '../../src/oidc/records/family-tokens.ts'
import { recordId } from '../../src/oidc/records/records.ts'
import { sealer } from '../../src/store/seal.ts'

const newKey = () => new Secret(randomBytes(32).toString('base64url'))
const key = newKey()
const tokens = familyTokens(sealer({ keys: [key] }))
const grantId = 'g'.repeat(22)

/** A token of a family that has been refreshed so often, as `make` makes it. */
function made(rotations: number, former?: string, more: Payload = {}, by = tokens): string {
  return by.make({ grantId, rotations, ...more }, former) ?? ''
}

/** The row that a live token has, with what it keeps of the one before it. */
function rowOf(value: string, rotations: number, former?: string, more: Payload = {}) {
  const repeatable = former === undefined ? undefined : repeatableFor(former, value)
  const payload = { grantId, family: familyIn(value)?.family, rotations, iat: 1000 + rotations, repeatable, ...more }
  return { id: recordId('RefreshToken', value), payload: JSON.stringify(payload), consumed: null }
}

const first = made(0)
const second = made(1, first)
const third = made(2, second)

test('a token has 64 letters, names grant and family, and no two are alike', () => {
  expect(first).toMatch(/^g{22}[\w-]{42}$/)
  expect(familyIn(second)).toMatchObject({ grantId, family: familyIn(first)?.family })
  expect(familyIn(made(0))?.family).not.toBe(familyIn(first)?.family)
  expect(new Set(Array.from({ length: 100 }, () => made(1, first))).size).toBe(100)
  expect(tokens.make({}, undefined)).toBeUndefined()
})

test('the one before the live one brings it, older ones are known as used, and newer ones as nothing', () => {
  const live = rowOf(third, 2, second)
  expect(tokens.recall(second, [live])).toEqual({ grantId, row: live, usedAt: 1002, next: third })
  expect(tokens.recall(first, [live])).toMatchObject({ row: live, next: undefined })
  expect(tokens.recall(made(3, third), [live])).toBeUndefined()
  expect(tokens.recall(third, [rowOf(second, 1, first)])).toBeUndefined()
})

test.each([0, 1, 63, 64, 4095, 4096, 200_000])('a family is followed over %i refreshes', (rotations) => {
  const old = made(rotations, first)
  const live = made(rotations + 1, old)
  expect(tokens.recall(old, [rowOf(live, rotations + 1, old)])?.next).toBe(live)
  expect(tokens.recall(live, [rowOf(old, rotations)])).toBeUndefined()
})

test('once the live one was used by a server of an earlier version, nothing brings it', () => {
  const used = { ...rowOf(third, 2, second), consumed: 2000 }
  expect(tokens.recall(second, [used])).toMatchObject({ next: undefined })
})

test('a token of another family, key, grant or server is nothing, whatever its letters say', () => {
  const live = rowOf(third, 2, second)
  const bound = { jkt: 'a key' }
  expect(tokens.recall(made(1, made(0)), [live])).toBeUndefined()
  expect(tokens.recall(made(1, first, bound), [live])).toBeUndefined()
  expect(tokens.recall(second, [rowOf(third, 2, second, bound)])).toBeUndefined()
  expect(tokens.recall(made(1, first, bound), [rowOf(third, 2, second, bound)])).toBeDefined()
  expect(tokens.recall(made(1, first, {}, familyTokens(sealer({ keys: [newKey()] }))), [live])).toBeUndefined()
  expect(tokens.recall(second, [])).toBeUndefined()
  expect(tokens.recall('x'.repeat(43), [live])).toBeUndefined()
})

test('a token is known after the master key was replaced, as long as the one before is given too', () => {
  const next = newKey()
  const live = [rowOf(third, 2, second)]
  expect(familyTokens(sealer({ keys: [next, key] })).recall(second, live)?.next).toBe(third)
  expect(familyTokens(sealer({ keys: [next] })).recall(second, live)).toBeUndefined()
})

test('a grant of an earlier version has a longer id, and its families are told in the same way', () => {
  const older = { grantId: 'o'.repeat(43) }
  const one = tokens.make(older, 'x'.repeat(43)) ?? ''
  const two = tokens.make({ ...older, rotations: 1 }, one) ?? ''
  expect(two).toHaveLength(85)
  expect(repeatableFor('x'.repeat(43), one)).toBeUndefined()
  expect(tokens.recall(one, [rowOf(two, 1, one, older)])?.next).toBe(two)
})
