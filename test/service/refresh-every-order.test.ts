import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri } from '../support/clients.ts'
import { type CopyFamilies, familyToCopy } from '../support/families.ts'
import { exchange, loginBySms, startLogin, token } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

/** As it is where nobody has set `refresh.retry`. */
const retrySeconds = 24 * 3600
const waits = { soon: 31, late: 25 * 3600 } as const
type Wait = keyof typeof waits

/**
 * What happens to a family: its app refreshes (`use`), refreshes and does not get the answer (`lose`), somebody who
 * copied the first token uses what they have (`steal`), or both do at the same instant (`both`); or time passes.
 */
type Act = 'use' | 'lose' | 'steal' | 'both'
type Step = Act | Wait

/** Every order of so many steps that ends with an act and has no two waits in a row. */
function orders(length: number, acts: readonly Act[]): readonly (readonly Step[])[] {
  if (length === 0) return [[]]
  const letters: readonly Step[] = [...acts, 'soon', 'late']
  const isWait = (step: Step | undefined) => step !== undefined && step in waits
  return orders(length - 1, acts).flatMap((rest) =>
    letters
      .filter((first) => !isWait(first) || !(rest.length === 0 || isWait(rest[0])))
      .map((first) => [first, ...rest]),
  )
}

/** A family as the rules describe it: its tokens in order, with the time of their use. */
interface Model {
  readonly usedAt: readonly number[]
  readonly isOver: boolean
}

/** What becomes of a family when its token of this number is presented; `brings` is the number that is answered. */
function presented(
  { usedAt, isOver }: Model,
  index: number,
  now: number,
): { model: Model; brings: number | undefined } {
  const newest = usedAt.length
  if (isOver) return { model: { usedAt, isOver }, brings: undefined }
  if (index === newest) return { model: { usedAt: [...usedAt, now], isOver }, brings: newest + 1 }
  const isRetry = index === newest - 1 && now - (usedAt[index] ?? 0) <= retrySeconds
  return isRetry
    ? { model: { usedAt, isOver }, brings: newest }
    : { model: { usedAt, isOver: true }, brings: undefined }
}

/** Refreshes; undefined where that is refused. */
type Send = (value: string, clientId?: string) => Promise<string | undefined>

/** One family under test, and what those two hold of it, as numbers of its tokens. */
class Walk {
  readonly steps: readonly Step[]
  readonly #send: Send
  readonly #values: string[]
  readonly #holds = { app: 0, thief: 0 }
  #model: Model = { usedAt: [], isOver: false }

  constructor(steps: readonly Step[], first: string, send: Send) {
    this.steps = steps
    this.#values = [first]
    this.#send = send
  }

  async act(step: Step, now: number): Promise<void> {
    if (step === 'use') await this.#present(['app'], now)
    if (step === 'lose') await this.#present(['app'], now, false)
    if (step === 'steal') await this.#present(['thief'], now)
    if (step === 'both') await this.#present(['app', 'thief'], now)
  }

  /** Somebody else's client has no use of a token, and does no harm with it. */
  async presentElsewhere(clientId: string): Promise<void> {
    expect(await this.#send(this.#value(this.#holds.app), clientId)).toBeUndefined()
  }

  async #present(who: readonly ('app' | 'thief')[], now: number, isKept = true): Promise<void> {
    const indexes = who.map((each) => this.#holds[each])
    const answers = await Promise.all(indexes.map((index) => this.#send(this.#value(index))))
    // Of two at one instant either may have been the first.
    const ways = [indexes, indexes.toReversed()].map((order) => {
      let model = this.#model
      const brings = new Map<number, number | undefined>()
      for (const index of order) {
        const after = presented(model, index, now)
        model = after.model
        brings.set(index, after.brings)
      }
      return { model, brings: indexes.map((index) => brings.get(index)) }
    })
    const told = answers.map((value) => value !== undefined)
    const way = ways.find(({ brings }) => String(brings.map((each) => each !== undefined)) === String(told))
    expect(way, `${this.steps.join(' ')}: ${who.join('+')} ${told}`).toBeDefined()
    this.#model = way?.model ?? this.#model
    for (const [n, brought] of (way?.brings ?? []).entries()) {
      if (brought === undefined) continue
      this.#values[brought] ??= answers[n] ?? ''
      // Whoever is given a token is given the same one: a family never forks.
      expect(answers[n], this.steps.join(' ')).toBe(this.#values[brought])
      if (isKept) this.#holds[who[n] as 'app' | 'thief'] = brought
    }
  }

  #value(index: number): string {
    return this.#values[index] ?? ''
  }
}

describe('every order of use, loss and theft', () => {
  let world: World
  let copyFamilies: CopyFamilies
  beforeAll(async () => {
    world = await openWorld()
    await world.register({ clients })
    const request = startLogin(world, 'plain', redirectUri, { scope: 'openid offline_access' })
    const { location } = await loginBySms(world, world.visitor(), request, '13500000001')
    const tokens = await exchange(world, 'plain', redirectUri, location)
    copyFamilies = await familyToCopy(world, tokens['refresh_token'] ?? '')
  })
  afterEach(() => resetClock())
  afterAll(() => world.close())

  async function send(refresh_token: string, client_id = 'plain'): Promise<string | undefined> {
    const { status, body } = await token(world, { grant_type: 'refresh_token', client_id, refresh_token })
    expect(status === 200 || body['error'] === 'invalid_grant', JSON.stringify(body)).toBe(true)
    return status === 200 ? body['refresh_token'] : undefined
  }

  const cases = [...orders(4, ['use', 'lose', 'steal']), ...orders(3, ['use', 'lose', 'steal', 'both'])]
  /** Those in which time passes at the same steps go together, because there is one clock. */
  const groups = Map.groupBy(cases, (steps) => steps.map((step) => (step in waits ? step : 'act')).join(' '))

  test('logs nobody out for an answer that was lost, forks no family, and ends one whose older token comes back', async () => {
    const values = [...(await copyFamilies(cases.length))]
    for (const group of groups.values()) {
      resetClock()
      let now = 0
      const walks = group.map((steps) => new Walk(steps, values.pop() ?? '', send))
      for (const [at, step] of (group[0] ?? []).entries()) {
        if (step in waits) {
          now += waits[step as Wait]
          walkTo(now * 1000)
        } else await Promise.all(walks.map((walk) => walk.act(walk.steps[at] as Step, now)))
      }
      await Promise.all(walks.map((walk) => walk.presentElsewhere('web')))
      for (const step of ['use', 'steal', 'use'] as const) await Promise.all(walks.map((walk) => walk.act(step, now)))
    }
    expect(cases).toHaveLength(279 + 128)
  }, 240_000)
})
