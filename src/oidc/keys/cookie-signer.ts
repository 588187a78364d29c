import { createHmac, createSecretKey } from 'node:crypto'
import type { Provider } from 'oidc-provider'
import { isSameSecret } from '../../base/same-secret.ts'

/**
 * Signs cookies with the first key and accepts signatures by any of them. For a signature by an older key, koa would
 * ask for the position of that key and replace the signature by one that lasts only until the browser is closed. That
 * would end the session, so every key answers as if it were the first. A cookie gets its new signature when it is set
 * again.
 */
export function cookieSigner(keys: readonly string[]): Provider['keys'] {
  const [first, ...older] = keys.map((key) => createSecretKey(Buffer.from(key)))
  if (!first) throw new Error('there is no cookie key')
  // SHA-1 as an HMAC is sound; it is what koa signs with.
  const signed = (text: string, key: typeof first) => createHmac('sha1', key).update(text).digest('base64url')
  const verify = (text: string, signature: string) =>
    [first, ...older].some((key) => isSameSecret(signature, signed(text, key)))
  return {
    sign: (text: string) => signed(text, first),
    verify,
    index: (text: string, signature: string) => (verify(text, signature) ? 0 : -1),
  } as Provider['keys']
}
