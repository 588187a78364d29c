import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Oddity } from '../../sandbox/simulators/oddities.ts'
import type { Fault } from '../../sandbox/simulators/simulator.ts'
import { type CaptchaWorld, ip, logged, time, verify, worlds } from './captcha-worlds.ts'

const others: Readonly<Record<string, string>> = { aliyun: 'scene2', tencent: '190000002' }

/** What servers were seen to write around an answer. */
const harmless: readonly Oddity[] = [
  'numbers_as_texts',
  'texts_as_numbers',
  'repeated_member',
  'trailing_comma',
  'byte_order_mark',
  'leading_blanks',
  'guard_prefix',
  'function_call',
  'text_plain',
  'text_html',
  'charset_gbk',
]

const silent: readonly Fault[] = [
  { kind: 'server_error' },
  { kind: 'bad_gateway_html' },
  { kind: 'html_instead' },
  { kind: 'too_many_requests' },
  { kind: 'truncated_json' },
  { kind: 'reset_before_accept' },
  { kind: 'reset_after_accept' },
  { kind: 'latency', ms: 60_000 },
]

describe.each(worlds)('the captcha of $name', ({ name, open }) => {
  let world: CaptchaWorld

  beforeEach(async () => {
    logged.length = 0
    world = await open()
  })
  afterEach(() => world.simulator.close())

  it('takes what a person has solved, once, and tells the vendor of nobody else', async () => {
    const challenge = world.challenge()
    const fields = world.solved()
    expect((await verify(challenge, fields)).verdict).toBe('human')
    if (world.addressSeen) expect(world.addressSeen()).toBe(ip)
    expect((await verify(challenge, fields)).verdict).toBe('refused')
    expect(logged).toEqual([])
  })

  it('counts once what comes many times at once', async () => {
    const challenge = world.challenge()
    const fields = world.solved()
    const all = await Promise.all(Array.from({ length: 5 }, () => verify(challenge, fields)))
    expect(all.filter(({ verdict }) => verdict === 'human')).toHaveLength(1)
  })

  it('refuses what is too old, of another captcha, or made up', async () => {
    const challenge = world.challenge()
    const fields = world.solved()
    time.now += (world.lifeSeconds + 1) * 1000
    const other = world.solved({ of: others[name] ?? 'other' })
    const altered = Object.fromEntries(Object.entries(world.solved()).map(([each, text]) => [each, `${text}x`]))
    const madeUp = Object.fromEntries(challenge.fields.map((each) => [each, 'f'.repeat(32)]))
    for (const each of [fields, other, altered, madeUp]) {
      expect((await verify(challenge, each)).verdict).toBe('refused')
    }
    expect(logged).toEqual([])
  })

  it('asks nobody about what is incomplete or too long', async () => {
    const challenge = world.challenge()
    const whole = world.solved()
    for (const each of challenge.fields) {
      const { [each]: text = '', ...rest } = whole
      for (const fields of [rest, { ...rest, [each]: '' }, { ...rest, [each]: text.padEnd(4001, 'x') }]) {
        expect((await verify(challenge, fields)).verdict).toBe('refused')
      }
    }
    expect(world.simulator.requests).toEqual([])
  })

  it('lets nobody in when there is no answer, and asks once', async () => {
    for (const fault of silent) {
      logged.length = 0
      const before = world.simulator.requests.length
      world.simulator.faults.push(fault)
      const challenge = world.challenge(fault.kind === 'latency' ? { timeoutMs: 100 } : {})
      const proved = await verify(challenge, world.solved())
      const cause = { code: expect.stringMatching(/^upstream\./) }
      expect([fault.kind, proved]).toMatchObject([fault.kind, { verdict: 'unavailable', cause }])
      expect([world.simulator.requests.length - before, logged.length]).toEqual([1, 1])
    }
  })

  it('takes nothing for a yes that is not there, or is not exactly one', async () => {
    for (const bent of [undefined, null, 'yes', 'TRUE', 2, [], {}, 'success ']) {
      world.simulator.bent[world.yes] = bent
      expect((await verify(world.challenge(), world.solved())).verdict).not.toBe('human')
    }
  })

  it('keeps nobody out for how an answer is written', async () => {
    const challenge = world.challenge()
    for (const oddity of harmless) {
      world.simulator.oddities.clear()
      world.simulator.oddities.add(oddity)
      const fields = world.solved()
      expect([oddity, (await verify(challenge, fields)).verdict]).toEqual([oddity, 'human'])
      expect([oddity, (await verify(challenge, fields)).verdict]).toEqual([oddity, 'refused'])
    }
  })

  it('calls an operator where the vendor does not know us, and goes on asking', async () => {
    if (Object.keys(world.strange).length === 0) return
    const challenge = world.challenge(world.strange)
    for (let each = 0; each < 7; each += 1) {
      const { verdict } = await verify(challenge, world.solved())
      expect(verdict).toBe('unavailable')
    }
    expect(logged).toHaveLength(7)
    expect(new Set(logged.map(({ level }) => level))).toEqual(new Set(['error']))
    expect(world.simulator.requests).toHaveLength(7)
  })

  it('asks nobody for a minute after five times without an answer, and then one at a time', async () => {
    const challenge = world.challenge()
    const ask = () => verify(challenge, world.solved())
    const away: Fault = { kind: 'server_error' }
    world.simulator.troubles.push(away)
    for (let each = 0; each < 4; each += 1) await ask()
    // Four are not five, and long ago is over.
    time.now += 30_001
    for (let each = 0; each < 5; each += 1) expect((await ask()).verdict).toBe('unavailable')
    expect(world.simulator.requests).toHaveLength(9)
    world.simulator.troubles.length = 0
    expect(challenge.isResting()).toBe(true)
    expect(await ask()).toEqual({ verdict: 'degraded', vendorCode: 'resting' })
    time.now += 59_999
    expect((await ask()).verdict).toBe('degraded')
    world.simulator.troubles.push(away)
    time.now += 1
    expect(challenge.isResting()).toBe(false)
    const tried = await Promise.all([ask(), ask(), ask()])
    expect(tried.map(({ verdict }) => verdict).sort()).toEqual(['degraded', 'degraded', 'unavailable'])
    world.simulator.troubles.length = 0
    time.now += 60_000
    expect((await ask()).verdict).toBe('human')
    expect((await ask()).verdict).toBe('human')
    expect(logged.filter(({ level }) => level === 'error')).toHaveLength(1)
  })
})
