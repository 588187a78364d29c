import { z } from 'zod'
import { duration } from '../../base/duration.ts'
import { accessTokenAlgorithms, assertionAlgorithms, idTokenAlgorithms } from './algorithms.ts'
import { attestationSchema } from './attestation.ts'
import { ownScopes, profileClaims } from './claims.ts'
import { clientBrandSchema } from './client-brand.ts'
import { lifetimesSchema, slidingAccess, type TokenHolder } from './lifetimes.ts'
import { scopeNames, scopesSchema, titleSchema } from './scope-words.ts'

/** Scopes of the protocol itself; every other scope belongs to a resource. */
export const protocolScopes = [
  'openid',
  'offline_access',
  'profile',
  'phone',
  'email',
  'identities',
  'former_subs',
] as const

/** Whether a scope is one of the protocol's own. */
export function isProtocolScope(scope: string): boolean {
  return (protocolScopes as readonly string[]).includes(scope)
}

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
const httpsOrLoopback = z.url().refine(isHttpsOrLoopback, 'must be https')

/**
 * What the access tokens of an API are like. Resources verify a JWT without asking the server, so a JWT cannot slide:
 * nobody would learn its new end.
 */
const accessTokenSchema = z
  .strictObject({
    format: z.enum(['jwt', 'opaque']).default('jwt'),
    alg: z.enum(accessTokenAlgorithms).optional(),
    typ: z.enum(['at+jwt', 'JWT']).optional(),
    ttl: duration.optional(),
    sliding: slidingAccess.optional(),
    /** Claims about the person that the API wants in the token, or at introspection. */
    claims: z.array(z.enum(profileClaims)).default([]),
    /**
     * The clients that may introspect its tokens, beside the one a token was issued to; without it, see
     * `introspectors`.
     */
    introspected_by: z.array(z.string()).min(1, 'names nobody; leave it out instead').optional(),
  })
  .superRefine(({ format, ttl, sliding, alg, typ }, { addIssue }) => {
    const refuse = (message: string, field = 'sliding') => addIssue({ code: 'custom', path: [field], message })
    for (const [field, value] of Object.entries({ alg, typ })) {
      if (value !== undefined && format !== 'jwt') refuse('is only for format: jwt', field)
    }
    if (sliding && format !== 'opaque') refuse('is only for format: opaque; a JWT cannot slide')
    if (sliding && ttl !== undefined) refuse('stands beside ttl; name one of them')
    if (sliding && sliding.idle > sliding.max) refuse('idle is longer than max')
  })

/** One API: the audience of its access tokens and what may be asked of it. */
export const resourceSchema = z.strictObject({
  resource: z.url().refine((text) => !text.includes('#'), 'must not have a fragment'),
  title: titleSchema.optional(),
  scopes: scopesSchema.default([]),
  access_token: accessTokenSchema.prefault({}),
})

/** How a client may say who it is, at every endpoint alike. */
export const clientAuthMethods = [
  'none',
  'client_secret_basic',
  'client_secret_post',
  'client_secret_jwt',
  'private_key_jwt',
] as const

const secretSource = z.union(
  [
    z.strictObject({ env: z.string() }),
    z.strictObject({ file: z.string() }),
    z.strictObject({ generate: z.literal(true) }),
  ],
  { error: 'expected { env: NAME }, { file: PATH } or { generate: true }' },
)

/** Kinds of clients, each a set of fields that a seed need not say. */
export const presetNames = [
  'spa',
  'native_app',
  'server_app',
  'machine',
  'api_gateway',
  'off_the_shelf',
  'fapi2',
] as const

/** The name of a kind of clients. */
export type PresetName = (typeof presetNames)[number]

/** Who gets an account at a client: everybody, nobody, or whoever brings an invitation. */
export const registrations = ['open', 'closed', 'invite'] as const

/** One of these. */
export type RegistrationAt = (typeof registrations)[number]

