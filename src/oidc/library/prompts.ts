import { interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'

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

/**
 * A value of `prompt` that the library does not have. It knows the value as one that may be asked for, and asks by it
 * only where these checks say so: its own would ask again after every other answer.
 */
export function requestablePrompt(name: string, ...checks: readonly InstanceType<typeof Check>[]) {
  const prompt = new interactionPolicy.Prompt({ name, requestable: true }, ...checks)
  prompt.checks.remove(`${name}_prompt`)
  return prompt
}

/** Whether a running request asks for this prompt, and its person has not answered it yet. */
export function isPromptPending({ oidc }: KoaContextWithOIDC, name: string): boolean {
  return oidc.prompts.has(name) && oidc.promptPending(name)
}

/** The values of `prompt` that a policy lets clients ask for, beside `none`. */
export function requestableIn(policy: interactionPolicy.DefaultPolicy): readonly string[] {
  return policy.filter(({ requestable }) => requestable).map(({ name }) => name)
}
