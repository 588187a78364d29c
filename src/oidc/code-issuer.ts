import { UnsecuredJWT } from 'jose'
import type { Client, Provider } from 'oidc-provider'
import { type Clock, epochSeconds } from '../base/clock.ts'
import type { UserId } from '../base/ids.ts'
import { isJsonb } from '../store/jsonb.ts'
import { isReleasable } from './clients/claims.ts'
import type { ClientPolicies } from './clients/client-policies.ts'
import { isProtocolScope } from './clients/client-schema.ts'
import { fixedSeconds, grantSeconds, maxSeconds } from './clients/lifetimes.ts'
import { type Acr, type Demand, demandOf, refuseUnmeetable } from './demand.ts'
import { errors } from './library/faults.ts'
import { newCode, newGrant, pushRequest } from './library/models.ts'
import type { SignIn } from './records/sign-in.ts'
import type { UnitOfWork } from './records/unit-of-work.ts'
import { refuseTooLong } from './request-size.ts'

/** The parameters of an authorization request that make sense without a browser, RFC 6749 §4.1.1 and its extensions. */
export const authorizationParams = [
  'response_type',
  'scope',
  'resource',
  'nonce',
  'acr_values',
  'max_age',
  'claims',
  'login_hint',
  'ui_locales',
  'code_challenge',
  'code_challenge_method',
] as const

/** The parameters of an authorization request that an app may send. */
export type AuthorizationParams = Readonly<Partial<Record<(typeof authorizationParams)[number], string>>>

/** What a request may get, computed from what it asks for and what its client is registered for. */
export interface Authorization {
  readonly protocolScopes: readonly string[]
  readonly resource: string | undefined
  readonly resourceScopes: readonly string[]
  readonly claims: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined
}

/** A login that was proved without a browser. */
export interface NativeLogin {
  readonly client: Client
  readonly params: AuthorizationParams
  readonly userId: UserId
  readonly amr: readonly string[]
  readonly acr: Acr
  /** Seconds since the epoch. */
  readonly authTime: number
  /** Thumbprint of the key that every later request must prove, RFC 9449 §10. */
  readonly jkt?: string | undefined
  /** What the person will know this login by in a list of devices. */
  readonly about: SignIn
  /**
   * Where it goes on from a login that stands: since when nothing may have ended it, in milliseconds since the epoch.
   */
  readonly unendedSince?: number | undefined
}

interface Dependencies {
  /** Asked at each request, because both may have been replaced. */
  readonly provider: () => Provider
  readonly policies: () => ClientPolicies
  readonly units: UnitOfWork
  readonly clock: Clock
  /** Whether a server of an earlier version lives, which does not prolong a grant when its code is exchanged. */
  readonly hasOlder: () => boolean
  /** Every `acr` that a way in of apps or pages reaches. */
  readonly reachable: ReadonlySet<Acr>
}

