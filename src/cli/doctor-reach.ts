import { type HttpClient, httpClient } from '../base/http.ts'
import { type Finding, fail } from './doctor-checks.ts'

/** As long as a login waits: a vendor that is slower than that is away for people too. */
const answerMs = 10_000

/** What one look at a vendor needs. */
export interface Look {
  /** The name of the settings, as the report shows it. */
  readonly name: string
  readonly allowInsecure: boolean
}

/** The client of the doctor's own questions. */
export function doctorHttp(allowInsecure: boolean): HttpClient {
  return httpClient({ timeoutMs: answerMs, allowInsecure })
}

/** SECURITY: secrets go to these addresses; in the clear they would be anybody's. */
export function refusesPlain(url: URL, { name, allowInsecure }: Look): Finding | undefined {
  if (url.protocol === 'https:' || allowInsecure) return undefined
  return fail(name, `${url.origin} is not https`, 'the server does not start with it: give the https address')
}

/** The finding for an address that does not answer. */
export function unreachable(name: string, detail: string): Finding {
  const advice =
    'nobody can log in with it: check DNS, the firewall or proxy for outgoing connections, and the certificate'
  return fail(name, detail, ownSigner(detail) ?? advice)
}

/** What Node calls a certificate of somebody whom this machine does not know, such as a company's own authority. */
const unknownSigner =
  /DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE/

/** What to do where a certificate is good but for who has signed it; undefined for every other failure. */
export function ownSigner(detail: string): string | undefined {
  if (!unknownSigner.test(detail)) return undefined
  return 'the certificate is signed by nobody this machine knows: NODE_EXTRA_CA_CERTS=FILE, for the server and for commands, names the certificate of your own authority'
}
