import { createLocalJWKSet, type JWK, type JWTPayload, jwtVerify } from 'jose'
import type { AccessToken, ClientCredentials, KoaContextWithOIDC } from 'oidc-provider'
import type { Clock } from '../base/clock.ts'
import type { Sealer } from '../store/seal.ts'
import type { ClientPolicies } from './clients/client-policies.ts'
import { grantedProtocolScope } from './library/context.ts'
import type { Payload } from './library/stored-models.ts'
import { protocolScopeMember } from './records/api-tokens.ts'

/** What an access token comes from. An opaque one has it in its row; a JWT has no row and carries it, sealed. */
export interface JwtOrigin {
  /** Undefined for a machine, which nobody has granted anything. */
  readonly grantId?: string | undefined
  /** The browser session without which it is worth nothing. */
  readonly sessionUid?: string | undefined
  /** The scopes of the protocol that were granted with it; its claim `scope` has those of its API alone. */
  readonly protocolScope: string
}

/** An access token of ours: signed by one of our keys, and not expired. */
export interface OwnJwt {
  readonly claims: JWTPayload & { readonly client_id: string; readonly exp: number; readonly iat: number }
  readonly origin: JwtOrigin
}

/** What an origin is sealed for. */
const context = 'access_token.jti'

/** The parts of a JWT that the library lets us change before it is signed. */
interface JwtParts {
  readonly payload: object
  /** What is put over its own header. */
  header?: object | undefined
}

/**
 * Names every JWT by what it comes from: `jti` is unique, because sealing never gives the same text twice, and opaque
 * to whoever holds the token. So an API learns neither grant nor session, and nothing is stored for a JWT. Its `typ` is
 * what the API has registered.
 */
export function jwtParts(sealer: Sealer, policies: Pick<ClientPolicies, 'jwtType'>) {
  return (ctx: KoaContextWithOIDC, token: AccessToken | ClientCredentials, parts: JwtParts): void => {
    const person = token.kind === 'AccessToken' ? (token as AccessToken) : undefined
    const origin: JwtOrigin = {
      grantId: person?.grantId,
      sessionUid: person?.expiresWithSession ? person.sessionUid : undefined,
      protocolScope: grantedProtocolScope(ctx),
    }
    Object.assign(parts.payload, { jti: sealer.seal(JSON.stringify(origin), context) })
    const typ = policies.jwtType(token.resourceServer?.identifier())
    if (typ !== undefined) parts.header = { typ }
  }
}

/** A JWT as the library would have stored it, were it an opaque access token. */
export function payloadOfJwt({ claims, origin }: OwnJwt): Payload {
  const { sub, client_id: clientId, iat, exp, aud, cnf } = claims
  const { grantId, sessionUid } = origin
  return {
    kind: 'AccessToken',
    accountId: sub,
    ...{ clientId, iat, exp, aud, grantId },
    ...protocolScopeMember(origin.protocolScope),
    ...(sessionUid === undefined ? {} : { sessionUid, expiresWithSession: true }),
    // The members that bind it to a key have the same names there.
    ...(cnf as object | undefined),
  }
}

/** Reads a JWT of ours; undefined for anything else and for one that has expired. */
export type ReadJwt = (value: string) => Promise<OwnJwt | undefined>

/** Three parts of base64url, as a signed JWT has them; an opaque token has none of these dots. */
const jwtPattern = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** Whether a text may be a JWT. */
export function looksLikeJwt(value: string): boolean {
  return jwtPattern.test(value)
}

/**
 * Reads the JWTs that these keys have signed. SECURITY: ID tokens and logout tokens are signed by the same keys; what
 * only an access token has is a `jti` that we sealed for this purpose.
 */
export function jwtReader({
  issuer,
  keys,
  sealer,
  clock,
}: {
  readonly issuer: string
  readonly keys: readonly JWK[]
  readonly sealer: Sealer
  readonly clock: Clock
}): ReadJwt {
  const published = createLocalJWKSet({ keys: keys.map(publicPart) })
  const algorithms = [...new Set(keys.map(({ alg = '' }) => alg))]

  return async (value) => {
    if (!looksLikeJwt(value)) return undefined
    try {
      const rules = { issuer, algorithms, currentDate: new Date(clock()) }
      const { payload } = await jwtVerify(value, published, {
        ...rules,
        requiredClaims: ['exp', 'iat', 'jti', 'sub', 'aud', 'client_id'],
      })
      const origin = JSON.parse(sealer.open(String(payload.jti), context)) as JwtOrigin
      return { claims: payload as OwnJwt['claims'], origin }
    } catch {
      return undefined
    }
  }
}

function publicPart({ kty, crv, x, y, n, e, kid, alg, use }: JWK): JWK {
  const members = Object.entries({ kty, crv, x, y, n, e, kid, alg, use }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(members) as unknown as JWK
}
