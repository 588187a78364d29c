import { expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { digest, sealer } from '../../src/store/seal.ts'

const firstKey = new Secret(Buffer.alloc(32, 1).toString('base64url'))
const secondKey = new Secret(Buffer.alloc(32, 2).toString('base64url'))
const first = sealer({ keys: [firstKey] })
const rotated = sealer({ keys: [secondKey, firstKey] })

test('what is sealed opens in its own place, emoji and all', () => {
  expect(first.open(first.seal('门神 🚪', 'keys:1'), 'keys:1')).toBe('门神 🚪')
  expect(first.open(first.seal('', 'keys:1'), 'keys:1')).toBe('')
})

test('a sealed value moved to another row is refused', () => {
  const sealed = first.seal('secret', 'clients:web')
  expect(() => first.open(sealed, 'clients:admin')).toThrow('sealed for another place')
})

test('a previous master key still opens, and new values need the current one', () => {
  expect(rotated.open(first.seal('old', 'keys:1'), 'keys:1')).toBe('old')
  expect(() => first.open(rotated.seal('new', 'keys:1'), 'keys:1')).toThrow('master key that is not configured')
})

test('sealing the same text twice gives different values', () => {
  expect(first.seal('same', 'a')).not.toBe(first.seal('same', 'a'))
})

test('every changed byte is noticed', () => {
  const sealed = first.seal('secret', 'a')
  const [id, body = ''] = sealed.split('.')
  for (let index = 0; index < body.length; index++) {
    const bytes = Buffer.from(body, 'base64url')
    const position = index % bytes.length
    bytes.writeUInt8(bytes.readUInt8(position) ^ 1, position)
    expect(() => first.open(`${id}.${bytes.toString('base64url')}`, 'a')).toThrow()
  }
  for (const text of ['', '.', `${id}.`, `${id}.AAAA`, 'plain text']) expect(() => first.open(text, 'a')).toThrow()
})

test('purposes and keys are kept apart, and the same purpose gives the same bytes', () => {
  const again = sealer({ keys: [firstKey] })
  expect(first.derive('cookies')).toEqual(again.derive('cookies'))
  expect(first.derive('cookies')).toHaveLength(32)
  expect(first.derive('cookies')).not.toEqual(first.derive('tokens'))
  expect(first.derive('cookies')).not.toEqual(rotated.derive('cookies'))
  expect(first.mac('phone', '+8613800138000')).toBe(again.mac('phone', '+8613800138000'))
  expect(first.mac('phone', '+8613800138000')).not.toBe(first.mac('mail', '+8613800138000'))
})

test('the caller cannot spoil a derived key', () => {
  first.derive('cookies').fill(0)
  expect(first.derive('cookies')).not.toEqual(Buffer.alloc(32))
})

test('a master key of another length is refused without showing it', () => {
  const short = Buffer.alloc(16, 3).toString('base64url')
  expect(() => sealer({ keys: [new Secret(short)] })).toThrow(/^a master key must be 32 bytes in base64url$/)
})

test('the digest of a token is its SHA-256', () => {
  expect(digest('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0')
})

test('what is long takes less room where that is asked for, opens like the rest, and is not taken for what is not packed', () => {
  const long = JSON.stringify({ state: 'A state of some length. '.repeat(100), name: '门神 🚪' })
  const packed = first.seal(long, 'a', { packsFrom: 100 })
  expect(packed.length).toBeLessThan(long.length / 4)
  expect(first.open(packed, 'a')).toBe(long)
  expect(rotated.open(packed, 'a')).toBe(long)
  expect(() => first.open(packed, 'b')).toThrow('sealed for another place')
  expect(() => first.open(packed.replace('.~', '.'), 'a')).toThrow('sealed for another place')
  expect(() => first.open(first.seal(long, 'a').replace('.', '.~'), 'a')).toThrow('sealed for another place')
  expect(first.open(first.seal('short', 'a', { packsFrom: 100 }), 'a')).toBe('short')
})
