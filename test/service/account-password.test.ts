import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginByPassword, reachLogin, startLogin, token } from '../support/login.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

describe('changing the password', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld()
    await world.register({ clients, resources })
  })
  afterAll(() => world.close())

  const start = () => startLogin(world, 'web', redirectUri, { scope: 'openid offline_access' })
  const before = 'grape-ladder-42-river'
  const after = 'window-copper-17-stone'

  async function register(): Promise<{ visitor: Visitor; answer: Answer }> {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const form = { method: 'register', identifier: 'lin_xiaoyu', new_password: before, agreement: 'on' }
    return { visitor, answer: await visitor.follow(await visitor.post(page.url, form)) }
  }
  async function change(visitor: Visitor, current: string): Promise<Answer> {
    const page = await visitor.follow(await visitor.get('/account/password'))
    const formToken = /name="form_token" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const form = { form_token: formToken, password: current, new_password: after }
    return visitor.follow(await visitor.post('/account/password', form))
  }
  const refresh = async (refreshToken: string | undefined) => {
    const form = { grant_type: 'refresh_token', client_id: 'web', refresh_token: refreshToken ?? '' }
    return (await token(world, form)).status
  }
  const silently = async (visitor: Visitor) => {
    const url = start()
    url.searchParams.set('prompt', 'none')
    return new URL((await visitor.get(url)).location ?? '').searchParams.get('error')
  }

  test('ends what the account holds elsewhere, and nothing in this browser', async () => {
    const { visitor, answer } = await register()
    const mine = await exchange(world, 'web', redirectUri, answer.location)
    const elsewhere = world.visitor()
    const other = await loginByPassword(elsewhere, start(), 'lin_xiaoyu', before)
    const theirs = await exchange(world, 'web', redirectUri, other.location)

    expect((await change(visitor, 'not-the-password-1')).status).toBe(400)
    expect(await silently(elsewhere)).toBeNull()

    expect((await change(visitor, before)).status).toBe(200)
    expect(await silently(elsewhere)).toBe('login_required')
    expect(await refresh(theirs['refresh_token'])).toBe(400)
    expect(await silently(visitor)).toBeNull()
    expect(await refresh(mine['refresh_token'])).toBe(200)
    expect((await loginByPassword(world.visitor(), start(), 'lin_xiaoyu', before)).status).toBe(400)
    expect((await loginByPassword(world.visitor(), start(), 'lin_xiaoyu', after)).location).toContain('code=')
  })
})
