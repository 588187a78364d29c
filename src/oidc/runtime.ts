import type { Provider } from 'oidc-provider'
import type { Database } from '../store/postgres.ts'
import { catalogVersion, libraryClients, loadCatalog } from './catalog.ts'
import { type ClientPolicies, clientPolicies } from './client-policies.ts'
import type { ResourceSeed } from './client-schema.ts'
import { loadKeys } from './keys.ts'
import type { Lifetimes } from './lifetimes.ts'
import { buildProvider, type ProviderParts } from './provider.ts'
import { registeredProblems } from './seed-checks.ts'

interface Dependencies {
  readonly parts: ProviderParts
  readonly database: Database
  readonly lifetimes: Lifetimes
  /** Clients that this product itself needs, whatever is registered. */
  readonly ownClients: readonly Record<string, unknown>[]
  readonly ownResources: readonly ResourceSeed[]
  /** What every provider must carry: middleware in front of the library, listeners. */
  readonly equip: (provider: Provider) => void
  readonly onError: (error: unknown) => void
}

type Handler = ReturnType<Provider['callback']>

/** The provider in use. Clients and keys change while the server runs: a whole provider is built from them and takes over. */
export interface OidcRuntime {
  provider(): Provider
  policies(): ClientPolicies
  handler(): Handler
  /** Reads again and swaps when the catalog has changed; requests in flight finish on the provider they began with. */
  refresh(): Promise<boolean>
  close(): void
}

/** How long a change of clients or keys may take to reach a running server, in milliseconds. */
const pollMs = 2000

export async function oidcRuntime(dependencies: Dependencies): Promise<OidcRuntime> {
  const { database, onError } = dependencies
  let current = await load(dependencies)
  const timer = setInterval(() => refresh().catch(onError), pollMs).unref()

  async function refresh(): Promise<boolean> {
    if ((await catalogVersion(database.knex)) === current.version) return false
    current = await load(dependencies)
    return true
  }

  return {
    provider: () => current.provider,
    policies: () => current.policies,
    handler: () => current.handler,
    refresh,
    close: () => clearInterval(timer),
  }
}

async function load({ parts, database, lifetimes, ownClients, ownResources, equip }: Dependencies) {
  // The version is read first: a change that happens meanwhile is noticed at the next poll instead of being missed.
  const version = await catalogVersion(database.knex)
  const [catalog, keys] = await Promise.all([loadCatalog(database.knex), loadKeys({ database, sealer: parts.sealer })])
  const problems = registeredProblems(catalog, lifetimes)
  if (problems.length > 0) {
    throw new Error(
      `what is registered does not fit the configuration; mend it with clients apply:\n${problems.join('\n')}`,
    )
  }
  const clients = [...ownClients, ...libraryClients(catalog, parts.sealer)]
  const policies = clientPolicies({
    clients,
    resources: new Map(
      [...ownResources, ...[...catalog.resources.values()].map(({ seed }) => seed)].map((seed) => [
        seed.resource,
        seed,
      ]),
    ),
    defaults: lifetimes,
  })
  const provider = buildProvider(parts, { clients, policies, keys })
  equip(provider)
  return { version, policies, provider, handler: provider.callback() }
}
