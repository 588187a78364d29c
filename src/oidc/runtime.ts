import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Provider } from 'oidc-provider'
import { onceMore } from '../base/one-at-a-time.ts'
import type { TimeCheck } from '../ops/time-check.ts'
import type { Database } from '../store/postgres.ts'
import { catalogChannel, catalogVersion, libraryClients, loadCatalog } from './clients/catalog.ts'
import { type ClientLooks, clientLooks } from './clients/client-looks.ts'
import { type ClientPolicies, clientPolicies } from './clients/client-policies.ts'
import type { ResourceSeed } from './clients/client-schema.ts'
import type { Lifetimes } from './clients/lifetimes.ts'
import { registeredProblems } from './clients/seed-checks.ts'
import { jwtReader, type ReadJwt } from './jwt-origin.ts'
import { silenceSeconds } from './keys/key-life.ts'
import { type Keys, loadKeys } from './keys/signing-keys.ts'
import { enterServer, type Presence } from './live-servers.ts'
import { buildProvider, type ProviderParts } from './provider.ts'

interface Dependencies {
  readonly parts: ProviderParts
  readonly database: Database
  readonly lifetimes: Lifetimes
  /** Clients that this product itself needs, whatever is registered. */
  readonly ownClients: readonly Record<string, unknown>[]
  readonly ownResources: readonly ResourceSeed[]
  /**
   * Adds to every new provider what it must have: middleware in front of the library, listeners. Answers what serves
   * requests with it.
   */
  readonly equip: (provider: Provider) => Handler
  /** What is to be done about keys by themselves, and when, in milliseconds since the epoch. */
  readonly keyLife: { dueAtMs(keys: Keys): number; advance(): Promise<void> }
  readonly time: Pick<TimeCheck, 'measure' | 'isTrusted'>
  readonly onError: (error: unknown) => void
  /** Told why changes are not heard of at once. */
  readonly onDeaf: (error: unknown) => void
}

/** Serves one request. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/**
 * The provider in use. Clients and keys change while the server runs: a whole provider is built from them and takes
 * over.
 */
export interface OidcRuntime {
  provider(): Provider
  policies(): ClientPolicies
  keys(): Keys
  /** What the clients look like. */
  looks(): ClientLooks
  /** Reads a JWT that was signed by one of the keys in use. */
  readonly readJwt: ReadJwt
  /**
   * For the request that has just come: where this process has not heard of the database for long, it asks before it
   * answers.
   */
  handler(): Handler
  /**
   * SECURITY: true when its clock cannot be gone by, and when it has heard nothing for so long that others may sign
   * with keys it does not publish, and that it may publish or sign with one that was taken away. It then speaks for the
   * database no longer.
   */
  isSilenced(): boolean
  /** Whether a server of an earlier version lives beside this one. */
  hasOlder(): boolean
  /** Reads again and swaps when the catalog has changed; requests in flight finish on the provider they began with. */
  refresh(): Promise<boolean>
  close(): Promise<void>
}

/**
 * How long a change of clients or keys may take to reach a running server that does not hear of it, in milliseconds.
 */
const pollMs = 2000

/** Builds the first provider, and a new one whenever the catalog has changed. */
export async function oidcRuntime(dependencies: Dependencies): Promise<OidcRuntime> {
  const { parts, database, keyLife, time, onError, onDeaf } = dependencies
  const { clock } = parts
  const presence = await enterServer({ database, onError })
  const load = (before?: ClientLooks) => loadAll({ ...dependencies, presence }, before)
  /** When what was heard last was asked for. */
  let heardAtMs = clock()
  let current = await loadFirst(load).catch(async (error) => {
    await presence.leave()
    throw error
  })
  presence.runs(current.version)
  let [turns, heardTurn] = [0, 0]
  let asking: Promise<boolean> | undefined
  const look = onceMore(poll)
  const wake = () => void look().catch(onError)
  const timer = setInterval(wake, pollMs).unref()
  const listener = database.listen({ channel: catalogChannel, onTold: wake, onDeaf })

  async function refresh(): Promise<boolean> {
    turns += 1
    const turn = turns
    await time.measure()
    const askedAtMs = clock()
    const isChanged = (await catalogVersion(database.knex)) !== current.version
    const loaded = isChanged ? await load(current.looks) : current
    // Of two that ask at once, the one that began first may end last.
    if (turn < heardTurn) return isChanged
    heardTurn = turn
    heardAtMs = askedAtMs
    current = loaded
    presence.runs(loaded.version)
    // What got past `clients apply`, of an older version perhaps, is told; a server that runs has keys to follow and
    // goes on.
    if (isChanged && loaded.problems.length > 0) onError(misfit(loaded.problems))
    return isChanged
  }

  async function poll(): Promise<void> {
    await refresh()
    if (keyLife.dueAtMs(current.keys) > clock() || !time.isTrusted()) return
    await keyLife.advance()
    await refresh()
  }

  /** A clock that was set back says nothing about the time that has passed. */
  function isSilenced(): boolean {
    const sinceMs = clock() - heardAtMs
    return sinceMs > silenceSeconds * 1000 || sinceMs < 0 || !time.isTrusted()
  }

  const askFirst: Handler = async (request, response) => {
    asking ??= refresh().finally(() => {
      asking = undefined
    })
    // What went wrong is told by the poll; the request is refused because of the silence.
    await asking.catch(() => {})
    await current.handler(request, response)
  }

  return {
    provider: () => current.provider,
    policies: () => current.policies,
    keys: () => current.keys,
    looks: () => current.looks,
    readJwt: (value) => current.readJwt(value),
    handler: () => (isSilenced() ? askFirst : current.handler),
    isSilenced,
    hasOlder: presence.hasOlder,
    refresh,
    async close() {
      clearInterval(timer)
      await listener.close()
      await presence.leave()
    },
  }
}

function misfit(problems: readonly string[]): Error {
  return new Error(
    `what is registered does not fit the configuration; mend it with clients apply:\n${problems.join('\n')}`,
  )
}

async function loadFirst(load: () => ReturnType<typeof loadAll>) {
  const loaded = await load()
  if (loaded.problems.length > 0) throw misfit(loaded.problems)
  return loaded
}

async function loadAll(
  { parts, database, lifetimes, ownClients, ownResources, equip, presence }: Dependencies & { presence: Presence },
  looksBefore?: ClientLooks,
) {
  // The version is read first: a change that happens meanwhile is noticed at the next poll instead of being missed.
  const version = await catalogVersion(database.knex)
  // One after the other: where a key does not open, a query that is still on its way would keep the database from being
  // closed.
  const keys = await loadKeys({ database, sealer: parts.sealer })
  const catalog = await loadCatalog(database.knex)
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
  const provider = buildProvider(parts, { clients, policies, keys, hasOlder: presence.hasOlder })
  const handler = equip(provider)
  const problems = registeredProblems(catalog, lifetimes)
  const readJwt = jwtReader({ ...parts, keys: keys.signing })
  const looks = clientLooks(
    [...catalog.clients.values()].map(({ seed }) => seed),
    looksBefore,
  )
  return { version, policies, keys, looks, readJwt, problems, provider, handler }
}
