import { generateKeyPair, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { advanceClock, resetClock } from '../../sandbox/clock.ts'
import { redirectUri } from '../support/clients.ts'
import { exchange, loginBySms, startLogin } from '../support/login.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const goodbye = 'https://app.example.com/bye'
const question = '确定退出登录？'

let world: World
let last = 0

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  const common = {
    token_endpoint_auth_method: 'none',
    redirect_uris: [redirectUri],
    post_logout_redirect_uris: [goodbye],
    scope: 'openid',
  }
  await world.register({
    clients: [
      { client_id: 'ours', first_party: true, ...common },
      { client_id: 'second', first_party: true, ...common },
      { client_id: 'asking', first_party: true, logout_without_question: false, ...common },
      { client_id: 'theirs', ...common },
      { client_id: 'trusted', logout_without_question: true, ...common },
      {
        client_id: 'told',
        first_party: true,
        backchannel_logout_uri: 'http://127.0.0.1:9/out',
        backchannel_logout_session_required: true,
        ...common,
      },
    ],
  })
})
afterEach(resetClock)
afterAll(() => world?.close())

interface Member {
  readonly visitor: Visitor
  readonly tokens: Record<string, string>
  readonly phone: string
}

/** Somebody signed in at a client; another one's page asks what it may know. */
async function member(client: string, phone = `1370019${String(++last).padStart(4, '0')}`): Promise<Member> {
  const visitor = world.visitor()
  let back = await loginBySms(world, visitor, startLogin(world, client, redirectUri), phone)
  if (back.location === undefined) {
    back = await visitor.follow(await visitor.post(back.url, { choice: 'allow', scope: ['openid'] }))
  }
  return { visitor, phone, tokens: await exchange(world, client, redirectUri, back.location) }
}

const leaving = (hint: string | undefined, more: Record<string, string> = {}) =>
  new URL(
    `/session/end?${new URLSearchParams({
      ...(hint === undefined ? {} : { id_token_hint: hint }),
      post_logout_redirect_uri: goodbye,
      state: 'bye',
      ...more,
    })}`,
    world.issuer,
  )

/** Posts the form of a page, as its script does where there is no question. */
function submits(visitor: Visitor, page: Answer, more: Record<string, string> = {}): Promise<Answer> {
  const inputs = page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)
  const fields = Object.fromEntries([...inputs].map(([, name = '', value = '']) => [name, value]))
  return visitor.post('/session/end/confirm', { ...fields, ...more })
}

async function isSignedIn(visitor: Visitor, client: string): Promise<boolean> {
  const url = startLogin(world, client, redirectUri, { prompt: 'none' })
  return (await visitor.get(url)).location?.includes('code=') === true
}

describe('a logout that an app asks for with the ID token of whoever is signed in', () => {
  test.each(['ours', 'trusted', 'told'])('goes through without a question, and ends all of it: %s', async (client) => {
    const { visitor, tokens } = await member(client)
    expect(await isSignedIn(visitor, 'second')).toBe(true)
    const page = await visitor.get(leaving(tokens['id_token']))
    expect(page.text).not.toContain(question)
    expect(page.text).toContain('data-submit')
    expect((await submits(visitor, page)).location).toBe(`${goodbye}?state=bye`)
    expect([await isSignedIn(visitor, client), await isSignedIn(visitor, 'second')]).toEqual([false, false])
    const headers = { authorization: `Bearer ${tokens['access_token']}` }
    expect((await fetch(`${world.issuer}/me`, { headers })).status).toBe(401)
  })

  test('goes through when it is posted, too', async () => {
    const { visitor, tokens } = await member('ours')
    const form = { id_token_hint: tokens['id_token'] ?? '', post_logout_redirect_uri: goodbye }
    const page = await visitor.follow(await visitor.post('/session/end', form, { 'sec-fetch-site': 'cross-site' }))
    expect(page.text).not.toContain(question)
    expect((await submits(visitor, page)).location).toBe(goodbye)
    expect(await isSignedIn(visitor, 'ours')).toBe(false)
  })

  test.each(['asking', 'theirs'])('is asked about where the seed says so, and for others’ apps: %s', async (client) => {
    const { visitor, tokens } = await member(client)
    const page = await visitor.get(leaving(tokens['id_token']))
    expect(page.text).toContain(question)
    expect(await isSignedIn(visitor, 'second')).toBe(true)
  })

  test('leads only to a registered address', async () => {
    const { visitor, tokens } = await member('ours')
    const page = await visitor.get(
      leaving(tokens['id_token'], { post_logout_redirect_uri: 'https://evil.example.com/' }),
    )
    expect([page.status, page.text.includes('href="/session/end"')]).toEqual([400, true])
    expect(await isSignedIn(visitor, 'ours')).toBe(true)
  })

  test('needs no session: whoever is signed out already goes back to the app', async () => {
    const { visitor, tokens } = await member('ours')
    await submits(visitor, await visitor.get(leaving(tokens['id_token'])))
    const page = await visitor.get(leaving(tokens['id_token']))
    expect(page.text).not.toContain(question)
    expect((await submits(visitor, page)).location).toBe(`${goodbye}?state=bye`)
  })
})

