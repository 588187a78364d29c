import { createHash, createHmac } from 'node:crypto'
import type { Challenge } from 'altcha-lib'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Answer, AskedFor, Proved } from '../../interactions/challenges/human-challenge.ts'
import { proofOfWork } from '../../interactions/challenges/proof-of-work.ts'
import { AppError } from '../../src/base/errors.ts'
import { Secret } from '../../src/base/secret.ts'
import { sealer } from '../../src/store/seal.ts'
import { packed, solved } from '../support/solving.ts'

const realNow = Date.now()
let now = realNow
let isAway = false
let asked = 0
const marks = new Map<string, number>()
beforeEach(() => {
  now = realNow
  isAway = false
  asked = 0
  marks.clear()
})

const keyOf = (byte: number) => new Secret(Buffer.alloc(32, byte).toString('base64url'))

/** A server with these master keys, and a clock that may be wrong. */
function server(master: readonly [Secret, ...Secret[]], { clockAheadMs = 0, most = 60 } = {}) {
  const { deriveEach } = sealer({ keys: master })
  const solutions = deriveEach('altcha_solution')
  return proofOfWork({
    store: {
      add: async (key, _, ttlSeconds) => {
        if (isAway) throw new AppError('server.unavailable')
        if (marks.has(key)) return false
        marks.set(key, ttlSeconds)
        return true
      },
    },
    limits: {
      take: async () => {
        asked += 1
        if (asked > most) throw new AppError('request.too_many')
      },
    },
    clock: () => now + clockAheadMs,
    keys: deriveEach('altcha').map((challenge, index) => ({ challenge, solution: solutions[index] as Buffer })),
  })
}

const here = server([keyOf(1)])
const wanted = { purpose: 'message', attemptId: 'attempt-1', to: '["sms","13800138000"]' } as const
const asking: AskedFor = { ...wanted, level: 1, ip: '203.0.113.7', locale: 'zh-CN' }
const answer = (altcha: string, other: Partial<Answer> = {}): Answer => ({
  ...wanted,
  ip: '203.0.113.7',
  fields: { altcha },
  ...other,
})
const refusedAs = (vendorCode: string) => ({ verdict: 'refused', vendorCode })

let challenge: Challenge
let solution: string
beforeAll(async () => {
  challenge = (await here.shown(asking))['altcha'] as Challenge
  solution = await solved(challenge)
})
const inside = () =>
  JSON.parse(Buffer.from(solution, 'base64').toString()) as { challenge: Challenge; solution: object }

describe('the protocol', () => {
  test('the format is that of the published vector', () => {
    const parameters =
      '{"algorithm":"SHA-256","cost":1,"expiresAt":1767225900,"keyLength":32,"keyPrefix":"00","nonce":"000102030405060708090a0b0c0d0e0f","salt":"101112131415161718191a1b1c1d1e1f"}'
    expect(createHmac('sha256', 'test-secret').update(parameters).digest('hex')).toBe(
      'e9c07e5aa85685ae39d8b9c1e53827df082e190bf164d4d4d9c14cd6816d4d60',
    )
    const { nonce, salt } = JSON.parse(parameters) as { readonly nonce: string; readonly salt: string }
    const bytes = Buffer.concat([Buffer.from(salt, 'hex'), Buffer.from(nonce, 'hex'), Buffer.from([0, 0, 0, 52])])
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(
      '00499e97a4d174cf7087af5005eb0098f9a1260ba51c3abc8c8fe234d1a6d37b',
    )
  })

  test('a challenge is ALTCHA v2 with PBKDF2, lives five minutes and is signed over its sorted parameters', () => {
    const { parameters, signature } = challenge
    expect(parameters).toMatchObject({ algorithm: 'PBKDF2/SHA-256', cost: 5000, keyLength: 32 })
    expect(parameters.expiresAt).toBe(Math.floor(realNow / 1000) + 300)
    expect(Object.keys(parameters)).toEqual(Object.keys(parameters).sort())
    const secret = sealer({ keys: [keyOf(1)] })
      .derive('altcha')
      .toString('base64url')
    expect(createHmac('sha256', secret).update(JSON.stringify(parameters)).digest('hex')).toBe(signature)
  })

  test('neither the attempt nor the number can be read from it', () => {
    expect(JSON.stringify(challenge)).not.toMatch(/attempt-1|13800138000/)
  })

  test.each([
    [1, 20, 40],
    [2, 60, 120],
  ] as const)('level %i takes from %i to %i tries', async (level, least, most) => {
    const { altcha } = await here.shown({ ...asking, level })
    const { counter } = JSON.parse(Buffer.from(await solved(altcha), 'base64').toString()).solution
    expect(counter).toBeGreaterThanOrEqual(least)
    expect(counter).toBeLessThanOrEqual(most)
  })
})

