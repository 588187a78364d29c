import { hash } from 'node:crypto'
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose'
import type { Clock } from '../base/clock.ts'
import type { ReplayMarks } from '../store/replay-marks.ts'
import { digest } from '../store/seal.ts'
import { dpopAlgorithms } from './clients/algorithms.ts'
import { errors } from './library/faults.ts'

interface Dependencies {
  readonly marks: Pick<ReplayMarks, 'add'>
  readonly clock: Clock
}

interface Proof {
  readonly proof: string
  readonly method: string
  /** The address of the endpoint, without query and fragment. */
  readonly url: string
  /** The token the proof is presented with, RFC 9449 §7. */
  readonly accessToken?: string | undefined
  /**
   * The only key that the caller accepts. SECURITY: a proof of another key leaves no mark, since nothing was done for
   * it.
   */
  readonly expected?: string | undefined
}

/** Seconds a proof may be old, or dated in the future where clocks differ. */
const windowSeconds = 300

/**
 * The thumbprint of the key a DPoP proof was made with (RFC 9449 §4.3), for endpoints that are not the library's.
 * SECURITY: a proof is good once, however many arrive together. Throws `invalid_dpop_proof`.
 */
export async function dpopThumbprint({ marks, clock }: Dependencies, given: Proof): Promise<string> {
  const { payload, protectedHeader } = await jwtVerify(given.proof, EmbeddedJWK, {
    typ: 'dpop+jwt',
    algorithms: [...dpopAlgorithms],
    currentDate: new Date(clock()),
    clockTolerance: windowSeconds,
  }).catch((cause: unknown) => {
    throw new errors.InvalidDpopProof('invalid DPoP key binding', { cause })
  })
  const { jti, iat, htm, htu, ath } = payload
  const address = typeof htu === 'string' ? URL.parse(htu) : null
  const holds = {
    jti: typeof jti === 'string' && jti.length > 0 && jti.length <= 256,
    iat: typeof iat === 'number' && Math.abs(clock() / 1000 - iat) <= windowSeconds,
    htm: htm === given.method,
    htu: address !== null && `${address.origin}${address.pathname}` === given.url,
    ath: given.accessToken === undefined || ath === hash('sha256', given.accessToken, 'base64url'),
  }
  const broken = Object.entries(holds).find(([, isRight]) => !isRight)
  if (broken) throw new errors.InvalidDpopProof(`DPoP proof ${broken[0]} mismatch`)
  const thumbprint = await calculateJwkThumbprint(protectedHeader.jwk as Parameters<typeof calculateJwkThumbprint>[0])
  if (given.expected !== undefined && given.expected !== thumbprint) return thumbprint
  const isFirst = await marks.add(`dpop:${thumbprint}:${digest(String(jti))}`, 1, 2 * windowSeconds)
  if (!isFirst) throw new errors.InvalidDpopProof('DPoP proof JWT Replay detected')
  return thumbprint
}
