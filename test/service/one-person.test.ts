import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, reachLogin, startLogin, subjectOf } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

describe('a request that no login could answer', () => {
  let world: World
  let phones = 13_700_190_000

  beforeAll(async () => {
    world = await openWorld()
    await world.register({ clients, resources })
  })
  afterAll(() => world.close())

  const start = (more: Record<string, string> = {}) => startLogin(world, 'plain', redirectUri, more)
  const wanting = (value: unknown) => JSON.stringify({ id_token: { sub: { value } } })

  async function member() {
    phones += 1
    const visitor = world.visitor()
    const back = await loginBySms(world, visitor, start(), String(phones))
    const tokens = await exchange(world, 'plain', redirectUri, back.location)
    return { visitor, sub: subjectOf(tokens), id_token_hint: tokens['id_token'] ?? '' }
  }
  async function errorOf(visitor = world.visitor(), more: Record<string, string> = {}): Promise<string | null> {
    const { location } = await visitor.get(start({ state: 's', ...more }))
    return new URL(location ?? '', world.issuer).searchParams.get('error')
  }

  test('because it names two persons, says so at once, whoever of them is signed in', async () => {
    const [one, other] = [await member(), await member()]
    const both = { claims: wanting(one.sub), id_token_hint: other.id_token_hint }
    for (const visitor of [one.visitor, other.visitor, world.visitor()]) {
      expect(await errorOf(visitor, both)).toBe('login_required')
      expect(await errorOf(visitor, { ...both, prompt: 'select_account' })).toBe('login_required')
      expect(await errorOf(visitor, { ...both, prompt: 'none' })).toBe('login_required')
    }
  })

  test('is another than one that names the same person twice', async () => {
    const { visitor, sub, id_token_hint } = await member()
    const twice = start({ claims: wanting(sub), id_token_hint })
    expect((await visitor.follow(await visitor.get(twice))).location).toContain('code=')
    expect((await reachLogin(world.visitor(), twice)).text).toContain('name="phone"')
  })

  test.each([null, 7, true, ['a'], {}])('because nobody has the sub that it asks for: %j', async (value) => {
    expect(await errorOf(world.visitor(), { claims: wanting(value) })).toBe('invalid_request')
  })
})
