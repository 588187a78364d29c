import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AppleSimulator, startApple } from '../../sandbox/simulators/apple.ts'
import type { AppleMisbehaviour } from '../../sandbox/simulators/apple-tokens.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
const nowSeconds = () => Math.floor(now / 1000)
const callback = 'https://id.example.com/login/apple/callback'
const ours = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = (key: KeyObject) => key.export({ format: 'pem', type: 'spki' }).toString()
let now = start
let vendor: AppleSimulator

async function open(allowLoopback = false): Promise<AppleSimulator> {
  return startApple({
    clock: () => now,
    allowLoopback,
    teams: [
      {
        teamId: 'DEF123GHIJ',
        keyId: 'ABC123DEFG',
        publicKeyPem: pem(ours.publicKey),
        clients: [
          {
            clientId: 'com.example.web',
            kind: 'web',
            redirectUris: [
              callback,
              'http://127.0.0.1:9/cb',
              'https://10.0.0.1/cb',
              'http://id.example.com/cb',
              'https://localhost/cb',
            ],
          },
          { clientId: 'com.example.app', kind: 'native', redirectUris: [] },
        ],
      },
      {
        teamId: 'FOREIGN000',
        keyId: 'FOREIGNKEY',
        publicKeyPem: pem(foreign.publicKey),
        clients: [
          { clientId: 'com.foreign.web', kind: 'web', redirectUris: ['https://foreign.example.com/cb'] },
          { clientId: 'com.foreign.app', kind: 'native', redirectUris: [] },
        ],
      },
    ],
    people: [
      {
        id: 'lilei',
        firstName: '雷',
        lastName: '李',
        email: 'lilei@example.com',
        emailVerified: 'true',
        isPrivateEmail: 'false',
      },
      {
        id: 'meimei',
        firstName: '梅梅',
        lastName: '韩',
        email: 'x7k2@privaterelay.appleid.com',
        emailVerified: true,
        isPrivateEmail: true,
      },
    ],
  })
}

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
  client_id: 'com.example.web',
  redirect_uri: callback,
  response_type: 'code',
  response_mode: 'form_post',
  scope: 'name email',
  state: 'st4te',
  nonce: 'n0nce',
}
const address = (bent: Fields = {}) => `${vendor.url}/auth/authorize?${encoded({ ...goodAsk, ...bent })}`
const codeFor = (person = 'lilei', bent: Fields = {}) => vendor.authorize(person, address(bent)).fields['code'] ?? ''

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

interface SecretParts {
  header?: Record<string, unknown>
  claims?: Record<string, unknown>
  key?: KeyObject
  encoding?: 'ieee-p1363' | 'der'
}

function secret({ header, claims, key = ours.privateKey, encoding = 'ieee-p1363' }: SecretParts = {}): string {
  const iat = nowSeconds()
  const payload = { iss: 'DEF123GHIJ', iat, exp: iat + 300, aud: vendor.issuer, sub: 'com.example.web', ...claims }
  const input = `${part({ alg: 'ES256', kid: 'ABC123DEFG', ...header })}.${part(payload)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: encoding }).toString('base64url')}`
}

const foreignSecret = () =>
  secret({
    header: { kid: 'FOREIGNKEY' },
    claims: { iss: 'FOREIGN000', sub: 'com.foreign.web' },
    key: foreign.privateKey,
  })
const appSecret = () => secret({ claims: { sub: 'com.example.app' } })

const postForm = (path: string, fields: Fields) =>
  fetch(`${vendor.url}${path}`, { method: 'POST', body: encoded(fields) })

async function token(code: string, bent: Fields = {}): Promise<{ status: number; body: Record<string, unknown> }> {
  const fields = { client_id: 'com.example.web', client_secret: secret(), grant_type: 'authorization_code', code }
  const response = await postForm('/auth/token', { ...fields, redirect_uri: callback, ...bent })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : '')
const claimsOf = (jwt: unknown) =>
  JSON.parse(Buffer.from(textOf(jwt).split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
const idTokenFor = async (person = 'lilei', bent: Fields = {}) => (await token(codeFor(person, bent))).body['id_token']

async function publishedKeys(): Promise<(JsonWebKey & { kid: string })[]> {
  const response = await fetch(`${vendor.url}/auth/keys`)
  return ((await response.json()) as { keys: (JsonWebKey & { kid: string })[] }).keys
}

async function isSigned(jwt: unknown): Promise<boolean> {
  const [header = '', payload = '', signature = ''] = textOf(jwt).split('.')
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }
  const jwk = (await publishedKeys()).find((each) => each.kid === kid)
  if (jwk === undefined) return false
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  return verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))
}

