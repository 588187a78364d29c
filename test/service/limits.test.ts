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
  day: { fixed: { max: 2, seconds: 86_400 } },
  unlimited: { windows: [] },
} as const

let round = 0
beforeEach(() => {
  round += 1
})

const key = (text: string) => `${round}:${text}`
const over = (store: Pick<EphemeralStore, 'hit' | 'increment'>) => limits({ store, rules, mac })

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

  test('a fixed window refuses past its maximum until it is over', async () => {
    const limit = over(store)
    await limit.take('day', key('all'))
    await limit.take('day', key('all'))
    await expect(limit.take('day', key('all'))).rejects.toMatchObject({
      code: 'request.too_many',
      params: { retryAfterSeconds: 3600 },
    })
    now += 86_400_000
    await limit.take('day', key('all'))
  })

  test('a rule without windows never refuses', async () => {
    for (let times = 0; times < 5; times++) await over(store).take('unlimited', key('x'))
  })

  test('several are taken in order, and none after the first refusal', async () => {
    const limit = over(store)
    await limit.take('number', key('n'))
    const both = [
      ['number', key('n')],
      ['address', key('a')],
    ] as const
    await expect(limit.takeAll(both)).rejects.toMatchObject({ code: 'otp.too_soon' })
    await limit.take('address', key('a'))
    await limit.take('address', key('a'))
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
  const broken = {
    hit: () => Promise.reject(new TypeError('bug')),
    increment: () => Promise.reject(new TypeError('bug')),
  }
  await expect(over(broken).take('address', 'x')).rejects.toMatchObject({
    code: 'server.unavailable',
    cause: expect.any(TypeError),
  })
})
