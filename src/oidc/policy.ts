import { interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'
import { z } from 'zod'
import { type Lifetimes, maxSeconds } from './lifetimes.ts'
import type { Why } from './why.ts'

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

/** What a running request says about the `acr` it wants, an essential claim (OIDC Core §5.5.1.1) first; undefined: any will do. */
export function requestedAcrs(
  params: Readonly<Record<string, unknown>>,
  preferredByClient: readonly string[] = [],
): readonly string[] | undefined {
  const { claims, acr_values: preferred } = params
  const essential = typeof claims === 'string' ? essentialAcrs(claims) : []
  return known(essential) ?? known(typeof preferred === 'string' ? preferred.split(' ') : preferredByClient)
}

function known(named: readonly unknown[]): readonly string[] | undefined {
  const found = acrValues.filter((acr) => named.includes(acr))
  return found.length > 0 ? found : undefined
}

const essentialAcr = z.object({
  id_token: z.object({
    acr: z.object({
      essential: z.literal(true),
      value: z.unknown().optional(),
      values: z.array(z.unknown()).default([]),
    }),
  }),
})

/** The library has refused what is no JSON. */
function essentialAcrs(claims: string): readonly unknown[] {
  const { data } = essentialAcr.safeParse(JSON.parse(claims))
  return data ? [data.id_token.acr.value, ...data.id_token.acr.values] : []
}

/** Whether a request makes an `acr` essential that nothing here reaches: it has failed before it begins, OIDC Core §5.5.1.1. */
export function isUnmeetable({ claims }: { readonly claims?: string | undefined }): boolean {
  const essential = claims === undefined ? [] : essentialAcrs(claims).filter((acr) => acr !== undefined)
  return essential.length > 0 && known(essential) === undefined
}

const wantedSubject = z.object({ id_token: z.object({ sub: z.object({ value: z.string() }) }) })

/** Who alone may answer a request, OIDC Core §5.5.1; undefined: anybody. */
export function requestedSubject({ claims }: { readonly claims?: string | undefined }): string | undefined {
  return claims === undefined ? undefined : wantedSubject.safeParse(JSON.parse(claims)).data?.id_token.sub.value
}

const { Check, base } = interactionPolicy

/**
 * When a person is asked something. Over the library's own rules: a deleted or locked account logs in again (it gets a page, not
 * an error), a session ends at its absolute limit, and `acr_values` that the session does not meet ask for another login
 * (RFC 9470 §4). Native apps of our own see no consent page. Whoever was logged in once is told why they are asked, in `ended`.
 */
export function prompts(
  lifetimes: (ctx: KoaContextWithOIDC) => Lifetimes,
  why: (ctx: KoaContextWithOIDC) => Promise<Why | undefined>,
) {
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
  policy.get('consent')?.checks.remove('native_client_prompt')
  return policy
}