const half = (text: unknown) => createHash('sha256').update(textOf(text)).digest().subarray(0, 16).toString('base64url')

describe('discovery and keys', () => {
  it('describes itself', async () => {
    const response = await fetch(`${vendor.url}/.well-known/openid-configuration`)
    expect(await response.json()).toMatchObject({
      issuer: vendor.url,
      authorization_endpoint: `${vendor.url}/auth/authorize`,
      token_endpoint: `${vendor.url}/auth/token`,
      revocation_endpoint: `${vendor.url}/auth/revoke`,
      jwks_uri: `${vendor.url}/auth/keys`,
      subject_types_supported: ['pairwise'],
      scopes_supported: ['openid', 'email', 'name'],
      id_token_signing_alg_values_supported: ['RS256'],
      token_endpoint_auth_methods_supported: ['client_secret_post'],
    })
  })

  it('publishes several RSA keys without their private parts', async () => {
    const keys = await publishedKeys()
    expect(keys).toHaveLength(3)
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(3)
    for (const key of keys) expect(Object.keys(key).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use'])
  })

  it('rotates: the oldest goes, and the youngest signs', async () => {
    const before = await publishedKeys()
    const old = await idTokenFor()
    vendor.rotateKeys()
    const after = await publishedKeys()
    expect(after.slice(0, 2)).toEqual(before.slice(1))
    const [header = ''] = textOf(await idTokenFor()).split('.')
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'RS256', kid: after[2]?.kid })
    expect(await isSigned(old)).toBe(true)
  })
})

