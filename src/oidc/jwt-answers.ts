import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import type { AccountDirectory } from '../accounts/directory.ts'
import { type Clock, epochSeconds } from '../base/clock.ts'
import type { EphemeralStore } from '../store/ephemeral.ts'
import { digest } from '../store/seal.ts'
import { standingAccount } from './account-finder.ts'
import type { ClientPolicies } from './clients/client-policies.ts'
import type { OwnJwt, ReadJwt } from './jwt-origin.ts'
import { paramsOf } from './library/context.ts'
import { isAboutJwt } from './library/faults.ts'
import { newAccessToken } from './library/models.ts'
import type { Unit } from './records/unit.ts'
import type { UnitOfWork } from './records/unit-of-work.ts'

interface Dependencies {
  readonly read: () => ReadJwt
  readonly policies: () => ClientPolicies
  readonly units: UnitOfWork
  readonly directory: AccountDirectory
  /** Remembers machines' tokens that were given back: nothing else hangs on them that could end. */
  readonly store: EphemeralStore
  readonly clock: Clock
}

/**
 * Answers for JWTs at introspection and revocation. The library refuses any JWT there once the client is
 * authenticated, with an error that neither RFC 7662 nor, for a token somebody merely gives back, RFC 7009 §2.2 wants.
 */
export function jwtAnswers({ read, policies, units, directory, store, clock }: Dependencies) {
  const mark = ({ claims }: OwnJwt) => `revoked-token:${digest(String(claims.jti))}`

  async function stands({ oidc }: KoaContextWithOIDC, jwt: OwnJwt): Promise<boolean> {
    const { provider } = oidc
    const { grantId, sessionUid } = jwt.origin
    const { sub, client_id: clientId, auth_time: authTime } = jwt.claims
    if (!(await provider.Client.find(clientId))) return false
    if (grantId === undefined) return (await store.get(mark(jwt))) === undefined
    const [grant, account, session] = await Promise.all([
      provider.Grant.find(grantId),
      standingAccount({ units, directory }, String(sub), typeof authTime === 'number' ? authTime : undefined),
      sessionUid === undefined ? undefined : provider.Session.findByUid(sessionUid),
    ])
    if (!account || grant?.accountId !== sub || grant?.clientId !== clientId) return false
    oidc.entity('Grant', grant)
    return sessionUid === undefined || (session?.accountId === sub && session?.grantIdFor(clientId) === grantId)
  }

  async function introspected(ctx: KoaContextWithOIDC, client: Client, value: string): Promise<object> {
    const jwt = await read()(value)
    if (!jwt) return inactive
    const { aud, client_id: clientId, cnf } = jwt.claims
    const isAllowed = policies().mayIntrospect(client, { kind: 'AccessToken', clientId, aud })
    if (!isAllowed || !(await stands(ctx, jwt))) return inactive
    const isBound = (cnf as { readonly jkt?: unknown } | undefined)?.jkt !== undefined
    return { active: true, ...jwt.claims, token_type: isBound ? 'DPoP' : 'Bearer' }
  }

  async function revoke(ctx: KoaContextWithOIDC, { client, value, unit }: Revocation): Promise<void> {
    const jwt = await read()(value)
    // SECURITY: nobody ends what another client has.
    if (!jwt || jwt.claims.client_id !== client.clientId) return
    const { grantId } = jwt.origin
    if (grantId === undefined) {
      await store.add(mark(jwt), 1, Math.max(1, jwt.claims.exp - epochSeconds(clock)))
      return
    }
    ctx.oidc.entity('AccessToken', newAccessToken(ctx.oidc.provider, { client, grantId, accountId: jwt.claims.sub }))
    unit.revokeGrant(grantId)
    unit.destroy('Grant', grantId)
    ctx.oidc.provider.emit('grant.revoked', ctx, grantId)
  }

  /** Puts an answer of ours in the place of a refusal that is about nothing but a JWT. */
  return async (ctx: KoaContextWithOIDC, unit: Unit): Promise<void> => {
    const { client } = ctx.oidc
    const { token } = paramsOf(ctx)
    if (!client || typeof token !== 'string' || !isAboutJwt(ctx)) return
    if (ctx.oidc.route === 'introspection') ctx.body = await introspected(ctx, client, token)
    else {
      await revoke(ctx, { client, value: token, unit })
      ctx.body = ''
    }
    ctx.status = 200
  }
}

const inactive = { active: false } as const

/** A token that its client gives back. */
interface Revocation {
  readonly client: Client
  readonly value: string
  readonly unit: Unit
}
