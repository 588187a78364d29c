import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { AppError } from '../../src/base/errors.ts'
import { Secret } from '../../src/base/secret.ts'
import { limits } from '../../src/ops/limits.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import { redisStore } from '../../src/store/redis.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase } from '../support/database.ts'
import { redisPrefix, redisUrl } from '../support/redis.ts'

let now = Date.UTC(2026, 10, 20, 10, 0, 0)
const clock = () => now
const { database, drop } = await createDatabase()
const prefix = redisPrefix()
const redis = redisStore({ url: new Secret(redisUrl()), clock, prefix })
const tables = tableStore({ database, clock })
afterAll(async () => {
  await Promise.all([redis.close(), tables.close()])
  await drop()
})

const mac = (text: string) => createHash('sha256').update(`canary-key:${text}`).digest('base64url').slice(0, 22)
const rules = {
  number: {
    windows: [
      { max: 1, seconds: 60 },
      { max: 3, seconds: 3600 },
    ],
    error: 'otp.too_soon',
  },
  address: { windows: [{ max: 2, seconds: 60 }] },
  day: { windows: [{ max: 2, seconds: 86_400 }] },
  network: { windows: [{ max: 2, seconds: 60 }], perNetwork: 'growing' },
  pair: { windows: [{ max: 2, seconds: 60 }], perNetwork: 'widest' },
  here: { windows: [{ max: 2, seconds: 60 }], perNetwork: 'growing', isFreeHere: true },
  unlimited: { windows: [] },
} as const

let round = 0
beforeEach(() => {
  round += 1
})

const key = (text: string) => `${round}:${text}`
const factors = { ipv4_24: 16, ipv6_56: 4, ipv6_48: 16 }
const refusals: string[] = []
const onRefused = (name: string) => void refusals.push(name)
const over = (store: Pick<EphemeralStore, 'count'>) => limits({ store, rules, mac, factors, onRefused })

