import type { Interaction } from 'oidc-provider'
import { identityLabel } from '../../src/accounts/account-labels.ts'
import type { AccountDirectory } from '../../src/accounts/directory.ts'
import type { Account } from '../../src/accounts/user.ts'
import { isId } from '../../src/base/ids.ts'
import { requestedSubject } from '../../src/oidc/demand.ts'
import { wasPushed } from '../../src/oidc/library/models.ts'
import type { Input } from '../methods/method.ts'
import { loginHint } from './login-hint.ts'

/** Somebody who is signed in in this browser and has to confirm that it is them (`prompt=login`, `max_age`). */
export interface KnownPerson {
  readonly account: Account
  /** Whether they agreed, when they signed in here, to every document as it is now. */
  readonly hasAgreed: boolean
}

interface Dependencies {
  readonly directory: Pick<AccountDirectory, 'find'>
  /** What was agreed to at the login of a browser session, as `id@version`. */
  readonly agreedIn: (sessionUid: string) => Promise<readonly string[]>
  /** Every document as it is now, as `id@version`. */
  readonly agreements: readonly string[]
}

/** Which identities each method of ours takes, the one that most people have first. */
const takenBy: Readonly<Record<string, readonly string[]>> = {
  sms: ['phone'],
  password: ['phone', 'email', 'username'],
}

/**
 * Finds out whom a login page may name. Nobody where the request is for somebody else than who is signed in here, or
 * where the account can no longer be used.
 */
export function knownPersons({ directory, agreedIn, agreements }: Dependencies) {
  return async (interaction: Interaction): Promise<KnownPerson | undefined> => {
    const { session, params } = interaction
    const { accountId, uid } = session ?? {}
    if (!isId('usr', accountId) || uid === undefined || isForAnother(interaction)) return undefined
    const { claims, login_hint: hint, prompt: asked } = params
    // An app that goes on in a browser does not mean whoever is signed in there, nor does one that wants a new consent.
    if (wasPushed(interaction) || String(asked ?? '').includes('consent')) return undefined
    const wanted = requestedSubject({ claims: typeof claims === 'string' ? claims : undefined })
    if (wanted !== undefined && wanted !== accountId) return undefined
    const account = await directory.find(accountId)
    if (account?.user.status !== 'active' || !isHinted(account, hint)) return undefined
    const agreed = await agreedIn(uid)
    return { account, hasAgreed: agreements.every((each) => agreed.includes(each)) }
  }
}

/** Whether the person who is signed in has chosen to use another account. */
export function isSwitching({ prompt }: Interaction): boolean {
  return prompt.reasons.includes('other_account')
}

/** Whether a request asks for another account than the one that is signed in, or for a new one. */
export function isForAnother({ prompt }: Interaction): boolean {
  return ['other_account', 'create', 'id_token_hint', 'claims_id_token_sub_value'].some((each) =>
    prompt.reasons.includes(each),
  )
}

/** An app that hints at somebody means them. The hint is held against this one account and is never looked up. */
function isHinted({ user, identities }: Account, hint: unknown): boolean {
  if (typeof hint !== 'string' || hint === '' || hint === user.id) return true
  const { phone, text } = loginHint(hint) ?? {}
  const subjects = identities.flatMap((each) => each.subjects)
  return subjects.some((each) => each === phone || each.toLowerCase() === text?.toLowerCase())
}

/** The identity by which a method would find the person. */
function identityFor(method: string, { account }: KnownPerson) {
  const providers = takenBy[method] ?? []
  const found = providers.flatMap((provider) => account.identities.filter((each) => each.provider === provider))
  return found.find(({ verifiedAt }) => verifiedAt !== undefined)
}

/** What the page calls the person beside the form of a method, masked; undefined if that method does not find them. */
export function labelFor(method: string, person: KnownPerson | undefined): string | undefined {
  const identity = person && identityFor(method, person)
  return identity && identityLabel(identity)
}

/**
 * What a page sent that names nobody because it knew who it is. SECURITY: an agreement counts again only for who gave
 * it, so only for what goes to an identity of that very account.
 */
export function completed(method: string, input: Input, person: KnownPerson | undefined): Input {
  const identity = input['known'] === undefined ? undefined : person && identityFor(method, person)
  if (!identity || input['phone'] !== undefined || input['identifier'] !== undefined) return input
  const field = method === 'sms' ? 'phone' : 'identifier'
  const agreement = person?.hasAgreed ? { agreement: 'on' } : {}
  return { ...input, [field]: identity.subjects[0], ...agreement }
}
