import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose'
import type { Context } from 'koa'
import { type Clock, epochSeconds } from '../../src/base/clock.ts'
import { AppError } from '../../src/base/errors.ts'

interface Dependencies {
  readonly issuer: string
  /** The audience this API insists on. */
  readonly resource: string
  readonly clock: Clock
}

/** A refusal in the words of RFC 6750 §3.1 and RFC 9470 §3. */
interface Refusal {
  readonly status: 400 | 401 | 403
  readonly error?: string
  readonly description?: string
  readonly challenge?: Readonly<Record<string, string>>
}

type Verdict = { readonly claims: JWTPayload } | { readonly refusal: Refusal }

const readScope = 'orders:read'
const adminAcr = 'urn:menshen:acr:possession'
const adminMaxAgeSeconds = 60

const orders = [
  { id: 'ord_1001', item: '明前龙井 250 g', amount: '368.00', currency: 'CNY' },
  { id: 'ord_1002', item: '景德镇盖碗', amount: '129.00', currency: 'CNY' },
]

/**
 * An API as a team behind this server would write it. It trusts only the published keys of the issuer. This is the part
 * to copy into a backend.
 */
export function resourceServer({ issuer, resource, clock }: Dependencies) {
  const jwks = createRemoteJWKSet(new URL(`${issuer}/jwks`))

  /** The claims of a token that is meant for this API. `typ` keeps ID tokens out: RFC 9068 §4. */
  async function verified(ctx: Context): Promise<Verdict> {
    const header = ctx.get('authorization')
    if (header === '') return { refusal: { status: 401 } }
    const token = /^Bearer ([A-Za-z0-9\-._~+/]+=*)$/i.exec(header)?.[1]
    if (token === undefined) return { refusal: refusal(400, 'invalid_request', 'expected Authorization: Bearer TOKEN') }
    try {
      const { payload } = await jwtVerify(token, jwks, {
        issuer,
        audience: resource,
        typ: 'at+jwt',
        algorithms: ['ES256'],
        requiredClaims: ['exp', 'sub', 'client_id', 'iat', 'jti'],
      })
      // SECURITY: a token bound to a key proves nothing without a proof of that key, RFC 9449 §7.1, and this API
      // accepts no proofs.
      if (payload['cnf'] !== undefined)
        return { refusal: invalidToken('the token is bound to a key and no bearer token') }
      return { claims: payload }
    } catch (thrown) {
      return { refusal: invalidToken(reason(thrown)) }
    }
  }

  function guarded(answer: (claims: JWTPayload) => object, stepUp?: (claims: JWTPayload) => Refusal | undefined) {
    return async (ctx: Context): Promise<void> => {
      ctx.set('cache-control', 'no-store')
      const verdict = await verified(ctx)
      if ('refusal' in verdict) return refuse(ctx, verdict.refusal)
      const { claims } = verdict
      if (!scopesOf(claims).includes(readScope)) {
        const lacking = refusal(403, 'insufficient_scope', `the token lacks ${readScope}`, { scope: readScope })
        return refuse(ctx, lacking)
      }
      const missing = stepUp?.(claims)
      if (missing) return refuse(ctx, missing)
      ctx.body = answer(claims)
    }
  }

  /** Actions with consequences need a person who has just proved that they have the phone: RFC 9470. */
  function freshPossession(claims: JWTPayload): Refusal | undefined {
    if (claims['acr'] !== adminAcr) return stronger('a code sent to the phone is needed', { acr_values: adminAcr })
    const age = epochSeconds(clock) - Number(claims['auth_time'])
    if (age <= adminMaxAgeSeconds) return undefined
    return stronger('the login is too long ago', { max_age: String(adminMaxAgeSeconds) })
  }

  return {
    orders: guarded((claims) => ({ orders, seen: about(claims) })),
    admin: guarded(
      (claims) => ({ message: 'the login is fresh and strong enough', seen: about(claims) }),
      freshPossession,
    ),
  }
}

/** What the API learnt about its caller. */
function about({ sub, client_id, scope, acr, amr, auth_time }: JWTPayload) {
  return { sub, client_id, scope, acr, amr, auth_time }
}

function scopesOf({ scope }: JWTPayload): string[] {
  return typeof scope === 'string' ? scope.split(' ') : []
}

function refusal(
  status: Refusal['status'],
  error: string,
  description: string,
  challenge: Readonly<Record<string, string>> = {},
): Refusal {
  return { status, error, description, challenge }
}

function invalidToken(description: string): Refusal {
  return refusal(401, 'invalid_token', description)
}

function stronger(description: string, challenge: Readonly<Record<string, string>>): Refusal {
  return refusal(401, 'insufficient_user_authentication', description, challenge)
}

const claimReasons: Readonly<Record<string, string>> = {
  typ: 'this is no access token: typ is not at+jwt',
  iss: 'the token is from another issuer',
  aud: 'the token is meant for another API',
  exp: 'the token has expired',
}

/**
 * Why a token was refused, in a sentence for the developer of the client. An error that is not caused by the token is
 * thrown again.
 */
function reason(thrown: unknown): string {
  if (thrown instanceof errors.JWTExpired || thrown instanceof errors.JWTClaimValidationFailed) {
    return claimReasons[thrown.claim] ?? `the claim ${thrown.claim} is missing or wrong`
  }
  if (thrown instanceof errors.JWSSignatureVerificationFailed) return 'the signature does not match'
  if (thrown instanceof errors.JWKSNoMatchingKey) return 'the token was signed with a key the issuer does not publish'
  if (thrown instanceof errors.JWSInvalid || thrown instanceof errors.JWTInvalid) return 'the token is no JWT'
  if (thrown instanceof errors.JOSEAlgNotAllowed || thrown instanceof errors.JOSENotSupported)
    return 'the algorithm is not accepted'
  throw new AppError('server.unavailable', { cause: thrown })
}

function refuse(ctx: Context, { status, error, description, challenge }: Refusal): void {
  const parts = { error, error_description: description, ...challenge }
  const list = Object.entries(parts).flatMap(([name, value]) => (value === undefined ? [] : [`${name}="${value}"`]))
  ctx.status = status
  ctx.set('www-authenticate', ['Bearer realm="sandbox"', ...list].join(', '))
  ctx.body = { error: error ?? 'unauthorized', error_description: description ?? 'an access token is needed' }
}
