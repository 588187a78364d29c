import { once } from 'node:events'
import { type IncomingMessage, request as send } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type GithubSimulator, startGithub } from '../../sandbox/simulators/github.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
const callback = 'http://127.0.0.1:9/login/github/callback'
const li = 5_000_000_001
const wang = 42
let now = start
let vendor: GithubSimulator

beforeEach(async () => {
  now = start
  vendor = await startGithub({
    clock: () => now,
    apps: [
      { clientId: 'Iv1.ours', secret: 'our-secret', redirectUris: [callback, 'http://127.0.0.1:9/second'] },
      { clientId: 'Iv1.foreign', secret: 'foreign-secret', redirectUris: ['http://127.0.0.1:9/foreign'] },
    ],
    people: [
      {
        id: li,
        login: 'lilei',
        name: '李雷',
        publicEmail: 'public@example.com',
        emails: [
          { email: 'lilei@example.com', primary: true, verified: true, visibility: 'private' },
          { email: 'public@example.com', primary: false, verified: false, visibility: null },
        ],
      },
      { id: wang, login: 'wang', name: null, publicEmail: null, emails: [] },
    ],
  })
})

afterEach(() => vendor.close())

type Fields = Record<string, string | undefined>

/** The defined fields, in a query or a form. */
const encoded = (fields: Fields) => {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) params.append(name, value)
  return params
}

const goodAsk: Fields = {
  client_id: 'Iv1.ours',
  redirect_uri: callback,
  scope: 'read:user user:email',
  state: 'st4te',
  code_challenge: challenge,
  code_challenge_method: 'S256',
}
const address = (bent: Fields = {}) => `${vendor.url}/login/oauth/authorize?${encoded({ ...goodAsk, ...bent })}`
const codeIn = (location: string) => new URL(location).searchParams.get('code') ?? ''
const codeFor = (person = li, bent: Fields = {}) => codeIn(vendor.authorize(person, address(bent)))

const postToken = (fields: Fields, headers: Record<string, string> = { accept: 'application/json' }) =>
  fetch(`${vendor.url}/login/oauth/access_token`, { method: 'POST', headers, body: encoded(fields) })

const goodExchange = (code: string): Fields => ({
  client_id: 'Iv1.ours',
  client_secret: 'our-secret',
  code,
  redirect_uri: callback,
  code_verifier: verifier,
})

async function exchange(code: string, bent: Fields = {}): Promise<Record<string, string>> {
  const response = await postToken({ ...goodExchange(code), ...bent })
  expect(response.status).toBe(200)
  return (await response.json()) as Record<string, string>
}

const tokenFor = async (person = li, bent: Fields = {}) => (await exchange(codeFor(person, bent)))['access_token'] ?? ''
const api = (path: string, token: string, headers: Record<string, string> = {}) =>
  fetch(`${vendor.url}${path}`, { headers: { authorization: `Bearer ${token}`, 'user-agent': 'menshen', ...headers } })

