import type { Context } from 'koa'
import {
  type AuthorizationCode,
  type DeviceCode,
  type KoaContextWithOIDC,
  type OIDCContext,
  Provider,
  type RefreshToken,
} from 'oidc-provider'

/** The request that the library serves now, wherever it calls us; undefined outside of one, as in a command. */
export function currentContext(): KoaContextWithOIDC | undefined {
  return Provider.ctx
}

/** A request as the library knows it; undefined while, or when, the library is not asked about it. */
export function libraryContext(ctx: Context): KoaContextWithOIDC | undefined {
  const asked = ctx as unknown as KoaContextWithOIDC
  return (asked.oidc as OIDCContext | undefined) && asked
}

/** The parameters of a request that the endpoint knows; none before the library has read them. */
export function paramsOf(ctx: KoaContextWithOIDC | undefined): Readonly<Record<string, unknown>> {
  return ctx?.oidc?.params ?? {}
}

/**
 * The parameters of an authorization request as its client sent them, before the library has put anything in place of
 * what is missing; undefined at other endpoints, and where a request goes on that was pushed.
 */
export function givenByClient({ oidc, query }: KoaContextWithOIDC): Readonly<Record<string, unknown>> | undefined {
  if (oidc.route === 'pushed_authorization_request') return oidc.body ?? {}
  return oidc.route === 'authorization' && !oidc.entities.PushedAuthorizationRequest ? query : undefined
}

/** The client that an authorization request names, before the library has looked whether there is such a client. */
export function namedClient(ctx: KoaContextWithOIDC | undefined): string | undefined {
  const named = ctx?.oidc?.route === 'authorization' ? ctx.query['client_id'] : undefined
  return typeof named === 'string' ? named : undefined
}

/**
 * Has the library forget what it has changed in the session of a request, and write none. It keeps one for a form that
 * was posted without a session, and puts a new token for forms into it.
 */
export function leaveSessionUntouched({ oidc }: KoaContextWithOIDC): void {
  Object.assign(oidc.session ?? {}, { touched: false })
}

/**
 * What a token request exchanges, once the library has found and accepted it: each kind tells how the person logged
 * in.
 */
export function exchangedIn(
  ctx: KoaContextWithOIDC | undefined,
): AuthorizationCode | RefreshToken | DeviceCode | undefined {
  const { AuthorizationCode, RefreshToken, DeviceCode } = ctx?.oidc?.entities ?? {}
  return AuthorizationCode ?? RefreshToken ?? DeviceCode
}

/**
 * The refresh token whose place another takes in this request; the entity `RefreshToken` is the new one from then on.
 */
export function rotatedIn(ctx: KoaContextWithOIDC | undefined): RefreshToken | undefined {
  return ctx?.oidc?.entities.RotatedRefreshToken
}

/**
 * The scopes of the protocol that the answer to a token request grants: what was agreed to, and of that what a refresh
 * asks for. Empty where no person is behind the request.
 */
export function grantedProtocolScope(ctx: KoaContextWithOIDC | undefined): string {
  const { Grant: grant } = ctx?.oidc?.entities ?? {}
  const exchanged = exchangedIn(ctx)
  if (!ctx || !grant || !exchanged) return ''
  const asked = paramsOf(ctx)['scope'] ? ctx.oidc.requestParamScopes : exchanged.scopes
  return grant.getOIDCScopeFiltered(new Set(asked))
}

/** The refresh token that this request brought, whether another has taken its place or not. */
export function refreshedIn(ctx: KoaContextWithOIDC): RefreshToken | undefined {
  const { RefreshToken, RotatedRefreshToken } = ctx.oidc.entities
  return RotatedRefreshToken ?? (paramsOf(ctx)['grant_type'] === 'refresh_token' ? RefreshToken : undefined)
}

/** Puts another value in the place of a parameter, before the library uses it. */
export function replaceParam(ctx: KoaContextWithOIDC, name: string, value: string): void {
  Object.assign(ctx.oidc.params ?? {}, { [name]: value })
}

/** Has the `id_token_hint` of a request, which the library has verified, tell of another person. */
export function replaceHintedSubject(ctx: KoaContextWithOIDC, sub: string): void {
  Object.assign(hintedLogin(ctx) ?? {}, { sub })
}

/** Whose login the `id_token_hint` of a request tells of, once the library has verified it. */
export function hintedLogin({ oidc }: KoaContextWithOIDC): { readonly sub: string; readonly sid?: string } | undefined {
  const hint = oidc.entities.IdTokenHint as
    | { readonly payload: { readonly sub: string; readonly sid?: string } }
    | undefined
  return hint?.payload
}
