import * as client from 'openid-client'
import { z } from 'zod'
import { displayable } from '../../src/accounts/profile.ts'
import type { Profile } from '../../src/accounts/user.ts'
import { AppError } from '../../src/base/errors.ts'
import type { HttpClient } from '../../src/base/http.ts'
import { secret } from '../../src/base/secret.ts'
import { readButtonIcon } from '../../src/brand/button-icon.ts'
import { connectionBase, icons } from './connection-base.ts'
import {
  type Authorization,
  type ConnectorDependencies,
  connectorKind,
  madeUp,
  type UpstreamResponse,
  upstreamError,
} from './connector.ts'
import { namespace, type Where } from './namespaces.ts'
import { call, type VendorCodes } from './upstream-call.ts'
import { openSubject, strictJson } from './vendor-answers.ts'
import { apps } from './visit.ts'

/** Settings of an OpenID provider. */
export const oidcOptions = z.strictObject({
  ...connectionBase('oidc'),
  type: z.literal('oidc').describe('Any OpenID provider.'),
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,30}$/, 'expected a short name of lower-case letters, digits and hyphens')
    .describe('Identities are filed under `oidc:<name>`: another provider must get another name.'),
  issuer: z
    .url()
    .refine((text) => !/[?#]|\/\.well-known\//.test(text), 'expected the issuer itself, not its discovery document')
    .describe('Issuer, to the letter.'),
  client_id: z.string().min(1).describe('Client ID there.'),
  client_secret: secret().optional().describe('Client secret there; absent for a public client.'),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/))
    .refine((scopes) => scopes.includes('openid'), 'lacks `openid`')
    .default(['openid', 'profile'])
    .describe('What to ask for.'),
  token_endpoint_auth_method: z
    .enum(['client_secret_basic', 'client_secret_post'])
    .default('client_secret_basic')
    .describe('How the client secret is sent.'),
  icon: z.enum(icons).default('key').describe('Icon of the button.'),
  icon_file: z
    .string()
    .min(1)
    .optional()
    .describe('Icon of your own in its place: a square picture file (SVG, PNG, WebP, 50 KB).'),
  in_app: z
    .enum(apps)
    .optional()
    .describe('App whose people this provider knows: in the browser of that app its button comes first.'),
})
type OidcOptions = z.output<typeof oidcOptions>

const timeoutSeconds = 10
const discoveryMs = 3_600_000
const toleranceSeconds = 60

/**
 * Any OpenID provider (OIDC Core 1.0, RFC 9700), through openid-client. SECURITY: signatures of ID tokens are checked
 * although the tokens come over TLS. The library checks issuer, audience, nonce, state, PKCE and the `iss` of RFC 9207.
 */
export const oidc = connectorKind({
  options: oidcOptions,
  namespace: oidcNamespace,
  build(options, dependencies, provider) {
    const configuration = discovered(options, dependencies)

    function redeemed(
      config: client.Configuration,
      response: UpstreamResponse,
      { redirectUri, state, nonce, codeVerifier }: Omit<Authorization, 'variant'>,
    ) {
      const url = new URL(redirectUri)
      url.search = new URLSearchParams(response).toString()
      const checks = {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: codeVerifier,
        idTokenExpected: true,
      }
      return client.authorizationCodeGrant(config, url, checks).catch(refuse)
    }

    /** Brings a made-up code to the token endpoint that the provider's own document names. */
    async function knowsUs(redirectUri: string): Promise<void> {
      const config = await configuration()
      const [code, state, nonce] = [madeUp(), madeUp(), madeUp()]
      const response = { code, state, iss: config.serverMetadata().issuer }
      await redeemed(config, response, { redirectUri, state, nonce, codeVerifier: madeUp().repeat(2) })
    }

    return {
      icon: options.icon_file === undefined ? options.icon : readButtonIcon(options.icon_file),
      home: options.in_app,
      async authorizationUrl({ redirectUri, state, nonce, codeVerifier }, { locale }) {
        return client.buildAuthorizationUrl(await configuration(), {
          redirect_uri: redirectUri,
          scope: options.scopes.join(' '),
          state,
          nonce,
          code_challenge: await client.calculatePKCECodeChallenge(codeVerifier),
          code_challenge_method: 'S256',
          ui_locales: locale,
        })
      },
      questions: (callback) => [{ about: `client_id ${options.client_id}`, ask: () => knowsUs(callback) }],
      async identify(response, { redirectUri, state, nonce, codeVerifier }) {
        if (!response['code'] && response['error'] === undefined) {
          throw upstreamError('upstream.cancelled', { vendorCode: 'no_code' })
        }
        const config = await configuration()
        const tokens = await redeemed(config, response, { redirectUri, state, nonce, codeVerifier })
        const claims = tokens.claims()
        if (!claims) throw upstreamError('upstream.refused', { vendorCode: 'no_id_token' })
        if (!openSubject.safeParse(claims.sub).success) {
          throw upstreamError('upstream.refused', { vendorCode: 'id_token:sub' })
        }
        return {
          identity: {
            provider,
            subjects: [claims.sub],
            profile: profile(nameOf(claims) === '' ? await userinfo(config, tokens.access_token, claims.sub) : claims),
          },
        }
      },
    }
  },
})

