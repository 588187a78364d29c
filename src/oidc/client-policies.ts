import { type Client, errors, type ResourceServer } from 'oidc-provider'
import type { z } from 'zod'
import type { ResourceSeed } from './client-schema.ts'
import { type Lifetimes, lifetimesOf, type lifetimesSchema } from './lifetimes.ts'

/** What we decide about a client beyond what the library knows of it. */
export interface ClientPolicies {
  isFirstParty(client: Client): boolean
  lifetimes(client: Client | undefined): Lifetimes
  defaultResource(client: Client): string | undefined
  /** What a token for this resource looks like and may carry for this client. Throws `invalid_target`. */
  resourceServer(resource: string, client: Client): ResourceServer
  /** True when a page of this origin may call token and userinfo endpoints on behalf of the client. */
  isOriginAllowed(origin: string, client: Client): boolean
  /** True when the client may look into tokens of others: it authenticates, and is ours or an API nobody logs in to. */
  mayIntrospect(client: Client, tokenClientId: string | undefined): boolean
}

export function clientPolicies({
  resources,
  defaults,
}: {
  resources: ReadonlyMap<string, ResourceSeed>
  defaults: Lifetimes
}): ClientPolicies {
  const isFirstParty = (client: Client) => client['first_party'] === true
  const lifetimes = (client: Client | undefined) =>
    lifetimesOf(client?.['lifetimes'] as z.output<typeof lifetimesSchema> | undefined, defaults)

  return {
    isFirstParty,
    lifetimes,
    defaultResource: (client) => client['default_resource'] as string | undefined,
    resourceServer(identifier, client) {
      const seed = resources.get(identifier)
      if (!seed) throw new errors.InvalidTarget('this resource is not registered')
      const registered = client['resource_scopes'] as readonly string[] | undefined
      const scopes = registered ? seed.scopes.filter((scope) => registered.includes(scope)) : seed.scopes
      if (registered && scopes.length === 0 && client['default_resource'] !== identifier) {
        throw new errors.InvalidTarget('this client has no scope of this resource')
      }
      return {
        scope: scopes.join(' '),
        audience: seed.resource,
        accessTokenFormat: seed.access_token.format,
        accessTokenTTL: seed.access_token.ttl ?? lifetimes(client).access,
        jwt: { sign: { alg: 'ES256' } },
      }
    },
    isOriginAllowed(origin, client) {
      // SECURITY: a redirect URI of an app's own scheme has the origin `null`, which every sandboxed page and local file sends.
      if (origin === 'null') return false
      const listed = (client['allowed_origins'] as readonly string[] | undefined) ?? []
      return [...listed, ...(client.redirectUris ?? [])].some((uri) => URL.parse(uri)?.origin === origin)
    },
    mayIntrospect(client, tokenClientId) {
      if (tokenClientId === client.clientId) return true
      if (client.clientAuthMethod === 'none') return false
      return isFirstParty(client) || (client.redirectUris ?? []).length === 0
    },
  }
}
