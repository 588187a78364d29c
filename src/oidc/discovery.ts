import { locales } from '../base/languages.ts'
import { paths } from '../base/paths.ts'

interface Told {
  readonly issuer: string
  /** Values of `prompt` that the policy has a prompt for. */
  readonly prompts: readonly string[]
  readonly clientAuthMethods: readonly string[]
  readonly clientAuthAlgorithms: readonly string[]
  /** What people agree to, in the order of the settings. */
  readonly agreements: readonly { readonly id: string; readonly url: string }[]
}

/**
 * What the metadata says beyond what the library writes: our own endpoint, and what clients would have to guess (RFC
 * 8414 §2, OpenID Connect Discovery §3, Initiating User Registration §4.2).
 */
export function metadataOf({ issuer, prompts, clientAuthMethods, clientAuthAlgorithms, agreements }: Told) {
  const document = (id: string) => {
    const found = agreements.find((each) => each.id === id)
    return found && new URL(found.url, issuer).href
  }
  return {
    authorization_challenge_endpoint: `${issuer}${paths.challenge}`,
    prompt_values_supported: ['none', ...prompts],
    ui_locales_supported: [...locales()],
    revocation_endpoint_auth_methods_supported: [...clientAuthMethods],
    revocation_endpoint_auth_signing_alg_values_supported: [...clientAuthAlgorithms],
    introspection_endpoint_auth_methods_supported: [...clientAuthMethods],
    introspection_endpoint_auth_signing_alg_values_supported: [...clientAuthAlgorithms],
    op_policy_uri: document('privacy'),
    op_tos_uri: document('terms'),
  }
}
