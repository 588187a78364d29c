import type { Context } from 'koa'
import type { Client } from 'oidc-provider'
import { accountPaths } from '../../src/base/paths.ts'
import { shownNameOf } from '../../src/oidc/clients/client-brand.ts'
import type { ClientPolicies } from '../../src/oidc/clients/client-policies.ts'
import type { CollectedView } from '../../views/plain-views.ts'
import { scopeTexts } from '../scope-texts.ts'
import type { Renderer } from './render.ts'

interface Dependencies {
  readonly renderer: Renderer
  readonly options: {
    /** What the settings have this server keep of people, and hand to others. */
    readonly facts: Pick<CollectedView, 'kept'> & {
      readonly shared: readonly (CollectedView['shared'][number] & { readonly vendor?: string })[]
    }
    /** Ids of the apps of others that people can log in to. */
    readonly others: () => Promise<readonly string[]>
    readonly client: (clientId: string) => Promise<Client | undefined>
    readonly policies: () => ClientPolicies
  }
}

/** The page of what is kept of people and who else gets it, for everybody. It follows from the settings alone. */
export function collectedPage({ renderer, options }: Dependencies) {
  return async (ctx: Context): Promise<void> => {
    const texts = scopeTexts({ ...renderer, policies: options.policies }, ctx)
    const clients = await Promise.all((await options.others()).map((id) => options.client(id)))
    const apps = clients
      .filter((client) => client !== undefined)
      .map((client) => ({
        name: shownNameOf(client.clientId, client, renderer.locale(ctx)),
        scopes: (client.scope ?? 'openid').split(' ').map((scope) => texts(scopeOf(client, scope)).title),
        policyUri: client.policyUri,
      }))
    const { kept, shared } = options.facts
    const others = shared.map(({ vendor, ...each }) =>
      vendor === undefined ? each : { ...each, name: renderer.translate(ctx, `collected.vendor.${vendor}`) },
    )
    renderer.render(ctx, 'collected', { kept, shared: others, apps, dataHref: accountPaths.data })
  }

  /** A scope that is none of the protocol's belongs to the API that the app calls without naming one. */
  function scopeOf(client: Client, scope: string): string {
    const resource = client['default_resource']
    return protocolScopes.has(scope) || typeof resource !== 'string' ? scope : `${resource} ${scope}`
  }
}

const protocolScopes: ReadonlySet<string> = new Set([
  ...['openid', 'profile', 'phone', 'email', 'identities', 'offline_access'],
])
