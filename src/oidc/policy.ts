import type { KoaContextWithOIDC } from 'oidc-provider'
import { type Lifetimes, maxSeconds } from './clients/lifetimes.ts'
import { type Acr, demandOf } from './demand.ts'
import type { Why } from './endings/why.ts'
import { hintedLogin, paramsOf } from './library/context.ts'
import { basePolicy, Check, isPromptPending, requestablePrompt } from './library/prompts.ts'

/** What a person has answered to `prompt=select_account`: the account that is signed in here, or another one. */
export interface AccountChoice {
  readonly isOther: boolean
}

interface Rules {
  readonly lifetimes: (ctx: KoaContextWithOIDC) => Lifetimes
  readonly why: (ctx: KoaContextWithOIDC) => Promise<Why | undefined>
  /** Whether people may make accounts by themselves. */
  readonly canRegister: boolean
}

/**
 * Decides when a person is asked something. Beyond the library's own rules: a deleted or locked account logs in again
 * (and gets a page, not an error), a session ends at its absolute limit, and a login that does not reach the demanded
 * `acr` asks for another one (RFC 9470 §4), as does an account without the phone number that a client insists on. What
 * no login could ever reach is an error. Somebody who was logged in before is told in `ended` why they are asked.
 * Clients may have a person choose an account (`prompt=select_account`) and, where people may register by themselves,
 * make one (`prompt=create`).
 */
export function prompts({ lifetimes, why, canRegister }: Rules) {
  const policy = basePolicy()
  policy.add(selectAccount(), 0)
  const login = policy.get('login')
  // The library looks at the hint of a request only when it begins, and an answer to another prompt may come first.
  login?.checks.remove('id_token_hint')
  login?.checks.add(
    new Check(
      'id_token_hint',
      'the person who is signed in is not the one of the id_token_hint',
      'login_required',
      (ctx) => {
        const hinted = hintedIn(ctx)
        return hinted !== undefined && hinted !== ctx.oidc.session?.accountId
      },
      (ctx) => ({ hinted: hintedIn(ctx) }),
    ),
  )
  login?.checks.add(
    new Check('other_account', 'the person has chosen to use another account', 'login_required', ({ oidc }) =>
      Boolean(choiceIn(oidc.result)?.isOther && !oidc.result?.login),
    ),
  )
  if (canRegister) {
    policy.add(requestablePrompt('create'))
    login?.checks.add(
      new Check('create', 'the client asks for a new account', 'login_required', ({ oidc }) =>
        Boolean(oidc.prompts.has('create') && !oidc.result?.login),
      ),
    )
  }
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

/** Where nobody is signed in there is nothing to choose from, and whoever has just logged in has chosen by it. */
function selectAccount() {
  return requestablePrompt(
    'select_account',
    new Check(
      'account',
      'the client asks which account to use',
      'account_selection_required',
      (ctx) => {
        const { account, result } = ctx.oidc
        return account !== undefined && !result?.login && isPromptPending(ctx, 'select_account')
      },
      (ctx) => ({ hinted: hintedIn(ctx) }),
    ),
  )
}

function choiceIn(result: object | undefined): AccountChoice | undefined {
  return (result as { readonly select_account?: AccountChoice } | undefined)?.select_account
}

/** The only person who may answer a request that came with an ID token, as its pages know it; undefined: anybody. */
export function hintedSubject(prompt: { readonly details: object } | undefined): string | undefined {
  return (prompt?.details as { readonly hinted?: string } | undefined)?.hinted
}

function hintedIn(ctx: KoaContextWithOIDC): string | undefined {
  return hintedLogin(ctx)?.sub ?? hintedSubject(ctx.oidc.entities.Interaction?.prompt)
}