describe('the authorization page', () => {
  it('shows who can log in, what is asked for, and two buttons', async () => {
    const response = await fetch(address({ login: 'wang' }))
    const page = await response.text()
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^text\/html/)
    expect(page).toContain('lilei (李雷)')
    expect(page).toContain(`value="${wang}" checked`)
    expect(page).toContain('scope: read:user user:email')
    expect(page).toContain('name="decision" value="accept"')
    expect(page).toContain('name="decision" value="refuse"')
  })

  it('sends a person who accepts back with a code and the state', async () => {
    const body = new URLSearchParams({ person: String(li), decision: 'accept' })
    const response = await fetch(address(), { method: 'POST', body, redirect: 'manual' })
    const location = new URL(response.headers.get('location') ?? '')
    expect(response.status).toBe(303)
    expect(location.origin + location.pathname).toBe(callback)
    expect(location.searchParams.get('state')).toBe('st4te')
    expect(await exchange(codeIn(location.href))).toMatchObject({ scope: 'read:user,user:email' })
  })

  it('sends a person who refuses back with access_denied, a description, an address and the state', async () => {
    const body = new URLSearchParams({ person: String(li), decision: 'refuse' })
    const response = await fetch(address(), { method: 'POST', body, redirect: 'manual' })
    const query = new URL(response.headers.get('location') ?? '').searchParams
    expect([...query.keys()]).toEqual(['error', 'error_description', 'error_uri', 'state'])
    expect(query.get('error')).toBe('access_denied')
    expect(vendor.authorize(li, address(), { decision: 'refuse' })).toContain('error=access_denied')
  })

  it.each([
    ['an unknown application', { client_id: 'Iv1.nobody' }, 404, 'not_found'],
    ['an unregistered redirect_uri', { redirect_uri: `${callback}/more` }, 400, 'redirect_uri_mismatch'],
    [
      "another application's redirect_uri",
      { redirect_uri: 'http://127.0.0.1:9/foreign' },
      400,
      'redirect_uri_mismatch',
    ],
    ['a plain challenge', { code_challenge_method: 'plain' }, 400, 'invalid_request'],
    ['a challenge without a method', { code_challenge_method: undefined }, 400, 'invalid_request'],
    ['a method without a challenge', { code_challenge: undefined }, 400, 'invalid_request'],
    ['a challenge of 42 characters', { code_challenge: challenge.slice(1) }, 400, 'invalid_request'],
    ['a challenge of 44 characters', { code_challenge: `${challenge}A` }, 400, 'invalid_request'],
  ])('sends nobody back for %s', async (_, bent, status, code) => {
    const response = await fetch(address(bent), { redirect: 'manual' })
    expect(response.status).toBe(status)
    expect(await response.text()).toContain(`<code>${code}</code>`)
    expect(() => vendor.authorize(li, address(bent))).toThrow(code)
  })

  it('uses the first registered redirect_uri when none is named', () => {
    expect(vendor.authorize(li, address({ redirect_uri: undefined }))).toContain(`${callback}?code=`)
  })

  it('refuses a parameter that comes twice', () => {
    expect(() => vendor.authorize(li, `${address()}&state=other`)).toThrow('invalid_request')
  })
})

