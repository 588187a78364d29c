import type { KoaContextWithOIDC } from 'oidc-provider'
import { type Lifetimes, maxSeconds } from './clients/lifetimes.ts'
import { type Acr, demandOf } from './demand.ts'
import type { Why } from './endings/why.ts'
import { paramsOf } from './library/context.ts'
import { basePolicy, Check } from './library/prompts.ts'

/**
 * When a person is asked something. Over the library's own rules: a deleted or locked account logs in again (it gets a
 * page, not an error), a session ends at its absolute limit, and a login that does not reach the demanded `acr` asks
 * for another one (RFC 9470 §4), as does an account without the phone number a client insists on. What no login ever
 * could is an error. Whoever was logged in once is told why they are asked, in `ended`.
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
