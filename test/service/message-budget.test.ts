import { createHash } from 'node:crypto'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { type MessageLimit, type MessageRequest, messageBudget } from '../../interactions/methods/message-budget.ts'
import type { AppError } from '../../src/base/errors.ts'
import { Secret } from '../../src/base/secret.ts'
import { loadConfig } from '../../src/config/config.ts'
import { rules } from '../../src/config/limit-rules.ts'
import { limits } from '../../src/ops/limits.ts'
import { redisStore } from '../../src/store/redis.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase } from '../support/database.ts'
import { guardOf } from '../support/guards.ts'
import { redisPrefix, redisUrl } from '../support/redis.ts'

const minute = 60_000
const hour = 60 * minute
let now = Date.UTC(2026, 10, 20, 10, 0, 0)
const clock = () => now
const { database, drop } = await createDatabase()
const redis = redisStore({ url: new Secret(redisUrl()), clock, prefix: redisPrefix() })
const tables = tableStore({ database, clock })
afterAll(async () => {
  await Promise.all([redis.close(), tables.close()])
  await drop()
})

/** Of a crowd: 40 addresses in four /24s, 30 of one home line, 30 of one /48. */
const crowd = [
  ...Array.from({ length: 40 }, (_, n) => `198.51.${100 + (n % 4)}.${n}`),
  ...Array.from({ length: 30 }, (_, n) => `2001:db8:1:2${n.toString(16).padStart(2, '0')}::1`),
  ...Array.from({ length: 30 }, (_, n) => `2001:db8:2:${(n * 256).toString(16)}::1`),
]
const owner = '203.0.113.5'

