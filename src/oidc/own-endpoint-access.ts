import type { Provider } from 'oidc-provider'
import type { AccountDirectory } from '../accounts/directory.ts'
import type { Account } from '../accounts/user.ts'
import { isId } from '../base/ids.ts'
import type { ClientPolicies } from './clients/client-policies.ts'
import { looksLikeJwt } from './jwt-origin.ts'
import { errors, invalidToken } from './library/faults.ts'
import { begunAtOf, cameByOf, type SignIn } from './records/sign-in.ts'
import type { UnitOfWork } from './records/unit-of-work.ts'
import { refuseOtherProof } from './security-profile.ts'

/** Somebody whose app brought a token for this server itself. */
export interface OwnAccess {
  readonly account: Account
  readonly clientId: string
  readonly grantId: string
  /** Seconds since the epoch. */
  readonly authTime: number
  /** Thumbprint of the key the token is bound to, which was proved. */
  readonly key: string | undefined
  /** What the login of this app came by. */
  readonly by: SignIn['by']
  /** When the proof of its login began, in milliseconds since the epoch. */
  readonly begunAt: number
}

interface Dependencies {
  readonly provider: () => Provider
  readonly policies: () => ClientPolicies
  readonly units: UnitOfWork
  readonly directory: AccountDirectory
}

interface Presented {
  /** The header `Authorization`. */
  readonly authorization: string
  readonly scope: string
  /** The header `DPoP`. */
  readonly proof: string
  /** The thumbprint of the DPoP proof beside a token. */
  readonly key: (accessToken: string) => Promise<string>
}

const keyMissing = 'the access token is bound to a key: send it as DPoP, with a proof'
const keyUnknown = 'the access token is bound to no key: send it as Bearer'

/**
 * Finds out whose access token a request brings to an endpoint of ours that is no resource. The token has to be one for
 * userinfo, of a first-party client, and bound to its key where it has one (RFC 9449 §7.1). Throws `invalid_token`,
 * `insufficient_scope`, `invalid_dpop_proof`.
 */
export async function ownAccess(
  { provider, policies, units, directory }: Dependencies,
  { authorization, scope, proof, key }: Presented,
): Promise<OwnAccess> {
  const [, scheme = '', value = ''] = /^(Bearer|DPoP) ([\w.~+/-]+=*)$/i.exec(authorization) ?? []
  const { AccessToken, Grant, Client } = provider()
  const token = value === '' ? undefined : await AccessToken.find(value)
  if (looksLikeJwt(value) || token?.aud !== undefined) {
    throw invalidToken('the access token is for an API; refresh with scopes of the protocol alone to get another')
  }
  if (!token || token.isExpired || !token.grantId) {
    throw invalidToken('the access token is unknown, has expired or was revoked')
  }
  const wantsKey = token.jkt !== undefined
  if (wantsKey !== (scheme.toLowerCase() === 'dpop')) throw invalidToken(wantsKey ? keyMissing : keyUnknown)
  if (wantsKey && (await key(value)) !== token.jkt) throw invalidToken('the access token is bound to another key')
  const { accountId, clientId = '', grantId } = token
  const [grant, client] = await Promise.all([Grant.find(grantId), Client.find(clientId)])
  if (!grant || grant.isExpired || grant.accountId !== accountId)
    throw invalidToken('the login that the access token comes from has ended')
  if (!client || !policies().isFirstParty(client)) throw invalidToken('this endpoint is for first-party clients')
  refuseOtherProof(proof, client)
  if (!isId('usr', accountId)) throw invalidToken('the access token is of no person')
  const account = units.current()?.accounts.get(accountId) ?? (await directory.find(accountId))
  if (account?.user.status !== 'active') throw invalidToken('the login that the access token comes from has ended')
  const scopes = token.scope?.split(' ') ?? []
  if (!scopes.includes(scope) || !grant.getOIDCScope().split(' ').includes(scope)) {
    throw new errors.InsufficientScope('access token missing requested scope', scope)
  }
  const authTime = Number(token.extra?.['auth_time'] ?? 0)
  const about = units.current()?.about(grantId)
  const came = { by: cameByOf(about), begunAt: begunAtOf(about) }
  return { account, clientId, grantId, authTime, key: token.jkt, ...came }
}
