import { interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'
import { type Lifetimes, maxSeconds } from './lifetimes.ts'

/** What a login proved, as an `acr`: something the person has, knows, or an upstream's word. */
export const acrValues = [
  'urn:menshen:acr:possession',
  'urn:menshen:acr:knowledge',
  'urn:menshen:acr:federated',
] as const

export type Acr = (typeof acrValues)[number]

/** The `acr` of a login from the methods it used. */
export function acrOf(amr: readonly string[]): Acr {
  if (amr.includes('sms') || amr.includes('one_tap') || amr.includes('email')) return 'urn:menshen:acr:possession'
  if (amr.includes('pwd')) return 'urn:menshen:acr:knowledge'
  return 'urn:menshen:acr:federated'
}

/** What a running request says about the `acr` it wants; undefined: any will do. */
export function requestedAcrs(params: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  const named = typeof params['acr_values'] === 'string' ? params['acr_values'].split(' ').filter(Boolean) : []
  const known = named.filter((acr) => (acrValues as readonly string[]).includes(acr))
  return known.length > 0 ? known : undefined
}

const { Check, base } = interactionPolicy

/**
 * When a person is asked something. Over the library's own rules: a deleted or locked account logs in again (it gets a page, not
 * an error), a session ends at its absolute limit, and `acr_values` that the session does not meet ask for another login
 * (RFC 9470 §4). Native apps of our own see no consent page.
 */
export function prompts(lifetimes: (ctx: KoaContextWithOIDC) => Lifetimes) {
  const policy = base()
  const login = policy.get('login')
  login?.checks.add(
    new Check('account_gone', 'the account of this session cannot be used', 'login_required', ({ oidc }) =>
      Boolean(oidc.session?.accountId && !oidc.account),
    ),
  )
  login?.checks.add(
    new Check('session_max', 'the session has reached its absolute limit', 'login_required', (ctx) => {
      const { session, result } = ctx.oidc
      return Boolean(session?.accountId && !result?.login && session.past(maxSeconds(lifetimes(ctx).session)))
    }),
  )
  login?.checks.add(
    new Check('acr_values', 'the session does not meet the requested acr_values', 'login_required', ({ oidc }) => {
      const wanted = requestedAcrs(oidc.params ?? {})
      return Boolean(oidc.session?.accountId && wanted && !oidc.result?.login && !wanted.includes(oidc.acr ?? ''))
    }),
  )
  policy.get('consent')?.checks.remove('native_client_prompt')
  return policy
}
