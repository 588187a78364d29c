import { describe, expect, test } from 'vitest'
import { clientele } from '../../soak/clientele.ts'
import { miscounts } from '../../soak/counting.ts'
import { Findings, findingText } from '../../soak/findings.ts'
import { accessEnd, bury, due, newcomer, prolong, refreshEnd, type Stay, type Visit } from '../../soak/ledger.ts'
import { growth } from '../../soak/memory.ts'
import { parseOptions } from '../../soak/options.ts'
import { faultKinds, plan, wishes } from '../../soak/plan.ts'
import { Weather } from '../../soak/weather.ts'

const person = newcomer({ phone: '+8613800138000', ip: '36.1.2.3', hasPassword: false }, 0)
const at = (ms: number) => ({ fromMs: ms, toMs: ms })
const seconds = (s: number) => s * 1000

function stayOf(client: keyof typeof clientele, more: Partial<Stay> = {}): Stay {
  return {
    ...{ client: clientele[client], person, visit: undefined, begun: at(0), refreshToken: 'r', issued: at(0) },
    ...{ askedMs: undefined, doubtUntilMs: 0, idToken: 'i', code: 'c', fate: 'alive' },
    access: { value: 'a', ...at(0), expiresInMs: 60_000, used: at(0) },
    ...more,
  }
}

describe('the plan', () => {
  test('is the same for the same seed, and another one for another seed', () => {
    const some = { hours: 0.05, rate: 5 }
    expect(plan({ seed: 3, ...some })).toEqual(plan({ seed: 3, ...some }))
    expect(plan({ seed: 3, ...some }).operations).not.toEqual(plan({ seed: 4, ...some }).operations)
  })

  test('of two hours has everything in it that people and operators do and that goes wrong', () => {
    const { operations, faults, duties } = plan({ seed: 1, hours: 2, rate: 10 })
    expect(operations.length).toBeGreaterThan(70_000)
    expect(operations.length).toBeLessThan(74_000)
    expect(new Set(operations.map(({ wish }) => wish))).toEqual(new Set(Object.keys(wishes)))
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(faultKinds))
    expect(new Set(duties.map(({ chore }) => chore)).size).toBe(4)
    // A key signs seventy minutes after it was published, and is to do so within the run.
    expect(duties.find(({ chore }) => chore === 'rotate')?.atMs).toBeLessThan(60_000)
  })

  test('is refused for numbers that make none', () => {
    expect(parseOptions([])).toEqual({ hours: 2, seed: 1, rate: 15, json: undefined })
    expect(parseOptions(['--hours', '0.1', '--seed', '7'])).toMatchObject({ hours: 0.1, seed: 7 })
    expect(() => parseOptions(['--hours', '0'])).toThrow('--hours: expected a number above 0')
    expect(() => parseOptions(['--rate', 'x'])).toThrow('--rate')
  })
})

describe('what has to come of a token', () => {
  const { idle, max } = clientele['app-brief'].refresh

  test('a refresh token works until it has idled, is refused afterwards, and may be either just then', () => {
    const end = refreshEnd(stayOf('app-brief'))
    expect(due(end, at(seconds(idle) - 5000), 'alive')).toBe('works')
    expect(due(end, at(seconds(idle)), 'alive')).toBe('either')
    expect(due(end, at(seconds(idle) + 5000), 'alive')).toBe('refused')
  })

  test('a request that began in time and was answered late may be either', () => {
    const end = refreshEnd(stayOf('app-brief'))
    expect(due(end, { fromMs: 0, toMs: seconds(idle) + 60_000 }, 'alive')).toBe('either')
  })

  test('a family ends at its limit however much it is used', () => {
    const end = refreshEnd(stayOf('app-brief', { issued: at(seconds(max) - 1000) }))
    expect(due(end, at(seconds(max) + 5000), 'alive')).toBe('refused')
  })

  test('a refresh that was cut may have prolonged it, and must not be counted on', () => {
    const end = refreshEnd(stayOf('app-brief', { doubtUntilMs: seconds(100) }))
    expect(due(end, at(seconds(idle) + 50_000), 'alive')).toBe('either')
    expect(due(end, at(seconds(idle) + 105_000), 'alive')).toBe('refused')
  })

  test('whether somebody is signed out in doubt, nothing has to work', () => {
    expect(due(refreshEnd(stayOf('app-brief')), at(5000), 'doubtful')).toBe('either')
  })

  test('a sliding access token lives on while it is used, up to its limit, and no longer than its browser session', () => {
    const { access } = clientele['web-sliding']
    const used = { value: 'a', ...at(0), expiresInMs: seconds(access.idle), used: at(seconds(140)) }
    const end = accessEnd(stayOf('web-sliding', { access: used }))
    expect(due(end, at(seconds(140 + access.idle) - 6000), 'alive')).toBe('works')
    expect(due(end, at(seconds(140 + access.idle) + 4000), 'alive')).toBe('refused')
    const late = { ...used, used: at(seconds(access.max) - 2000) }
    expect(due(accessEnd(stayOf('web-sliding', { access: late })), at(seconds(access.max) + 4000), 'alive')).toBe(
      'refused',
    )
    const visit = { begun: at(-seconds(1700)), used: at(seconds(140)), stays: [], fate: 'alive' } as unknown as Visit
    expect(due(accessEnd(stayOf('web-sliding', { access: used, visit })), at(seconds(150)), 'alive')).toBe('refused')
  })

  test('a use that is known counts for both bounds, one in doubt for the later one alone', () => {
    expect(prolong(at(10), at(50), true)).toEqual({ fromMs: 50, toMs: 50 })
    expect(prolong(at(10), at(50), false)).toEqual({ fromMs: 10, toMs: 50 })
  })

  test('what has ended is off the books and remembered, to be tried again', () => {
    const mine = newcomer({ phone: '+8613800138001', ip: '36.1.2.3', hasPassword: false }, 1)
    const stay = stayOf('app', { person: mine })
    mine.stays.push(stay)
    bury(stay, 'it was given back')
    expect(mine.stays).toEqual([])
    expect(mine.graves).toEqual([
      { client: clientele.app, refreshToken: 'r', accessToken: 'a', why: 'it was given back' },
    ])
  })
})

