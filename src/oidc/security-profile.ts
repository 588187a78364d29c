import { decodeProtectedHeader } from 'jose'
import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import { isAlgorithmOfFapi2 } from './clients/algorithms.ts'
import { errors } from './library/faults.ts'

/**
 * Throws where a client of the FAPI 2.0 Security Profile signs its assertion, or the DPoP proof beside it, with an
 * algorithm that the profile does not allow (§5.4.1). Other clients may use every algorithm that the server takes.
 */
export function refuseOtherAlgorithms(
  ctx: KoaContextWithOIDC,
  { alg }: { readonly alg?: unknown },
  client: Client,
): void {
  if (client['security_profile'] === 'fapi2' && !isAlgorithmOfFapi2(alg)) {
    throw new errors.InvalidClientAuth('alg mismatch')
  }
  refuseOtherProof(ctx.get('DPoP'), client)
}

/**
 * Throws `invalid_dpop_proof` for a DPoP proof whose algorithm the profile of its client does not allow. SECURITY:
 * where a client brings a token and no assertion, nothing else looks at that.
 */
export function refuseOtherProof(proof: string, client: Client | undefined): void {
  if (client?.['security_profile'] !== 'fapi2') return
  if (proof === '' || isAlgorithmOfFapi2(algorithmOf(proof))) return
  throw new errors.InvalidDpopProof('the security profile of this client allows ES256, PS256 and EdDSA alone')
}

function algorithmOf(jwt: string): string | undefined {
  try {
    return decodeProtectedHeader(jwt).alg
  } catch {
    return undefined
  }
}