/** One client, with the names of RFC 7591 where it has them. */
export const clientSchema = z.strictObject({
  client_id: z.string().regex(/^[\x21-\x7E]{1,100}$/, 'must be 1 to 100 printable ASCII characters'),
  preset: z.enum(presetNames).optional(),
  client_name: z.string().max(100).optional(),
  first_party: z.boolean().default(false),
  require_phone: z.boolean().optional(),
  registration: z.enum(registrations).optional(),
  attestation: attestationSchema.optional(),
  application_type: z.enum(['web', 'native']).default('web'),
  token_endpoint_auth_method: z.enum(clientAuthMethods).default('client_secret_basic'),
  token_endpoint_auth_signing_alg: z.enum(assertionAlgorithms).optional(),
  client_secret: secretSource.optional(),
  grant_types: z.array(z.enum(['authorization_code', 'refresh_token', 'client_credentials', deviceGrant])).optional(),
  redirect_uris: z.array(z.string()).default([]),
  post_logout_redirect_uris: z.array(z.string()).default([]),
  logout_without_question: z.boolean().optional(),
  allowed_origins: z.array(z.url()).default([]),
  default_resource: z.url().optional(),
  scope: z.string().optional(),
  lifetimes: lifetimesSchema.optional(),
  client_uri: httpsOrLoopback.optional(),
  logo_uri: httpsOrLoopback.optional(),
  brand: clientBrandSchema.optional(),
  policy_uri: httpsOrLoopback.optional(),
  tos_uri: httpsOrLoopback.optional(),
  contacts: z.array(z.string()).optional(),
  filing_number: z.string().max(60).optional(),
  jwks: z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())) }).optional(),
  jwks_uri: httpsOrLoopback.optional(),
  id_token_signed_response_alg: z.enum(idTokenAlgorithms).default('ES256'),
  claims_in_id_token: z.boolean().default(false),
  require_pkce: z.boolean().default(true),
  require_nonce: z.boolean().default(true),
  rotate_refresh_tokens: z.boolean().default(true),
  security_profile: z.enum(['none', 'fapi2']).default('none'),
  backchannel_logout_uri: httpsOrLoopback.optional(),
  backchannel_logout_session_required: z.boolean().optional(),
  account_events_uri: httpsOrLoopback.optional(),
  require_pushed_authorization_requests: z.boolean().optional(),
  dpop_bound_access_tokens: z.boolean().optional(),
  default_max_age: z.int().positive().optional(),
  default_acr_values: z.array(z.string()).optional(),
  initiate_login_uri: httpsOrLoopback.optional(),
})

/** What a seed file may say of a client beside its name. */
export type ClientFields = Omit<z.input<typeof clientSchema>, 'client_id' | 'preset'>
/** A client as a seed file describes it, after it was checked. */
export type ClientSeed = z.output<typeof clientSchema>
/** An API as a seed file describes it, after it was checked. */
export type ResourceSeed = z.output<typeof resourceSchema>

/**
 * The clients that may look into the tokens of a resource: those it names, else its own client, which is the one whose
 * `client_id` is the identifier of the resource.
 */
export function introspectors({ resource, access_token: token }: ResourceSeed): readonly string[] {
  return token.introspected_by ?? [resource]
}

/** Metadata of ours that the library keeps with a client and hands back. */
export const extraProperties = [
  'first_party',
  'default_resource',
  'resource_scopes',
  'allowed_origins',
  'filing_number',
  'brand',
  'require_phone',
  'registration',
  'logout_without_question',
  'attestation',
  'claims_in_id_token',
  'require_pkce',
  'require_nonce',
  'rotate_refresh_tokens',
  'security_profile',
  'account_events_uri',
] as const

/** Whether nobody between two machines can read what is sent to an address. */
export function isHttpsOrLoopback(address: string): boolean {
  return /^https:|^http:\/\/(localhost|127\.0\.0\.1|\[::1\])([:/?]|$)/i.test(address)
}

