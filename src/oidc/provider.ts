import type {
  AccessToken,
  ClientCredentials,
  ClientMetadata,
  Configuration,
  KoaContextWithOIDC,
  RefreshToken,
} from 'oidc-provider'
import type { AccountDirectory } from '../accounts/directory.ts'
import { type Clock, epochSeconds } from '../base/clock.ts'
import { interactionPath, paths } from '../base/paths.ts'
import type { Database } from '../store/postgres.ts'
import type { Sealer } from '../store/seal.ts'
import { accountFinder, standingAccount } from './account-finder.ts'
import { assertionAlgorithms, dpopAlgorithms, idTokenAlgorithms } from './clients/algorithms.ts'
import { claimsByScope } from './clients/claims.ts'
import type { ClientPolicies } from './clients/client-policies.ts'
import { clientAuthMethods, extraProperties, protocolScopes } from './clients/client-schema.ts'
import { fixedSeconds, grantSeconds, sessionSeconds } from './clients/lifetimes.ts'
import { nameCurrentSubjects } from './current-subjects.ts'
import { type Acr, acrValues, refuseTwoPersons, refuseUnmeetable } from './demand.ts'
import { metadataOf } from './discovery.ts'
import { endWebGrants } from './endings/logout.ts'
import { whyAsked } from './endings/why.ts'
import { existingGrant } from './grants.ts'
import { jwtParts } from './jwt-origin.ts'
import { cookieSigner } from './keys/cookie-signer.ts'
import type { Keys } from './keys/signing-keys.ts'
import { currentContext, hintedLogin, paramsOf, rotatedIn } from './library/context.ts'
import { longCookie, sessionCookieNames, shortCookie } from './library/cookies.ts'
import { nameRefreshTokens, Provider, widenIdTokens } from './library/models.ts'
import { requestableIn } from './library/prompts.ts'
import { ownSigning, signingKeys } from './library/signing-key.ts'
import type { libraryPages } from './library-pages.ts'
import { keepOfflineAccess } from './offline-access.ts'
import { needsPkce } from './pkce.ts'
import { prompts } from './policy.ts'
import type { reconfirm } from './reconfirm-agreements.ts'
import type { Adapter } from './records/adapter.ts'
import { familyLife } from './records/family-life.ts'
import type { FamilyTokens } from './records/family-tokens.ts'
import type { UnitOfWork } from './records/unit-of-work.ts'
import { boundedRequest } from './request-size.ts'
import { resourceIndicators } from './resource-indicators.ts'
import { refuseOtherAlgorithms } from './security-profile.ts'
import { refuseOtherAudience, refuseWithoutRedirectUri } from './strict-requests.ts'
import { tokenClaims } from './token-claims.ts'

/** What a provider is built from that stays when clients and keys change. */
export interface ProviderParts {
  readonly issuer: string
  readonly adapter: (model: string) => Adapter
  readonly units: UnitOfWork
  readonly database: Pick<Database, 'knex' | 'readQuery'>
  readonly directory: AccountDirectory
  readonly pages: ReturnType<typeof libraryPages>
  readonly sealer: Sealer
  readonly families: Pick<FamilyTokens, 'make'>
  readonly clock: Clock
  /** Throws where a person has to do something before tokens are refreshed. */
  readonly mayContinue: ReturnType<typeof reconfirm>
  /** Whether clients' own addresses may be private ones. */
  readonly privateAddresses: boolean
  /** Where our copies of pictures are served. */
  readonly pictureAddress: (copy: string) => string
  /** Every `acr` that a configured way in reaches. */
  readonly reachable: ReadonlySet<Acr>
  /** Whether people may make accounts by themselves. */
  readonly canRegister: boolean
  /** What people agree to. */
  readonly agreements: readonly { readonly id: string; readonly url: string }[]
}

/** What a provider is built from anew when clients or keys change. */
export interface ProviderSettings {
  readonly clients: readonly Record<string, unknown>[]
  readonly policies: ClientPolicies
  readonly keys: Keys
  /** Whether a server of an earlier version lives, which looks for the rows of used refresh tokens. */
  readonly hasOlder: () => boolean
}

