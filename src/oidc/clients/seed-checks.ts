import { meant } from '../../base/schema-problems.ts'
import type { Catalog, StoredClient, StoredResource } from './catalog.ts'
import { ownScopes } from './claims.ts'
import {
  asksFor,
  type ClientSeed,
  holderOf,
  isProtocolScope,
  protocolScopes,
  type ResourceSeed,
  requiresPhone,
  scopesOf,
  setsLifetime,
} from './client-schema.ts'
import { consentFormProblem } from './consent-form.ts'
import { accessLimit, accessProblems, type Lifetimes, lifetimeProblems, lifetimesOf } from './lifetimes.ts'
import { scopeNames } from './scope-words.ts'
import type { SeedProblem } from './seed-document.ts'
import type { Seeds } from './seed-file.ts'

interface CheckOptions {
  readonly prune: boolean
  readonly lifetimes: Lifetimes
  /** Whether people can log in by a code to their phone. */
  readonly hasSms: boolean
}

/** What is wrong between the files and what is registered. With `prune` only the files count. */
export function catalogProblems(
  { resources, clients }: Seeds,
  catalog: Catalog,
  { prune, lifetimes, hasSms }: CheckOptions,
): SeedProblem[] {
  const others = prune ? { clients: [], resources: [] } : othersOf({ resources, clients }, catalog)
  const known = new Map([...others.resources, ...resources].map(({ seed }) => [seed.resource, scopeNames(seed)]))
  const scopes = new Set([...known.values()].flat())
  const isComplete = resources.every(({ broken }) => !broken.has('scopes'))
  const found: SeedProblem[] = []
  const apis = [...others.resources, ...resources].map(({ seed }) => seed)
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
    for (const scope of seed.first_party || broken.has('first_party') ? [] : ownScopes) {
      if (scopesOf(seed)?.includes(scope)) found.push(problem(['scope'], `${scope} is only for first_party clients`))
    }
    const tooMuch = isComplete && !broken.has('scope') ? consentFormProblem(seed, apis) : undefined
    if (tooMuch) found.push(problem(['scope'], tooMuch))
    if (requiresPhone(seed) && !hasSms) {
      found.push(problem(['require_phone'], 'nobody could prove a number: login.methods has no sms'))
    }
  }
  found.push(
    ...askerProblems({ resources, clients }, others),
    ...pairProblems({ resources, clients }, others, lifetimes),
    ...lostScopes(resources, { catalog, others, scopes }),
    ...crowdedForms(resources, others, apis),
  )
  return found
}

/** What is registered, stands in no file, and stays. */
interface Others {
  readonly clients: readonly StoredClient[]
  readonly resources: readonly StoredResource[]
}

function othersOf({ resources, clients }: Pick<Seeds, 'resources' | 'clients'>, catalog: Catalog): Others {
  const given = {
    clients: new Set(clients.map(({ seed }) => seed.client_id)),
    resources: new Set(resources.map(({ seed }) => seed.resource)),
  }
  return {
    clients: [...catalog.clients.values()].filter(({ seed }) => !given.clients.has(seed.client_id)),
    resources: [...catalog.resources.values()].filter(({ seed }) => !given.resources.has(seed.resource)),
  }
}

/** A client that is to introspect the tokens of a resource has to exist and to authenticate. */
function askerProblems({ resources, clients }: Pick<Seeds, 'resources' | 'clients'>, others: Others): SeedProblem[] {
  const known = new Map([...others.clients, ...clients].map(({ seed }) => [seed.client_id, seed]))
  const atClients = clients.flatMap(({ seed, problem }) =>
    others.resources
      .filter(({ seed: { access_token: token } }) => token.introspected_by?.includes(seed.client_id))
      .filter(() => seed.token_endpoint_auth_method === 'none')
      .map(({ seed: { resource } }) =>
        problem(
          ['token_endpoint_auth_method'],
          `${resource} names it in introspected_by, so that it must authenticate`,
        ),
      ),
  )
  const atResources = resources.flatMap(({ seed, problem }) =>
    (seed.access_token.introspected_by ?? []).flatMap((clientId) => {
      const path = ['access_token', 'introspected_by']
      const client = known.get(clientId)
      if (!client) return [problem(path, `no such client is registered${meant(clientId, known.keys())}`)]
      if (client.token_endpoint_auth_method !== 'none') return []
      return [problem(path, `${clientId} has token_endpoint_auth_method none, so that anybody could ask in its name`)]
    }),
  )
  return [...atResources, ...atClients]
}

