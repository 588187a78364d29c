import { createHmac } from 'node:crypto'
import type { Secret } from './secret.ts'

/** The header with the signature of what systems of the operator are sent: `t=SECONDS,v1=HEX`. */
export const signatureHeader = 'menshen-signature'

/**
 * The headers of a JSON body for a system of the operator's. With HMAC-SHA256 over the time and the body it can tell
 * what we send from what others send, and what is new from what is old.
 */
export function signedHeaders(
  body: string,
  { secret, nowSeconds }: { readonly secret: Secret; readonly nowSeconds: number },
): Readonly<Record<string, string>> {
  const digest = createHmac('sha256', secret.reveal()).update(`${nowSeconds}.${body}`).digest('hex')
  return { 'content-type': 'application/json', [signatureHeader]: `t=${nowSeconds},v1=${digest}` }
}
