import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { exchange, loginBySms, startLogin, token } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

const nativeUri = 'com.example.app:/callback'
const retrySeconds = 6 * 3600
/** So near to its end a time may count as over or not: requests take a while. */
const toleranceSeconds = 60

/** One thing that happens to a family of refresh tokens. */
type Event =
  /** Somebody, the app or a thief, uses the token that is so many steps older than the newest known one. */
  | { readonly kind: 'use'; readonly back: number }
  | { readonly kind: 'wait'; readonly seconds: number }
  /** Several at once use the same token. */
  | { readonly kind: 'race'; readonly back: number; readonly times: number }

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('use' as const),
      back: fc.oneof(
        { weight: 5, arbitrary: fc.constant(0) },
        { weight: 3, arbitrary: fc.integer({ min: 1, max: 3 }) },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      seconds: fc.constantFrom(31, 600, retrySeconds - 300, retrySeconds + 300),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('race' as const),
      back: fc.integer({ min: 0, max: 1 }),
      times: fc.integer({ min: 2, max: 4 }),
    }),
  },
)

describe.each([
  ['tables', 1],
  ['redis', 2],
] as const)('a family of refresh tokens with short-lived values in %s', (stores, servers) => {
  let world: World
  let worlds: World[]
  beforeAll(async () => {
    world = await openWorld({ stores })
    worlds = [world]
    const lifetimes = { refresh: { idle: '30d', max: '90d', retry: '6h' } }
    const app = {
      client_id: 'app',
      first_party: true,
      application_type: 'native',
      redirect_uris: [nativeUri],
      lifetimes,
    }
    await world.register({ clients: [{ ...app, token_endpoint_auth_method: 'none' }] })
    if (servers === 2) worlds.push(await openWorld({ stores, beside: world }))
  })
  afterEach(() => resetClock())
  afterAll(async () => {
    for (const each of worlds.toReversed()) await each.close()
  })

  let phones = 13_500_000_000
  test('never forks, forgives every answer that was lost, and ends when an old token comes back', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 2, maxLength: 14 }), async (events) => {
        resetClock()
        phones += 1
        const request = startLogin(world, 'app', nativeUri, { scope: 'openid offline_access' })
        const { location } = await loginBySms(world, world.visitor(), request, String(phones))
        const first = (await exchange(world, 'app', nativeUri, location))['refresh_token'] as string
        await live(first, events)
      }),
      { numRuns: 25, interruptAfterTimeLimit: 90_000 },
    )
  }, 240_000)

  let turn = 0
  const refresh = (refresh_token: string) => {
    turn += 1
    return token(worlds[turn % worlds.length] as World, {
      grant_type: 'refresh_token',
      client_id: 'app',
      refresh_token,
    })
  }

  /** Walks one family, and holds each answer against a model: a chain of tokens, each with the time of its use. */
  async function live(first: string, events: readonly Event[]): Promise<void> {
    const chain: { readonly value: string; usedAt?: number }[] = [{ value: first }]
    let [seconds, isOver] = [0, false]
    for (const each of events) {
      if (each.kind === 'wait') {
        seconds += each.seconds
        walkTo(seconds * 1000)
        continue
      }
      const index = Math.max(0, chain.length - 1 - each.back)
      const used = chain[index]
      if (!used) throw new Error('there is no token')
      const times = each.kind === 'race' ? each.times : 1
      const answers = await Promise.all(Array.from({ length: times }, () => refresh(used.value)))
      const isNewest = index === chain.length - 1
      const isUnusedNext = index === chain.length - 2
      const age = seconds - (used.usedAt ?? seconds)
      if (Math.abs(age - retrySeconds) <= toleranceSeconds && isUnusedNext) return
      const isGood = !isOver && (isNewest || (isUnusedNext && age <= retrySeconds))
      const told = answers.map(({ status }) => status)
      expect(told, JSON.stringify({ events, each, seconds })).toEqual(told.map(() => (isGood ? 200 : 400)))
      if (!isGood) {
        isOver = true
        continue
      }
      const successors = new Set(answers.map(({ body }) => body['refresh_token'] as string))
      expect(successors.size).toBe(1)
      const [next = ''] = successors
      if (!isNewest) expect(next).toBe(chain.at(-1)?.value)
      else {
        used.usedAt = seconds
        chain.push({ value: next })
      }
    }
    const last = await refresh(chain.at(-1)?.value ?? '')
    expect(last.status).toBe(isOver ? 400 : 200)
  }
})
