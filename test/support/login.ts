import { createHash } from 'node:crypto'
import { decodeJwt } from 'jose'
import type { UserId } from '../../src/base/ids.ts'
import type { Answer, Visitor } from './visitor.ts'
import type { World } from './world.ts'

/** A verifier everybody knows, for tests that are about something else. */
export const codeVerifier = 'v'.repeat(43)
export const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url')

/** An authorization request of a registered client. */
export function startLogin(
  world: Pick<World, 'issuer'>,
  clientId: string,
  redirectUri: string,
  more: Readonly<Record<string, string>> = {},
): URL {
  const url = new URL('/auth', world.issuer)
  url.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid',
    code_challenge: codeChallenge,
    code_challenge_method: 'S256',
    ...more,
  }).toString()
  return url
}

/** Goes from an authorization request to the login page. */
export async function reachLogin(visitor: Visitor, url: URL): Promise<Answer> {
  const page = await visitor.follow(await visitor.get(url))
  if (page.status !== 200) throw new Error(`no login page: ${page.status} ${page.text.slice(0, 300)}`)
  return page
}

/** Enters phone and code; the answer is the redirect to the client. */
export async function loginBySms(
  world: Pick<World, 'issuer' | 'port' | 'otp'>,
  visitor: Visitor,
  url: URL,
  phone: string,
): Promise<Answer> {
  const page = await reachLogin(visitor, url)
  const asked = await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' })
  if (asked.status !== 303) throw new Error(`no code was sent: ${asked.status} ${asked.text.slice(0, 2000)}`)
  const otp = await world.otp(`+86${phone}`)
  return visitor.follow(await visitor.post(page.url, { method: 'sms', otp }))
}

/** Enters identifier and password; the answer is what comes of it. */
export async function loginByPassword(
  visitor: Visitor,
  url: URL,
  identifier: string,
  password: string,
): Promise<Answer> {
  const page = await reachLogin(visitor, url)
  return visitor.follow(await visitor.post(page.url, { method: 'password', identifier, password, agreement: 'on' }))
}

/** Exchanges the code in a redirect at the token endpoint. */
export async function exchange(
  world: Pick<World, 'issuer' | 'port' | 'otp'>,
  clientId: string,
  redirectUri: string,
  location: string | undefined,
): Promise<Record<string, string>> {
  const code = new URL(location ?? '').searchParams.get('code') ?? ''
  const answer = await token(world, {
    grant_type: 'authorization_code',
    client_id: clientId,
    code,
    code_verifier: codeVerifier,
    redirect_uri: redirectUri,
  })
  return answer.body
}

/** Whose ID token it is, its signature unseen. Throws where there is none. */
export function subjectOf(tokens: Readonly<Record<string, string>>): UserId {
  return decodeJwt(tokens['id_token'] ?? '').sub as UserId
}

export async function token(
  world: Pick<World, 'port'>,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: Record<string, string> }> {
  const response = await fetch(`http://localhost:${world.port}/token`, {
    method: 'POST',
    headers,
    body: new URLSearchParams(form),
  })
  return { status: response.status, body: (await response.json()) as Record<string, string> }
}

/** What the introspection endpoint says of a token to its API, or to the public client it was issued to. */
export async function introspect(
  world: Pick<World, 'issuer'>,
  value: string | undefined,
  asker: string | Readonly<Record<string, string>>,
): Promise<Record<string, unknown>> {
  const isPublic = typeof asker === 'string'
  const response = await fetch(`${world.issuer}/token/introspection`, {
    method: 'POST',
    headers: isPublic ? {} : asker,
    body: new URLSearchParams({ token: value ?? '', ...(isPublic ? { client_id: asker } : {}) }),
  })
  return (await response.json()) as Record<string, unknown>
}
