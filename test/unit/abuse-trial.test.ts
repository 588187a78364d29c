import { describe, expect, test } from 'vitest'
import { type TrialDecision, type TrialRequest, trialRequest, tryTraffic } from '../../src/cli/abuse-trial.ts'
import { loadConfig } from '../../src/config/config.ts'

/** Three in the afternoon in China. */
const start = Date.UTC(2026, 10, 20, 7)
const hour = 3_600_000
type Given = Partial<Record<keyof TrialRequest, unknown>>

/** Requests as a file has them, spread over an hour. */
function traffic(count: number, of: (n: number) => Given): readonly TrialRequest[] {
  return Array.from({ length: count }, (_, n) => {
    const at = new Date(start + Math.floor((n * hour) / count)).toISOString()
    return trialRequest.parse({ at, ...of(n) })
  })
}

async function tried(requests: readonly TrialRequest[], env: Record<string, string> = {}) {
  const { config } = loadConfig({ env, cwd: '/' })
  const decisions: TrialDecision[] = []
  for await (const decision of tryTraffic(config, requests)) decisions.push(decision)
  const of = (kind: string) => decisions.filter((each) => each.kind === kind)
  const verdicts = (kind: string) => [...new Set(of(kind).map(({ verdict }) => verdict))].toSorted()
  const sent = (kind: string) => of(kind).filter(({ isSent }) => isSent).length
  return { decisions, verdicts, sent, cost: decisions.reduce((sum, { cost }) => sum + cost, 0) }
}

const address = (n: number) => `${11 + (n % 180)}.${(n * 7) % 250}.${(n * 13) % 250}.9`
const scattered = (n: number) => `+8613${String((n * 104_729) % 1_000_000_000).padStart(9, '0')}`
const people = (count: number) =>
  traffic(count, (n) => ({ kind: 'person', ip: address(n), to: scattered(n), entered_after: 20, solves: 3 }))
const flood = (count: number) =>
  traffic(count, (n) => ({ kind: 'flood', ip: address(n + 7777), to: scattered(n + 500_000) }))
const members = (count: number) =>
  traffic(count, (n) => ({ kind: 'member', ip: '203.0.113.7', to: scattered(n + 900_000), known_device: true }))

describe('rules tried on traffic', () => {
  test('let everybody through on an ordinary day, and ask nobody for anything', async () => {
    const { verdicts, decisions } = await tried(people(400))
    expect(verdicts('person')).toEqual(['allow'])
    expect(decisions.filter(({ isSolved }) => isSolved)).toEqual([])
  })

  test('a flood of numbers and networks that nothing connects is stopped, and people come through', async () => {
    const { sent, verdicts, cost } = await tried([...flood(3000), ...people(150), ...members(50)])
    expect(sent('flood')).toBeLessThan(130)
    expect(sent('person')).toBe(150)
    expect(verdicts('member')).toEqual(['allow'])
    expect(sent('member')).toBe(50)
    expect(cost).toBeLessThan(20)
  })

  test('whoever solves challenges by machine is stopped by the money, and members are not', async () => {
    const solving = flood(3000).map((each) => ({ ...each, solves: 3 }))
    const env = { MENSHEN_SMS__BUDGET__PER_HOUR: '{ mainland: 20 }', MENSHEN_SMS__BUDGET__RESERVED_PERCENT: '40' }
    const { sent, verdicts, cost } = await tried([...solving, ...members(100)], env)
    // 12 of the 20 at 5 fen each.
    expect(sent('flood')).toBe(240)
    expect(verdicts('flood')).toEqual(['allow', 'quiet'])
    expect(sent('member')).toBe(100)
    expect(cost).toBeCloseTo(17)
  })

  test('when strangers have used up theirs, numbers with an account get their codes, and the answer is that of all', async () => {
    const solving = flood(1000).map((each) => ({ ...each, solves: 3 }))
    const owners = people(40).map((each, n) => ({ ...each, has_account: true, at: start + hour / 2 + n * 1000 }))
    const env = { MENSHEN_SMS__BUDGET__PER_HOUR: '{ mainland: 20 }', MENSHEN_SMS__BUDGET__RESERVED_PERCENT: '40' }
    const { sent, verdicts } = await tried([...solving, ...owners], env)
    expect(verdicts('person')).toEqual(['quiet'])
    expect(verdicts('flood')).toContain('quiet')
    expect(sent('person')).toBe(40)
  })

  test('the country, the hour and the operator of a number count where a rule says so', async () => {
    const env = {
      MENSHEN_ABUSE__RULES:
        '{ abroad: { act: message, country: [international], verdict: refuse }, virtual: { act: message, segment: virtual, verdict: challenge, level: 2 }, late: { act: message, hours: { from: 22, to: 4 }, verdict: delay } }',
    }
    const one = (more: Given) => traffic(1, () => ({ ip: address(1), to: '+8613800138000', ...more }))
    const said = async (more: Given) => {
      const [decision] = (await tried(one(more), env)).decisions
      return [decision?.verdict, decision?.reasons]
    }
    expect(await said({})).toEqual(['allow', []])
    expect(await said({ to: '+447911123456' })).toEqual(['quiet', ['abroad']])
    expect(await said({ to: '+8617012345678' })).toEqual(['challenge', ['virtual']])
    expect(await said({ to: '+8617012345678', known_device: true })).toEqual(['allow', []])
    expect(await said({ at: '2026-11-20T15:00:00Z' })).toEqual(['delay', ['late']])
    expect(await said({ at: '2026-11-20T20:00:00Z' })).toEqual(['allow', []])
  })

  test('wrong passwords, registrations and upstreams of one network are challenged before their limits refuse', async () => {
    const of = (kind: string, act: string, count: number, more: Given = {}) =>
      traffic(count, (n) => ({ kind, act, ip: '203.0.113.9', name: `name${n}`, ...more }))
    const { decisions } = await tried([
      ...of('password', 'password', 200, { failed: true }),
      ...of('registration', 'registration', 30),
      ...traffic(400, (_n) => ({ kind: 'upstream', act: 'upstream', ip: '203.0.113.9' })).map((each, n) => ({
        ...each,
        at: start + n * 1000,
      })),
    ])
    const first = (kind: string) =>
      decisions.filter((each) => each.kind === kind).findIndex(({ verdict }) => verdict === 'challenge')
    expect([first('password'), first('registration'), first('upstream')]).toEqual([60, 10, 300])
  })

  test('answers the same to the same, whatever the order of the lines', async () => {
    const requests = [...flood(300), ...people(50).map((each) => ({ ...each, at: each.at + 5000 }))]
    expect((await tried(requests.toReversed())).decisions).toEqual((await tried(requests)).decisions)
  })
})