describe('the code exchange', () => {
  it('answers form-encoded unless JSON is asked for', async () => {
    const response = await postToken(goodExchange(codeFor()), {})
    expect(response.headers.get('content-type')).toMatch(/^application\/x-www-form-urlencoded/)
    const answer = new URLSearchParams(await response.text())
    expect(answer.get('access_token')).toMatch(/^gho_/)
    expect(answer.get('scope')).toBe('read:user,user:email')
    expect(answer.get('token_type')).toBe('bearer')
  })

  it('answers errors form-encoded too, with status 200', async () => {
    const response = await postToken(goodExchange('never'), {})
    expect(response.status).toBe(200)
    expect(new URLSearchParams(await response.text()).get('error')).toBe('bad_verification_code')
  })

  it('lists the granted scopes with commas, which may be fewer than asked for', async () => {
    expect(await exchange(codeFor())).toMatchObject({ scope: 'read:user,user:email', token_type: 'bearer' })
    const fewer = vendor.authorize(li, address(), { scopes: ['read:user'] })
    expect(await exchange(codeIn(fewer))).toMatchObject({ scope: 'read:user' })
    expect(await exchange(codeFor(li, { scope: 'read:user,user:email' }))).toMatchObject({ scope: '' })
  })

  it('takes a code once', async () => {
    const code = codeFor()
    await exchange(code)
    const again = await exchange(code)
    expect(again).toMatchObject({ error: 'bad_verification_code' })
    expect(Object.keys(again)).toEqual(['error', 'error_description', 'error_uri'])
  })

  it('takes a code for 10 minutes', async () => {
    const [inTime, late] = [codeFor(), codeFor()]
    now += 599_999
    expect(await exchange(inTime)).toHaveProperty('access_token')
    now += 1
    expect(await exchange(late)).toMatchObject({ error: 'bad_verification_code' })
  })

  it.each([
    ['an unknown client_id', { client_id: 'Iv1.nobody' }, 'incorrect_client_credentials'],
    ['a wrong secret', { client_secret: 'wrong' }, 'incorrect_client_credentials'],
    ['no secret', { client_secret: undefined }, 'incorrect_client_credentials'],
    ['another redirect_uri of the application', { redirect_uri: 'http://127.0.0.1:9/second' }, 'redirect_uri_mismatch'],
    ['a wrong verifier', { code_verifier: verifier.replace('d', 'e') }, 'bad_verification_code'],
    ['no verifier', { code_verifier: undefined }, 'bad_verification_code'],
    ['no code', { code: undefined }, 'bad_verification_code'],
  ])('refuses %s', async (_, bent, error) => {
    expect(await exchange(codeFor(), bent)).toMatchObject({ error })
  })

  it('refuses a verifier for a code that was asked for without a challenge', async () => {
    const without = { code_challenge: undefined, code_challenge_method: undefined }
    expect(await exchange(codeFor(li, without))).toMatchObject({ error: 'bad_verification_code' })
    expect(await exchange(codeFor(li, without), { code_verifier: undefined })).toHaveProperty('access_token')
  })

  it('refuses the code of another application, whose owner can still use it', async () => {
    const foreign = { client_id: 'Iv1.foreign', redirect_uri: 'http://127.0.0.1:9/foreign' }
    const code = codeFor(li, foreign)
    expect(await exchange(code)).toMatchObject({ error: 'bad_verification_code' })
    expect(await exchange(code, { ...foreign, client_secret: 'foreign-secret' })).toHaveProperty('access_token')
  })

  it('uses the code up when the verifier is wrong', async () => {
    const code = codeFor()
    await exchange(code, { code_verifier: 'wrong' })
    expect(await exchange(code)).toMatchObject({ error: 'bad_verification_code' })
  })

  it('does not read credentials from the query or a JSON body', async () => {
    const fields = encoded(goodExchange(codeFor()))
    const path = `${vendor.url}/login/oauth/access_token`
    const headers = { accept: 'application/json', 'content-type': 'application/json' }
    const inQuery = await fetch(`${path}?${fields}`, { method: 'POST', headers })
    const inJson = await fetch(path, { method: 'POST', headers, body: JSON.stringify(Object.fromEntries(fields)) })
    expect(await inQuery.json()).toMatchObject({ error: 'incorrect_client_credentials' })
    expect(await inJson.json()).toMatchObject({ error: 'incorrect_client_credentials' })
  })
})

describe('the profile', () => {
  it('has a numeric id and may lack name and e-mail', async () => {
    const answer = await (await api('/user', await tokenFor())).json()
    expect(answer).toMatchObject({ id: li, login: 'lilei', name: '李雷', email: 'public@example.com' })
    expect(Object.keys(answer as object)).toEqual(['id', 'login', 'name', 'email', 'avatar_url', 'node_id'])
    const other = await (await api('/user', await tokenFor(wang))).json()
    expect(other).toMatchObject({ id: wang, name: null, email: null })
  })

  it('keeps the id when the login goes to somebody else', async () => {
    const [first, second] = [await tokenFor(), await tokenFor(wang)]
    vendor.rename(li, 'lilei-old')
    vendor.rename(wang, 'lilei')
    expect(await (await api('/user', first)).json()).toMatchObject({ id: li, login: 'lilei-old' })
    expect(await (await api('/user', second)).json()).toMatchObject({ id: wang, login: 'lilei' })
    expect(() => vendor.rename(li, 'lilei')).toThrow('taken')
  })

  it('refuses a request without User-Agent', async () => {
    const headers = { authorization: `Bearer ${await tokenFor()}` }
    const [incoming]: IncomingMessage[] = await once(send(`${vendor.url}/user`, { headers }).end(), 'response')
    incoming?.resume()
    expect(incoming?.statusCode).toBe(403)
  })

  it('refuses a token it never gave, one in another scheme, and one the person revoked', async () => {
    const token = await tokenFor()
    expect((await api('/user', 'gho_never')).status).toBe(401)
    expect((await api('/user', token, { authorization: `Basic ${token}` })).status).toBe(401)
    vendor.revoke(li)
    const revoked = await api('/user', token)
    expect(revoked.status).toBe(401)
    expect(await revoked.json()).toEqual({ message: 'Bad credentials' })
  })

  it('lists the e-mail addresses only with user:email', async () => {
    const withScope = await api('/user/emails', await tokenFor())
    expect(await withScope.json()).toEqual([
      { email: 'lilei@example.com', primary: true, verified: true, visibility: 'private' },
      { email: 'public@example.com', primary: false, verified: false, visibility: null },
    ])
    expect((await api('/user/emails', await tokenFor(li, { scope: 'read:user' }))).status).toBe(404)
  })
})