describe.each([
  ['Redis', redis],
  ['tables', tables],
] as const)('limits over %s', (_, store) => {
  test('what has room passes; what has none is told the code of the rule and how long to wait', async () => {
    const limit = over(store)
    await limit.take('number', key('+8613800138000'))
    now += 20_000
    const refusal = await limit.take('number', key('+8613800138000')).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(AppError)
    expect(refusal).toMatchObject({ code: 'otp.too_soon', params: { retryAfterSeconds: 40 } })
    await limit.take('number', key('+8613800138001'))
    now += 40_000
    await limit.take('number', key('+8613800138000'))
  })

  test('a rule without a code of its own refuses with request.too_many', async () => {
    const limit = over(store)
    await limit.take('address', key('a'))
    await limit.take('address', key('a'))
    await expect(limit.take('address', key('a'))).rejects.toMatchObject({ code: 'request.too_many' })
  })

  test('one key under two names is counted apart', async () => {
    const limit = over(store)
    await limit.take('number', key('same'))
    await limit.take('address', key('same'))
    await limit.take('day', key('same'))
  })

  test('the wait that is named is the real one, also of a whole day', async () => {
    const limit = over(store)
    await limit.take('day', key('all'))
    now += 7_000_000
    await limit.take('day', key('all'))
    const refusal = limit.take('day', key('all'))
    await expect(refusal).rejects.toMatchObject({
      code: 'request.too_many',
      params: { retryAfterSeconds: 86_400 - 7000 },
    })
    now += 86_400_000 - 7_000_000
    await limit.take('day', key('all'))
  })

  test('a request that read the clock earlier, and is counted later, waits no longer than the window', async () => {
    const limit = over(store)
    await limit.take('number', key('n'))
    now -= 1500
    await expect(limit.take('number', key('n'))).rejects.toMatchObject({ params: { retryAfterSeconds: 60 } })
  })

  test('a rule that is free on this machine counts everybody else', async () => {
    const limit = over(store)
    for (const ip of ['127.0.0.1', '::1']) {
      for (let times = 0; times < 5; times++) await limit.take('here', { ip, of: key('x') })
    }
    const elsewhere = { ip: '203.0.113.9', of: key('x') }
    for (let times = 0; times < 2; times++) await limit.take('here', elsewhere)
    await expect(limit.take('here', elsewhere)).rejects.toMatchObject({ code: 'request.too_many' })
  })

  test('a rule without windows never refuses', async () => {
    for (let times = 0; times < 5; times++) await over(store).take('unlimited', key('x'))
  })

  test('several are taken all or none; the one with the longest wait is answered, and counted as what refused', async () => {
    const limit = over(store)
    refusals.length = 0
    await limit.take('number', key('n'))
    await limit.take('day', key('d'))
    await limit.take('day', key('d'))
    const all = [
      ['address', key('a')],
      ['number', key('n')],
      ['day', key('d')],
    ] as const
    for (let times = 0; times < 5; times++) {
      await expect(limit.takeAll(all)).rejects.toMatchObject({
        code: 'request.too_many',
        params: { retryAfterSeconds: 86_400 },
      })
    }
    expect(refusals).toEqual(Array.from({ length: 5 }, () => 'day'))
    expect(await limit.tryAll(all)).toMatchObject({ isTaken: false, refusedBy: ['day', 'number'], waitSeconds: 86_400 })
    await expect(limit.takeAll(all.slice(0, 2))).rejects.toMatchObject({ code: 'otp.too_soon' })
    expect(refusals.at(-1)).toBe('number')
    await limit.take('address', key('a'))
    await limit.take('address', key('a'))
  })

  test('what is taken says how long the next has to wait, and can be given back', async () => {
    const limit = over(store)
    const events = [['number', key('n')]] as const
    expect(await limit.takeAll(events)).toMatchObject({ isTaken: true, refusedBy: [], waitSeconds: 60 })
    now += 60_000
    await limit.takeAll(events)
    now += 60_000
    const third = await limit.takeAll(events)
    expect(third.waitSeconds).toBe(3600 - 120)
    await limit.giveBack(events)
    await limit.take('number', key('n'))
  })

  test('asked only to look, a limit refuses when it is full and counts nothing', async () => {
    const limit = over(store)
    for (let times = 0; times < 5; times++) await limit.takeAll([['address', key('a'), 'look']])
    await limit.take('address', key('a'))
    await limit.take('address', key('a'))
    await expect(limit.takeAll([['address', key('a'), 'look']])).rejects.toMatchObject({ code: 'request.too_many' })
  })

  describe('per network', () => {
    const passed = async (ips: readonly string[]) => {
      const limit = over(store)
      const verdicts: boolean[] = []
      for (const ip of ips) verdicts.push((await limit.tryAll([['network', ip]])).isTaken)
      return verdicts.filter(Boolean).length
    }
    const many = (count: number, ip: (index: number) => string) => Array.from({ length: count }, (_, n) => ip(n))

    test('an address has the limit of the rule, in every spelling', async () => {
      expect(
        await passed([
          `198.51.${round}.1`,
          `::ffff:198.51.${round}.1`,
          `2002:c633:${round.toString(16).padStart(2, '0')}01::9`,
        ]),
      ).toBe(2)
    })

    test('a /24 of IPv4 has sixteen times as much', async () => {
      expect(await passed(many(100, (n) => `203.0.${round}.${n}`))).toBe(32)
      expect(await passed([`203.1.${round}.1`])).toBe(1)
    })

    test('a /56 of IPv6 has four times as much, a /48 sixteen times', async () => {
      expect(await passed(many(100, (n) => `2001:db8:${round}:${n.toString(16)}::1`))).toBe(8)
      expect(await passed(many(200, (n) => `2001:db8:${round}:${(256 * (n + 1)).toString(16)}::1`))).toBe(24)
    })

    test('a refused address takes nothing from the networks around it', async () => {
      expect(await passed(many(100, () => `192.0.${round}.1`))).toBe(2)
      expect(await passed(many(100, (n) => `192.0.${round}.${2 + n}`))).toBe(30)
    })

    test('for one thing all of the widest network share the limit of the rule', async () => {
      const limit = over(store)
      const ask = async (ip: string, of: string) => (await limit.tryAll([['pair', { ip, of: key(of) }]])).isTaken
      const asked = [
        await ask('203.0.113.1', 'x'),
        await ask('203.0.113.2', 'x'),
        await ask('203.0.113.3', 'x'),
        await ask('203.0.113.3', 'y'),
        await ask('203.0.114.3', 'x'),
      ]
      expect(asked).toEqual([true, true, false, true, true])
    })
  })

  test('of twenty at once as many pass as there is room for', async () => {
    const limit = over(store)
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => limit.take('address', key('race'))))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
  })
})

test('a look into the store shows neither a phone number nor a hash that can be made without the key', async () => {
  await over(redis).take('number', '+8613800138000')
  const client = new Redis(redisUrl())
  const keys = await client.keys(`${prefix}*`)
  await client.quit()
  expect(keys.length).toBeGreaterThan(0)
  expect(keys.join('\n')).not.toContain('138001380')
  const guess = createHash('sha256').update('limit:number:+8613800138000').digest('base64url').slice(0, 22)
  expect(keys.join('\n')).not.toContain(guess)
})

test('limits fail closed: a store that is away or broken refuses everybody', async () => {
  const away = redisStore({ url: new Secret('redis://127.0.0.1:1'), clock, prefix })
  await expect(over(away).take('address', 'x')).rejects.toMatchObject({ code: 'server.unavailable' })
  await expect(over(away).take('day', 'x')).rejects.toMatchObject({ code: 'server.unavailable' })
  await away.close()
  const broken = { count: () => Promise.reject(new TypeError('bug')) }
  await expect(over(broken).take('address', 'x')).rejects.toMatchObject({
    code: 'server.unavailable',
    cause: expect.any(TypeError),
  })
})
