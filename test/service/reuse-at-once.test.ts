import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { codeVerifier, loginBySms, startLogin, token } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// Whatever is good for one use comes many times at once, over two processes: one succeeds, and what it got is worth nothing.

const rounds = 12
const callers = 20
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

describe.each(['redis', 'tables'] as const)('a second use at the same moment, short-lived values in %s', (stores) => {
  let first: World
  let second: World
  let visitor: Visitor

  beforeAll(async () => {
    first = await openWorld({ stores })
    second = await openWorld({ stores, beside: first })
    await first.register({ clients: [...clients, ...nativeClients], resources })
    await second.app.runtime.refresh()
    visitor = first.visitor()
    await loginBySms(first, visitor, startLogin(first, 'plain', redirectUri), '13800138000')
  })
  afterAll(async () => {
    await second.close()
    await first.close()
  })

  /** All at once over both; answers the tokens of the only one that got any. */
  async function winner(form: Readonly<Record<string, string>>, count = callers): Promise<Record<string, string>> {
    const answers = await Promise.all(Array.from({ length: count }, (_, n) => token(n % 2 ? first : second, form)))
    const won = answers.filter(({ status }) => status === 200)
    expect(won).toHaveLength(1)
    const refused = answers.filter(({ status }) => status !== 200)
    expect(new Set(refused.map(({ body }) => body['error']))).toEqual(new Set(['invalid_grant']))
    return won[0]?.body ?? {}
  }

  async function expectDead(tokens: Readonly<Record<string, string>>, client_id: string): Promise<void> {
    const { refresh_token = '', access_token } = tokens
    const refreshed = await token(second, { grant_type: 'refresh_token', client_id, refresh_token })
    expect(refreshed).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    const me = await fetch(`http://localhost:${first.port}/me`, {
      headers: { authorization: `Bearer ${access_token}` },
    })
    expect(me.status).toBe(401)
  }

  const alarms = () => first.database.database.knex('audit_events').where({ event: 'token.reused', client_id: 'tv' })

  test('ends what came of a code of a browser', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { location = '' } = await visitor.get(
        startLogin(first, 'plain', redirectUri, { scope: 'openid offline_access' }),
      )
      const code = new URL(location).searchParams.get('code') ?? ''
      const form = { client_id: 'plain', code, code_verifier: codeVerifier, redirect_uri: redirectUri }
      await expectDead(await winner({ grant_type: 'authorization_code', ...form }), 'plain')
    }
  })

  test('ends what came of a code of an app', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const answer = await nativeSms(first, new NativeApp(first, 'mp'), `13800139${String(round).padStart(3, '0')}`)
      const form = { client_id: 'mp', code: answer.body.authorization_code ?? '', code_verifier: codeVerifier }
      await expectDead(await winner({ grant_type: 'authorization_code', ...form }), 'mp')
    }
  })

  test('ends what came of the code of a device, and leaves an alarm of its owner', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const form = new URLSearchParams({ client_id: 'tv', scope: 'openid offline_access' })
      const begun = (await (
        await fetch(`${first.issuer}/device/auth`, { method: 'POST', body: form })
      ).json()) as Record<'device_code' | 'user_code', string>
      const { device_code, user_code } = begun
      const xsrfOf = (text: string) => /name="xsrf" value="([^"]+)"/.exec(text)?.[1] ?? ''
      const asked = await visitor.post('/device', { xsrf: xsrfOf((await visitor.get('/device')).text), user_code })
      await visitor.follow(await visitor.post('/device', { xsrf: xsrfOf(asked.text), user_code, confirm: 'yes' }))
      await expectDead(await winner({ grant_type: deviceGrant, client_id: 'tv', device_code }, 12), 'tv')
    }
    await expect.poll(alarms).not.toHaveLength(0)
    expect((await alarms()).every(({ user_id }) => user_id !== null)).toBe(true)
  })

  test('of a refresh gets everybody the one successor, and ends all when that was used', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { location = '' } = await visitor.get(
        startLogin(first, 'plain', redirectUri, { scope: 'openid offline_access' }),
      )
      const code = new URL(location).searchParams.get('code') ?? ''
      const exchanged = { client_id: 'plain', code, code_verifier: codeVerifier, redirect_uri: redirectUri }
      const { body } = await token(first, { grant_type: 'authorization_code', ...exchanged })
      const form = { grant_type: 'refresh_token', client_id: 'plain', refresh_token: body['refresh_token'] ?? '' }
      const answers = await Promise.all(Array.from({ length: callers }, (_, n) => token(n % 2 ? first : second, form)))
      const successors = new Set(answers.map(({ status, body: got }) => `${status} ${got['refresh_token']}`))
      expect(successors.size).toBe(1)
      const next = { ...form, refresh_token: answers[0]?.body['refresh_token'] ?? '' }
      const used = await token(first, next)
      expect(used.status).toBe(200)
      expect((await token(second, form)).status).toBe(400)
      await expectDead(used.body, 'plain')
    }
  })

  test('of a pushed request brings one code, and whoever comes second gets nothing', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const pushed = startLogin(first, 'plain', redirectUri).searchParams
      const answer = await fetch(`${first.issuer}/request`, { method: 'POST', body: pushed })
      const { request_uri } = (await answer.json()) as { request_uri: string }
      const target = `/auth?${new URLSearchParams({ client_id: 'plain', request_uri })}`
      const there = visitor.through(second.port)
      const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => (n % 2 ? visitor : there).get(target)))
      expect(answers.filter(({ location }) => location?.includes('code='))).toHaveLength(1)
    }
  })
})