describe('the authorization page', () => {
  const answer = (decision: string, bent: Fields = {}, person = 'lilei') =>
    fetch(address(bent), { method: 'POST', body: new URLSearchParams({ person, decision }), redirect: 'manual' })

  it('shows who can log in and two buttons', async () => {
    const response = await fetch(address())
    const page = await response.text()
    expect(response.status).toBe(200)
    expect(page).toContain('李雷 lilei@example.com')
    expect(page).toContain('name="decision" value="accept"')
    expect(page).toContain('name="decision" value="refuse"')
  })

  it('answers with a form for the application that posts itself and has a button', async () => {
    const response = await answer('accept')
    const page = await response.text()
    expect(response.status).toBe(200)
    expect(page).toContain(`<form method="post" action="${callback}">`)
    expect(page).toMatch(/name="code" value="[0-9a-f]+"/)
    expect(page).toContain('name="state" value="st4te"')
    expect(page).toContain('name="user"')
    expect(page).not.toContain('name="id_token"')
    expect(page).toContain('<button>')
    expect(page).toContain('document.forms[0].submit()')
  })

  it('posts user_cancelled_authorize and the state when the person refuses', async () => {
    const page = await (await answer('refuse')).text()
    expect(page).toContain('name="error" value="user_cancelled_authorize"')
    expect(page).toContain('name="state" value="st4te"')
    const { fields } = vendor.authorize('lilei', address(), 'refuse')
    expect(fields).toEqual({ error: 'user_cancelled_authorize', state: 'st4te' })
  })

  it('redirects in the query mode, which is the default without scopes', async () => {
    const response = await answer('accept', { scope: undefined, response_mode: undefined })
    const location = new URL(response.headers.get('location') ?? '')
    expect(response.status).toBe(303)
    expect([...location.searchParams.keys()]).toEqual(['code', 'state'])
  })

  it.each([
    ['an unknown client', { client_id: 'com.example.nobody' }, 'invalid_client'],
    ['a bundle id', { client_id: 'com.example.app' }, 'invalid_client'],
    ['an unregistered redirect_uri', { redirect_uri: `${callback}/` }, 'invalid_request'],
    ['no redirect_uri', { redirect_uri: undefined }, 'invalid_request'],
    ['a loopback redirect_uri', { redirect_uri: 'http://127.0.0.1:9/cb' }, 'invalid_request'],
    ['localhost', { redirect_uri: 'https://localhost/cb' }, 'invalid_request'],
    ['an IP address', { redirect_uri: 'https://10.0.0.1/cb' }, 'invalid_request'],
    ['plain http', { redirect_uri: 'http://id.example.com/cb' }, 'invalid_request'],
    ['scope name without form_post', { scope: 'name', response_mode: 'query' }, 'invalid_request'],
    ['scope email without form_post', { scope: 'email', response_mode: undefined }, 'invalid_request'],
    [
      'an id_token in the query',
      { scope: undefined, response_type: 'code id_token', response_mode: 'query' },
      'invalid_request',
    ],
    ['an unknown response_mode', { response_mode: 'web_message' }, 'invalid_request'],
    ['response_type token', { response_type: 'token' }, 'invalid_request'],
    ['no response_type', { response_type: undefined }, 'invalid_request'],
    ['an unknown scope', { scope: 'name phone' }, 'invalid_scope'],
  ])('sends nobody back for %s', async (_, bent, code) => {
    const response = await fetch(address(bent), { redirect: 'manual' })
    expect(response.status).toBe(400)
    expect(await response.text()).toContain(`<code>${code}</code>`)
    expect(() => vendor.authorize('lilei', address(bent))).toThrow(code)
  })

  it('refuses a parameter that comes twice', () => {
    expect(() => vendor.authorize('lilei', `${address()}&nonce=other`)).toThrow('invalid_request')
  })

  it('takes loopback addresses in a sandbox', async () => {
    await vendor.close()
    vendor = await open(true)
    expect(vendor.authorize('lilei', address({ redirect_uri: 'http://127.0.0.1:9/cb' })).fields).toHaveProperty('code')
    expect(() => vendor.authorize('lilei', address({ redirect_uri: 'https://10.0.0.1/cb' }))).toThrow('invalid_request')
  })

  it('tells the name at the first consent to the team only', () => {
    const first = vendor.authorize('lilei', address())
    const expected = { name: { firstName: '雷', lastName: '李' }, email: 'lilei@example.com' }
    expect(JSON.parse(first.fields['user'] ?? '')).toEqual(expected)
    expect(vendor.authorize('lilei', address()).fields).not.toHaveProperty('user')
    expect(vendor.authorizeNative('lilei', { clientId: 'com.example.app' }).user).toBeUndefined()
    expect(vendor.authorizeNative('lilei', { clientId: 'com.foreign.app' }).user).toBeDefined()
    expect(vendor.authorize('meimei', address({ scope: 'email' })).fields['user']).toBe(
      '{"email":"x7k2@privaterelay.appleid.com"}',
    )
  })

  it('tells the name again after the person gave the application up', () => {
    vendor.authorize('lilei', address())
    vendor.forget('lilei', 'DEF123GHIJ')
    expect(vendor.authorize('lilei', address()).fields).toHaveProperty('user')
  })

  it('counts no consent when the person refuses, and tells nothing nobody asked for', () => {
    vendor.authorize('lilei', address(), 'refuse')
    expect(vendor.authorize('lilei', address()).fields).toHaveProperty('user')
    const bare = { scope: undefined, response_mode: 'query' }
    expect(vendor.authorize('meimei', address(bare)).fields).not.toHaveProperty('user')
  })

  it('posts an id_token with the hash of the code when asked for', async () => {
    const { fields } = vendor.authorize('lilei', address({ response_type: 'code id_token' }))
    const claims = claimsOf(fields['id_token'])
    expect(claims).toMatchObject({ nonce: 'n0nce', aud: 'com.example.web', c_hash: half(fields['code']) })
    expect(await isSigned(fields['id_token'])).toBe(true)
  })
})

