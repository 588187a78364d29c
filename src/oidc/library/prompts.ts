import { interactionPolicy } from 'oidc-provider'

/** One reason for which a person is asked something; its name is told to the page. */
export const { Check } = interactionPolicy

/**
 * The library's own rules of when a person logs in and consents. Without the one that asks for consent at every login
 * of a native client: whether a native client is asked about is decided by what its grant lacks, as for every other
 * client.
 */
export function basePolicy(): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base()
  policy.get('consent')?.checks.remove('native_client_prompt')
  return policy
}