/** The authorization server of the library with our rules. The only place that constructs it. */
export function buildProvider(parts: ProviderParts, settings: ProviderSettings): Provider {
  const { clients, policies, keys, hasOlder } = settings
  const { issuer, adapter, units, pages, clock } = parts
  const secure = issuer.startsWith('https:')
  const family = familyLife({ policies, nowSeconds: () => epochSeconds(clock) })
  const why = whyAsked({ ...parts, policies, cookie: sessionCookieNames(secure).session })
  const policy = prompts({ lifetimes: (ctx) => lifetimesIn(ctx, policies), why, canRegister: parts.canRegister })

  const configuration: Configuration = {
    adapter,
    findAccount: accountFinder({ ...parts, policies }),
    clients: clients as unknown as ClientMetadata[],
    jwks: { keys: signingKeys(keys.signing) } as NonNullable<Configuration['jwks']>,
    acrValues,
    claims: { ...claimsByScope, sid: null } as NonNullable<Configuration['claims']>,
    scopes: protocolScopes,
    responseTypes: ['code'],
    subjectTypes: ['public'],
    clientAuthMethods: [...clientAuthMethods],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    extraClientMetadata: { properties: [...extraProperties] },
    enabledJWA: {
      idTokenSigningAlgValues: [...idTokenAlgorithms],
      clientAuthSigningAlgValues: [...assertionAlgorithms],
      dPoPSigningAlgValues: [...dpopAlgorithms],
    },
    // The library knows no other method than S256.
    pkce: { required: (ctx, client) => needsPkce(client, paramsOf(ctx)) },
    clockTolerance: fixedSeconds.clockTolerance,
    assertJwtClientAuthClaimsAndHeader: (ctx, claims, header, client) => {
      refuseOtherAudience(ctx, claims)
      refuseOtherAlgorithms(ctx, header, client)
    },
    cookies: {
      names: sessionCookieNames(secure),
      long: longCookie(secure),
      short: shortCookie(secure),
    },
    clientBasedCORS: (_, origin, client) => policies.isOriginAllowed(origin, client),
    // `method`: the way in the login page opens with; asked about last, so that its check sees the whole request,
    // wherever one comes in: at the authorization endpoint, pushed, and from a device.
    extraParams: {
      offline: keepOfflineAccess(policies),
      method: async (ctx, _, client) => {
        boundedRequest(ctx)
        refuseWithoutRedirectUri(ctx)
        refuseUnmeetable(paramsOf(ctx), client, parts.reachable)
        await nameCurrentSubjects(ctx, parts.database, policies)
        refuseTwoPersons(paramsOf(ctx), hintedLogin(ctx)?.sub)
      },
    },
    formats: {
      customizers: { jwt: jwtParts(parts.sealer, policies) },
      // The id of a grant is no secret, and stands in every refresh token.
      bitsOfOpaqueRandomness: (_, { kind }) => (kind === 'Grant' ? 128 : 256),
    },
    extraTokenClaims: (ctx, token) => tokenClaims(ctx, token, policies),
    loadExistingGrant: existingGrant({ ...parts, policies }),
    routes,
    interactions: {
      url: (_, { uid }) => interactionPath(uid),
      policy,
    },
    renderError: pages.error,
    discovery: metadataOf({
      issuer,
      prompts: requestableIn(policy),
      clientAuthMethods,
      clientAuthAlgorithms: assertionAlgorithms,
      agreements: parts.agreements,
    }),
    fetch: outboundFetch(parts.privateAddresses),

    rotateRefreshToken: (ctx) => family.rotates(ctx.oidc.entities.RefreshToken as RefreshToken, ctx.oidc.client),
    ttl: secondsToLive({ policies, family, clock }),
    features: featuresOf(parts, policies),
  }

  const provider = new Provider(issuer, configuration)
  provider.proxy = true
  provider.keys = cookieSigner(keys.cookies)
  nameRefreshTokens(provider, (token) =>
    hasOlder() ? undefined : parts.families.make(token, rotatedIn(currentContext())?.jti),
  )
  widenIdTokens(provider, (client) => client['claims_in_id_token'] === true)
  endWebGrants(provider, clients, units)
  return provider
}

/** The library's endpoints, under our names for their paths. */
const routes: Configuration['routes'] = {
  authorization: paths.authorization,
  code_verification: paths.device,
  device_authorization: paths.deviceAuthorization,
  end_session: paths.endSession,
  introspection: paths.introspection,
  jwks: paths.jwks,
  pushed_authorization_request: paths.push,
  revocation: paths.revocation,
  token: paths.token,
  userinfo: paths.userinfo,
}

