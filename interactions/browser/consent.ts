import type { Context } from 'koa'
import type { Client, Interaction } from 'oidc-provider'
import { accountLabel } from '../../src/accounts/account-labels.ts'
import type { Account } from '../../src/accounts/user.ts'
import { AppError } from '../../src/base/errors.ts'
import { isId, type UserId } from '../../src/base/ids.ts'
import { inLanguage } from '../../src/base/languages.ts'
import { type AskedFor, consentKeysOf } from '../../src/oidc/asked-for.ts'
import { shownName } from '../../src/oidc/clients/client-brand.ts'
import type { ClientPolicies } from '../../src/oidc/clients/client-policies.ts'
import { isRequiredScope } from '../../src/oidc/clients/scope-words.ts'
import { type ConsentOf, type Decisions, scopeOfKey } from '../../src/oidc/records/consents.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { ConsentView, ScopeItem } from '../../views/consent-views.ts'
import type { Form } from '../form.ts'
import { scopeTexts } from '../scope-texts.ts'
import type { Renderer } from './render.ts'

interface Dependencies {
  readonly renderer: Renderer
  readonly policies: () => ClientPolicies
  readonly consents: {
    /** What the person has decided before; undefined: nothing. */
    find(of: ConsentOf): Promise<Decisions | undefined>
    /** Remembers what they decide now; false when their session has ended. */
    decide(of: ConsentOf, decided: { readonly decisions: Decisions; readonly sessionUid: string }): Promise<boolean>
  }
}

/** What the library says of a request whose person is to be asked: all of it, because it was given no grant. */
interface Missing {
  readonly missingOIDCScope?: readonly string[]
  readonly missingOIDCClaims?: readonly string[]
  readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>
}

/** What came of an allowance: for the library, and for the audit. */
export interface Allowed {
  readonly userId: UserId
  readonly result: { readonly consent: object }
  readonly granted: readonly string[]
  readonly refused: readonly string[]
}

/**
 * A third-party client asks; the person decides scope by scope. What they have decided before is not asked again,
 * unless the client wants it (`prompt=consent`): then they see the whole list as they left it.
 */
export function consentPages({ renderer, policies, consents }: Dependencies) {
  async function show(ctx: Context, interaction: Interaction, client: Client, account: Account): Promise<void> {
    const of = { userId: account.user.id, clientId: client.clientId }
    const known = (await consents.find(of)) ?? {}
    renderer.render(ctx, 'consent', view(ctx, { interaction, client, account, known }), {
      clientName: (ctx.state as RequestState).clientName,
    })
  }

  function view(ctx: Context, { interaction, client, account, known }: Shown): ConsentView {
    const keys = consentKeysOf(askedFor(interaction), client)
    const isOpen = (key: string) => asksAgain(interaction) || known[key] === undefined
    const texts = scopeTexts({ ...renderer, policies }, ctx)
    const item = (key: string): ScopeItem => ({
      ...texts(key),
      name: key,
      required: isRequired(key, client),
      isTicked: known[key] === true,
    })
    const open = keys.filter(isOpen)
    const resources = new Set(open.flatMap((key) => scopeOfKey(key).resource ?? []))
    return {
      client: {
        name: shownName(client, renderer.locale(ctx)),
        policyUri: client.policyUri,
        tosUri: client.tosUri,
        uri: client.clientUri,
        filingNumber: client['filing_number'] as string | undefined,
      },
      scopes: open.filter((key) => scopeOfKey(key).resource === undefined).map(item),
      resources: [...resources].map((resource) => ({
        resource: inLanguage(policies().api(resource)?.title ?? resource, renderer.locale(ctx)),
        scopes: open.filter((key) => scopeOfKey(key).resource === resource).map(item),
      })),
      granted: keys.filter((key) => !isOpen(key) && known[key]).map((key) => texts(key).title),
      account: accountLabel(account),
      canSwitch: interaction.deviceCode === undefined,
    }
  }

  /**
   * Remembers the decision, once for every login that follows: what was ticked is granted, what was not is refused and
   * not asked for again. Where the page left out what was decided before, a tick can only add to that. Throws
   * `attempt.expired`.
   */
  async function allow(interaction: Interaction, client: Client, form: Form): Promise<Allowed> {
    const { accountId: userId, uid: sessionUid } = interaction.session ?? {}
    if (!isId('usr', userId) || !sessionUid) throw new AppError('attempt.expired')
    const of = { userId, clientId: client.clientId }
    const known = (await consents.find(of)) ?? {}
    const ticked = new Set(form.list)
    const isAllowed = (key: string) => isRequired(key, client) || ticked.has(key)
    const decided = consentKeysOf(askedFor(interaction), client).filter(
      (key) => asksAgain(interaction) || known[key] === undefined || isAllowed(key),
    )
    const decisions = Object.fromEntries(decided.map((key) => [key, isAllowed(key)]))
    // SECURITY: nothing is granted for a session that was ended while its page was open.
    const isKept = policies().isFirstParty(client) || (await consents.decide(of, { decisions, sessionUid }))
    if (!isKept) throw new AppError('attempt.expired')
    return {
      userId,
      result: { consent: {} },
      granted: decided.filter((key) => decisions[key]),
      refused: decided.filter((key) => !decisions[key]),
    }
  }

  /** What says who somebody is, what an API does not work without, and all that an app of ours asks for. */
  function isRequired(key: string, client: Client): boolean {
    const { scope, resource } = scopeOfKey(key)
    if (policies().isFirstParty(client)) return true
    return resource === undefined ? scope === 'openid' : isRequiredScope(policies().api(resource), scope)
  }

  return { show, allow }
}

interface Shown {
  readonly interaction: Interaction
  readonly client: Client
  readonly account: Account
  readonly known: Decisions
}

function askedFor({ prompt }: Interaction): AskedFor {
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details as Missing
  return { scopes: missingOIDCScope ?? [], claims: missingOIDCClaims ?? [], resources: missingResourceScopes ?? {} }
}

/** OIDC Core §3.1.2.1: whoever asks for the page itself is shown all of the request. */
function asksAgain({ params }: Interaction): boolean {
  return String(params['prompt'] ?? '')
    .split(' ')
    .includes('consent')
}
