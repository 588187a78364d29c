import { createHash } from 'node:crypto'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import type { Decision } from '../../src/abuse/abuse-guard.ts'
import type { Wanted } from '../../src/abuse/signals.ts'
import { AppError } from '../../src/base/errors.ts'
import { Secret } from '../../src/base/secret.ts'
import { loadConfig } from '../../src/config/config.ts'
import { rules } from '../../src/config/limit-rules.ts'
import { limits } from '../../src/ops/limits.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import { redisStore } from '../../src/store/redis.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase } from '../support/database.ts'
import { guardOf } from '../support/guards.ts'
import { redisPrefix, redisUrl } from '../support/redis.ts'

let now = Date.UTC(2026, 10, 20, 2, 0, 0)
const clock = () => now
const [minute, day] = [60_000, 86_400_000]
const { database, drop } = await createDatabase()
const redis = redisStore({ url: new Secret(redisUrl()), clock, prefix: redisPrefix() })
const tables = tableStore({ database, clock })
afterAll(async () => {
  await Promise.all([redis.close(), tables.close()])
  await drop()
})

/** Addresses of networks that have nothing to do with one another. */
const address = (n: number) => `${11 + (n % 200)}.${Math.floor(n / 200) % 250}.7.9`
/** Numbers that have no block of ten thousand in common. */
const scattered = (n: number) => `+861380${String(1000 + n).slice(-4)}${String((n * 37) % 1000).padStart(3, '0')}`
const inPrefix = (n: number) => `+861391234${String((n * 7919) % 10_000).padStart(4, '0')}`.slice(0, 14)

