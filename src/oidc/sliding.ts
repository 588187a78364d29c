import type { AccessToken, ClientCredentials, KoaContextWithOIDC, RefreshToken } from 'oidc-provider'
import type { ClientPolicies } from './clients/client-policies.ts'
import {
  grantMarginSeconds,
  grantSeconds,
  maxSeconds,
  remainingSeconds,
  type Sliding,
  sessionSeconds,
  worthwhileGain,
} from './clients/lifetimes.ts'
import { looksLikeJwt } from './jwt-origin.ts'
import { refreshedIn, rotatedIn } from './library/context.ts'
import { apiOf } from './records/api-tokens.ts'
import { familySince } from './records/family-life.ts'
import { usedPrecisionSeconds } from './records/records.ts'
import type { Unit } from './records/unit.ts'

interface Dependencies {
  readonly unit: Unit
  readonly policies: ClientPolicies
  readonly nowSeconds: number
}

/**
 * Prolongs what a successful request has used: an access token that slides and the session it is bound to, at userinfo
 * and introspection; at a refresh the grant, when the policy has become longer since, and a refresh token that stays.
 * It waits for the statement the request ends with, and is left out while too little would be gained. The answer of an
 * introspection tells the new expiry.
 */
export async function slideUsed(ctx: KoaContextWithOIDC, dependencies: Dependencies): Promise<void> {
  const { route, entities } = ctx.oidc
  if (ctx.status !== 200) return
  const body = ctx.body as Record<string, unknown> | undefined
  const isAskedAbout = route === 'introspection' && body?.['active'] === true
  const token = entities.AccessToken ?? entities.ClientCredentials
  const refreshed = route === 'token' ? refreshedIn(ctx) : undefined
  if (refreshed) {
    slideGrant(refreshed, ctx, dependencies)
    if (refreshed !== rotatedIn(ctx)) slideFamily(refreshed, dependencies)
  }
  if (route === 'token') claimGrant(ctx, dependencies)
  if (!token || !(isAskedAbout || route === 'userinfo')) return
  const session = await sessionOf(token, dependencies)
  const expiresAt = await slideToken(token, { session, grantEnd: entities.Grant?.exp }, dependencies)
  if (isAskedAbout && body && expiresAt !== undefined) body['exp'] = expiresAt
  if (session) slideSession(session, dependencies)
}

/** The browser session without which a token is worth nothing. */
interface BoundSession {
  readonly uid: string
  readonly loginTs: number
  readonly exp: number
  readonly authorizations: object | undefined
}

async function sessionOf(
  token: AccessToken | ClientCredentials,
  { unit }: Dependencies,
): Promise<BoundSession | undefined> {
  if (!('sessionUid' in token) || token.sessionUid === undefined || !token.expiresWithSession) return undefined
  const { loginTs, exp, authorizations } = (await unit.findSessionByUid(token.sessionUid)) ?? {}
  if (typeof loginTs !== 'number') return undefined
  return { uid: token.sessionUid, loginTs, exp: Number(exp), authorizations: authorizations as object | undefined }
}

/** What a token hangs on. */
interface Around {
  readonly session: BoundSession | undefined
  readonly grantEnd: number | undefined
}

/**
 * The moments, in seconds since the epoch, beyond which a token does not slide: the `session.max` of its own app, when
 * the token is bound to a session; the limit of its family of refresh tokens; the end of its grant. A token that went
 * further would promise what has ended by then.
 */
async function endsOf(
  { kind, jti, clientId = '' }: AccessToken | ClientCredentials,
  { session, grantEnd }: Around,
  { unit, policies }: Dependencies,
): Promise<readonly number[]> {
  const limits = policies.lifetimes({ clientId })
  const payload = kind === 'AccessToken' ? await unit.find('AccessToken', jti) : undefined
  const since = payload?.['familySince']
  return [
    ...(session ? [session.loginTs + maxSeconds(limits.session)] : []),
    ...(typeof since === 'number' ? [since + maxSeconds(limits.refresh)] : []),
    ...(grantEnd === undefined ? [] : [grantEnd]),
  ]
}

/** Answers the new expiry, or undefined when it stays. */
async function slideToken(
  token: AccessToken | ClientCredentials,
  around: Around,
  dependencies: Dependencies,
): Promise<number | undefined> {
  const { unit, policies, nowSeconds } = dependencies
  const resource = apiOf(token)
  const { clientId, iat, exp } = token
  // A JWT, which userinfo takes too, has no row that could slide.
  if (clientId === undefined || iat === undefined || exp === undefined || looksLikeJwt(token.jti)) return undefined
  const limit = policies.accessLimit(resource, { clientId })
  const wanted = prolonged(limit, nowSeconds, iat)
  const isWorthwhile = (end: number) => end - exp >= worthwhileGain(limit.idle)
  if (!isWorthwhile(wanted)) return undefined
  const target = Math.min(wanted, ...(await endsOf(token, around, dependencies)))
  if (!isWorthwhile(target)) return undefined
  unit.slide(token.kind === 'AccessToken' ? 'AccessToken' : 'ClientCredentials', token.jti, target)
  return target
}

function prolonged({ idle, max }: Sliding, nowSeconds: number, sinceSeconds: number): number {
  return Math.min(nowSeconds + idle, sinceSeconds + maxSeconds({ idle, max }))
}

/** Without this an app that calls its API all day would be logged out because its user did not come by the login. */
function slideSession(session: BoundSession, { unit, policies, nowSeconds }: Dependencies): void {
  const { uid, loginTs, exp, authorizations } = session
  const limits = policies.sessionLimits(authorizations)
  if (nowSeconds - loginTs >= Math.max(...limits.map(maxSeconds))) return
  const life = sessionSeconds(limits, nowSeconds - loginTs)
  const isStale = nowSeconds - unit.sessions.useOf(uid) >= usedPrecisionSeconds
  if (isStale || nowSeconds + life - exp >= worthwhileGain(life)) unit.slideSession(uid, nowSeconds + life)
}

/** The same token is used again: it lives on as a successor would. */
function slideFamily(token: RefreshToken, { unit, policies, nowSeconds }: Dependencies): void {
  const { clientId = '', exp, jti } = token
  const limit = policies.lifetimes({ clientId }).refresh
  const target = nowSeconds + remainingSeconds(limit, nowSeconds - familySince(token))
  if (exp !== undefined && target - exp >= worthwhileGain(limit.idle)) unit.slide('RefreshToken', jti, target)
}

/** The grant of a login in an app lives no longer than its code, until that is exchanged. */
function claimGrant(
  { oidc: { client, entities } }: KoaContextWithOIDC,
  { unit, policies, nowSeconds }: Pick<Dependencies, 'unit' | 'policies' | 'nowSeconds'>,
): void {
  const { AuthorizationCode: code, Grant: grant } = entities
  if (!code || code.sessionUid !== undefined || !client || !grant?.jti) return
  const target = nowSeconds + grantSeconds(policies.lifetimes(client))
  if (target - (grant.exp ?? target) > grantMarginSeconds) unit.slide('Grant', grant.jti, target)
}

/** A token family that may live longer than when it began needs a grant that does. */
function slideGrant(
  old: RefreshToken,
  ctx: KoaContextWithOIDC,
  { unit, policies }: Pick<Dependencies, 'unit' | 'policies'>,
): void {
  const { client, grant } = ctx.oidc
  if (!old.iiat || !client || !grant?.jti) return
  const target = old.iiat + grantSeconds(policies.lifetimes(client))
  if (target - (grant.exp ?? target) > grantMarginSeconds) unit.slide('Grant', grant.jti, target)
}
