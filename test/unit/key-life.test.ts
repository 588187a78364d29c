import { expect, test } from 'vitest'
import type { Catalog } from '../../src/oidc/clients/catalog.ts'
import {
  dueAtMs,
  jwksCacheSeconds,
  type KeyInfo,
  type KeyRules,
  keepSeconds,
  keyOptions,
  nextStep,
  silenceSeconds,
} from '../../src/oidc/keys/key-life.ts'

const hour = 3600
const day = 24 * hour
const lifetimes = { access: 600, session: { idle: 14 * day, max: 30 * day }, refresh: { idle: day, max: day } }
const rules = (options: object = {}): KeyRules => ({ options: keyOptions.parse(options), lifetimes })
const at = (seconds: number) => new Date(seconds * 1000)
const none = { activatedAt: undefined, retiredAt: undefined, removeAt: undefined }
const current: KeyInfo = {
  ...none,
  id: 'a',
  use: 'sig',
  alg: 'ES256',
  state: 'current',
  createdAt: at(0),
  activatedAt: at(0),
}
const next: KeyInfo = { ...none, id: 'b', use: 'sig', alg: 'ES256', state: 'next', createdAt: at(day) }

test('a key signs longer after its publication than the slowest server and two caches in a row may take', () => {
  const { step, at: signs } = nextStep(next, [current, next], rules()) ?? {}
  expect(step).toBe('sign')
  expect((signs?.getTime() ?? 0) / 1000 - day).toBe(silenceSeconds + 2 * jwksCacheSeconds)
  expect(nextStep(current, [current, next], rules())).toEqual({ step: 'stop_signing', at: signs })
})

test('on a schedule the successor is published so early that it takes over in time', () => {
  const published = nextStep(current, [current], rules({ rotate_every: '90d' }))
  expect(published?.step).toBe('publish_successor')
  const successor: KeyInfo = { ...next, createdAt: published?.at ?? at(0) }
  expect(nextStep(successor, [current, successor], rules())?.at).toEqual(at(90 * day))
})

test('without a schedule nothing happens until somebody acts', () => {
  expect(nextStep(current, [current], rules({ rotate_every: 'none' }))).toBeUndefined()
  expect(dueAtMs([current], rules({ rotate_every: 'none' }))).toBe(Number.POSITIVE_INFINITY)
})

test('a successor of another algorithm or use is none', () => {
  const others: KeyInfo[] = [
    { ...next, alg: 'RS256' },
    { ...next, use: 'cookie' },
  ]
  expect(nextStep(current, [current, ...others], rules())?.step).toBe('publish_successor')
})

test('a key stays as long as what it can have signed, by what is registered, and by the setting', () => {
  const wait = silenceSeconds + 2 * jwksCacheSeconds
  const empty = { clients: new Map(), resources: new Map() }
  const short = rules({ keep_previous: '1s' })
  // An app may hint at the login its session began with.
  expect(keepSeconds('sig', empty, short)).toBe(30 * day + wait)
  expect(keepSeconds('sig', empty, rules({ keep_previous: '60d' }))).toBe(60 * day)
  expect(keepSeconds('sig', signedFor({ ttl: 40 * day, idle: day, max: day }), short)).toBe(40 * day + wait)
  expect(keepSeconds('sig', signedFor({ ttl: day, idle: day, max: 90 * day }), short)).toBe(90 * day + wait)
})

test('a key for cookies stays as long as the cookie of a session that only its tokens use, or as browsers keep one', () => {
  const wait = silenceSeconds + 2 * jwksCacheSeconds
  const empty = { clients: new Map(), resources: new Map() }
  expect(keepSeconds('cookie', empty, rules({ keep_previous: '1s' }))).toBe(30 * day + wait)
  expect(keepSeconds('cookie', signedFor({ ttl: day, idle: day, max: 90 * day }), rules())).toBe(90 * day + wait)
  expect(keepSeconds('cookie', signedFor({ ttl: day, idle: day }), rules())).toBe(400 * day + wait)
})

function signedFor({ ttl, idle, max = 'none' }: { ttl: number; idle: number; max?: number | 'none' }): Catalog {
  const client = { seed: { lifetimes: { session: { idle, max } } } }
  const resource = { seed: { access_token: { ttl } } }
  return { clients: new Map([['a', client]]), resources: new Map([['r', resource]]) } as unknown as Catalog
}

test.each(['1s', '23h', '0d', 'never'])('a schedule of %s is refused', (rotate_every) => {
  expect(keyOptions.safeParse({ rotate_every }).success).toBe(false)
})