describe('trouble', () => {
  it('keeps every request with its secrets, in order', async () => {
    await tokenFor()
    const [only] = vendor.requests
    expect(vendor.requests).toHaveLength(1)
    expect(only).toMatchObject({ method: 'POST', path: '/login/oauth/access_token', rawQuery: '', at: start })
    expect(only?.body).toContain('client_secret=our-secret')
  })

  it('refuses with any code, keeping the authorization code', async () => {
    vendor.faults.push({ kind: 'refuse', code: 'unverified_user_email' })
    const code = codeFor()
    expect(await exchange(code)).toMatchObject({ error: 'unverified_user_email' })
    expect(await exchange(code)).toHaveProperty('access_token')
  })

  it('refuses an API call with a status, and says when to come back', async () => {
    const token = await tokenFor()
    vendor.faults.push({ kind: 'refuse', code: '429' }, { kind: 'refuse', code: '404', path: '/user/emails' })
    const limited = await api('/user', token)
    expect(limited.status).toBe(429)
    expect(limited.headers.get('x-ratelimit-remaining')).toBe('0')
    expect((await api('/user', token)).status).toBe(200)
    expect((await api('/user/emails', token)).status).toBe(404)
  })

  it('loses the answer after the code was used', async () => {
    vendor.faults.push({ kind: 'reset_after_accept' })
    const code = codeFor()
    await expect(exchange(code)).rejects.toThrow()
    expect(await exchange(code)).toMatchObject({ error: 'bad_verification_code' })
  })

  it('resets before anything happened', async () => {
    vendor.faults.push({ kind: 'reset_before_accept' })
    const code = codeFor()
    await expect(exchange(code)).rejects.toThrow()
    expect(await exchange(code)).toHaveProperty('access_token')
  })

  it('answers late', async () => {
    vendor.faults.push({ kind: 'latency', ms: 60_000 })
    const call = fetch(`${vendor.url}/user`, { signal: AbortSignal.timeout(50) })
    await expect(call).rejects.toThrow('timeout')
  })

  it.each([
    ['server_error', 500, 'Internal Server Error'],
    ['bad_gateway_html', 502, '<html><body>502 Bad Gateway</body></html>'],
    ['html_instead', 200, '<html><body>Service maintenance</body></html>'],
  ] as const)('%s answers with %d', async (kind, status, body) => {
    vendor.faults.push({ kind })
    const response = await postToken(goodExchange(codeFor()))
    expect(response.status).toBe(status)
    expect(await response.text()).toBe(body)
  })

  it('cuts the answer short', async () => {
    vendor.faults.push({ kind: 'truncated_json' })
    await expect(exchange(codeFor())).rejects.toThrow(SyntaxError)
  })

  it('announces more than it sends', async () => {
    vendor.faults.push({ kind: 'wrong_length' })
    await expect(exchange(codeFor())).rejects.toThrow('terminated')
  })

  it('sends the second half of the body late', async () => {
    vendor.faults.push({ kind: 'slow_body', ms: 60_000 })
    const patience = new AbortController()
    const headers = { authorization: 'Bearer x' }
    const response = await fetch(`${vendor.url}/user`, { headers, signal: patience.signal })
    setTimeout(() => patience.abort(new Error('enough')), 200)
    await expect(response.text()).rejects.toThrow('enough')
  })

  it('leaves the pages alone', async () => {
    vendor.faults.push({ kind: 'server_error' })
    expect((await fetch(address())).status).toBe(200)
    expect(vendor.faults).toHaveLength(1)
  })

  it('knows no other address', async () => {
    expect((await api('/login/oauth/access_token', 'x')).status).toBe(404)
    expect((await api('/constructor', 'x')).status).toBe(404)
  })
})