describe('the token endpoint', () => {
  it('gives the tokens, and an id_token for this client', async () => {
    const { status, body } = await token(codeFor())
    expect(status).toBe(200)
    expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'id_token', 'refresh_token', 'token_type'])
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 3600 })
    expect(await isSigned(body['id_token'])).toBe(true)
    expect(claimsOf(body['id_token'])).toEqual({
      iss: vendor.url,
      aud: 'com.example.web',
      sub: vendor.subject('lilei', 'DEF123GHIJ'),
      iat: nowSeconds(),
      exp: nowSeconds() + 600,
      auth_time: nowSeconds(),
      nonce: 'n0nce',
      nonce_supported: true,
      email: 'lilei@example.com',
      email_verified: 'true',
      is_private_email: 'false',
      at_hash: half(body['access_token']),
    })
  })

  it('says booleans as booleans for some people', async () => {
    expect(claimsOf(await idTokenFor('meimei'))).toMatchObject({ email_verified: true, is_private_email: true })
  })

  it('leaves out the e-mail and the nonce that were not asked for', async () => {
    const claims = claimsOf(await idTokenFor('lilei', { scope: 'name', nonce: undefined }))
    for (const name of ['email', 'email_verified', 'is_private_email', 'nonce']) expect(claims).not.toHaveProperty(name)
  })

  it('gives one subject to all clients of a team and another to the next team', async () => {
    const web = claimsOf(await idTokenFor())['sub']
    const app = claimsOf(vendor.authorizeNative('lilei', { clientId: 'com.example.app' }).identityToken)['sub']
    const other = claimsOf(vendor.authorizeNative('lilei', { clientId: 'com.foreign.app' }).identityToken)
    expect(app).toBe(web)
    expect(other['sub']).not.toBe(web)
    expect(other['aud']).toBe('com.foreign.app')
  })

  it('takes a code once', async () => {
    const code = codeFor()
    expect((await token(code)).status).toBe(200)
    expect(await token(code)).toEqual({ status: 400, body: { error: 'invalid_grant' } })
  })

  it('takes a code for 5 minutes', async () => {
    const [inTime, late] = [codeFor(), codeFor()]
    now += 299_999
    expect((await token(inTime)).status).toBe(200)
    now += 1
    expect((await token(late)).body).toEqual({ error: 'invalid_grant' })
  })

  it.each([
    ['an unknown code', { code: 'c0' }, 'invalid_grant'],
    ['another redirect_uri', { redirect_uri: 'https://10.0.0.1/cb' }, 'invalid_grant'],
    ['no redirect_uri for a web code', { redirect_uri: undefined }, 'invalid_grant'],
    ['no code', { code: undefined }, 'invalid_request'],
    ['no grant_type', { grant_type: undefined }, 'invalid_request'],
    ['another grant_type', { grant_type: 'password' }, 'unsupported_grant_type'],
    ['an unknown client', { client_id: 'com.example.nobody' }, 'invalid_client'],
    ['no client_id', { client_id: undefined }, 'invalid_client'],
    ['no client_secret', { client_secret: undefined }, 'invalid_client'],
    ['a client_secret that is no JWT', { client_secret: 'se.cr.et' }, 'invalid_client'],
  ])('refuses %s', async (_, bent, error) => {
    expect(await token(codeFor(), bent)).toEqual({ status: 400, body: { error } })
  })

  it('refuses a body that is not form-encoded', async () => {
    const body = JSON.stringify({ grant_type: 'authorization_code' })
    const response = await fetch(`${vendor.url}/auth/token`, { method: 'POST', body })
    expect(await response.json()).toEqual({ error: 'invalid_request' })
  })

  it.each<[string, () => SecretParts]>([
    ['signed with another key', () => ({ key: foreign.privateKey })],
    ['with a DER signature', () => ({ encoding: 'der' })],
    ['with another kid', () => ({ header: { kid: 'FOREIGNKEY' } })],
    ['with another alg', () => ({ header: { alg: 'RS256' } })],
    ['of another team', () => ({ claims: { iss: 'FOREIGN000' } })],
    ['for another audience', () => ({ claims: { aud: 'https://appleid.example.com' } })],
    ['for another client of the team', () => ({ claims: { sub: 'com.example.app' } })],
    ['that has ended', () => ({ claims: { iat: nowSeconds() - 300, exp: nowSeconds() } })],
    ['from the future', () => ({ claims: { iat: nowSeconds() + 61, exp: nowSeconds() + 300 } })],
    ['longer than six months', () => ({ claims: { exp: nowSeconds() + 15_777_001 } })],
    ['without iat', () => ({ claims: { iat: undefined } })],
    ['without exp', () => ({ claims: { exp: undefined } })],
  ])('refuses a client_secret %s', async (_, parts) => {
    expect(await token(codeFor(), { client_secret: secret(parts()) })).toEqual({
      status: 400,
      body: { error: 'invalid_client' },
    })
  })

  it('takes a client_secret of six months', async () => {
    const client_secret = secret({ claims: { exp: nowSeconds() + 15_777_000 } })
    expect(client_secret.split('.')[2]).toHaveLength(86)
    expect((await token(codeFor(), { client_secret })).status).toBe(200)
  })

  it('refuses the code of another client, whose owner can still use it', async () => {
    const ask = { client_id: 'com.foreign.web', redirect_uri: 'https://foreign.example.com/cb' }
    const code = codeFor('lilei', ask)
    expect((await token(code, { redirect_uri: ask.redirect_uri })).body).toEqual({ error: 'invalid_grant' })
    expect((await token(code, { ...ask, client_secret: foreignSecret() })).status).toBe(200)
  })

  it('redeems the code of an app for the bundle id only, and without a redirect_uri', async () => {
    const { code } = vendor.authorizeNative('lilei', { clientId: 'com.example.app' })
    expect((await token(code, { redirect_uri: undefined })).body).toEqual({ error: 'invalid_grant' })
    const asApp = { client_id: 'com.example.app', client_secret: appSecret() }
    expect((await token(code, asApp)).body).toEqual({ error: 'invalid_grant' })
    const { status, body } = await token(code, { ...asApp, redirect_uri: undefined })
    expect(status).toBe(200)
    expect(claimsOf(body['id_token'])['aud']).toBe('com.example.app')
  })

  it('redeems the code of an app once, within five minutes', async () => {
    const asApp = { client_id: 'com.example.app', client_secret: appSecret(), redirect_uri: undefined }
    const credential = () => vendor.authorizeNative('lilei', { clientId: 'com.example.app' })
    const [once, late] = [credential().code, credential().code]
    expect((await token(once, asApp)).status).toBe(200)
    expect((await token(once, asApp)).body).toEqual({ error: 'invalid_grant' })
    now += 300_000
    const fresh = { ...asApp, client_secret: appSecret() }
    expect((await token(late, fresh)).body).toEqual({ error: 'invalid_grant' })
    const theirs = vendor.authorizeNative('lilei', { clientId: 'com.foreign.app' })
    expect((await token(theirs.code, fresh)).body).toEqual({ error: 'invalid_grant' })
  })

  it('signs who it is for the bundle id, with the hash of the code', async () => {
    const { code, identityToken } = vendor.authorizeNative('lilei', { clientId: 'com.example.app' })
    expect(await isSigned(identityToken)).toBe(true)
    expect(claimsOf(identityToken)).toMatchObject({
      iss: vendor.issuer,
      aud: 'com.example.app',
      sub: vendor.subject('lilei', 'DEF123GHIJ'),
      c_hash: half(code),
    })
    expect(claimsOf(identityToken)).not.toHaveProperty('nonce')
    const theirs = vendor.authorizeNative('lilei', { clientId: 'com.foreign.app' }).identityToken
    expect(await isSigned(theirs)).toBe(true)
    expect(claimsOf(theirs)['aud']).toBe('com.foreign.app')
  })

  it('puts the nonce of an app into the token as it came', () => {
    const nonce = createHash('sha256').update('raw-nonce-0001').digest('hex')
    const { identityToken } = vendor.authorizeNative('lilei', { clientId: 'com.example.app', nonce })
    expect(claimsOf(identityToken)['nonce']).toBe('cc738730c72e8ece716178e8af77e3454d89dfa870d9fbb83fac40a42cba978f')
    expect(() => vendor.authorizeNative('lilei', { clientId: 'com.example.web' })).toThrow('no app')
  })

  it('refreshes as often as wanted, without a refresh token or a nonce in the answer', async () => {
    const refresh_token = textOf((await token(codeFor())).body['refresh_token'])
    now += 200 * 86_400_000
    for (const _ of [1, 2]) {
      const { status, body } = await token('', { grant_type: 'refresh_token', refresh_token, code: undefined })
      expect(status).toBe(200)
      expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'id_token', 'token_type'])
      expect(claimsOf(body['id_token'])).not.toHaveProperty('nonce')
    }
    const unknown = await token('', { grant_type: 'refresh_token', refresh_token: 'r0' })
    expect(unknown.body).toEqual({ error: 'invalid_grant' })
  })
})

