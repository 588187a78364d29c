import type { Context } from 'koa'
import type { Grant, Interaction, Provider } from 'oidc-provider'
import { accountLabel } from '../../src/accounts/account-labels.ts'
import type { Account } from '../../src/accounts/user.ts'
import { AppError } from '../../src/base/errors.ts'
import { shownName } from '../../src/oidc/clients/client-brand.ts'
import { newGrant } from '../../src/oidc/library/models.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { ScopeItem, Views } from '../../views/views.ts'
import type { Form } from '../form.ts'
import type { Renderer } from './render.ts'

interface Missing {
  readonly missingOIDCScope?: readonly string[]
  readonly missingOIDCClaims?: readonly string[]
  readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>
}

/** A third-party client asks; the person decides scope by scope. */
export function consentPages({ renderer }: { renderer: Renderer }) {
  function show(ctx: Context, interaction: Interaction, client: ConsentClient, account: Account): void {
    renderer.render(ctx, 'consent', view(ctx, interaction, client, account), {
      clientName: (ctx.state as RequestState).clientName,
      languageLinks: true,
    })
  }

  function view(ctx: Context, interaction: Interaction, client: ConsentClient, account: Account): Views['consent'] {
    const missing = interaction.prompt.details as Missing
    const asked = missing.missingOIDCScope ?? []
    const item = (name: string, required: boolean): ScopeItem => ({
      name,
      title: renderer.translate(ctx, `scope.${name}`),
      description: renderer.translate(ctx, `scope.${name}_about`),
      required,
    })
    return {
      client: {
        name: shownName(client, renderer.locale(ctx)),
        policyUri: client.policyUri,
        tosUri: client.tosUri,
        uri: client.clientUri,
        filingNumber: client['filing_number'] as string | undefined,
      },
      scopes: asked.filter((name) => name !== 'offline_access').map((name) => item(name, name === 'openid')),
      resources: Object.entries(missing.missingResourceScopes ?? {}).map(([resource, scopes]) => ({
        resource,
        scopes: scopes.map((name) => ({ name, title: name, description: '', required: false })),
      })),
      account: accountLabel(account),
      canSwitch: interaction.deviceCode === undefined,
      offlineAccess: asked.includes('offline_access'),
    }
  }

  /** Keeps the decision as a grant: what was ticked is granted, what was not is rejected and not asked for again. */
  async function allow(
    provider: Provider,
    interaction: Interaction,
    form: Form,
  ): Promise<{ consent: { grantId: string } }> {
    const accountId = interaction.session?.accountId
    const clientId = interaction.params['client_id']
    if (!accountId || typeof clientId !== 'string') throw new AppError('attempt.expired')
    const found = interaction.grantId ? await provider.Grant.find(interaction.grantId) : undefined
    const grant: Grant = found ?? newGrant(provider, { accountId, clientId })
    const missing = interaction.prompt.details as Missing
    const ticked = new Set(form.list)
    for (const scope of missing.missingOIDCScope ?? []) {
      const isGranted = scope === 'openid' || scope === 'offline_access' || ticked.has(scope)
      if (isGranted) grant.addOIDCScope(scope)
      else grant.rejectOIDCScope(scope)
    }
    for (const [resource, scopes] of Object.entries(missing.missingResourceScopes ?? {})) {
      for (const scope of scopes) {
        if (ticked.has(`${resource} ${scope}`)) grant.addResourceScope(resource, scope)
        else grant.rejectResourceScope(resource, scope)
      }
    }
    // Claims named one by one are released with the scopes a person understands, never on their own.
    if (missing.missingOIDCClaims) grant.rejectOIDCClaims([...missing.missingOIDCClaims])
    return { consent: { grantId: await grant.save() } }
  }

  return { show, allow }
}

/** What the consent page shows of a client. */
export interface ConsentClient {
  readonly clientId: string
  readonly clientName?: string | undefined
  readonly clientUri?: string | undefined
  readonly policyUri?: string | undefined
  readonly tosUri?: string | undefined
  readonly [key: string]: unknown
}
