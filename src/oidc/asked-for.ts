import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import { claimsByScope, isReleasable, type ProfileClaim, scopeOf } from './clients/claims.ts'
import { paramsOf } from './library/context.ts'
import type { Grantable } from './library/grant-scopes.ts'
import { consentKey, type Decisions } from './records/consents.ts'

/** What an authorization request asks a person for. */
export interface AskedFor {
  /** Of the protocol. */
  readonly scopes: readonly string[]
  /** Named one by one in the parameter `claims` (OIDC Core §5.5). */
  readonly claims: readonly string[]
  /** Scopes by API. */
  readonly resources: Readonly<Record<string, readonly string[]>>
}

/** What a running request asks for. */
export function askedForIn(ctx: KoaContextWithOIDC): AskedFor {
  const { oidc } = ctx
  const asked = String(paramsOf(ctx)['scope'] ?? '').split(' ')
  return {
    scopes: [...oidc.requestParamOIDCScopes],
    claims: [...oidc.requestParamClaims],
    resources: Object.fromEntries(
      Object.entries(oidc.resourceServers ?? {}).map(([resource, { scopes }]) => [
        resource,
        [...new Set(asked)].filter((each) => scopes.has(each)),
      ]),
    ),
  }
}

/**
 * What a person decides about, each thing once: a claim that is named by itself is decided with the scope that people
 * know it by. A claim whose scope the client is not registered for is nobody's to allow.
 */
export function consentKeysOf(asked: AskedFor, client: Client): readonly string[] {
  const byClaims = asked.claims.flatMap((claim) => {
    const scope = scopeOfClaim(claim, client)
    return scope === undefined || scope === 'openid' ? [] : [scope]
  })
  const byResources = Object.entries(asked.resources).flatMap(([resource, scopes]) =>
    scopes.map((scope) => consentKey(scope, resource)),
  )
  return [...new Set([...asked.scopes, ...byClaims, ...byResources])]
}

/** The same decisions for each thing that a request asks for, as a grant takes them. */
export function settledBy(
  decisions: Decisions,
  asked: AskedFor,
  client: Client,
): readonly { readonly what: Grantable; readonly isGranted: boolean }[] {
  const isGranted = (key: string | undefined) => key !== undefined && decisions[key] === true
  return [
    ...asked.scopes.map((scope) => ({ what: { scope }, isGranted: isGranted(consentKey(scope)) })),
    ...asked.claims.map((claim) => ({ what: { claim }, isGranted: isGranted(scopeOfClaim(claim, client)) })),
    ...Object.entries(asked.resources).flatMap(([resource, scopes]) =>
      scopes.map((scope) => ({ what: { scope, resource }, isGranted: isGranted(consentKey(scope, resource)) })),
    ),
  ]
}

function scopeOfClaim(claim: string, client: Client): string | undefined {
  if (!isReleasable(claim)) return undefined
  const scope = (claimsByScope.openid as readonly string[]).includes(claim) ? 'openid' : scopeOf(claim as ProfileClaim)
  return client.scope?.split(' ').includes(scope) ? scope : undefined
}
