import type { KoaContextWithOIDC } from 'oidc-provider'
import { type Lifetimes, maxSeconds } from './clients/lifetimes.ts'
import { type Acr, demandOf } from './demand.ts'
import type { Why } from './endings/why.ts'
import { paramsOf } from './library/context.ts'
import { basePolicy, Check } from './library/prompts.ts'

/**
 * Decides when a person is asked something. Beyond the library's own rules: a deleted or locked account logs in again
 * (and gets a page, not an error), a session ends at its absolute limit, and a login that does not reach the demanded
 * `acr` asks for another one (RFC 9470 §4), as does an account without the phone number that a client insists on. What
 * no login could ever reach is an error. Somebody who was logged in before is told in `ended` why they are asked.
 */
export function prompts(
  lifetimes: (ctx: KoaContextWithOIDC) => Lifetimes,
  why: (ctx: KoaContextWithOIDC) => Promise<Why | undefined>,
) {
  const policy = basePolicy()
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
    new Check('acr_values', 'the session does not meet the requested acr_values', 'login_required', (ctx) => {
      const { oidc } = ctx
      const { acrs } = demandOf(paramsOf(ctx), oidc.client ?? {})
      return Boolean(oidc.session?.accountId && acrs && !acrs.includes(oidc.acr as Acr))
    }),
  )
  login?.checks.add(
    new Check('phone', 'the client demands a phone number', 'login_required', (ctx) => {
      const { oidc } = ctx
      const { requiresPhone } = demandOf(paramsOf(ctx), oidc.client ?? {})
      return requiresPhone && oidc.account !== undefined && oidc.account['hasPhone'] !== true
    }),
  )
  const told = new WeakMap<KoaContextWithOIDC, Why>()
  login?.checks.add(
    new Check(
      'ended',
      'the session or grant has ended',
      'login_required',
      async (ctx) => {
        const ended = await why(ctx)
        if (ended) told.set(ctx, ended)
        return ended !== undefined
      },
      (ctx) => ({ ended: told.get(ctx) }),
    ),
  )
  return policy
}
