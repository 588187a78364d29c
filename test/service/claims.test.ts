import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { claimRows, examplePeople } from '../../scripts/docs/claims.ts'
import { claimsByScope } from '../../src/oidc/clients/claims.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import { agreeAt, leaveFor } from '../support/upstream.ts'
import { openUpstreams, type Upstreams } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

type Claims = Record<string, unknown>
const scopes = Object.keys(claimsByScope)
const kinds = Object.keys(examplePeople)

describe('what an app learns about a person', () => {
  let world: World
  let upstreams: Upstreams

  beforeAll(async () => {
    const port = await freePort()
    upstreams = await openUpstreams(`http://localhost:${port}`)
    world = await openWorld({ port, env: upstreams.env(['wechat']) })
    await world.register({ clients: [...clients, { ...plain, client_id: 'beside', default_resource: api }], resources })
  })
  afterAll(async () => {
    await world.close()
    await upstreams.close()
  })

  const plain = { first_party: true, token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] }
  const api = 'https://api.example.com'

  async function registers(visitor: Visitor, page: Answer, identifier: string): Promise<Answer> {
    const form = { method: 'register', identifier, new_password: 'grape-ladder-42-river', agreement: 'on' }
    const asked = await visitor.post(page.url, form)
    if (!identifier.includes('@')) return visitor.follow(asked)
    const otp = await world.otp(identifier)
    return visitor.follow(await visitor.post(page.url, { method: 'register', otp }))
  }
  const ways: Readonly<Record<string, (visitor: Visitor, url: URL) => Promise<Answer>>> = {
    phone: (visitor, url) => loginBySms(world, visitor, url, '13800138000'),
    WeChat: async (visitor, url) => {
      const location = (await leaveFor(visitor, await reachLogin(visitor, url), 'wechat')).href
      const back = await agreeAt(upstreams, visitor, { connection: 'wechat', person: 'p1', location, headers: {} })
      const choose = await visitor.follow(back)
      const answer = await visitor.follow(await visitor.post(choose.url.pathname, { choice: 'new' }))
      // The people of the simulator have no picture.
      const picture = 'https://thirdwx.qlogo.cn/picture.png'
      await world.database.database.knex('users').where({ nickname: '客人 1' }).update({ picture })
      return answer
    },
    'e-mail': async (visitor, url) => registers(visitor, await reachLogin(visitor, url), 'linxy@example.com'),
    'user name': async (visitor, url) => registers(visitor, await reachLogin(visitor, url), 'linxy'),
  }
  const members = new Map<string, Visitor>()

  /** What a person of this kind is told to a client with these scopes, in the ID token and at userinfo. */
  async function told(kind: string, scope: string, clientId = 'plain'): Promise<{ idToken: Claims; userinfo: Claims }> {
    const known = members.get(kind)
    const visitor = known ?? world.visitor()
    const url = startLogin(world, clientId, redirectUri, { scope })
    const answer = known ? await visitor.follow(await visitor.get(url)) : await ways[kind]?.(visitor, url)
    members.set(kind, visitor)
    const tokens = await exchange(world, clientId, redirectUri, answer?.location)
    const response = await fetch(`${world.issuer}/me`, {
      headers: { authorization: `Bearer ${tokens['access_token']}` },
    })
    return { idToken: decodeJwt(tokens['id_token'] ?? ''), userinfo: (await response.json()) as Claims }
  }

  /** The claims of the table that the scope of a row releases to somebody of this kind. */
  function inTable(kind: string, scope: string): string[] {
    const column = kinds.indexOf(kind)
    const rows = claimRows().filter(
      ([of, , ...values]) => (of === scope || of === 'openid') && values[column] !== undefined,
    )
    return rows.map(([, claim]) => claim).sort()
  }
  const cases = kinds.flatMap((kind) => scopes.map((scope) => [kind, scope] as const))
  const ours = new Set(claimRows().map(([, claim]) => claim))
  const ofTable = (claims: Claims) =>
    Object.keys(claims)
      .filter((claim) => ours.has(claim))
      .sort()

  test.each(cases)('somebody with %s and the scope %s: userinfo says what the table says', async (kind, scope) => {
    const asked = scope === 'openid' ? 'openid' : `openid ${scope}`
    const { idToken, userinfo } = await told(kind, asked)
    expect(ofTable(userinfo)).toEqual(inTable(kind, scope))
    expect(ofTable(idToken)).toEqual(['sub'])
    const beside = await told(kind, asked, 'beside')
    expect(ofTable(beside.idToken)).toEqual(inTable(kind, scope))
    expect(ofTable(beside.userinfo)).toEqual(['sub'])
    expect(beside.idToken['sub']).toBe(userinfo['sub'])
  })

  test('the values are those of the table: masked where nobody chose a name, and a time in seconds', async () => {
    const { userinfo: phone } = await told('phone', 'openid profile phone')
    expect(phone).toMatchObject({
      name: '138****8000',
      preferred_username: phone['sub'],
      phone_number: '+8613800138000',
      phone_number_verified: true,
    })
    expect(Math.abs(Number(phone['updated_at']) - Date.now() / 1000)).toBeLessThan(600)
    const { userinfo: wechat } = await told('WeChat', 'openid profile identities')
    expect(wechat).toMatchObject({ name: '客人 1', nickname: '客人 1', preferred_username: wechat['sub'] })
    expect(wechat['identities']).toEqual([expect.objectContaining({ provider: 'wechat' })])
    const { userinfo: mail } = await told('e-mail', 'openid profile email')
    expect(mail).toMatchObject({ name: 'li***@example.com', email: 'linxy@example.com', email_verified: true })
    const { userinfo: named } = await told('user name', 'openid profile')
    expect(named).toMatchObject({ name: 'linxy', preferred_username: 'linxy' })
  })

  test('a nickname that is changed is the name from then on, and the time says when', async () => {
    const { userinfo: before } = await told('e-mail', 'openid profile')
    await world.app.core.directory.rename(before['sub'] as never, '小林')
    const { userinfo: after } = await told('e-mail', 'openid profile')
    expect(after).toMatchObject({ name: '小林', nickname: '小林', sub: before['sub'] })
    expect(Number(after['updated_at'])).toBeGreaterThanOrEqual(Number(before['updated_at']))
  })
})
