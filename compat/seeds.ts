import { type CompatClient, clients, type SeedName, seedNames } from './clients.ts'

/** The API that the seeds `api` and `off_the_shelf` stand beside. */
export const resource = 'https://api.example.com'
const scopes = 'openid profile phone offline_access'

/** What a client asks for with a seed. */
export function scopeOf(seed: SeedName): string {
  return seed === 'api' ? `${scopes} orders:read` : scopes
}

/** The name under which a client is registered with a seed. */
export function clientIdOf({ id }: CompatClient, seed: SeedName): string {
  return `${id}.${seed}`
}

/** The preset of each kind where the seed is not one itself. */
const presets: Readonly<Record<CompatClient['kind'], string>> = {
  server: 'server_app',
  page: 'spa',
  native: 'native_app',
}

/** The algorithm that the ID tokens of a client are signed with. */
export const idTokenAlg: Readonly<Record<SeedName, string>> = { plain: 'ES256', api: 'ES256', off_the_shelf: 'RS256' }

/** The seeds that a client is run with. A public client is never without PKCE, so it has no third one. */
export function seedsOf({ kind }: CompatClient): readonly SeedName[] {
  return kind === 'server' ? seedNames : ['plain', 'api']
}

/** Registers every client with each of its seeds; YAML takes JSON as it is. */
export function seedFile(origin: string): string {
  const registered = clients.flatMap((client) => seedsOf(client).map((seed) => registration(client, seed, origin)))
  const reader = {
    client_id: 'reader',
    preset: 'spa',
    first_party: true,
    redirect_uris: [`${origin}/callback`],
    default_resource: resource,
    scope: scopeOf('api'),
  }
  const resources = [{ resource, scopes: ['orders:read'] }]
  return JSON.stringify({ resources, clients: [...registered, reader] }, null, 2)
}

function registration(client: CompatClient, seed: SeedName, origin: string): object {
  const home = client.kind === 'native' ? origin.replace('localhost', '127.0.0.1') : origin
  const uris = [`${home}${client.callback ?? '/callback'}`, ...(client.kind === 'page' ? [`${home}/silent`] : [])]
  const secret = { client_secret: { env: 'COMPAT_SECRET' } }
  return {
    client_id: clientIdOf(client, seed),
    client_name: client.name,
    preset: seed === 'off_the_shelf' ? seed : presets[client.kind],
    first_party: client.kind !== 'native',
    redirect_uris: uris,
    post_logout_redirect_uris: [`${home}/bye`],
    // Some ask for an e-mail address whether anybody has one or not.
    scope: `${scopeOf(seed)} email`,
    ...(client.kind === 'server' ? secret : {}),
    ...(seed === 'api' ? { default_resource: resource } : {}),
  }
}