describe.each([
  ['Redis', redis],
  ['tables', tables],
] as const)('what is decided over %s', (place, store) => {
  let round = 0
  beforeEach(() => {
    round += 1
    // Ten in the morning in China, on the day after.
    now = Math.ceil(now / day) * day + 120 * minute
  })

  function open(env: Record<string, string> = {}, over: Pick<EphemeralStore, 'count'> = store) {
    const { config } = loadConfig({ env, cwd: '/' })
    const mac = (text: string) =>
      createHash('sha256').update(`${place} ${round} ${text}`).digest('base64url').slice(0, 22)
    const counting = {
      limits: limits({ store: over, rules: rules(config), mac, factors: config.limits.networks }),
      mac,
      clock,
    }
    const guard = guardOf(config, counting)
    const stranger = { act: 'message', channel: 'sms', isKnownDevice: false, clientId: 'web' } as const
    const ask = (wanted: Partial<Wanted> & Pick<Wanted, 'ip' | 'to'>) => guard.decide({ ...stranger, ...wanted })
    return { guard, ask }
  }
  const said = ({ verdict, level, reasons }: Decision) => ({ verdict, level, reasons })
  const allowed = { verdict: 'allow', level: 0, reasons: [] }

  test('nobody notices anything on a day like any other', async () => {
    const { guard, ask } = open()
    for (let n = 0; n < 120; n++) {
      const decision = await ask({ ip: address(n), to: scattered(n) })
      expect(said(decision)).toEqual(allowed)
      await guard.entered(decision.marks)
      now += 2 * minute
    }
  })

  test('the tenth message of a network is the last that asks for nothing, and the same goes through with a proof', async () => {
    const { ask } = open()
    const ip = '203.0.113.5'
    for (let n = 0; n < 10; n++) expect(said(await ask({ ip, to: scattered(n) }))).toEqual(allowed)
    const refused = { verdict: 'challenge', level: 2, reasons: ['network_busy'] }
    for (const _ of [1, 2]) expect(said(await ask({ ip, to: scattered(11) }))).toEqual(refused)
    expect(said(await ask({ ip, to: scattered(11), proven: 1 }))).toEqual(refused)
    expect(said(await ask({ ip, to: scattered(11), proven: 2 }))).toEqual(allowed)
    expect(said(await ask({ ip, to: scattered(12), isKnownDevice: true }))).toEqual(allowed)
    now += 61 * minute
    expect(said(await ask({ ip, to: scattered(13) }))).toEqual(allowed)
  })

  test('numbers of one block of ten thousand from everywhere, whose codes nobody enters, are challenged and then refused', async () => {
    const { ask } = open({ MENSHEN_ABUSE__RULES__NEIGHBOURS: 'off' })
    const verdicts = []
    for (let n = 0; n < 60; n++) verdicts.push(await ask({ ip: address(n), to: inPrefix(n), proven: n > 25 ? 3 : 0 }))
    expect(verdicts.slice(0, 20).map(said)).toEqual(Array(20).fill(allowed))
    expect(said(verdicts[20] as Decision)).toEqual({ verdict: 'challenge', level: 3, reasons: ['prefix_busy'] })
    expect(verdicts.filter(({ verdict }) => verdict === 'allow')).toHaveLength(50)
    expect(said(verdicts.at(-1) as Decision)).toMatchObject({ verdict: 'refuse', reasons: ['prefix_in_vain'] })
    expect(said(await ask({ ip: address(1), to: scattered(1) }))).toEqual(allowed)
  })

  test('a number whose codes nobody enters is challenged before its vendor sends it no more, and its owner is not', async () => {
    const { guard, ask } = open()
    const to = scattered(1)
    const owner = () => ask({ ip: address(99), to, isKnownDevice: true })
    const verdicts: Decision[] = []
    for (let n = 0; n < 4; n++) verdicts.push(await ask({ ip: address(n), to }))
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(['allow', 'allow', 'allow', 'challenge'])
    expect(verdicts.at(-1)).toMatchObject({ level: 2, reasons: ['number_in_vain'] })
    expect(said(await owner())).toEqual(allowed)
    now += 61 * minute
    for (let n = 5; n < 8; n++) verdicts.push(await ask({ ip: address(n), to }))
    expect(verdicts.at(-1)).toMatchObject({ verdict: 'challenge', level: 3, reasons: ['number_all_day'] })
    expect(said(await owner())).toEqual(allowed)
    for (const { marks } of verdicts.slice(0, 3)) await guard.entered(marks)
    expect(said(await ask({ ip: address(8), to }))).toEqual(allowed)
  })

  test('strangers who solve leave the last messages of a number for its owner', async () => {
    const { guard, ask } = open()
    const to = scattered(1)
    const verdicts: Decision[] = []
    const strike = async (from: number, till: number) => {
      for (let n = from; n < till; n++) verdicts.push(await ask({ ip: address(n), to, proven: 3 }))
      return verdicts.slice(from).map(({ verdict }) => verdict)
    }
    expect(await strike(0, 5)).toEqual(['allow', 'allow', 'allow', 'allow', 'delay'])
    expect(verdicts.at(-1)).toMatchObject({ reasons: ['number_bombed'] })
    expect(said(await ask({ ip: address(99), to, isKnownDevice: true }))).toEqual(allowed)
    now += 61 * minute
    expect(await strike(5, 9)).toEqual(['allow', 'allow', 'allow', 'delay'])
    expect(verdicts.at(-1)).toMatchObject({ reasons: ['number_bombed_all_day'] })
    expect(said(await ask({ ip: address(99), to, isKnownDevice: true }))).toEqual(allowed)
    for (const { marks } of verdicts.slice(0, 4)) await guard.entered(marks)
    expect(said(await ask({ ip: address(9), to }))).toEqual(allowed)
  })

  test('a device that asks codes for many numbers is challenged and then refused, unless they are entered', async () => {
    const { guard, ask } = open()
    const of = (device: string) => (n: number, proven?: number) =>
      ask({ ip: address(n), to: scattered(n), device, proven })
    const [family, bomber, shop] = [of('browser a'), of('browser b'), of('key c')]
    const passed: Decision[] = []
    for (const n of [1, 2, 3, 3, 2, 1]) passed.push(await family(n))
    expect(passed.map(said)).toEqual(Array(6).fill(allowed))
    expect(said(await family(4))).toEqual({ verdict: 'challenge', level: 2, reasons: ['device_in_vain'] })
    expect(said(await family(2))).toEqual(allowed)
    // Half of what it was sent is two numbers, and not one of them twice; and none of it may still be entered.
    now += 5 * minute
    for (const mark of [passed[0], passed[5]]) await guard.entered(mark?.marks ?? [])
    expect(said(await family(4))).toMatchObject({ verdict: 'challenge' })
    await guard.entered(passed[1]?.marks ?? [])
    expect(said(await family(4))).toEqual(allowed)
    for (let n = 10; n < 30; n++) expect(said(await bomber(n, 3))).toEqual(allowed)
    expect(said(await bomber(30, 3))).toMatchObject({ verdict: 'refuse', reasons: ['device_all_in_vain'] })
    for (let n = 40; n < 70; n++) {
      const decision = await shop(n)
      expect(said(decision)).toEqual(allowed)
      await guard.entered(decision.marks)
    }
  })

  test('a message that a device did not get after all leaves none of its numbers', async () => {
    const { guard, ask } = open()
    const next = (n: number) => ask({ ip: address(n), to: scattered(n), device: 'browser d' })
    for (let n = 0; n < 12; n++) {
      const decision = await next(n)
      expect(said(decision)).toEqual(allowed)
      await guard.giveBack(decision)
    }
  })

  test('a leak that is tried name by name from everywhere is noticed by how many passwords were wrong', async () => {
    const { guard } = open()
    const attempt = (n: number, isKnownDevice = false) =>
      ({ act: 'password', isKnownDevice, ip: address(n), name: `name-${n}` }) as const
    for (let n = 1; n < 300; n++) await guard.told(attempt(n), 'failed')
    expect(said(await guard.decide(attempt(300)))).toEqual(allowed)
    await guard.told(attempt(300), 'failed')
    expect(said(await guard.decide(attempt(301)))).toEqual({
      ...{ verdict: 'challenge', level: 1 },
      reasons: ['passwords_everywhere'],
    })
    expect(said(await guard.decide({ ...attempt(301), proven: 1 }))).toEqual(allowed)
    expect(said(await guard.decide(attempt(301, true)))).toEqual(allowed)
  })

  test('numbers one after the other are noticed at once, whoever asks', async () => {
    const { ask } = open()
    const verdicts = []
    for (let n = 0; n < 8; n++) verdicts.push(await ask({ ip: address(n), to: `+861393333010${n}` }))
    expect(verdicts.map(({ verdict }) => verdict).lastIndexOf('allow')).toBe(4)
    expect(verdicts.at(-1)).toMatchObject({ verdict: 'challenge', level: 3, reasons: ['neighbours'] })
  })

  test('when fewer and fewer codes are entered strangers are challenged, harder and harder, and no longer when they are', async () => {
    const { guard, ask } = open()
    const marks = []
    let n = 0
    for (; n < 200; n++) {
      const decision = await ask({ ip: address(n), to: scattered(n), proven: 3 })
      marks.push(decision.marks)
      if (n % 2 === 0) await guard.entered(decision.marks)
    }
    now += 5 * minute
    expect(said(await ask({ ip: address(n), to: scattered(n) }))).toMatchObject({ verdict: 'challenge', level: 1 })
    for (; n < 300; n++) await ask({ ip: address(n), to: scattered(n), proven: 3 })
    now += 5 * minute
    expect(said(await ask({ ip: address(n), to: scattered(n) }))).toMatchObject({ verdict: 'challenge', level: 3 })
    for (const each of marks) await guard.entered(each)
    expect(said(await ask({ ip: address(n), to: scattered(n) }))).toEqual(allowed)
  })

  test('codes of the last minutes are not held against a burst of people, who enter theirs after half a minute', async () => {
    const { guard, ask } = open()
    const marks: Decision['marks'][] = []
    const next = async (proven = 0) => {
      const decision = await ask({ ip: address(marks.length), to: scattered(marks.length), proven })
      if (decision.isTaken) marks.push(decision.marks)
      return decision
    }
    for (let n = 0; n < 240; n++) {
      expect([n, said(await next())]).toEqual([n, allowed])
      await guard.entered(marks[n - 60] ?? [])
      now += 500
    }
    now += 62 * minute
    for (let n = 0; n < 100; n++) await next()
    expect(said(await next())).toMatchObject({ verdict: 'challenge', level: 3 })
    for (const each of marks.slice(-100, -40)) await guard.entered(each)
    for (let n = 0; n < 52; n++) expect(said(await next(n % 9 === 0 ? 0 : 3))).toEqual(allowed)
    // All 152 are old enough to have been entered, and 60 were.
    now += 5 * minute
    expect(said(await next())).toMatchObject({ verdict: 'challenge', level: 3 })
  })

  test('money that strangers have used up refuses them, then those with an account, and known devices last', async () => {
    const { ask } = open({
      MENSHEN_SMS__PRICE__MAINLAND: '1',
      MENSHEN_SMS__BUDGET__PER_DAY__MAINLAND: '20',
      MENSHEN_SMS__BUDGET__RESERVED_PERCENT: '40',
    })
    let n = 0
    const next = (more: Partial<Wanted> = {}) => ask({ ip: address(++n), to: scattered(n), ...more })
    const count = async (more: Partial<Wanted>) => {
      for (let times = 0; ; times++) {
        const decision = await next(more)
        if (decision.verdict !== 'allow') return [times, decision.reasons, decision.isBroke]
      }
    }
    // 80 % of the 12 that are for all.
    expect(await count({})).toEqual([9, ['money_short'], false])
    expect(await count({ proven: 3 })).toEqual([3, ['money_open'], false])
    expect(await count({ proven: 3, hasAccount: true })).toEqual([0, ['money_open'], false])
    expect(await count({ isKnownDevice: true })).toEqual([8, ['money_total'], true])
    now += 25 * 60 * minute
    expect(await count({ isKnownDevice: true })).toEqual([20, ['money_total'], true])
  })

  test('of 30 who come at once no more are let through than there is money for', async () => {
    const { ask } = open({ MENSHEN_SMS__PRICE__MAINLAND: '1', MENSHEN_SMS__BUDGET__PER_DAY__MAINLAND: '10' })
    const all = await Promise.all(
      Array.from({ length: 30 }, (_, n) => ask({ ip: address(n), to: scattered(n), isKnownDevice: true })),
    )
    expect(all.filter(({ isTaken }) => isTaken)).toHaveLength(10)
  })

  test('what was refused counts nowhere, not even against the limits that were asked with it', async () => {
    const { guard } = open()
    const wanted = { act: 'registration', ip: '203.0.113.9', isKnownDevice: false } as const
    for (let n = 0; n < 10; n++) await guard.require(wanted, [['register.ip', wanted.ip]])
    for (let n = 0; n < 30; n++)
      await expect(guard.require(wanted, [['register.ip', wanted.ip]])).rejects.toMatchObject({
        code: 'challenge.required',
        params: { level: 2 },
      })
    for (let n = 0; n < 10; n++) await guard.require({ ...wanted, proven: 2 }, [['register.ip', wanted.ip]])
    await expect(guard.require({ ...wanted, proven: 3 }, [['register.ip', wanted.ip]])).rejects.toMatchObject({
      code: 'request.too_many',
    })
  })

  test('one round trip decides, with all limits in it', async () => {
    let calls = 0
    const counted: Pick<EphemeralStore, 'count'> = {
      count: (counters) => {
        calls += 1
        return store.count(counters)
      },
    }
    const { guard } = open({}, counted)
    const wanted = { act: 'message', channel: 'sms', to: scattered(1), ip: address(1), isKnownDevice: false } as const
    await guard.decide(wanted, [
      ['sms.ip', wanted.ip],
      ['sms.number', wanted.to],
      ['sms.total', 'all'],
    ])
    expect(calls).toBe(1)
  })

  test('a store that cannot say refuses', async () => {
    const away = { count: () => Promise.reject(new AppError('server.unavailable')) }
    const { ask } = open({}, away)
    await expect(ask({ ip: address(1), to: scattered(1) })).rejects.toMatchObject({ code: 'server.unavailable' })
  })
})
