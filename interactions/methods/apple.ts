import { createHash, createPrivateKey, type KeyObject } from 'node:crypto'
import { createLocalJWKSet, errors, type JWTVerifyGetKey, jwtVerify, type LocalJWKSet, SignJWT } from 'jose'
import { z } from 'zod'
import { displayable } from '../../src/accounts/profile.ts'
import type { Profile } from '../../src/accounts/user.ts'
import { epochSeconds } from '../../src/base/clock.ts'
import { AppError } from '../../src/base/errors.ts'
import { type Secret, secret } from '../../src/base/secret.ts'
import { connectionBase } from './connection-base.ts'
import {
  type Authorization,
  type ConnectorDependencies,
  connectorKind,
  isInsideWechat,
  parseAnswer,
  parseJson,
  upstreamError,
} from './connector.ts'
import { call, form, type VendorCodes, withQuery } from './upstream-call.ts'

/** Settings of Sign in with Apple for the web. */
export const appleOptions = z.strictObject({
  ...connectionBase('apple'),
  type: z.literal('apple').describe('Sign in with Apple.'),
  client_id: z.string().min(1).describe('Services ID.'),
  team_id: z.string().min(1).describe('Team ID of the developer account.'),
  key_id: z.string().min(1).describe('Key ID of a key for Sign in with Apple.'),
  private_key: secret()
    .refine(isEs256, 'expected the content of the .p8 file of the key')
    .meta({ secret: true })
    .describe('That key: the content of its .p8 file.'),
  issuer: z.url().default('https://appleid.apple.com').describe('Address of Apple, and the issuer of its tokens.'),
})
type AppleOptions = z.output<typeof appleOptions>

const refusal = z.object({ error: z.string() })
const tokenAnswer = z.object({
  access_token: z.string().min(1),
  id_token: z.string().min(1),
  refresh_token: z.string().min(1).optional(),
})
const idToken = z.object({
  sub: z.string().min(1).max(255),
  aud: z.union([z.string(), z.array(z.string())]),
  iat: z.number(),
  nonce: z.string().optional(),
  at_hash: z.string().optional(),
  c_hash: z.string().optional(),
})
const firstConsent = z.object({
  name: z.object({ firstName: z.string().catch(''), lastName: z.string().catch('') }),
})

const clientSecretSeconds = 300
const skewSeconds = 60

/**
 * Sign in with Apple on the web (developer.apple.com/documentation/signinwithapplerestapi, as of 2026-11-20). The answer is a
 * form posted across sites. The subject is the same for all apps of one team. SECURITY: the e-mail address of the token may be a
 * relay, and that of the form is unsigned; neither is used.
 */
export const apple = connectorKind({
  options: appleOptions,
  build(options, dependencies) {
    const { http, clock } = dependencies
    const keys = publicKeys(new URL('/auth/keys', options.issuer), dependencies)

    async function token(code: string, redirectUri: string): Promise<z.output<typeof tokenAnswer>> {
      const request = form({
        client_id: options.client_id,
        client_secret: await clientSecret(options, epochSeconds(clock)),
        code,
        grant_type: 'authorization_code',
        redirect_uri: redirectUri,
      })
      const { status, text } = await call(http, new URL('/auth/token', options.issuer), request)
      const values = parseJson(text)
      const { success: isRefused, data: refused } = refusal.safeParse(values)
      if (isRefused) {
        throw upstreamError(codes.get(refused.error) ?? 'upstream.refused', { vendorCode: refused.error })
      }
      if (status !== 200) throw upstreamError('upstream.refused', { vendorCode: status })
      return parseAnswer(tokenAnswer, values)
    }

    /** OIDC Core §3.1.3.7. Throws `upstream.refused` naming the claim that does not fit. */
    async function subject(
      answer: z.output<typeof tokenAnswer>,
      sent: { readonly code: string; readonly nonce: string },
    ): Promise<string> {
      const now = epochSeconds(clock)
      const verified = await jwtVerify(answer.id_token, keys, {
        algorithms: ['RS256'],
        issuer: options.issuer,
        audience: options.client_id,
        requiredClaims: ['exp'],
        clockTolerance: skewSeconds,
        currentDate: new Date(now * 1000),
      }).catch((error: unknown) => {
        throw error instanceof AppError ? error : upstreamError('upstream.refused', { vendorCode: joseCode(error) })
      })
      const claims = parseAnswer(idToken, verified.payload)
      const holds = {
        aud: claims.aud === options.client_id,
        iat: claims.iat <= now + skewSeconds,
        nonce: claims.nonce === sent.nonce,
        at_hash: claims.at_hash === undefined || claims.at_hash === leftHalf(answer.access_token),
        c_hash: claims.c_hash === undefined || claims.c_hash === leftHalf(sent.code),
      }
      const broken = Object.entries(holds).find(([, isRight]) => !isRight)
      if (broken) throw upstreamError('upstream.refused', { vendorCode: `id_token:${broken[0]}` })
      return claims.sub
    }

    return {
      id: options.id,
      provider: 'apple',
      label: options.label,
      availability: (visit) => (isInsideWechat(visit) ? 'hidden' : 'here'),
      variant: () => 'web',
      async authorizationUrl({ redirectUri, state, nonce }: Authorization) {
        return withQuery('/auth/authorize', options.issuer, {
          client_id: options.client_id,
          redirect_uri: redirectUri,
          response_type: 'code',
          response_mode: 'form_post',
          scope: 'name email',
          state,
          nonce,
        })
      },
      async identify({ code, error, user }, { redirectUri, nonce }) {
        if (error !== undefined) {
          throw upstreamError(error === 'user_cancelled_authorize' ? 'upstream.cancelled' : 'upstream.refused', {
            vendorCode: error,
          })
        }
        if (!code) throw upstreamError('upstream.cancelled', { vendorCode: 'no_code' })
        const answer = await token(code, redirectUri)
        return {
          identity: {
            provider: 'apple',
            subjects: [await subject(answer, { code, nonce })],
            profile: firstTimeProfile(user),
          },
          ...(answer.refresh_token === undefined ? {} : { credential: answer.refresh_token }),
        }
      },
    }
  },
})