/** Whether an account may be made in order to log in at this client. */
export function registrationAt(client: object): RegistrationAt {
  const said = (client as { readonly registration?: unknown }).registration
  return registrations.find((each) => each === said) ?? 'open'
}

/** Whether every account needs a phone number to log in at this client. */
export function requiresPhone(client: object): boolean {
  return (client as { readonly require_phone?: unknown }).require_phone === true
}

/**
 * Whether this client may have a person signed out without a question of ours: where it does not say, the clients of
 * the same house.
 */
export function logsOutWithoutQuestion(client: object): boolean {
  const { logout_without_question: said, first_party: isFirstParty } = client as Readonly<Record<string, unknown>>
  return (said ?? isFirstParty) === true
}

/** The scopes a client may ask for, of the protocol and of resources; undefined when it does not say. */
export function scopesOf({ scope }: Pick<ClientSeed, 'scope'>): string[] | undefined {
  return scope?.split(/\s+/).filter((each) => each !== '')
}

/** Whether this client authenticates with a secret. */
export function needsSecret(client: Pick<ClientSeed, 'token_endpoint_auth_method'>): boolean {
  return client.token_endpoint_auth_method.startsWith('client_secret')
}

/** Whether a client sets a field of its lifetimes itself, for example `refresh.idle`. */
export function setsLifetime({ lifetimes }: Pick<ClientSeed, 'lifetimes'>, field: string): boolean {
  return lifetimes?.[field.split('.')[0] as keyof typeof lifetimes] !== undefined
}

/**
 * What kind of tokens a client holds; its lifetimes depend on it. A client that names no scopes may ask with
 * `offline_access` and without.
 */
export function holderOf(
  client: Pick<ClientSeed, 'grant_types' | 'redirect_uris' | 'scope' | 'application_type'>,
): TokenHolder {
  const types = grantTypesOf(client)
  if (types.every((type) => type === 'client_credentials')) return 'machine'
  const isOffline = scopesOf(client)?.includes('offline_access') ?? client.application_type === 'native'
  return isOffline && types.includes('refresh_token') ? 'offline' : 'session'
}

/** Whether a client says that it asks for tokens of a resource. */
export function asksFor(client: Pick<ClientSeed, 'scope' | 'default_resource'>, resource: ResourceSeed): boolean {
  const scopes = scopesOf(client) ?? []
  return client.default_resource === resource.resource || scopeNames(resource).some((scope) => scopes.includes(scope))
}

/** The grant types of a client that names none: what its redirect URIs allow. */
export function grantTypesOf(client: Pick<ClientSeed, 'grant_types' | 'redirect_uris'>): readonly string[] {
  if (client.grant_types) return client.grant_types
  return client.redirect_uris.length > 0 ? ['authorization_code', 'refresh_token'] : []
}

/**
 * A client as the library takes it: its scope holds only the scopes of the protocol, those of resources travel beside
 * it.
 */
export function libraryMetadata(client: ClientSeed, secret: string | undefined): Record<string, unknown> {
  const { client_secret: _, scope: __, lifetimes: ___, redirect_uris, grant_types: ____, brand, ...rest } = client
  const grantTypes = grantTypesOf(client)
  const scopes = scopesOf(client)
  const allowed = (scopes ?? protocolScopes).filter(
    (each) => isProtocolScope(each) && (!ownScopes.includes(each) || client.first_party),
  )
  return definedOnly({
    ...rest,
    redirect_uris,
    grant_types: grantTypes,
    response_types: grantTypes.includes('authorization_code') ? ['code'] : [],
    scope: allowed.join(' ') || undefined,
    resource_scopes: scopes?.filter((each) => !isProtocolScope(each)),
    lifetimes: client.lifetimes,
    // Pictures and colours are drawn by our pages; the library need not carry them.
    brand: brand?.name === undefined ? undefined : { name: brand.name },
    logo_uri: undefined,
    client_secret: needsSecret(client) ? secret : undefined,
  })
}

function definedOnly(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))
}
