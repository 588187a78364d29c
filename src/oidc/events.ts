import type { EventEmitter } from 'node:events'
import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { OwnerMessage } from '../accounts/owner-messages.ts'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { isId, type UserId } from '../base/ids.ts'
import type { Audit } from '../ops/audit.ts'
import type { Log } from '../ops/log.ts'
import type { Metrics } from '../ops/metrics.ts'
import { isNetworkError } from '../store/unavailable.ts'
import type { EndReason } from './endings/endings.ts'
import { currentContext, paramsOf } from './library/context.ts'
import { type errors, isBodyTooLarge, isJwtFault, isSecondUse, privateReason } from './library/faults.ts'
import { authorizationsIn } from './library/payload.ts'
import { grantSource } from './records/grant-source.ts'
import { recordId } from './records/records.ts'
import type { SignIn } from './records/sign-in.ts'
import type { Unit } from './records/unit.ts'
import type { UnitOfWork } from './records/unit-of-work.ts'

interface Dependencies {
  readonly log: Log
  readonly metrics: Metrics
  readonly audit: Audit
  readonly units: UnitOfWork
  /** Tells owners of accounts. */
  readonly tell: (message: OwnerMessage) => Promise<void>
  readonly clock: Clock
}

const grantTypes = new Set([
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
])
const knownErrors = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
  'invalid_dpop_proof',
  'use_dpop_nonce',
  'authorization_pending',
  'slow_down',
  'expired_token',
  'access_denied',
  'insufficient_authorization',
])

/** Routes of the library that refuse with an event of their own; the token endpoint's is handled apart. */
const refusing = [
  'authorization',
  'pushed_authorization_request',
  'device_authorization',
  'code_verification',
  'device_resume',
  'userinfo',
  'introspection',
  'revocation',
  'end_session',
  'end_session_confirm',
]

/**
 * Counts and logs what happens inside the library, with its private reason, and writes into the audit what matters for
 * security.
 */
export function listen(provider: Provider, { log, metrics, audit, units, tell, clock }: Dependencies): void {
  const grantType = (ctx: KoaContextWithOIDC) => {
    const named = String(paramsOf(ctx)['grant_type'] ?? '')
    return grantTypes.has(named) ? named : 'other'
  }
  const requestFields = (ctx: KoaContextWithOIDC) => ({
    request_id: ctx.state['requestId'] as string | undefined,
    route: ctx.oidc?.route,
    client_id: ctx.oidc?.client?.clientId,
  })
  const context = (ctx: KoaContextWithOIDC) => ({
    requestId: ctx.state['requestId'] as string | undefined,
    ip: ctx.state['ip'] as string | undefined,
    clientId: ctx.oidc?.client?.clientId,
  })

  provider.on('grant.success', (ctx) => {
    metrics.tokens.inc({ grant_type: grantType(ctx), outcome: 'issued' })
  })

  provider.on('grant.error', (ctx, error) => {
    noteTooLarge(ctx, error)
    const outcome = knownErrors.has(error.message) ? error.message : 'other'
    metrics.tokens.inc({ grant_type: grantType(ctx), outcome })
    const detail = privateReason(error)
    // A refusal tells the client little on purpose; the reason is here, under the id the client was given.
    log.info(
      { ...requestFields(ctx), code: error.message, detail: detail ?? error.error_description },
      'token request refused',
    )
    if (isSecondUse(detail)) {
      void tokenOf(ctx, units.current()).then(({ accountId, grantId }) => {
        const reused = {
          reason: detail,
          grant: grantId,
          ...deviceAndMethod(grantId && units.current()?.about(grantId)),
        }
        const userId = userIdOf(accountId)
        const told = userId && tell({ userId, event: 'token_reused', at: new Date(clock()) })
        told?.catch((err: unknown) => log.error({ err, user_id: userId }, 'the owner of a token was not told'))
        return audit.write({ event: 'token.reused', userId, ...context(ctx), detail: reused })
      })
    }
  })

  const refused = (ctx: KoaContextWithOIDC, error: errors.OIDCProviderError) => {
    noteTooLarge(ctx, error)
    // That is no refusal in the end: `jwtAnswers` says what is so.
    if (isJwtFault(error)) return
    log.info(
      { ...requestFields(ctx), code: error.message, detail: privateReason(error) ?? error.error_description },
      'request refused',
    )
  }
  for (const route of refusing) provider.on(`${route}.error` as 'authorization.error', refused)

  // Whoever called the library answers it and logs it.
  provider.on('server_error', (ctx, error) => {
    ctx.state['failure'] = error
  })

  // Mostly a visitor who closed the connection while being answered. Without a listener koa would print it beside the
  // log.
  const koa: EventEmitter = provider
  koa.on('error', (error: unknown) => {
    log[isNetworkError(error) ? 'debug' : 'error']({ err: error }, 'an answer did not arrive')
  })

  const revoked = (ctx: KoaContextWithOIDC, grantId: string) => {
    const unit = units.current()
    const reason = reasons[ctx.oidc.route] ?? 'reused'
    const ended = { reason, grant: grantId, ...deviceAndMethod(unit?.about(grantId) ?? unit?.sessions.about()) }
    const clientId = clientOf(grantId, ctx, unit)
    const brought = paramsOf(ctx)['refresh_token'] ?? paramsOf(ctx)['token']
    const own = typeof brought === 'string' ? [recordId('RefreshToken', brought)] : []
    // Written after the grant has ended, because the write that ends it says which tokens went; and before the answer,
    // because the person comes to the login page at once, which tells why.
    const writeEnding = async (last: readonly string[]) => {
      const accountId = ctx.oidc.entities.Account?.accountId ?? (await tokenOf(ctx, unit)).accountId
      const userId = userIdOf(accountId ?? ctx.oidc.session?.accountId)
      const detail = { ...ended, tokens: [...new Set([...own, ...last])] }
      await audit.write({ event: 'grant.revoked', userId, ...context(ctx), clientId, detail })
    }
    if (unit) unit.grantEndings.when(grantId, writeEnding)
    else void writeEnding([])
  }
  provider.on('grant.revoked', revoked)
  // When an access token is revoked, the library ends every other token of its grant, and leaves the grant without an
  // event.
  provider.on('access_token.destroyed', ({ grantId }) => {
    const ctx = currentContext()
    if (ctx?.oidc.route === 'revocation' && grantId) revoked(ctx, grantId)
  })

  provider.on('end_session.success', (ctx) => {
    const { session, params } = ctx.oidc
    const userId = userIdOf(session?.accountId)
    // Somebody who signs out of one app only keeps the session; the grant that ended has a line of its own.
    if (!session || !userId || !params?.['logout']) return
    const detail = {
      reason: 'logout' satisfies EndReason,
      session: session.uid,
      key: recordId('Session', session.jti),
      login_at: session.loginTs,
      clients: Object.keys(session.authorizations ?? {}),
      ...deviceAndMethod(units.current()?.sessions.about()),
    }
    void audit.write({ event: 'session.ended', userId, ...context(ctx), detail })
  })
}