/** RFC 7523 §2.2, made for one request. */
async function clientSecret(options: AppleOptions, now: number): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid: options.key_id })
    .setIssuer(options.team_id)
    .setIssuedAt(now)
    .setExpirationTime(now + clientSecretSeconds)
    .setAudience(options.issuer)
    .setSubject(options.client_id)
    .sign(es256Key(options.private_key))
}

function es256Key(pem: Secret): KeyObject {
  return createPrivateKey(pem.reveal())
}

function isEs256(pem: Secret): boolean {
  try {
    return es256Key(pem).asymmetricKeyDetails?.namedCurve === 'prime256v1'
  } catch {
    return false
  }
}

const keysMs = 3_600_000
const refetchPauseMs = 60_000

/** Apple's keys, kept for an hour; an unknown `kid` has them fetched again, at most once a minute. */
function publicKeys(url: URL, { http, clock }: Pick<ConnectorDependencies, 'http' | 'clock'>): JWTVerifyGetKey {
  let kept: { readonly keys: LocalJWKSet; readonly fetchedAt: number } | undefined

  async function fetched(): Promise<LocalJWKSet> {
    const { status, text } = await call(http, url)
    if (status !== 200) throw upstreamError('upstream.refused', { vendorCode: status })
    const keys = createLocalJWKSet(parseJson(text) as Parameters<typeof createLocalJWKSet>[0])
    kept = { keys, fetchedAt: clock() }
    return keys
  }

  return async (header, token) => {
    const known = kept
    const age = known ? clock() - known.fetchedAt : keysMs
    if (!known || age >= keysMs) return (await fetched())(header, token)
    try {
      return await known.keys(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || age < refetchPauseMs) throw error
      return (await fetched())(header, token)
    }
  }
}

// SECURITY: the error itself holds the claims, so it goes no further.
function joseCode(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired) {
    return `id_token:${error.claim}`
  }
  return error instanceof errors.JOSEError ? error.code : 'id_token_unverifiable'
}

/** OIDC Core §3.1.3.6, for RS256. */
function leftHalf(text: string): string {
  return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url')
}

/** The name in the form of the very first consent. SECURITY: unsigned, so only something to be called by. */
function firstTimeProfile(user = ''): Profile {
  try {
    const { firstName, lastName } = firstConsent.parse(JSON.parse(user)).name
    const isFamilyFirst = /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(lastName)
    return displayable({ nickname: isFamilyFirst ? `${lastName}${firstName}` : `${firstName} ${lastName}` })
  } catch {
    return {}
  }
}

const codes: VendorCodes = new Map([
  ['invalid_grant', 'upstream.code_invalid'],
  ['invalid_client', 'upstream.misconfigured'],
  ['unauthorized_client', 'upstream.misconfigured'],
])