function oidcNamespace({ id, name, issuer: address }: OidcOptions, where: Where) {
  const issuer = new URL(address).href
  return namespace({ id, provider: `oidc:${name}`, address, issuer, remedy: 'give it another `name`' }, where)
}

/** The provider's metadata, kept for an hour. A failure is not kept. Throws `upstream.*`. */
function discovered(options: OidcOptions, { http, clock, allowInsecure }: ConnectorDependencies) {
  let kept: { readonly config: client.Configuration; readonly fetchedAt: number } | undefined

  return async (): Promise<client.Configuration> => {
    if (kept && clock() - kept.fetchedAt < discoveryMs) return kept.config
    const config = await client
      .discovery(
        new URL(options.issuer),
        options.client_id,
        { [client.clockTolerance]: toleranceSeconds },
        authentication(options),
        {
          execute: [client.enableNonRepudiationChecks, ...(allowInsecure ? [client.allowInsecureRequests] : [])],
          timeout: timeoutSeconds,
          [client.customFetch]: fetchThrough(http),
        },
      )
      .catch(refuse)
    // SECURITY: for some vendors the library accepts an issuer that is a template for any tenant, so it is compared
    // here.
    if (new URL(config.serverMetadata().issuer).href !== new URL(options.issuer).href) {
      throw upstreamError('upstream.misconfigured', { vendorCode: 'issuer_mismatch' })
    }
    kept = { config, fetchedAt: clock() }
    return config
  }
}

function authentication({ client_secret, token_endpoint_auth_method }: OidcOptions): client.ClientAuth {
  if (!client_secret) return client.None()
  const method =
    token_endpoint_auth_method === 'client_secret_post' ? client.ClientSecretPost : client.ClientSecretBasic
  return method(client_secret.reveal())
}

/**
 * Makes this connector use the same HTTP client as the others, which limits size, time and redirects and demands https,
 * and hands the library the strict JSON it wants. What comes inside a signed token, nobody has touched.
 */
function fetchThrough(http: HttpClient): client.CustomFetch {
  return async (url, { method, headers, body }) => {
    const answer = await call(http, new URL(url), {
      method: method === 'POST' ? 'POST' : 'GET',
      headers,
      ...(body === undefined || body === null ? {} : { body: String(body) }),
    })
    const isToken = /^application\/(?:[\w-]+\+)?jwt\b/i.test(answer.headers.get('content-type') ?? '')
    const json = isToken ? undefined : strictJson(answer.text)
    const sent = new Headers(answer.headers)
    if (json !== undefined) sent.set('content-type', 'application/json')
    return new Response(json ?? (answer.text || null), { status: answer.status, headers: sent })
  }
}

/**
 * What the provider says about this person, if the ID token contains no name. It is only for display, so after a
 * failure it is empty.
 */
async function userinfo(config: client.Configuration, accessToken: string, sub: string): Promise<Named> {
  if (config.serverMetadata().userinfo_endpoint === undefined) return {}
  return client.fetchUserInfo(config, accessToken, sub).catch((error: unknown) => {
    // SECURITY: an answer about somebody else is an attack, not a failure (OIDC Core §5.3.2).
    if (codeOf(error) === comparisonFailed) throw upstreamError('upstream.refused', { vendorCode: 'userinfo:sub' })
    return {}
  })
}

/** Standard claims that nothing has checked yet. */
type Named = Readonly<Record<string, unknown>>

function nameOf(claims: Named): string {
  const names = [claims['name'], claims['nickname'], claims['preferred_username']]
  return names.find((name): name is string => typeof name === 'string' && name.trim() !== '') ?? ''
}

function profile(claims: Named): Profile {
  const picture = claims['picture']
  return displayable({ nickname: nameOf(claims), picture: typeof picture === 'string' ? picture : '' })
}

/** SECURITY: the library's errors contain answers and claims, so only their codes are passed on. */
function refuse(error: unknown): never {
  if (error instanceof AppError) throw error
  if (error instanceof Error && error.cause instanceof AppError) throw error.cause
  const vendorCode = codeOf(error)
  throw upstreamError(codes.get(vendorCode) ?? 'upstream.refused', { vendorCode })
}

function codeOf(error: unknown): string {
  if (error instanceof client.AuthorizationResponseError || error instanceof client.ResponseBodyError) {
    return error.error
  }
  if (error instanceof client.WWWAuthenticateChallengeError) {
    return error.cause.find(({ parameters }) => parameters.error !== undefined)?.parameters.error ?? 'invalid_client'
  }
  return error instanceof client.ClientError ? (error.code ?? error.name) : 'unexpected'
}

/** The library throws this if the metadata is about another issuer, or userinfo is about another person. */
const comparisonFailed = 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED'

const codes: VendorCodes = new Map([
  ['access_denied', 'upstream.cancelled'],
  ['login_required', 'upstream.cancelled'],
  ['consent_required', 'upstream.cancelled'],
  ['interaction_required', 'upstream.cancelled'],
  ['invalid_grant', 'upstream.code_invalid'],
  ['server_error', 'upstream.busy'],
  ['temporarily_unavailable', 'upstream.busy'],
  ['invalid_client', 'upstream.misconfigured'],
  ['unauthorized_client', 'upstream.misconfigured'],
  ['invalid_scope', 'upstream.misconfigured'],
  ['unsupported_response_type', 'upstream.misconfigured'],
  [comparisonFailed, 'upstream.misconfigured'],
])