/** For the library, a body over its limit is one that it cannot read; we answer 413 instead. */
function noteTooLarge(ctx: KoaContextWithOIDC, error: Error): void {
  if (isBodyTooLarge(error)) ctx.state['failure'] = new AppError('request.too_large', { cause: error.cause })
}

interface Token {
  readonly accountId?: string | undefined
  readonly grantId?: string | undefined
}

/**
 * The token or code of a request. When a code comes twice, the library does not name it in the event, but this request
 * has read it.
 */
async function tokenOf(ctx: KoaContextWithOIDC, unit: Unit | undefined): Promise<Token> {
  const { RefreshToken, AccessToken, AuthorizationCode, DeviceCode } = ctx.oidc.entities
  const known: Token | undefined = RefreshToken ?? AccessToken ?? AuthorizationCode ?? DeviceCode
  const source = grantSource(ctx)
  if (known || !source) return known ?? {}
  return ((await unit?.find(source.model, source.value)) ?? {}) as Token
}

/** The client of a grant: at a logout it may be any app's, while the request belongs to one app or none. */
function clientOf(grantId: string, { oidc }: KoaContextWithOIDC, unit: Unit | undefined): string | undefined {
  const session = oidc.session && unit?.sessions.byCookie(oidc.session.uid)?.payload
  const held = Object.entries(authorizationsIn(session))
  return held.find(([, each]) => each.grantId === grantId)?.[0] ?? oidc.client?.clientId
}

/** How and on which device somebody signed in, as `endedDetail` says it too. */
function deviceAndMethod(about: string | undefined): Partial<Pick<SignIn, 'device' | 'method'>> {
  if (!about) return {}
  const { device, method } = JSON.parse(about) as Partial<SignIn>
  return { ...(device === undefined ? {} : { device }), ...(method === undefined ? {} : { method }) }
}

/** Why the library revokes a grant, by route; at any other route because a code or token was used twice. */
const reasons: Readonly<Record<string, EndReason>> = { end_session_confirm: 'logout', revocation: 'app' }

function userIdOf(accountId: string | undefined): UserId | undefined {
  return isId('usr', accountId) ? accountId : undefined
}
