import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginBySms, startLogin, token } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

describe('the device flow', () => {
  let world: World
  let visitor: Visitor

  beforeAll(async () => {
    world = await openWorld()
    await world.register({ clients, resources })
    visitor = world.visitor()
    await loginBySms(world, visitor, startLogin(world, 'plain', redirectUri), '13800138000')
  })
  afterEach(resetClock)
  afterAll(() => world.close())

  interface Started {
    readonly device_code: string
    readonly user_code: string
    readonly verification_uri: string
    readonly verification_uri_complete: string
    readonly interval: number
    readonly expires_in: number
  }
  async function start(): Promise<Started> {
    const response = await fetch(`${world.issuer}/device/auth`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'tv', scope: 'openid offline_access' }),
    })
    return (await response.json()) as Started
  }
  const poll = (started: Started) =>
    token(world, {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      client_id: 'tv',
      device_code: started.device_code,
    })
  const xsrfOf = (page: Answer) => /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
  async function enter(started: Started): Promise<Answer> {
    const form = await visitor.get(started.verification_uri)
    return visitor.post('/device', { xsrf: xsrfOf(form), user_code: started.user_code })
  }

  test('a person approves the code a device shows, and the device gets its tokens once', async () => {
    const started = await start()
    expect(started.user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
    expect(started).toMatchObject({ interval: 5, expires_in: 600 })
    expect((await poll(started)).body['error']).toBe('authorization_pending')
    const asked = await enter(started)
    expect(asked.text).toContain(started.user_code)
    expect(asked.text).toContain('客厅电视')
    const done = await visitor.follow(
      await visitor.post('/device', { xsrf: xsrfOf(asked), user_code: started.user_code, confirm: 'yes' }),
    )
    expect(done.status).toBe(200)
    walkTo(6000)
    const tokens = await poll(started)
    expect(tokens.status).toBe(200)
    expect(decodeJwt(tokens.body['id_token'] as string)).toMatchObject({ aud: 'tv', amr: ['sms', 'otp'] })
    expect(tokens.body['refresh_token']).toBeTypeOf('string')
    expect(await poll(started)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  })

  test('of 20 devices with one code one gets tokens', async () => {
    const started = await start()
    const asked = await enter(started)
    await visitor.follow(
      await visitor.post('/device', { xsrf: xsrfOf(asked), user_code: started.user_code, confirm: 'yes' }),
    )
    const answers = await Promise.all(Array.from({ length: 20 }, () => poll(started)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  test('a device that polls too often is told to slow down', async () => {
    const started = await start()
    expect((await poll(started)).body['error']).toBe('authorization_pending')
    expect((await poll(started)).body['error']).toBe('slow_down')
    walkTo(6000)
    expect((await poll(started)).body['error']).toBe('authorization_pending')
  })

  test('a device that keeps the interval is not slowed down because one of its polls was quick on the way', async () => {
    const started = await start()
    for (const at of [0, 4600, 9200]) {
      walkTo(at)
      expect((await poll(started)).body['error']).toBe('authorization_pending')
    }
  })

  test('a person may decline, and the code is over', async () => {
    const started = await start()
    const asked = await enter(started)
    await visitor.post('/device', { xsrf: xsrfOf(asked), user_code: started.user_code, abort: 'yes' })
    expect((await poll(started)).body['error']).toBe('access_denied')
    expect((await enter(started)).status).toBe(400)
  })

  test('a code that is made up, or has expired, is told apart from a right one', async () => {
    const form = await visitor.get('/device')
    const unknown = await visitor.post('/device', { xsrf: xsrfOf(form), user_code: 'BBBB-BBBB' })
    expect(unknown.status).toBe(400)
    expect(unknown.text).toContain('value="BBBB-BBBB"')
    const started = await start()
    walkTo(601_000)
    expect((await poll(started)).body['error']).toBe('expired_token')
    const late = world.visitor()
    const again = await late.get('/device')
    expect((await late.post('/device', { xsrf: xsrfOf(again), user_code: started.user_code })).status).toBe(400)
  })

  test('a code in the address still asks before it does anything', async () => {
    const started = await start()
    const page = await visitor.get(started.verification_uri_complete)
    expect(page.status).toBe(200)
    expect(page.text).not.toContain('<script>')
    const asked = await visitor.post('/device', { xsrf: xsrfOf(page), user_code: started.user_code })
    expect(asked.text).toContain('name="confirm"')
    expect((await poll(started)).body['error']).toBe('authorization_pending')
  })
})
