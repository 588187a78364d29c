import { createHash, createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type OidcOptions, type OidcSimulator, startOidc } from '../../sandbox/simulators/oidc.ts'
import type { OidcMisbehaviour } from '../../sandbox/simulators/oidc-tokens.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
const nowSeconds = () => Math.floor(now / 1000)
const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
const callback = 'http://127.0.0.1:9/login/oidc/callback'
/** Every character that Basic has to encode. */
const secret = 'se:cr&t+1% ='
let now = start
let vendor: OidcSimulator

const open = (bent: Partial<OidcOptions> = {}) =>
  startOidc({
    clock: () => now,
    clients: [
      { clientId: 'our client', secret, authMethod: 'client_secret_basic', redirectUris: [callback, `${callback}/2`] },
      {
        clientId: 'poster',
        secret: 'posted',
        authMethod: 'client_secret_post',
        redirectUris: ['http://127.0.0.1:9/post'],
      },
    ],
    people: [
      {
        id: 'sub-lilei',
        name: '李雷',
        email: 'lilei@example.com',
        emailVerified: true,
        picture: 'http://127.0.0.1:9/li.png',
      },
      { id: 'sub-meimei', name: '韩梅梅', email: 'meimei@example.com', emailVerified: false },
    ],
    ...bent,
  })

beforeEach(async () => {
  now = start
  vendor = await open()
})

afterEach(() => vendor.close())

type Fields = Record<string, string | undefined>

const encoded = (fields: Fields) => {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) params.append(name, value)
  return params
}

const goodAsk: Fields = {
  client_id: 'our client',
  redirect_uri: callback,
  response_type: 'code',
  scope: 'openid profile email',
  state: 'st4te',
  nonce: 'n0nce',
  code_challenge: challenge,
  code_challenge_method: 'S256',
}
const address = (bent: Fields = {}) => `${vendor.url}/authorize?${encoded({ ...goodAsk, ...bent })}`
const paramsOf = (location: string) => Object.fromEntries(new URL(location).searchParams)
const codeFor = (person = 'sub-lilei', bent: Fields = {}) => paramsOf(vendor.authorize(person, address(bent)))['code']

const formEncoded = (text: string) => new URLSearchParams({ x: text }).toString().slice(2)
const basic = (id = 'our client', password = secret) => ({
  authorization: `Basic ${Buffer.from(`${formEncoded(id)}:${formEncoded(password)}`).toString('base64')}`,
})

interface Answer {
  status: number
  headers: Headers
  body: Record<string, unknown>
}

async function token(
  code: string | undefined,
  bent: Fields = {},
  headers: Record<string, string> = basic(),
): Promise<Answer> {
  const fields = { grant_type: 'authorization_code', code, redirect_uri: callback, code_verifier: verifier, ...bent }
  const response = await fetch(`${vendor.url}/token`, { method: 'POST', headers, body: encoded(fields) })
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  }
}

const posting = { client_id: 'poster', client_secret: 'posted', redirect_uri: 'http://127.0.0.1:9/post' }
const postedCode = () => codeFor('sub-lilei', { client_id: 'poster', redirect_uri: posting.redirect_uri })
const textOf = (value: unknown) => (typeof value === 'string' ? value : '')
const partOf = (jwt: unknown, index: number) =>
  JSON.parse(Buffer.from(textOf(jwt).split('.')[index] ?? '', 'base64url').toString()) as Record<string, unknown>
const idTokenFor = async (person = 'sub-lilei', bent: Fields = {}) =>
  (await token(codeFor(person, bent))).body['id_token']
const accessTokenFor = async (person = 'sub-lilei', bent: Fields = {}) =>
  textOf((await token(codeFor(person, bent))).body['access_token'])
const userinfo = (accessToken: string, method = 'GET') =>
  fetch(`${vendor.url}/userinfo`, { method, headers: { authorization: `Bearer ${accessToken}` } })
const discovery = async () =>
  (await (await fetch(`${vendor.url}/.well-known/openid-configuration`)).json()) as Record<string, unknown>

async function publishedKeys(): Promise<(JsonWebKey & { kid: string })[]> {
  const response = await fetch(`${vendor.url}/jwks`)
  return ((await response.json()) as { keys: (JsonWebKey & { kid: string })[] }).keys
}

async function isSigned(jwt: unknown): Promise<boolean> {
  const [header = '', payload = '', signature = ''] = textOf(jwt).split('.')
  const jwk = (await publishedKeys()).find(({ kid }) => kid === partOf(jwt, 0)['kid'])
  if (jwk === undefined) return false
  const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' } as const
  return verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))
}

