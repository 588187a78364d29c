import type { Catalog } from './catalog.ts'
import { type ClientSeed, isProtocolScope, protocolScopes, scopesOf } from './client-schema.ts'
import type { SeedProblem } from './seed-document.ts'
import type { Seeds } from './seed-file.ts'
import { meant } from './seed-messages.ts'

/** What is wrong between the files and what is registered. With `prune` only the files count. */
export function catalogProblems(
  { resources, clients }: Seeds,
  catalog: Catalog,
  { prune }: { readonly prune: boolean },
): SeedProblem[] {
  const registered = prune ? [] : [...catalog.resources.values()].map(({ seed }) => seed)
  const known = new Map(
    [...registered, ...resources.map(({ seed }) => seed)].map((seed) => [seed.resource, seed.scopes]),
  )
  const scopes = new Set([...known.values()].flat())
  const isComplete = resources.every(({ broken }) => !broken.has('scopes'))
  const found: SeedProblem[] = []
  for (const { seed, broken, problem } of clients) {
    const { default_resource: target } = seed
    if (target !== undefined && !known.has(target)) {
      const where = prune ? 'in the files' : 'in the files or registered'
      found.push(problem(['default_resource'], `no such resource is ${where}${meant(target, known.keys())}`))
    }
    const asked = resourceScopesOf(seed)
    for (const scope of isComplete ? asked.filter((each) => !scopes.has(each)) : []) {
      const hint = meant(scope, [...scopes, ...protocolScopes])
      found.push(problem(['scope'], `no resource has the scope ${scope}${hint}`))
    }
    if (scopesOf(seed)?.includes('identities') && !seed.first_party && !broken.has('first_party')) {
      found.push(problem(['scope'], 'identities is only for first_party clients'))
    }
  }
  return prune ? found : [...found, ...lostScopes({ resources, clients }, catalog, scopes)]
}

/** A scope may not disappear under a client that no file mentions: nobody would notice until its logins fail. */
function lostScopes(
  { resources, clients }: Pick<Seeds, 'resources' | 'clients'>,
  catalog: Catalog,
  scopes: ReadonlySet<string>,
): SeedProblem[] {
  const mentioned = new Set(clients.map(({ seed }) => seed.client_id))
  const others = [...catalog.clients.values()].filter(({ seed }) => !mentioned.has(seed.client_id))
  return resources.flatMap(({ seed, problem }) => {
    const before = catalog.resources.get(seed.resource)?.seed.scopes ?? []
    const lost = before.filter((scope) => !scopes.has(scope))
    return lost.flatMap((scope) =>
      others
        .filter((client) => resourceScopesOf(client.seed).includes(scope))
        .map((client) =>
          problem(['scopes'], `${scope} is gone, but the registered client ${client.seed.client_id} asks for it`),
        ),
    )
  })
}

function resourceScopesOf(client: ClientSeed): string[] {
  return (scopesOf(client) ?? []).filter((scope) => !isProtocolScope(scope))
}