const pushedSeconds = 60
/** RFC 7636 §4.2: an S256 challenge is 32 bytes in base64url. */
const challengePattern = /^[A-Za-z0-9_-]{43}$/
const scopePattern = /^[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*$/

/** Makes authorization codes for logins that were proved without a browser, with the library's own models. */
export class CodeIssuer {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /**
   * The client of a login on an app's own screens: first-party, public, native, with exactly one redirect URI, because
   * the code carries it and the token endpoint fills it in. Throws `invalid_client` and `unauthorized_client`.
   */
  async client(clientId: string | undefined): Promise<Client> {
    const client = clientId === undefined ? undefined : await this.#deps.provider().Client.find(clientId)
    if (!client) throw new errors.InvalidClient('client is invalid', 'client not found')
    const isOwn = this.#deps.policies().isFirstParty(client) && client.clientAuthMethod === 'none'
    if (!isOwn || client.applicationType !== 'native') {
      throw new errors.UnauthorizedClient('only first-party public native clients may use this endpoint')
    }
    if (!client.grantTypeAllowed('authorization_code') || client.redirectUris?.length !== 1) {
      throw new errors.UnauthorizedClient('the client must have exactly one redirect_uri and authorization_code')
    }
    return client
  }

  /** What a request asks for, checked. Throws the library's errors. */
  authorize(client: Client, params: AuthorizationParams): Authorization {
    refuseTooLong(params)
    if ((params.response_type ?? 'code') !== 'code') throw new errors.UnsupportedResponseType()
    if (params.code_challenge_method !== 'S256' || !challengePattern.test(params.code_challenge ?? '')) {
      throw new errors.InvalidRequest('code_challenge with code_challenge_method=S256 is required')
    }
    if (params.max_age !== undefined && !/^\d{1,9}$/.test(params.max_age)) {
      throw new errors.InvalidRequest('max_age must be a number of seconds')
    }
    // `claims` is read first, so that what cannot be read is refused before anything else.
    const claims = claimsOf(params)
    refuseUnmeetable(params, client, this.#deps.reachable)
    const scope = params.scope ?? 'openid'
    if (!scopePattern.test(scope)) throw new errors.InvalidScope('scope contains invalid characters', scope)
    const asked = new Set(scope.split(' '))
    const registered = client.scope?.split(' ')
    if (!client.grantTypeAllowed('refresh_token')) asked.delete('offline_access')
    const protocolScopes = [...asked].filter(isProtocolScope)
    const refused = protocolScopes.find((each) => registered && !registered.includes(each))
    if (refused !== undefined) throw new errors.InvalidScope('requested scope is not allowed', refused)
    const resource = params.resource ?? this.#deps.policies().defaultResource(client)
    const offered = resource === undefined ? [] : this.#resourceScopes(resource, client)
    const resourceScopes = offered.filter((each) => asked.has(each))
    if (protocolScopes.length + resourceScopes.length === 0) {
      throw new errors.InvalidScope('none of these scopes can be granted', scope)
    }
    return { protocolScopes, resource, resourceScopes, claims }
  }

  /**
   * Issues a code to somebody who has just proved who they are, with a grant of its own. The grant is the login of this
   * installation: it depends on no browser session. Code and grant are written in one statement, when the request is
   * answered.
   */
  async issue({ client, params, userId, amr, acr, authTime, jkt, about, unendedSince }: NativeLogin): Promise<string> {
    const { policies, units, clock } = this.#deps
    const provider = this.#deps.provider()
    const { protocolScopes, resource, resourceScopes, claims } = this.authorize(client, params)
    const grant = newGrant(provider, { accountId: userId, clientId: client.clientId })
    // The library computes lifetimes by client only inside its own routes.
    const whole = grantSeconds(policies().lifetimes(client))
    grant.exp = epochSeconds(clock) + (this.#deps.hasOlder() ? whole : fixedSeconds.unclaimedGrant)
    grant.addOIDCScope(protocolScopes.join(' '))
    const claimNames = Object.values(claims ?? {})
      .flatMap((each) => Object.keys(each))
      .filter(isReleasable)
    if (claimNames.length > 0) grant.addOIDCClaims(claimNames)
    if (resource !== undefined) grant.addResourceScope(resource, resourceScopes.join(' '))
    const grantId = await grant.save()
    units.current()?.describe(grantId, about, unendedSince)
    const code = newCode(provider, {
      accountId: userId,
      client,
      grantId,
      acr,
      amr,
      authTime,
      scope: [...protocolScopes, ...resourceScopes].join(' '),
      codeChallenge: params.code_challenge,
      redirectUri: client.redirectUris?.[0],
      claims,
      resource,
      nonce: params.nonce,
      dpopJkt: jkt,
    })
    return code.save()
  }

  /**
   * What the request demands of a login a code is issued for. It is never older than the limit of its tokens, which an
   * answer to a new document does not move.
   */
  demand(client: Client, params: AuthorizationParams): Demand {
    const demand = demandOf(params, client)
    const longest = maxSeconds(this.#deps.policies().lifetimes(client).refresh)
    return { ...demand, maxAgeSeconds: Math.min(demand.maxAgeSeconds, longest) }
  }

  /** Whether a login is still there: nobody has ended it, and no limit has. */
  async stands(grantId: string): Promise<boolean> {
    return (await this.#deps.provider().Grant.find(grantId)) !== undefined
  }

  /** Ends a login and everything issued from it, when the request is answered. */
  end(grantId: string): void {
    const unit = this.#deps.units.current()
    unit?.revokeGrant(grantId)
    unit?.destroy('Grant', grantId)
  }

  /**
   * Keeps the same request for a browser, as if the client had pushed it (RFC 9126): its address is good for one use
   * within a minute. The login page opens with the requested method, and a session that is already there does not
   * answer the request.
   */
  async push(
    client: Client,
    params: AuthorizationParams,
    {
      jkt,
      userId,
      method,
    }: {
      readonly jkt?: string | undefined
      readonly userId?: UserId | undefined
      readonly method?: string | undefined
    },
  ): Promise<{ readonly request_uri: string; readonly expires_in: number }> {
    const { provider, clock } = this.#deps
    const now = epochSeconds(clock)
    const scopes = params.scope?.split(' ') ?? ['openid']
    const request = new UnsecuredJWT({
      ...params,
      ...(userId === undefined ? {} : { claims: JSON.stringify(demanding(userId, claimsOf(params))) }),
      scope: scopes.join(' '),
      client_id: client.clientId,
      response_type: 'code',
      redirect_uri: client.redirectUris?.[0],
      prompt: 'login',
      ...(method === undefined ? {} : { method }),
      ...(scopes.includes('offline_access') ? { offline: 'yes' } : {}),
    })
      .setIssuedAt(now)
      .setIssuer(client.clientId)
      .setAudience(provider().issuer)
      .setExpirationTime(now + pushedSeconds)
      .setNotBefore(now)
      .encode()
    const id = await pushRequest(provider(), { request, dpopJkt: jkt, seconds: pushedSeconds })
    return { request_uri: `urn:ietf:params:oauth:request_uri:${id}`, expires_in: pushedSeconds }
  }

  #resourceScopes(resource: string, client: Client): string[] {
    const { scope } = this.#deps.policies().resourceServer(resource, client)
    return scope.split(' ').filter((each) => each !== '')
  }
}

/** Claims that let nobody else in, OIDC Core §5.5.1. */
function demanding(userId: UserId, claims: Authorization['claims'] = {}) {
  return { ...claims, id_token: { ...claims['id_token'], sub: { value: userId } } }
}

/** OIDC Core §5.5. */
function claimsOf({ claims }: AuthorizationParams): Authorization['claims'] {
  if (claims === undefined) return undefined
  try {
    const parsed: unknown = JSON.parse(claims)
    const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
    const isReadable = isObject(parsed) && Object.values(parsed as object).every(isObject)
    if (isReadable && isJsonb(JSON.stringify(parsed))) return parsed as Authorization['claims']
  } catch {}
  throw new errors.InvalidRequest('claims must be a JSON object of objects')
}
