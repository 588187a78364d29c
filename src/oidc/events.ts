import type { EventEmitter } from 'node:events'
import type { errors, KoaContextWithOIDC, Provider } from 'oidc-provider'
import { isId, type UserId } from '../base/ids.ts'
import type { Audit } from '../ops/audit.ts'
import type { Log } from '../ops/log.ts'
import type { Metrics } from '../ops/metrics.ts'
import { isNetworkError } from '../store/unavailable.ts'
import type { EndReason } from './endings.ts'
import { recordId } from './records.ts'

interface Dependencies {
  readonly log: Log
  readonly metrics: Metrics
  readonly audit: Audit
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

/** What happens inside the library, counted, logged with its private reason, and recorded where it matters for security. */
export function listen(provider: Provider, { log, metrics, audit }: Dependencies): void {
  const grantType = (ctx: KoaContextWithOIDC) => {
    const named = String(ctx.oidc?.params?.['grant_type'] ?? '')
    return grantTypes.has(named) ? named : 'other'
  }
  const about = (ctx: KoaContextWithOIDC) => ({
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
    const outcome = knownErrors.has(error.message) ? error.message : 'other'
    metrics.tokens.inc({ grant_type: grantType(ctx), outcome })
    const detail = (error as { error_detail?: string }).error_detail
    // A refusal tells the client little on purpose; the reason is here, under the id the client was given.
    log.info({ ...about(ctx), code: error.message, detail: detail ?? error.error_description }, 'token request refused')
    if (detail === 'refresh token already used' || detail === 'authorization code already consumed') {
      const { RefreshToken, AuthorizationCode } = ctx.oidc.entities
      const { accountId, grantId } = RefreshToken ?? AuthorizationCode ?? {}
      const about = { reason: detail, grant: grantId?.slice(0, 8) }
      void audit.record({ event: 'token.reused', userId: userIdOf(accountId), ...context(ctx), detail: about })
    }
  })

  const refused = (ctx: KoaContextWithOIDC, error: errors.OIDCProviderError) => {
    log.info(
      { ...about(ctx), code: error.message, detail: error.error_detail ?? error.error_description },
      'request refused',
    )
  }
  for (const route of refusing) provider.on(`${route}.error` as 'authorization.error', refused)

  // Whoever called the library answers it and logs it.
  provider.on('server_error', (ctx, error) => {
    ctx.state['failure'] = error
  })

  // Mostly a visitor who hung up while being answered. Without a listener koa would print it past the log.
  const koa: EventEmitter = provider
  koa.on('error', (error: unknown) => {
    log[isNetworkError(error) ? 'debug' : 'error']({ err: error }, 'an answer did not arrive')
  })

  provider.on('grant.revoked', (ctx, grantId) => {
    const { Account, RefreshToken, AccessToken, AuthorizationCode } = ctx.oidc.entities
    const token = RefreshToken ?? AccessToken ?? AuthorizationCode
    const accountId = Account?.accountId ?? token?.accountId ?? ctx.oidc.session?.accountId
    const userId = userIdOf(accountId)
    const reason = reasons[ctx.oidc.route] ?? 'reused'
    void audit.record({ event: 'grant.revoked', userId, ...context(ctx), detail: { reason, grant: grantId } })
  })

  provider.on('end_session.success', (ctx) => {
    const { session, params } = ctx.oidc
    const userId = userIdOf(session?.accountId)
    // Who signs out of one app only keeps the session; the grant that ended has a line of its own.
    if (!session || !userId || !params?.['logout']) return
    const detail = {
      reason: 'logout' satisfies EndReason,
      session: session.uid,
      key: recordId('Session', session.jti),
      login_at: session.loginTs,
      clients: Object.keys(session.authorizations ?? {}),
    }
    void audit.record({ event: 'session.ended', userId, ...context(ctx), detail })
  })
}

/** Why the library revokes a grant at a route; elsewhere because a code or token was used twice. */
const reasons: Readonly<Record<string, EndReason>> = { end_session_confirm: 'logout', revocation: 'app' }

function userIdOf(accountId: string | undefined): UserId | undefined {
  return isId('usr', accountId) ? accountId : undefined
}