describe('discovery and keys', () => {
  it('describes itself', async () => {
    expect(await discovery()).toMatchObject({
      issuer: vendor.url,
      authorization_endpoint: `${vendor.url}/authorize`,
      token_endpoint: `${vendor.url}/token`,
      userinfo_endpoint: `${vendor.url}/userinfo`,
      jwks_uri: `${vendor.url}/jwks`,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      id_token_signing_alg_values_supported: ['RS256'],
    })
  })

  it('publishes public keys and signs with the youngest, after a rotation too', async () => {
    const before = await publishedKeys()
    for (const key of before) expect(Object.keys(key).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use'])
    vendor.rotateKeys()
    const after = await publishedKeys()
    expect(after[0]).toEqual(before[1])
    expect(partOf(await idTokenFor(), 0)).toEqual({ alg: 'RS256', kid: after[1]?.kid })
  })

  it('can sign with ES256', async () => {
    await vendor.close()
    vendor = await open({ alg: 'ES256' })
    const jwt = await idTokenFor()
    expect(partOf(jwt, 0)['alg']).toBe('ES256')
    expect(await isSigned(jwt)).toBe(true)
    expect(await discovery()).toMatchObject({ id_token_signing_alg_values_supported: ['ES256'] })
  })
})

describe('the authorization page', () => {
  const answer = async (decision: string) => {
    const body = new URLSearchParams({ person: 'sub-lilei', decision })
    const response = await fetch(address(), { method: 'POST', body, redirect: 'manual' })
    expect(response.status).toBe(303)
    return response.headers.get('location') ?? ''
  }

  it('shows who can log in and two buttons', async () => {
    const response = await fetch(address())
    const page = await response.text()
    expect(response.status).toBe(200)
    expect(page).toContain('韩梅梅 meimei@example.com')
    expect(page).toContain('name="decision" value="accept"')
    expect(page).toContain('name="decision" value="refuse"')
  })

  it('sends a person who accepts back with code, state and issuer', async () => {
    const location = await answer('accept')
    expect(location.startsWith(`${callback}?`)).toBe(true)
    expect(paramsOf(location)).toEqual({ code: expect.any(String), state: 'st4te', iss: vendor.url })
    expect((await token(paramsOf(location)['code'])).status).toBe(200)
  })

  it('sends a person who refuses back with access_denied, state and issuer', async () => {
    const expected = { error: 'access_denied', state: 'st4te', iss: vendor.url }
    expect(paramsOf(await answer('refuse'))).toMatchObject(expected)
    expect(paramsOf(vendor.authorize('sub-lilei', address(), 'refuse'))).toMatchObject(expected)
  })

  it.each([
    ['response_type token', { response_type: 'token' }, 'unsupported_response_type'],
    ['no response_type', { response_type: undefined }, 'unsupported_response_type'],
    ['response_mode fragment', { response_mode: 'fragment' }, 'invalid_request'],
    ['no openid', { scope: 'profile email' }, 'invalid_scope'],
    ['no nonce', { nonce: undefined }, 'invalid_request'],
    ['no challenge', { code_challenge: undefined }, 'invalid_request'],
    ['a short challenge', { code_challenge: challenge.slice(1) }, 'invalid_request'],
    ['a plain challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['a challenge without method', { code_challenge_method: undefined }, 'invalid_request'],
    ['prompt=none', { prompt: 'none' }, 'login_required'],
  ])('sends the browser back with an error for %s', async (_, bent, error) => {
    const response = await fetch(address(bent), { redirect: 'manual' })
    expect(response.status).toBe(303)
    const expected = { error, state: 'st4te', iss: vendor.url, error_description: expect.any(String) }
    expect(paramsOf(response.headers.get('location') ?? '')).toEqual(expected)
    expect(paramsOf(vendor.authorize('sub-lilei', address(bent)))).toEqual(expected)
  })

  it('refuses a request without state', () => {
    const params = paramsOf(vendor.authorize('sub-lilei', address({ state: undefined })))
    expect(params).toMatchObject({ error: 'invalid_request' })
    expect(params).not.toHaveProperty('state')
  })

  it.each([
    ['an unknown client', { client_id: 'nobody' }, 'invalid_client'],
    ['an unregistered redirect_uri', { redirect_uri: `${callback}/` }, 'invalid_request'],
    ['no redirect_uri', { redirect_uri: undefined }, 'invalid_request'],
  ])('sends nobody back for %s', async (_, bent, code) => {
    const response = await fetch(address(bent), { redirect: 'manual' })
    expect(response.status).toBe(400)
    expect(await response.text()).toContain(`<code>${code}</code>`)
    expect(() => vendor.authorize('sub-lilei', address(bent))).toThrow(code)
  })

  it('sends nobody back for a parameter that comes twice', () => {
    expect(() => vendor.authorize('sub-lilei', `${address()}&state=other`)).toThrow('invalid_request')
  })
})

describe('the token endpoint', () => {
  it('gives an access token and an id_token for this client, and forbids keeping them', async () => {
    const { status, headers, body } = await token(codeFor())
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'openid profile email' })
    expect(await isSigned(body['id_token'])).toBe(true)
    const hash = createHash('sha256').update(textOf(body['access_token'])).digest()
    expect(partOf(body['id_token'], 1)).toEqual({
      iss: vendor.url,
      aud: 'our client',
      sub: 'sub-lilei',
      iat: nowSeconds(),
      exp: nowSeconds() + 300,
      auth_time: nowSeconds(),
      nonce: 'n0nce',
      at_hash: hash.subarray(0, 16).toString('base64url'),
    })
  })

  it('puts claims into the id_token where a provider does so', async () => {
    await vendor.close()
    vendor = await open({ claimsInIdToken: true })
    expect(partOf(await idTokenFor(), 1)).toMatchObject({
      name: '李雷',
      email: 'lilei@example.com',
      email_verified: true,
    })
  })

  it('takes the secret of a posting client in the body', async () => {
    expect((await token(postedCode(), posting, {})).status).toBe(200)
  })

  it('takes a code once, and ends the access token when it comes again', async () => {
    const code = codeFor()
    const accessToken = textOf((await token(code)).body['access_token'])
    expect((await userinfo(accessToken)).status).toBe(200)
    expect(await token(code)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    expect((await userinfo(accessToken)).status).toBe(401)
  })

  it('takes a code for one minute', async () => {
    const [inTime, late] = [codeFor(), codeFor()]
    now += 59_999
    expect((await token(inTime)).status).toBe(200)
    now += 1
    expect((await token(late)).body).toMatchObject({ error: 'invalid_grant' })
  })

  it.each([
    ['an unknown code', { code: 'none' }, 'invalid_grant'],
    ['no code', { code: undefined }, 'invalid_request'],
    ['another redirect_uri of the client', { redirect_uri: `${callback}/2` }, 'invalid_grant'],
    ['no redirect_uri', { redirect_uri: undefined }, 'invalid_grant'],
    ['a wrong verifier', { code_verifier: verifier.replace('d', 'e') }, 'invalid_grant'],
    ['no verifier', { code_verifier: undefined }, 'invalid_grant'],
    ['no grant_type', { grant_type: undefined }, 'invalid_request'],
    ['another grant_type', { grant_type: 'refresh_token' }, 'unsupported_grant_type'],
    ['a secret in the body beside the one in the header', { client_secret: secret }, 'invalid_request'],
    ['another client in the body than in the header', { client_id: 'poster' }, 'invalid_request'],
  ])('refuses %s', async (_, bent, error) => {
    expect(await token(codeFor(), bent)).toMatchObject({ status: 400, body: { error } })
  })

  it('uses the code up when the verifier is wrong', async () => {
    const code = codeFor()
    await token(code, { code_verifier: undefined })
    expect((await token(code)).body).toMatchObject({ error: 'invalid_grant' })
  })

  it.each([
    ['a wrong secret', basic('our client', 'wrong'), {}],
    ['an unknown client', basic('nobody'), {}],
    ['a posting client in the header', basic('poster', 'posted'), {}],
    ['a header client in the body', {}, { client_id: 'our client', client_secret: secret }],
    ['no secret', {}, { client_id: 'our client' }],
    ['parts that are not form-encoded', { authorization: `Basic ${btoa(`our client:${secret}`)}` }, {}],
  ])('does not know %s', async (_, headers: Record<string, string>, bent: Fields) => {
    const answer = await token(codeFor(), bent, headers)
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
    expect(answer.headers.has('www-authenticate')).toBe('authorization' in headers)
  })

  it('refuses the code of another client, whose owner can still use it', async () => {
    const code = postedCode()
    expect((await token(code, { redirect_uri: posting.redirect_uri })).body).toMatchObject({ error: 'invalid_grant' })
    expect((await token(code, posting, {})).status).toBe(200)
  })

  it('refuses a body that is not form-encoded, and a field that comes twice', async () => {
    const body = encoded({ grant_type: 'authorization_code', code: codeFor(), redirect_uri: callback }).toString()
    const send = async (text: string, type: string) => {
      const headers = { ...basic(), 'content-type': type }
      return (await fetch(`${vendor.url}/token`, { method: 'POST', headers, body: text })).json()
    }
    expect(await send(body, 'text/plain')).toMatchObject({ error: 'invalid_request' })
    expect(await send(`${body}&code=x`, 'application/x-www-form-urlencoded')).toMatchObject({
      error: 'invalid_request',
    })
  })
})

describe('userinfo', () => {
  it('tells what the scopes allow', async () => {
    const all = await userinfo(await accessTokenFor(), 'POST')
    expect(await all.json()).toEqual({
      sub: 'sub-lilei',
      name: '李雷',
      picture: 'http://127.0.0.1:9/li.png',
      email: 'lilei@example.com',
      email_verified: true,
    })
    const unverified = await userinfo(await accessTokenFor('sub-meimei', { scope: 'openid email' }))
    expect(await unverified.json()).toEqual({ sub: 'sub-meimei', email: 'meimei@example.com', email_verified: false })
    const bare = await userinfo(await accessTokenFor('sub-meimei', { scope: 'openid' }))
    expect(await bare.json()).toEqual({ sub: 'sub-meimei' })
  })

  it('refuses an unknown token, one that has ended, and none', async () => {
    const accessToken = await accessTokenFor()
    expect((await userinfo('none')).headers.get('www-authenticate')).toBe('Bearer error="invalid_token"')
    expect((await fetch(`${vendor.url}/userinfo`)).headers.get('www-authenticate')).toBe('Bearer')
    now += 3_600_000
    expect((await userinfo(accessToken)).status).toBe(401)
  })
})

describe('misbehaviour', () => {
  const claim = (name: string) => async () => partOf(await idTokenFor(), 1)[name]
  const callbackIss = async () => paramsOf(vendor.authorize('sub-lilei', address()))['iss']
  const told = (name: string) => async () =>
    ((await (await userinfo(await accessTokenFor())).json()) as Record<string, unknown>)[name]

  it.each<[OidcMisbehaviour, () => Promise<unknown>, () => unknown]>([
    ['wrong_discovery_issuer', async () => (await discovery())['issuer'], () => `${vendor.url}/other`],
    ['wrong_iss', claim('iss'), () => `${vendor.url}/other`],
    ['wrong_aud', claim('aud'), () => 'somebody-else'],
    ['extra_aud', claim('aud'), () => ['our client', 'somebody-else']],
    ['wrong_nonce', claim('nonce'), () => 'another-nonce'],
    ['missing_nonce', claim('nonce'), () => undefined],
    ['expired', claim('exp'), () => nowSeconds() - 300],
    ['unknown_key', async () => isSigned(await idTokenFor()), () => false],
    ['false_signature', async () => isSigned(await idTokenFor()), () => false],
    ['alg_none', async () => partOf(await idTokenFor(), 0), () => ({ alg: 'none' })],
    ['no_id_token', idTokenFor, () => undefined],
    ['userinfo_sub_mismatch', told('sub'), () => 'somebody-else'],
    ['callback_iss_missing', callbackIss, () => undefined],
    ['callback_iss_wrong', callbackIss, () => `${vendor.url}/other`],
    ['unverified_email', told('email_verified'), () => false],
  ])('%s shows while it is switched on, and not after', async (misbehaviour, read, expected) => {
    vendor.misbehaviours.add(misbehaviour)
    expect(await read()).toEqual(expected())
    vendor.misbehaviours.clear()
    expect(await read()).not.toEqual(expected())
  })

  it.each<OidcMisbehaviour>(['wrong_iss', 'wrong_aud', 'extra_aud', 'wrong_nonce', 'missing_nonce', 'expired'])(
    '%s is in a token that is signed well',
    async (misbehaviour) => {
      vendor.misbehaviours.add(misbehaviour)
      expect(await isSigned(await idTokenFor())).toBe(true)
    },
  )

  it('signs falsely under a published kid, and with an unknown key under an unknown one', async () => {
    const kids = (await publishedKeys()).map(({ kid }) => kid)
    vendor.misbehaviours.add('false_signature')
    expect(kids).toContain(partOf(await idTokenFor(), 0)['kid'])
    vendor.misbehaviours.clear()
    vendor.misbehaviours.add('unknown_key')
    expect(kids).not.toContain(partOf(await idTokenFor(), 0)['kid'])
  })
})

describe('trouble', () => {
  it('refuses with any code, keeping the authorization code', async () => {
    vendor.faults.push({ kind: 'refuse', code: 'temporarily_unavailable', path: '/token' })
    const code = codeFor()
    expect((await fetch(`${vendor.url}/jwks`)).status).toBe(200)
    expect(await token(code)).toMatchObject({ status: 400, body: { error: 'temporarily_unavailable' } })
    expect((await token(code)).status).toBe(200)
  })

  it('loses the answer after the code was used', async () => {
    vendor.faults.push({ kind: 'reset_after_accept' })
    const code = codeFor()
    await expect(token(code)).rejects.toThrow()
    expect((await token(code)).body).toMatchObject({ error: 'invalid_grant' })
  })

  it('answers with a page where keys or the discovery should be', async () => {
    vendor.faults.push({ kind: 'html_instead', path: '/jwks' }, { kind: 'server_error' })
    await expect(discovery()).rejects.toThrow(SyntaxError)
    expect((await fetch(`${vendor.url}/jwks`)).headers.get('content-type')).toMatch(/^text\/html/)
  })
})