describe('revocation', () => {
  const revoke = async (bent: Fields) => {
    const fields = { client_id: 'com.example.web', client_secret: secret(), token_type_hint: 'refresh_token' }
    const response = await postForm('/auth/revoke', { ...fields, ...bent })
    return { status: response.status, body: await response.text() }
  }

  it('ends the refresh token and what came with it, with an empty answer', async () => {
    const { body } = await token(codeFor())
    const [access, refresh] = [textOf(body['access_token']), textOf(body['refresh_token'])]
    expect([vendor.isLive(access), vendor.isLive(refresh)]).toEqual([true, true])
    expect(await revoke({ token: refresh })).toEqual({ status: 200, body: '' })
    expect([vendor.isLive(access), vendor.isLive(refresh)]).toEqual([false, false])
    const again = await token('', { grant_type: 'refresh_token', refresh_token: refresh })
    expect(again.body).toEqual({ error: 'invalid_grant' })
  })

  it('answers the same for a token it does not know', async () => {
    expect(await revoke({ token: 'r0' })).toEqual({ status: 200, body: '' })
  })

  it('leaves the token of another client alone', async () => {
    const { code } = vendor.authorizeNative('lilei', { clientId: 'com.example.app' })
    const asApp = { client_id: 'com.example.app', client_secret: appSecret(), redirect_uri: undefined }
    const refresh = textOf((await token(code, asApp)).body['refresh_token'])
    expect((await revoke({ token: refresh })).status).toBe(200)
    expect(vendor.isLive(refresh)).toBe(true)
  })

  it.each([
    ['a wrong secret', { token: 'r0', client_secret: 'x' }, 'invalid_client'],
    ['no token', {}, 'invalid_request'],
  ])('refuses %s', async (_, bent, error) => {
    expect(await revoke(bent)).toEqual({ status: 400, body: JSON.stringify({ error }) })
  })
})