describe('counts', () => {
  interface Stored {
    readonly logins?: number
    readonly thefts?: number
    readonly users?: number
    readonly registered?: number
  }

  async function found(stored: Stored, books: Partial<Parameters<typeof miscounts>[1]> = {}): Promise<string[]> {
    const { logins = 3, thefts = 0, users = 1, registered = 1 } = stored
    const people = [{ index: 0, phone: 'p', logins: { known: 3, doubtful: 1 }, thefts: { known: 0, doubtful: 0 } }]
    const database = {
      query: async (text: string) => ({
        rows: text.includes('identity_subjects')
          ? [{ subject: 'p', user_id: 'usr_1', logins: `${logins}`, thefts: `${thefts}` }]
          : [{ users: `${users}`, registered: `${registered}`, logins: `${logins}` }],
      }),
    }
    return miscounts(database, { people, imported: 0, unstored: [], kills: 0, countedLogins: logins, ...books })
  }
  const unstored = [{ audit: { event: 'login.succeeded', user_id: 'usr_1' } }]

  test('add up, also where some were in doubt', async () => {
    expect(await found({ logins: 3 })).toEqual([])
    expect(await found({ logins: 4 })).toEqual([])
    expect(await found({ logins: 2 }, { unstored })).toEqual([])
  })

  test.each<[string, Stored, Partial<Parameters<typeof miscounts>[1]>]>([
    ['a login that left no line', { logins: 2 }, {}],
    ['a line of a login that nobody made', { logins: 5 }, {}],
    ['a second use that nobody made', { thefts: 1 }, {}],
    ['a user without a registration', { users: 2 }, {}],
    ['more logins in the metrics than in the audit', {}, { countedLogins: 4 }],
  ])('%s is told', async (_, stored, books) => {
    expect(await found(stored, books)).toHaveLength(1)
  })
})

test('calm is what no fault touches, nor the while after it', () => {
  const weather = new Weather(0)
  const begun = Date.now()
  expect(weather.wasCalm(begun, begun)).toBe(true)
  const over = weather.begin('kill')
  expect([weather.current, weather.wasCalm(begun, Date.now() + 10)]).toEqual(['kill', false])
  over()
  expect(weather.wasCalm(begun - 100, begun - 50)).toBe(true)
  expect(weather.wasCalm(Date.now() + 5, Date.now() + 10)).toBe(true)
})

test('a process that grows for long is told from one that keeps its memory, and so is one that takes too much', () => {
  const samples = (mib: (minute: number) => number) =>
    Array.from({ length: 60 }, (_, minute) => ({ minute, mib: mib(minute) }))
  expect(growth(samples((minute) => 150 + 60 * Math.min(1, minute / 10)))).toBeUndefined()
  expect(growth(samples((minute) => 150 + 2 * minute))).toMatch(/^it grew from \d+ to \d+ MiB$/)
  expect(growth([{ minute: 0, mib: 400 }])).toMatch(/400 MiB/)
})

test('a finding says which operation it came of, what the person did and what the servers wrote', () => {
  const told: string[] = []
  const findings = new Findings(
    () => ['{"level":"error"}'],
    (text) => told.push(text),
  )
  const somebody = { ...person, diary: ['operation 7: refresh of app: 200'] }
  findings.add('a token was lost', { operation: 8, person: somebody })
  expect(told[0]).toMatch(/\(operation 8, person 0\): a token was lost\n {2}did: operation 7.*\n {2}log: \{"level"/)
  expect(findings.all.map(findingText)).toEqual(told)
})