/** What is wrong between one client and one resource whose tokens it may get. */
interface PairProblem {
  readonly message: string
  /** The field of the client that would repair it; undefined where only the resource can. */
  readonly clientField: string | undefined
  readonly resourceField: string
}

function problemsBetween(client: ClientSeed, resource: ResourceSeed, defaults: Lifetimes): PairProblem[] {
  const holder = holderOf(client)
  if (holder === 'machine' || !asksFor(client, resource)) return []
  const { ttl, sliding, claims } = resource.access_token
  const found: PairProblem[] = []
  if (claims.includes('identities') && !client.first_party) {
    const message = `identities is only for first_party clients, and ${client.client_id} asks for this resource`
    found.push({ message, clientField: undefined, resourceField: 'claims' })
  }
  const own = sliding ?? ttl
  if (own === undefined) return found
  const resourceField = sliding ? 'sliding' : 'ttl'
  const name = `${resourceField} of ${resource.resource}`
  const policy = lifetimesOf(client.lifetimes, defaults)
  for (const { fields, message } of accessProblems(accessLimit(own), policy, { holder, name })) {
    const clientField = fields.slice(1).find((field) => setsLifetime(client, field))
    found.push({ message: `${message} for ${client.client_id}`, clientField, resourceField })
  }
  return found
}

/** The problems are reported at the resource where a file has it, else at the client. */
function pairProblems(
  { resources, clients }: Pick<Seeds, 'resources' | 'clients'>,
  others: Others,
  lifetimes: Lifetimes,
): SeedProblem[] {
  const sound = clients.filter(({ broken }) => broken.size === 0)
  const atResources = resources.flatMap(({ seed, problem }) =>
    [...sound, ...others.clients].flatMap((client) =>
      problemsBetween(client.seed, seed, lifetimes).map(({ message, resourceField }) =>
        problem(['access_token', resourceField], message),
      ),
    ),
  )
  const atClients = sound.flatMap(({ seed, problem }) =>
    others.resources.flatMap((resource) =>
      problemsBetween(seed, resource.seed, lifetimes).map(({ message, clientField }) =>
        problem(clientField ? ['lifetimes', ...clientField.split('.')] : [], message),
      ),
    ),
  )
  return [...atResources, ...atClients]
}

/**
 * Which lifetimes of everything registered contradict each other under these defaults; the server does not start with
 * any.
 */
export function registeredProblems({ clients, resources }: Catalog, defaults: Lifetimes): string[] {
  return [...clients.values()].flatMap(({ seed }) => {
    const own = lifetimeProblems(lifetimesOf(seed.lifetimes, defaults), holderOf(seed))
    const withResources = [...resources.values()].flatMap((each) => problemsBetween(seed, each.seed, defaults))
    return [
      ...own.map(({ fields, message }) => `client ${seed.client_id}: lifetimes.${fields[0]}: ${message}`),
      ...withResources.map(({ message }) => `client ${seed.client_id}: ${message}`),
    ]
  })
}

/** A file may not give an API so many scopes that a client outside the files asks for more than its form may send. */
function crowdedForms([first]: Seeds['resources'], others: Others, apis: readonly ResourceSeed[]): SeedProblem[] {
  if (!first) return []
  return others.clients.flatMap(({ seed }) => {
    const tooMuch = consentFormProblem(seed, apis)
    return tooMuch ? [first.problem(['scopes'], `the registered client ${seed.client_id}: ${tooMuch}`)] : []
  })
}

/** A file may not remove a scope that a client outside the files uses: nobody would notice until its logins fail. */
function lostScopes(
  resources: Seeds['resources'],
  {
    catalog,
    others,
    scopes,
  }: { readonly catalog: Catalog; readonly others: Others; readonly scopes: ReadonlySet<string> },
): SeedProblem[] {
  return resources.flatMap(({ seed, problem }) => {
    const before = catalog.resources.get(seed.resource)?.seed
    const lost = (before ? scopeNames(before) : []).filter((scope) => !scopes.has(scope))
    return lost.flatMap((scope) =>
      others.clients
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
