import { createHash, createPrivateKey, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import { z } from 'zod'
import { epochSeconds } from '../../src/base/clock.ts'
import type { Secret } from '../../src/base/secret.ts'
import { addressBelow } from '../../src/base/vendor-address.ts'
import { appleKeys } from './apple-keys.ts'
import type { NonceRule } from './apple-nonce.ts'
import { signedByApple, skewSeconds } from './apple-signature.ts'
import { type ConnectorDependencies, type Unfit, upstreamError } from './connector.ts'
import { ask, call, form, requireGood, type VendorCodes } from './upstream-call.ts'
import { failure, optional, parseAnswer, readRefusal, subject, tokenText } from './vendor-answers.ts'

/** The developer account that signs the client secrets, and to which the tokens belong. */
interface Team {
  readonly team_id: string
  readonly key_id: string
  readonly private_key: Secret
  readonly issuer: string
}

const refusal = z.object({ error: failure })
const tokenAnswer = z.object({ access_token: tokenText, id_token: tokenText, refresh_token: optional(tokenText) })
const idToken = z.object({
  sub: subject,
  aud: z.union([z.string(), z.array(z.string())]),
  iat: z.number(),
  nonce: z.string().nullish(),
  nonce_supported: z.union([z.boolean(), z.string()]).optional(),
  at_hash: z.string().optional(),
  c_hash: z.string().optional(),
})

/** What an ID token must fit. */
interface Expected {
  /** Our client ids; the token must be made for one of them. */
  readonly audience: readonly string[]
  readonly nonce: NonceRule
  readonly code: string
  readonly unfit: Unfit
  /** Absent if the ID token came without an access token. */
  readonly accessToken?: string
}

/** What we need of Apple's token endpoint and of Apple's ID tokens. */
export interface AppleTokens {
  /**
   * Redeems a code with the client id for which it was issued. Only codes of the web have a `redirectUri`. Throws
   * `upstream.code_invalid`, `upstream.misconfigured` or `upstream.refused`.
   */
  exchange(request: {
    readonly clientId: string
    readonly code: string
    readonly redirectUri?: string
  }): Promise<z.output<typeof tokenAnswer>>
  /**
   * Checks as OIDC Core §3.1.3.7 says: returns who logged in, and for which client id of ours. Throws `unfit`, which
   * names the claim that does not fit.
   */
  verify(token: string, expected: Expected): Promise<{ readonly sub: string; readonly clientId: string }>
  /** Ends a refresh token, and with it the person's consent to the client. Throws what `exchange` throws. */
  revoke(clientId: string, refreshToken: string): Promise<void>
}

/**
 * SECURITY: each client secret is made for one request and for the client id for which the code was issued; signatures
 * are checked with Apple's keys.
 */
export function appleTokens(team: Team, dependencies: ConnectorDependencies): AppleTokens {
  const { http, clock } = dependencies
  const keys = appleKeys(addressBelow(team.issuer, '/auth/keys'), dependencies)
  return {
    async exchange({ clientId, code, redirectUri }) {
      const request = form({
        client_id: clientId,
        client_secret: await clientSecret(team, clientId, epochSeconds(clock)),
        code,
        grant_type: 'authorization_code',
        ...(redirectUri === undefined ? {} : { redirect_uri: redirectUri }),
      })
      const reply = await ask(http, addressBelow(team.issuer, '/auth/token'), request)
      const { error } = parseAnswer(refusal, reply.content)
      if (error !== undefined) throw upstreamError(codes.get(error) ?? 'upstream.refused', { vendorCode: error })
      requireGood(reply)
      return parseAnswer(tokenAnswer, reply.content)
    },

    async revoke(clientId, refreshToken) {
      const request = form({
        client_id: clientId,
        client_secret: await clientSecret(team, clientId, epochSeconds(clock)),
        token: refreshToken,
        token_type_hint: 'refresh_token',
      })
      const { status, text } = await call(http, addressBelow(team.issuer, '/auth/revoke'), request)
      if (status === 200) return
      const refused = refusal.safeParse(readRefusal(text)).data?.error ?? String(status)
      // It ended before, or is not this client's.
      if (refused === 'invalid_grant') return
      throw upstreamError(codes.get(refused) ?? 'upstream.refused', { vendorCode: refused })
    },

    async verify(token, expected) {
      const now = epochSeconds(clock)
      const payload = await signedByApple(token, {
        keys,
        issuer: team.issuer,
        audience: expected.audience,
        requiredClaims: ['exp'],
        now,
        refuse: (vendorCode) => upstreamError(expected.unfit, { vendorCode }),
      })
      const claims = parseAnswer(idToken, payload)
      const { at_hash: atHash, c_hash: cHash } = claims
      const clientId = expected.audience.find((id) => id === claims.aud)
      const holds = {
        iat: claims.iat <= now + skewSeconds,
        nonce: expected.nonce.isRight(claims.nonce ?? undefined),
        nonce_supported: expected.nonce.mayBeUnsupported || String(claims.nonce_supported ?? true) === 'true',
        at_hash:
          atHash === undefined || expected.accessToken === undefined || atHash === leftHalf(expected.accessToken),
        c_hash: cHash === undefined || cHash === leftHalf(expected.code),
      }
      const broken = clientId === undefined ? 'aud' : Object.entries(holds).find(([, isRight]) => !isRight)?.[0]
      if (clientId === undefined || broken) throw upstreamError(expected.unfit, { vendorCode: `id_token:${broken}` })
      return { sub: claims.sub, clientId }
    },
  }
}

const clientSecretSeconds = 300

/** A client secret as RFC 7523 §2.2 defines it, made for one request. */
async function clientSecret(team: Team, clientId: string, now: number): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid: team.key_id })
    .setIssuer(team.team_id)
    .setIssuedAt(now)
    .setExpirationTime(now + clientSecretSeconds)
    .setAudience(team.issuer)
    .setSubject(clientId)
    .sign(es256Key(team.private_key))
}

function es256Key(pem: Secret): KeyObject {
  return createPrivateKey(pem.reveal())
}

/** Whether Apple's client secrets can be signed with this key. */
export function isEs256(pem: Secret): boolean {
  try {
    return es256Key(pem).asymmetricKeyDetails?.namedCurve === 'prime256v1'
  } catch {
    return false
  }
}

/** The hash of OIDC Core §3.1.3.6, for RS256. */
function leftHalf(text: string): string {
  return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url')
}

const codes: VendorCodes = new Map([
  ['invalid_grant', 'upstream.code_invalid'],
  ['invalid_client', 'upstream.misconfigured'],
  ['unauthorized_client', 'upstream.misconfigured'],
])