describe('misbehaviour', () => {
  it.each<[AppleMisbehaviour, (claims: Record<string, unknown>) => unknown, unknown]>([
    ['wrong_aud', ({ aud }) => aud, 'com.example.of-somebody-else'],
    ['wrong_iss', ({ iss }) => iss, 'https://appleid.example.com'],
    ['expired', ({ exp }) => Number(exp) < nowSeconds(), true],
    ['wrong_nonce', ({ nonce }) => nonce, 'another-nonce'],
    ['nonce_unsupported', ({ nonce, nonce_supported }) => [nonce, nonce_supported], [undefined, false]],
  ])('%s is in a token that is signed well', async (misbehaviour, read, expected) => {
    vendor.misbehaviours.add(misbehaviour)
    const jwt = await idTokenFor()
    expect(read(claimsOf(jwt))).toEqual(expected)
    expect(await isSigned(jwt)).toBe(true)
    vendor.misbehaviours.clear()
    expect(read(claimsOf(await idTokenFor()))).not.toEqual(expected)
  })

  it('signs with a key it never published', async () => {
    vendor.misbehaviours.add('unpublished_key')
    expect(await isSigned(await idTokenFor())).toBe(false)
    expect(await isSigned(vendor.authorizeNative('lilei', { clientId: 'com.example.app' }).identityToken)).toBe(false)
  })

  it('signs with such a key under the kid of a published one', async () => {
    vendor.misbehaviours.add('false_signature')
    const jwt = textOf(await idTokenFor())
    const { kid } = JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }
    expect((await publishedKeys()).map((key) => key.kid)).toContain(kid)
    expect(await isSigned(jwt)).toBe(false)
  })
})

describe('trouble', () => {
  it('refuses with any code, keeping the authorization code', async () => {
    vendor.faults.push({ kind: 'refuse', code: 'unauthorized_client', path: '/auth/token' })
    const code = codeFor()
    expect((await fetch(`${vendor.url}/auth/keys`)).status).toBe(200)
    expect(await token(code)).toEqual({ status: 400, body: { error: 'unauthorized_client' } })
    expect((await token(code)).status).toBe(200)
  })

  it('loses the answer after the code was used', async () => {
    vendor.faults.push({ kind: 'reset_after_accept' })
    const code = codeFor()
    await expect(token(code)).rejects.toThrow()
    expect((await token(code)).body).toEqual({ error: 'invalid_grant' })
  })

  it('can be another issuer and another site than its address', async () => {
    await vendor.close()
    vendor = await startApple({
      clock: () => now,
      teams: [],
      people: [],
      hostname: 'localhost',
      issuer: 'https://appleid.apple.com',
    })
    expect(new URL(vendor.url).hostname).toBe('localhost')
    const response = await fetch(`${vendor.url}/.well-known/openid-configuration`)
    expect(await response.json()).toMatchObject({
      issuer: 'https://appleid.apple.com',
      jwks_uri: `${vendor.url}/auth/keys`,
    })
  })
})
