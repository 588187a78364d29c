import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clientSchema, holderOf } from '../../src/oidc/clients/client-schema.ts'
import {
  accessLimit,
  grantSeconds,
  type Lifetimes,
  lifetimeProblems,
  lifetimesSchema,
  maxSeconds,
  remainingSeconds,
  sessionMaxSeconds,
  sessionSeconds,
  worthwhileGain,
} from '../../src/oidc/clients/lifetimes.ts'

const minute = 60
const day = 86_400
const good: Lifetimes = {
  access: 600,
  session: { idle: 14 * day, max: 30 * day },
  refresh: { idle: 30 * day, max: 180 * day },
}
const linesOf = (lifetimes: Partial<Lifetimes>, holder: Parameters<typeof lifetimeProblems>[1] = 'session') =>
  lifetimeProblems({ ...good, ...lifetimes }, holder).map(({ fields, message }) => `${fields.join(' or ')}: ${message}`)

describe('a policy', () => {
  test('by which nothing ends first by accident is accepted', () => {
    expect(linesOf({})).toEqual([])
    expect(linesOf({ session: { idle: 60, max: 'none' }, access: 60 })).toEqual([])
    expect(linesOf({ access: { idle: 30 * minute, max: 12 * 60 * minute } })).toEqual([])
  })

  test.each<[string, Partial<Lifetimes>, string]>([
    ['idle past max', { refresh: { idle: 2 * day, max: day } }, 'refresh: idle is longer than max'],
    [
      'a session shorter than a code',
      { session: { idle: 30, max: day }, access: 20 },
      'session.idle: is shorter than the 60s a code lives, and would end before the login is done',
    ],
    [
      'a refresh token shorter than its own repetition',
      { refresh: { idle: 30, max: day }, access: 20 },
      'refresh.idle: must be longer than the 30s in which a refresh may be repeated',
    ],
    [
      'a repetition that two tabs would miss',
      { refresh: { idle: day, max: day, retry: 29 }, access: 20 },
      'refresh.retry: must be at least 30s: two tabs that refresh at once would sign each other out',
    ],
    [
      'an access token that leaves nothing to refresh with',
      { access: day, refresh: { idle: day, max: 2 * day } },
      'access or refresh.idle: access (1d) must be shorter than refresh.idle (1d), which would end first',
    ],
    [
      'an access token that outlives an idle session',
      { session: { idle: 5 * minute, max: day } },
      'access or session.idle: access (10m) must be shorter than session.idle (5m), which would end first',
    ],
    [
      'a sliding access token that would be cut short',
      { access: { idle: 600, max: 40 * day } },
      'access or session.max: access (at most 40d) must not be longer than session.max (30d), which would end first',
    ],
  ])('with %s is refused', (_, lifetimes, line) => {
    expect(linesOf(lifetimes)).toEqual([line])
  })

  test('of an app that lives by refresh tokens is not judged by the browser session, and a machine has neither', () => {
    const brief = { session: { idle: 5 * minute, max: 10 * minute } }
    expect(linesOf(brief, 'offline')).toEqual([])
    expect(linesOf({ access: 90 * day }, 'machine')).toEqual([])
    expect(linesOf({ access: 90 * day }, 'offline')).toHaveLength(1)
  })

  test('knows whose tokens they are', () => {
    const client = (more: object) =>
      clientSchema.parse({ client_id: 'x', redirect_uris: ['https://x.example'], ...more })
    expect(holderOf(client({}))).toBe('session')
    expect(holderOf(client({ scope: 'openid' }))).toBe('session')
    expect(holderOf(client({ scope: 'openid offline_access' }))).toBe('offline')
    expect(holderOf(client({ application_type: 'native' }))).toBe('offline')
    expect(holderOf(client({ application_type: 'native', scope: 'openid' }))).toBe('session')
    expect(holderOf(client({ scope: 'openid offline_access', grant_types: ['authorization_code'] }))).toBe('session')
    expect(holderOf(client({ redirect_uris: [], grant_types: ['client_credentials'] }))).toBe('machine')
  })

  test('may let access tokens slide, with an end, and only those of the browser and refresh tokens without one', () => {
    const parse = (access: unknown) => lifetimesSchema.safeParse({ access }).success
    expect(lifetimesSchema.parse({ access: { idle: '30m', max: '12h' } }).access).toEqual({ idle: 1800, max: 43_200 })
    expect(parse('10m')).toBe(true)
    expect(parse({ idle: '30m', max: 'none' })).toBe(false)
    expect(parse({ idle: '30m' })).toBe(false)
    expect(lifetimesSchema.safeParse({ refresh: { idle: '30d', max: 'none' } }).success).toBe(true)
  })

  const seconds = fc.integer({ min: 1, max: 400 * day })
  const limit = fc.tuple(seconds, fc.option(seconds, { nil: 'none' as const })).map(([idle, max]) => ({ idle, max }))
  test('that is accepted has a grant that outlives everything, and limits that are kept', () => {
    fc.assert(
      fc.property(limit, limit, limit, fc.nat(500 * day), (session, refresh, access, age) => {
        const lifetimes = { session, refresh, access: { idle: access.idle, max: maxSeconds(access) } }
        fc.pre(lifetimeProblems(lifetimes, 'session').length === 0)
        const grant = grantSeconds(lifetimes)
        for (const each of [session, refresh, accessLimit(lifetimes.access)]) {
          expect(maxSeconds(each)).toBeLessThan(grant)
          const left = remainingSeconds(each, age)
          expect(left).toBeGreaterThanOrEqual(1)
          expect(left).toBeLessThanOrEqual(each.idle)
          if (left > 1) expect(age + left).toBeLessThanOrEqual(maxSeconds(each))
        }
        expect(sessionSeconds([session, refresh], age)).toBeGreaterThanOrEqual(remainingSeconds(session, age))
        expect(sessionSeconds([session], age)).toBeLessThanOrEqual(sessionMaxSeconds([session], age))
      }),
    )
  })

  test('is written again for a minute, or for a hundredth of what is short', () => {
    expect([10, 300, 1800, 14 * day].map(worthwhileGain)).toEqual([1, 3, 18, 60])
  })
})
