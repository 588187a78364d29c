import { type Clock, epochSeconds } from '../../src/base/clock.ts'
import { consentPage, decisionOf } from './consent-page.ts'
import { type OidcAsk, type OidcClient, type OidcWrong, oidcScopes, readOidcAsk } from './oidc-authorize.ts'
import { type OidcMisbehaviour, type OidcPerson, OidcTokens } from './oidc-tokens.ts'
import type { SigningAlg } from './signing-keys.ts'
import type { Answer, ReceivedRequest, Simulator } from './simulator.ts'
import {
  documentAnswer,
  type Refused,
  redirectAnswer,
  refusedAnswer,
  startWebVendor,
  withParams,
} from './web-vendor.ts'

/** The clients and people that the simulator knows. */
export interface OidcOptions {
  readonly clock: Clock
  readonly clients: readonly OidcClient[]
  readonly people: readonly OidcPerson[]
  readonly port?: number
  readonly hostname?: string
  /** RS256 if absent. */
  readonly alg?: SigningAlg
  /** Puts the claims of the scopes into the id_token too, as some providers do. */
  readonly claimsInIdToken?: boolean
}

/** The simulator, and what a test may make it do. */
export interface OidcSimulator extends Simulator {
  readonly issuer: string
  /** What is wrong while it is in here. */
  readonly misbehaviours: Set<OidcMisbehaviour>
  /**
   * Opens the address of an authorization request as this person and answers the page; gives the address the browser is
   * sent back to, with an error where the request deserves one. Throws with the code when the browser would not be sent
   * back.
   */
  authorize(personId: string, address: string | URL, decision?: 'accept' | 'refuse'): string
  rotateKeys(): void
}

const look = { names: { 'zh-CN': 'OpenID ', en: 'OpenID' }, color: '#f38020' }

/**
 * Plays an OpenID provider that forgives nothing: OpenID Connect Core 1.0 with code flow only, and RFC 9700's advice
 * (PKCE with S256, exact redirect_uri, RFC 9207 iss) as duties. state and nonce are duties too.
 */
export async function startOidc(options: OidcOptions): Promise<OidcSimulator> {
  const { clock, clients, people, port, hostname, alg = 'RS256', claimsInIdToken = false } = options
  const misbehaviours = new Set<OidcMisbehaviour>()

  const decide = (ask: OidcAsk, personId: string | undefined): string => {
    const { redirectUri, state } = ask
    if (personId === undefined) {
      return sendBack({ redirectUri, state, error: 'access_denied', error_description: 'refused' })
    }
    const person = people.find(({ id }) => id === personId)
    if (person === undefined) throw new Error(`no person ${personId}`)
    const code = tokens.codes.issue({ ask, person, authTime: epochSeconds(clock) })
    return withParams(redirectUri, { code, state, iss: callbackIssuer() })
  }

  const sendBack = ({ redirectUri, ...params }: OidcWrong): string =>
    withParams(redirectUri, { ...params, iss: callbackIssuer() })

  const callbackIssuer = () => {
    if (misbehaviours.has('callback_iss_missing')) return undefined
    return misbehaviours.has('callback_iss_wrong') ? `${vendor.url}/other` : vendor.url
  }

  const shown = people.map(({ id, name, email }) => ({ id, name: `${name} ${email}` }))

  const authorizePage = (request: ReceivedRequest): Answer => {
    const ask = readOidcAsk(request.rawQuery, clients)
    if (isRefused(ask)) return refusedAnswer(request, look, ask)
    if (isWrong(ask)) return redirectAnswer(sendBack(ask))
    const decision = request.method === 'POST' ? decisionOf(request, shown) : undefined
    if (decision === undefined) {
      return consentPage(request, { look, app: ask.client.clientId, scope: ask.scopes.join(' '), people: shown })
    }
    return redirectAnswer(decide(ask, decision.kind === 'accept' ? decision.person : undefined))
  }

  const vendor: Simulator = await startWebVendor({
    clock,
    port,
    hostname,
    pages: { 'GET /authorize': authorizePage, 'POST /authorize': authorizePage },
    calls: {
      'GET /.well-known/openid-configuration': documentAnswer(() => ({
        ...discovery(vendor.url, alg),
        ...(misbehaviours.has('wrong_discovery_issuer') && { issuer: `${vendor.url}/other` }),
      })),
      'GET /jwks': documentAnswer(() => tokens.keys.jwks()),
      'POST /token': (request, refuse) => tokens.token(request, refuse),
      'GET /userinfo': (request, refuse) => tokens.userinfo(request, refuse),
      'POST /userinfo': (request, refuse) => tokens.userinfo(request, refuse),
    },
  })
  const tokens = new OidcTokens({ clock, clients, issuer: vendor.url, alg, claimsInIdToken, misbehaviours })

  return Object.assign(vendor, {
    issuer: vendor.url,
    misbehaviours,
    authorize(personId: string, address: string | URL, decision: 'accept' | 'refuse' = 'accept') {
      const ask = readOidcAsk(new URL(address).search, clients)
      if (isRefused(ask)) throw new Error(`${ask.code}: ${ask.reason}`)
      return isWrong(ask) ? sendBack(ask) : decide(ask, decision === 'accept' ? personId : undefined)
    },
    rotateKeys: () => tokens.keys.rotate(),
  })
}

function isRefused(ask: OidcAsk | OidcWrong | Refused): ask is Refused {
  return 'reason' in ask
}

function isWrong(ask: OidcAsk | OidcWrong): ask is OidcWrong {
  return 'error' in ask
}

function discovery(url: string, alg: SigningAlg): Readonly<Record<string, unknown>> {
  return {
    issuer: url,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    userinfo_endpoint: `${url}/userinfo`,
    jwks_uri: `${url}/jwks`,
    scopes_supported: oidcScopes,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [alg],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    code_challenge_methods_supported: ['S256'],
    claims_supported: [
      'sub',
      'iss',
      'aud',
      'exp',
      'iat',
      'auth_time',
      'nonce',
      'name',
      'picture',
      'email',
      'email_verified',
    ],
    authorization_response_iss_parameter_supported: true,
  }
}
