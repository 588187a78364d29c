import { randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { issuer } from './shop.ts'

/** The key of an installation, by which its account knows it. */
export type AppKey = Awaited<ReturnType<typeof newAppKey>>

/** Makes the key of a fresh installation. */
export async function newAppKey() {
  const pair = await generateKeyPair('ES256')
  return { ...pair, jwk: await exportJWK(pair.publicKey) }
}

/** Proves the key for one POST at this moment (RFC 9449). */
export function proofOf({ privateKey, jwk }: AppKey, path: string, nowMs: number): Promise<string> {
  return new SignJWT({ htm: 'POST', htu: `${issuer}${path}`, jti: randomUUID() })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
    .setIssuedAt(Math.floor(nowMs / 1000))
    .sign(privateKey)
}