describe('a solution', () => {
  test('counts once, for what was asked', async () => {
    expect(await here.verify(answer(solution))).toEqual({ verdict: 'human', level: 1 })
    expect(await here.verify(answer(solution))).toEqual(refusedAs('used'))
    expect([...marks.values()]).toEqual([expect.closeTo(305, -1)])
  })

  test.each<[string, () => string]>([
    ['in other lines', () => Buffer.from(JSON.stringify(inside(), null, 2)).toString('base64')],
    ['without padding', () => solution.replace(/=+$/, '')],
    [
      'in another order',
      () =>
        packed({ solution: inside().solution, challenge: { signature: challenge.signature, ...inside().challenge } }),
    ],
    ['with a time', () => packed({ ...inside(), solution: { ...inside().solution, time: 3, more: 'x' } })],
  ])('that was used is used however it is written: %s', async (_, write) => {
    expect((await here.verify(answer(solution))).verdict).toBe('human')
    expect(await here.verify(answer(write()))).toEqual(refusedAs('used'))
    marks.clear()
    expect((await here.verify(answer(write()))).verdict).toBe('human')
  })

  test('counts once at servers that share a store, whose clocks are minutes apart', async () => {
    const slow = server([keyOf(1)], { clockAheadMs: -200_000 })
    const fast = server([keyOf(1)], { clockAheadMs: 200_000 })
    expect(await fast.verify(answer(solution))).toEqual({ verdict: 'human', level: 1 })
    expect(await slow.verify(answer(solution))).toEqual(refusedAs('used'))
    // Its mark lives as long as the slow one takes it, by a clock of its own.
    marks.clear()
    expect((await slow.verify(answer(solution))).verdict).toBe('human')
    expect([...marks.values()][0]).toBeGreaterThanOrEqual(500)
  })

  test('is over after five minutes', async () => {
    now = realNow + 300_000
    expect(await here.verify(answer(solution))).toEqual(refusedAs('expired'))
    expect(marks.size).toBe(0)
  })

  test.each<[string, Partial<Answer>]>([
    ['another purpose', { purpose: 'password' }],
    ['another attempt', { attemptId: 'attempt-2' }],
    ['another number', { to: '["sms","13900139000"]' }],
  ])('for %s is worth nothing and leaves nothing', async (_, other) => {
    expect(await here.verify(answer(solution, other))).toEqual(refusedAs('for_something_else'))
    expect(marks.size).toBe(0)
  })

  test('of another server is worth nothing', async () => {
    expect(await server([keyOf(2)]).verify(answer(solution))).toEqual(refusedAs('foreign'))
  })

  test('of the master key before is good, and new challenges are signed with the current one', async () => {
    const rotated = server([keyOf(2), keyOf(1)])
    expect(await rotated.verify(answer(solution))).toEqual({ verdict: 'human', level: 1 })
    const fresh = await solved((await rotated.shown(asking))['altcha'])
    expect(await here.verify(answer(fresh))).toEqual(refusedAs('foreign'))
  })

  test('is worth nothing where the store cannot remember it', async () => {
    isAway = true
    const proved: Proved = await here.verify(answer(solution))
    expect(proved.verdict).toBe('unavailable')
  })

  test.each<[string, () => unknown]>([
    ['of an easier level', () => change({ data: { ...challenge.parameters.data, level: 3 } })],
    ['of a longer life', () => change({ expiresAt: (challenge.parameters.expiresAt ?? 0) + 1000 })],
    ['of less work', () => change({ cost: 1 })],
    ['without the signature of its key', () => change({ keySignature: '00'.repeat(32) })],
    ['signed by nobody', () => ({ ...inside(), challenge: { ...challenge, signature: '00'.repeat(32) } })],
  ])('%s was forged', async (_, forge) => {
    expect(await here.verify(answer(packed(forge())))).toEqual(refusedAs('foreign'))
    expect(marks.size).toBe(0)
  })

  test('whose key was not found is none', async () => {
    const guess = { counter: 20, derivedKey: `${challenge.parameters.keyPrefix}${'00'.repeat(16)}` }
    expect(await here.verify(answer(packed({ challenge, solution: guess })))).toEqual(refusedAs('unsolved'))
    expect(marks.size).toBe(0)
  })

  test.each<[string, () => string]>([
    ['is empty', () => ''],
    ['is no base64', () => '%%%'],
    ['is no JSON', () => Buffer.from('{').toString('base64')],
    ['is a number', () => packed(1)],
    ['is null', () => packed(null)],
    ['is a list', () => packed([])],
    ['has no challenge', () => packed({ solution: {} })],
    ['has no solution', () => packed({ challenge })],
    [
      'is of the first version',
      () => packed({ algorithm: 'SHA-256', challenge: '00', number: 1, salt: '', signature: '' }),
    ],
    ['wants another algorithm', () => packed(change({ algorithm: 'SHA-256' }))],
    ['wants endless work of the server', () => packed(change({ cost: 1e308 }))],
    ['has a member of its own', () => packed({ ...inside(), more: 1 })],
    ['tries a prototype', () => Buffer.from('{"__proto__":{"challenge":{}}}').toString('base64')],
    ['is nested deeply', () => Buffer.from('['.repeat(3000)).toString('base64')],
    ['is too long', () => packed({ ...inside(), more: 'x'.repeat(5000) })],
  ])('that %s is refused, and nothing is stored', async (_, make) => {
    expect((await here.verify(answer(make()))).verdict).toBe('refused')
    expect(marks.size).toBe(0)
  })

  function change(parameters: object) {
    const given = inside()
    return { ...given, challenge: { ...given.challenge, parameters: { ...given.challenge.parameters, ...parameters } } }
  }
})

test('who asks for too many challenges gets no more', async () => {
  const strict = server([keyOf(1)], { most: 1 })
  await strict.shown(asking)
  await expect(strict.shown(asking)).rejects.toMatchObject({ code: 'request.too_many' })
})