describe('the person is asked, and stays signed in until they answer, where the hint', () => {
  test.each([
    ['is of another person', async () => (await member('ours')).tokens['id_token'], 'ours'],
    ['is missing', async () => undefined, 'ours'],
  ])('%s', async (_, hint, client) => {
    const { visitor } = await member(client)
    const page = await visitor.get(leaving(await hint()))
    expect([page.status, page.text.includes(question)]).toEqual([200, true])
    expect(await isSignedIn(visitor, client)).toBe(true)
  })

  test('is for a client that has no login in this browser', async () => {
    const { phone, tokens } = await member('second')
    advanceClock(61_000)
    const { visitor } = await member('ours', phone)
    const page = await visitor.get(leaving(tokens['id_token']))
    expect(page.text).toContain(question)
  })

  test('is of another session of the same person, and names it', async () => {
    const elsewhere = await member('told')
    const here = world.visitor()
    advanceClock(61_000)
    const back = await loginBySms(world, here, startLogin(world, 'told', redirectUri), elsewhere.phone)
    expect(back.location).toContain('code=')
    const page = await here.get(leaving(elsewhere.tokens['id_token']))
    expect(page.text).toContain(question)
    expect(await isSignedIn(here, 'told')).toBe(true)
  })

  test.each([
    ['is no token', async () => 'x.y.z'],
    ['was changed', async (own: string) => `${own.slice(0, -8)}AAAAAAAA`],
    [
      'was signed by somebody else',
      async () => {
        const { privateKey } = await generateKeyPair('ES256')
        const claims = new SignJWT({ sub: 'usr_1', iss: world.issuer, aud: 'ours' })
        return claims.setProtectedHeader({ alg: 'ES256' }).setIssuedAt().sign(privateKey)
      },
    ],
    [
      'is unsigned',
      async (own: string) => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${own.split('.')[1]}.`,
    ],
  ])('%s: the answer leads on to the client that is named beside it', async (_, hint) => {
    const { visitor, tokens } = await member('ours')
    const url = leaving(await hint(tokens['id_token'] ?? ''), { client_id: 'ours' })
    const page = await visitor.get(url)
    expect([page.status, page.text.includes(question)]).toEqual([200, true])
    expect(await isSignedIn(visitor, 'ours')).toBe(true)
    const again = await visitor.get(url)
    expect((await submits(visitor, again, { logout: 'yes' })).location).toBe(`${goodbye}?state=bye`)
  })

  test('cannot be verified: nothing it says is used', async () => {
    const { visitor, tokens } = await member('ours')
    const page = await visitor.get(leaving(`${tokens['id_token']?.slice(0, -8)}AAAAAAAA`))
    expect(page.text).toContain(question)
    const done = await visitor.follow(await submits(visitor, page, { logout: 'yes' }))
    expect([done.status, done.url.origin]).toEqual([200, world.issuer])
  })

  test('is of another client than the one that is named', async () => {
    const { visitor, tokens } = await member('ours')
    const page = await visitor.get(leaving(tokens['id_token'], { client_id: 'second' }))
    expect([page.status, page.text.includes(question)]).toEqual([200, true])
  })
})

test('the question is asked in the language that the app names', async () => {
  const { visitor } = await member('ours')
  const page = await visitor.get(leaving(undefined, { client_id: 'ours', ui_locales: 'en' }))
  expect(page.text).toContain('Sign out?')
})

test('the metadata says what clients would have to guess', async () => {
  const methods = ['none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt']
  for (const path of ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']) {
    const told = await (await fetch(`${world.issuer}${path}`)).json()
    expect(told).toMatchObject({
      ui_locales_supported: ['zh-CN', 'en', 'ar', 'zh-TW'],
      revocation_endpoint_auth_methods_supported: methods,
      introspection_endpoint_auth_methods_supported: methods,
      revocation_endpoint_auth_signing_alg_values_supported: expect.arrayContaining(['HS256', 'ES256']),
      introspection_endpoint_auth_signing_alg_values_supported: expect.arrayContaining(['HS256', 'ES256']),
      op_policy_uri: `${world.issuer}/sandbox/privacy`,
      op_tos_uri: `${world.issuer}/sandbox/terms`,
    })
  }
})