describe.each([
  ['Redis', redis],
  ['tables', tables],
] as const)('the budget of messages over %s', (_, store) => {
  let round = 0
  let used: Partial<Record<MessageLimit, number>>
  beforeEach(() => {
    round += 1
    used = {}
  })

  function open(env: Record<string, string> = {}) {
    // What the limits do by themselves.
    const { config } = loadConfig({ env: { MENSHEN_ABUSE__DEFAULT_RULES: 'false', ...env }, cwd: '/' })
    const mac = (text: string) => createHash('sha256').update(`${_} ${round} ${text}`).digest('base64url').slice(0, 22)
    const counting = {
      limits: limits({ store, rules: rules(config), mac, factors: config.limits.networks }),
      mac,
      clock,
    }
    const budget = messageBudget({
      limits: counting.limits,
      guard: guardOf(config, counting),
      onUsed: (limit, share) => {
        used[limit] = share
      },
    })
    const ask = async (more: Partial<MessageRequest> = {}) => {
      const common = { channel: 'sms', to: '+8613800138000', ip: owner, isReset: false, hasAccount: true } as const
      try {
        const grant = await budget.take({ ...common, knownDevice: undefined, ...more })
        return { code: 'taken' as const, wait: grant.waitSeconds, grant }
      } catch (error) {
        const { code, params } = error as AppError
        return { code, wait: Number(params['retryAfterSeconds']), grant: undefined }
      }
    }
    return { budget, ask }
  }
  const small = { MENSHEN_SMS__LIMITS__PER_DAY_TOTAL: '10' }
  const number = (n: number) => `+86139${String(n).padStart(8, '0')}`

  test('a stranger over the limit of their own address takes nothing from a number', async () => {
    const { ask } = open()
    for (let n = 0; n < 20; n++) expect((await ask({ ip: crowd[0] ?? '', to: number(n) })).code).toBe('taken')
    for (let n = 0; n < 50; n++) expect((await ask({ ip: crowd[0] ?? '' })).code).toBe('request.too_many')
    expect((await ask()).code).toBe('taken')
  })

  test('devices that were made known one after the other have three times the allowance of one together, and no more', async () => {
    const { ask } = open()
    const answers = []
    for (let n = 0; n < 50; n++) answers.push((await ask({ knownDevice: `mark ${n}` })).code)
    expect(answers.filter((code) => code === 'taken')).toHaveLength(3)
    expect(answers.slice(3).every((code) => code === 'otp.too_soon')).toBe(true)
  })

  test('from one address a stranger takes nothing from the owner, not even the minute', async () => {
    const { ask } = open()
    for (let n = 0; n < 26 * 6; n++) {
      await ask({ ip: crowd[0] ?? '' })
      expect((await ask({ ip: crowd[0] ?? '' })).code).not.toBe('taken')
      now += 10 * minute
    }
    await ask({ ip: crowd[0] ?? '' })
    expect((await ask()).code).toBe('taken')
  })

  test('an owner who asks before a crowd of 100 addresses in their turn waits for an hour at most, and is told how long', async () => {
    const { ask } = open()
    let refused = 0
    for (let step = 0; step < 100; step++) {
      for (const ip of crowd) await ask({ ip })
      now += 15 * minute
      if (step % 24 !== 23) continue
      const first = await ask()
      if (first.code === 'taken') continue
      refused += 1
      expect(first.wait).toBeLessThanOrEqual(3600)
      now += first.wait * 1000
      expect((await ask()).code).toBe('taken')
    }
    expect(refused).toBeGreaterThan(0)
  })

  test('a crowd is sent no more than 20 messages for one number in a day, and then one an hour', async () => {
    const { ask } = open()
    const sent: number[] = []
    const start = now
    for (let step = 0; now < start + 24 * hour; step++) {
      for (const ip of crowd.slice(0, 40 + step)) if ((await ask({ ip })).code === 'taken') sent.push(now)
      now += 20 * minute
    }
    expect(sent.length).toBeLessThanOrEqual(20 + 24)
    const late = sent.slice(20)
    for (const [n, at] of late.entries()) if (n > 0) expect(at - (late[n - 1] as number)).toBeGreaterThanOrEqual(hour)
  })

  test('a device that is known has an allowance that no stranger reaches, and the network is not asked', async () => {
    const { ask } = open()
    for (let n = 0; n < 20; n++) await ask({ to: number(n) })
    expect((await ask()).code).toBe('request.too_many')
    for (const ip of crowd) await ask({ ip })
    const known = { knownDevice: 'phone' }
    expect(await ask(known)).toMatchObject({ code: 'taken', wait: 60 })
    expect(await ask(known)).toMatchObject({ code: 'otp.too_soon', wait: 60 })
    expect((await ask({ knownDevice: 'tablet' })).code).toBe('taken')
    now += minute
    expect((await ask(known)).code).toBe('taken')
  })

  test('a reset takes nothing from a login, and answers the same for every number', async () => {
    const { ask } = open()
    const seen = async (to: string, hasAccount: boolean) => {
      const begun = now
      const answers: unknown[] = []
      const say = async (more: Partial<MessageRequest>) => {
        const { code, wait } = await ask({ to, hasAccount, ...more })
        answers.push([code, wait])
      }
      for (let n = 0; n < 12; n++) {
        await say({ isReset: true })
        await say({ isReset: true, ip: crowd[n] ?? '' })
        await say({ ip: crowd[n] ?? '' })
        now += n % 3 === 0 ? 5000 : 10 * minute
      }
      now = begun
      return answers
    }
    const known = await seen(number(1), true)
    expect(await seen(number(2), false)).toEqual(known)
    expect(new Set(known.map((each) => (each as string[])[0]))).toEqual(new Set(['taken', 'otp.too_soon']))
  })

  test('what sends nothing takes nothing from the day', async () => {
    const { ask, budget } = open(small)
    for (const [n, ip] of crowd.entries()) {
      const { grant } = await ask({ ip, to: number(n), isReset: true, hasAccount: false })
      expect(grant?.delivery).toBe('none')
    }
    await budget.measure()
    expect(used).toMatchObject({ 'sms.total': 0, 'sms.open': 0 })
    const { grant } = await ask({ isReset: true })
    expect(grant?.delivery).toBe('background')
    expect(used['sms.total']).toBe(0)
    await grant?.takeTotal()
    expect(used['sms.total']).toBe(0.1)
    await grant?.giveBack()
    await budget.measure()
    expect(used['sms.total']).toBe(0)
  })

  test('a message that did not leave is given back to its number and the day, not to the network', async () => {
    const { ask, budget } = open({ ...small, MENSHEN_SMS__LIMITS__PER_IP: '[{ max: 5, seconds: 3600 }]' })
    for (let n = 0; n < 5; n++) {
      const { grant } = await ask({ hasAccount: false })
      await grant?.giveBack()
    }
    await budget.measure()
    expect(used).toMatchObject({ 'sms.total': 0, 'sms.open': 0 })
    expect((await ask()).code).toBe('request.too_many')
    expect((await ask({ ip: '203.0.113.6' })).code).toBe('taken')
  })

  test('when strangers have used their part of the day, numbers with an account go on, and nobody can tell which they are', async () => {
    const { ask } = open(small)
    for (let n = 0; n < 7; n++)
      expect((await ask({ to: number(n), hasAccount: false })).grant?.delivery).toBe('awaited')
    const stranger = await ask({ to: number(7), hasAccount: false })
    const member = await ask({ to: number(8) })
    expect(stranger.grant?.delivery).toBe('none')
    expect(member.grant?.delivery).toBe('background')
    expect([stranger.code, stranger.wait]).toEqual([member.code, member.wait])
    await member.grant?.takeTotal()
    for (const to of [number(9), number(10)]) await (await ask({ to })).grant?.takeTotal()
    expect(used).toMatchObject({ 'sms.open': 1, 'sms.total': 1 })
    now += hour
    // The oldest messages leave the day in 23 hours, and are counted up to a part of it longer.
    const wait = 23 * 3600
    for (const hasAccount of [true, false]) {
      const over = await ask({ to: number(11), hasAccount })
      expect(over.code).toBe('server.unavailable')
      expect(over.wait).toBeGreaterThanOrEqual(wait)
      expect(over.wait).toBeLessThanOrEqual(wait + 1800)
    }
  })

  test('messages to members leave the part of strangers alone, and mail has a day of its own', async () => {
    const { ask, budget } = open(small)
    for (let n = 0; n < 8; n++) expect((await ask({ to: number(n) })).grant?.delivery).toBe('awaited')
    expect((await ask({ to: number(8), hasAccount: false })).grant?.delivery).toBe('awaited')
    await ask({ channel: 'mail', to: 'a@example.com', hasAccount: false })
    await budget.measure()
    expect(used).toEqual({ 'sms.total': 0.9, 'sms.open': 1 / 7, 'mail.total': 0.0001, 'mail.open': 1 / 7000 })
  })
})
