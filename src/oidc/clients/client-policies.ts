import type { Client, ResourceServer } from 'oidc-provider'
import type { z } from 'zod'
import { errors } from '../library/faults.ts'
import { type ProfileClaim, scopeOf } from './claims.ts'
import { introspectors, type ResourceSeed } from './client-schema.ts'
import {
  accessLimit,
  type Lifetimes,
  lifetimesOf,
  type lifetimesSchema,
  retrySeconds,
  type Sliding,
} from './lifetimes.ts'
import { scopeNames } from './scope-words.ts'

/** What decides who may look into a token. */
interface IntrospectedToken {
  readonly kind: string
  readonly clientId?: string | undefined
  /** The resource of an access token; undefined: userinfo. */
  readonly aud?: unknown
}

/** What we decide about a client beyond what the library knows of it. */
export interface ClientPolicies {
  isFirstParty(client: Client): boolean
  lifetimes(client: { readonly clientId: string } | undefined): Lifetimes
  /** Seconds after its use in which a refresh token still brings its one successor, while that is unused. */
  retrySeconds(client: { readonly clientId: string } | undefined): number
  /**
   * Whether a client uses one refresh token until it ends. SECURITY: never one without a secret, whose stolen token
   * would serve a thief unnoticed.
   */
  keepsRefreshToken(client: { readonly clientId: string } | undefined): boolean
  /** The session limits of every client that a browser session serves, and those of `client`. */
  sessionLimits(authorizations: object | undefined, client?: { readonly clientId: string }): readonly Sliding[]
  /** How long an access token of this client for this resource lives; without a resource, one for userinfo. */
  accessLimit(resource: string | undefined, client: { readonly clientId: string } | undefined): Sliding
  /**
   * Seconds that the longest JWT access token lives. Resources do not ask the server about a JWT, so it outlives
   * whatever it was issued from.
   */
  readonly longestJwtSeconds: number
  /**
   * The claims about the person that a token for this resource carries. SECURITY: a client can read its own tokens. So
   * a client that is not ours gets only what the person agreed to, and never `identities`.
   */
  tokenClaims(resource: string, client: Client, grantedScopes: ReadonlySet<string>): readonly ProfileClaim[]
  defaultResource(client: Client): string | undefined
  /** What a token for this resource looks like and may carry for this client. Throws `invalid_target`. */
  resourceServer(resource: string, client: Client): ResourceServer
  /** An API as it is registered. */
  api(resource: string): ResourceSeed | undefined
  /** The `typ` of a JWT for this resource; undefined where it is that of RFC 9068. */
  jwtType(resource: string | undefined): string | undefined
  /** True when a page of this origin may call token and userinfo endpoints on behalf of the client. */
  isOriginAllowed(origin: string, client: Client): boolean
  /**
   * True when the client may look into a token (RFC 7662 §4): its own, or an access token whose resource names this
   * client. SECURITY: nobody else may. Being ours or having a secret does not make a client an API. A token for
   * userinfo has no resource, a refresh token is its client's own business, and where a resource was removed, nobody
   * knows who may look.
   */
  mayIntrospect(client: Client, token: IntrospectedToken): boolean
}

/** Derives the policies of all clients from what is registered. */
export function clientPolicies({
  clients,
  resources,
  defaults,
}: {
  /** As the library takes them. */
  clients: readonly Readonly<Record<string, unknown>>[]
  resources: ReadonlyMap<string, ResourceSeed>
  defaults: Lifetimes
}): ClientPolicies {
  const own = new Map(clients.map((client) => [client['client_id'], client]))
  const isFirstParty = (client: Client) => client['first_party'] === true
  const lifetimes = (client: { readonly clientId: string } | undefined) =>
    lifetimesOf(own.get(client?.clientId)?.['lifetimes'] as z.output<typeof lifetimesSchema> | undefined, defaults)
  const limitOf = (resource: string | undefined, client: { readonly clientId: string } | undefined) => {
    const { ttl, sliding } = resources.get(resource ?? '')?.access_token ?? {}
    return sliding ?? accessLimit(ttl ?? lifetimes(client).access)
  }

  const jwts = [...resources.values()].filter(({ access_token: token }) => token.format === 'jwt')
  const jwtLives = jwts.flatMap(({ resource }) =>
    clients.map((client) => limitOf(resource, { clientId: String(client['client_id']) }).idle),
  )

  return {
    isFirstParty,
    lifetimes,
    retrySeconds: (client) => retrySeconds(lifetimes(client)),
    keepsRefreshToken(client) {
      const { rotate_refresh_tokens: rotates, token_endpoint_auth_method: method } = own.get(client?.clientId) ?? {}
      return rotates === false && method !== 'none'
    },
    longestJwtSeconds: Math.max(0, ...jwtLives),
    sessionLimits(authorizations, client) {
      const ids = new Set([...Object.keys(authorizations ?? {}), ...(client ? [client.clientId] : [])])
      // A browser session that serves no app (not yet, or no longer) still has a limit.
      if (ids.size === 0) return [defaults.session]
      return [...ids].map((clientId) => lifetimes({ clientId }).session)
    },
    accessLimit: limitOf,
    tokenClaims(resource, client, grantedScopes) {
      const declared = resources.get(resource)?.access_token.claims ?? []
      if (isFirstParty(client)) return declared
      return declared.filter((claim) => claim !== 'identities' && grantedScopes.has(scopeOf(claim)))
    },
    defaultResource: (client) => client['default_resource'] as string | undefined,
    resourceServer(identifier, client) {
      const seed = resources.get(identifier)
      if (!seed) throw new errors.InvalidTarget('this resource is not registered')
      const registered = client['resource_scopes'] as readonly string[] | undefined
      const all = scopeNames(seed)
      const scopes = registered ? all.filter((scope) => registered.includes(scope)) : all
      if (registered && scopes.length === 0 && client['default_resource'] !== identifier) {
        throw new errors.InvalidTarget('this client has no scope of this resource')
      }
      return {
        scope: scopes.join(' '),
        audience: seed.resource,
        accessTokenFormat: seed.access_token.format,
        accessTokenTTL: limitOf(identifier, client).idle,
        jwt: { sign: { alg: seed.access_token.alg ?? 'ES256' } },
      }
    },
    api: (resource) => resources.get(resource),
    jwtType: (resource) => resources.get(resource ?? '')?.access_token.typ,
    isOriginAllowed(origin, client) {
      // SECURITY: a redirect URI of an app's own scheme has the origin `null`, which every sandboxed page and local
      // file sends.
      if (origin === 'null') return false
      const listed = (client['allowed_origins'] as readonly string[] | undefined) ?? []
      return [...listed, ...(client.redirectUris ?? [])].some((uri) => URL.parse(uri)?.origin === origin)
    },
    mayIntrospect(client, { kind, clientId, aud }) {
      if (clientId === client.clientId) return true
      if (client.clientAuthMethod === 'none' || kind === 'RefreshToken' || aud === undefined) return false
      const seed = resources.get(String(aud))
      return seed !== undefined && introspectors(seed).includes(client.clientId)
    },
  }
}