/** What decides how long things live. */
interface LifetimeRules {
  readonly policies: ClientPolicies
  readonly family: ReturnType<typeof familyLife>
  readonly clock: Clock
}

/** The lifetimes of the client that asks, or the general ones if no client asks. */
function lifetimesIn(ctx: KoaContextWithOIDC | undefined, policies: ClientPolicies) {
  return policies.lifetimes(ctx?.oidc?.client)
}

/** How long each thing lives that the library makes, in seconds. */
function secondsToLive({ policies, family, clock }: LifetimeRules): NonNullable<Configuration['ttl']> {
  return {
    AuthorizationCode: fixedSeconds.code,
    Interaction: fixedSeconds.interaction,
    DeviceCode: fixedSeconds.deviceCode,
    IdToken: fixedSeconds.idToken,
    AccessToken: (ctx, token, client) =>
      family.accessSeconds(ctx, policies.accessLimit(token.resourceServer?.identifier(), client).idle, client),
    ClientCredentials: (_, token, client) => policies.accessLimit(token.resourceServer?.identifier(), client).idle,
    RefreshToken: (ctx, token, client) => family.refreshSeconds(ctx, token, client),
    Grant: (ctx) => grantSeconds(lifetimesIn(ctx, policies)),
    Session: (ctx, session) => {
      if (!session.loginTs) return fixedSeconds.anonymousSession
      const now = epochSeconds(clock)
      const limits = policies.sessionLimits(session.authorizations, ctx.oidc.client)
      // A client with a longer limit may have prolonged the session meanwhile; that stays.
      return Math.max(sessionSeconds(limits, now - session.loginTs), (session.exp ?? 0) - now)
    },
  }
}

/** What is switched on beyond the core, and who may use it. */
function featuresOf(
  { pages, sealer, units, directory }: ProviderParts,
  policies: ClientPolicies,
): NonNullable<Configuration['features']> {
  return {
    devInteractions: { enabled: false },
    externalSigningSupport: ownSigning,
    userinfo: { enabled: true },
    claimsParameter: { enabled: true },
    clientCredentials: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    backchannelLogout: { enabled: true },
    dPoP: { enabled: true, nonceSecret: sealer.derive('dpop_nonce') },
    introspection: {
      enabled: true,
      allowedPolicy: async (_, client, token) =>
        policies.mayIntrospect(client, token) && (await isHolderActive({ units, directory }, token)),
    },
    revocation: {
      enabled: true,
      allowedPolicy: (_, client, token) => token.clientId === client.clientId,
    },
    rpInitiatedLogout: { enabled: true, logoutSource: pages.logout, postLogoutSuccessSource: pages.logoutDone },
    deviceFlow: {
      enabled: true,
      charset: 'base-20',
      mask: '****-****',
      deviceInfo: (ctx) => ({ ip: ctx.ip, ua: ctx.get('user-agent').slice(0, longestUserAgent) }),
      userCodeInputSource: pages.deviceCode,
      userCodeConfirmSource: pages.deviceConfirm,
      successSource: pages.deviceDone,
    },
    resourceIndicators: resourceIndicators(policies),
  }
}

/** Whether the person a token was issued for may still come in; a machine's token has none. */
async function isHolderActive(
  found: Pick<ProviderParts, 'units' | 'directory'>,
  token: AccessToken | ClientCredentials | RefreshToken,
): Promise<boolean> {
  return !('accountId' in token) || (await standingAccount(found, token.accountId, undefined)) !== undefined
}

/**
 * How many letters of a device's own name are kept with its code, for the page that asks whether it is the right
 * device.
 */
const longestUserAgent = 200

/**
 * SECURITY: the library hands over a dispatcher that cuts connections to private addresses, and a time limit; we follow
 * no redirect.
 */
function outboundFetch(privateAddresses: boolean): NonNullable<Configuration['fetch']> {
  return (url, options) => {
    const { dispatcher, ...rest } = options as RequestInit & { dispatcher?: unknown }
    return globalThis.fetch(url, {
      redirect: 'error',
      ...rest,
      ...(privateAddresses ? {} : { dispatcher }),
    } as RequestInit)
  }
}
