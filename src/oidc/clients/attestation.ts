import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  decodeProtectedHeader,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  jwtVerify,
} from 'jose'
import type { Client } from 'oidc-provider'
import { z } from 'zod'
import type { Clock } from '../../base/clock.ts'
import type { EphemeralStore } from '../../store/ephemeral.ts'
import { digest } from '../../store/seal.ts'
import { errors } from '../library/faults.ts'
import { fixedSeconds } from './lifetimes.ts'

/** Who vouches for the app a client runs in, and whether an app nobody vouches for is served. */
export const attestationSchema = z.strictObject({
  required: z
    .boolean()
    .default(false)
    .describe('Refuses apps without an attestation; otherwise one that is sent must be right.'),
  jwks: z
    .strictObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1) })
    .describe('Public keys of the backend that attests installations of the app.'),
})

interface Dependencies {
  readonly store: Pick<EphemeralStore, 'add'>
  readonly clock: Clock
  readonly issuer: string
}

interface Headers {
  /** `OAuth-Client-Attestation`, empty when absent. */
  readonly attestation: string
  /** `OAuth-Client-Attestation-PoP`. */
  readonly pop: string
}

const algorithms = ['ES256', 'RS256', 'PS256', 'EdDSA']
const popSeconds = 300
const confirmation = z.object({ jwk: z.record(z.string(), z.unknown()) })

/**
 * Thumbprint of the installation's key when the app proves to be a genuine one
 * (draft-ietf-oauth-attestation-based-client-auth, as an additional signal beside a public client): its backend signed
 * a key of this installation, and the installation signed this request with it, once. Undefined when the client has no
 * attester, or one that is not required and nothing was sent. Throws `invalid_client_attestation`.
 */
export async function attestedInstallation(
  { store, clock, issuer }: Dependencies,
  client: Client,
  headers: Headers,
): Promise<string | undefined> {
  const settings = client['attestation'] as z.output<typeof attestationSchema> | undefined
  if (!settings) return undefined
  if (headers.attestation === '' && !settings.required) return undefined
  const invalid = (cause?: unknown) =>
    new errors.CustomOIDCProviderError('invalid_client_attestation', 'client attestation is missing or invalid', {
      cause,
    })
  if (headers.attestation === '' || headers.pop === '') throw invalid()
  const common = { algorithms, currentDate: new Date(clock()), clockTolerance: fixedSeconds.clockTolerance }
  try {
    const attester = createLocalJWKSet(settings.jwks as unknown as JSONWebKeySet)
    const { payload: attestation } = await jwtVerify(headers.attestation, attester, {
      ...common,
      typ: 'oauth-client-attestation+jwt',
      subject: client.clientId,
      requiredClaims: ['exp', 'cnf'],
    })
    const { jwk } = confirmation.parse(attestation['cnf'])
    const { alg } = decodeProtectedHeader(headers.pop)
    const { payload: pop } = await jwtVerify(headers.pop, await importJWK(jwk as JWK, alg ?? ''), {
      ...common,
      typ: 'oauth-client-attestation-pop+jwt',
      audience: issuer,
      requiredClaims: ['jti', 'iat'],
    })
    const { jti, iat = 0 } = pop
    if (Math.abs(clock() / 1000 - iat) > popSeconds) throw new Error('the proof of possession is stale')
    const mark = `attestation:${client.clientId}:${digest(String(jti))}`
    if (!(await store.add(mark, 1, 2 * popSeconds))) throw new Error('the proof of possession was used before')
    return await calculateJwkThumbprint(jwk as JWK)
  } catch (cause) {
    throw invalid(cause)
  }
}
