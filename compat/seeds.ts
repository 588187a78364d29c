import { createHash } from 'node:crypto'
import { type CompatClient, clients, type SeedName, seedNames } from './clients.ts'
import { type TokenAlg, tokenAlgs, tokenTyp } from './verifiers.ts'

const scopes = 'openid profile phone offline_access'

/** The API whose access tokens are signed with this algorithm. The seeds `api` stand beside that of ES256. */
export function resourceOf(alg: TokenAlg): string {
  return alg === 'ES256' ? 'https://api.example.com' : `https://${alg.toLowerCase()}.example.com`
}

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
export function seedsOf({ kind, seeds }: CompatClient): readonly SeedName[] {
  if (seeds) return seeds
  return kind === 'server' ? seedNames : ['plain', 'api']
}

/** What the client that gets tokens for the verifiers proves itself with (RFC 7636). */
export const codeVerifier = 'v'.repeat(43)

/** The authorization request of that client, for one API; `origin` is where clients listen. */
export function readerRequest(origin: string, alg: TokenAlg) {
  return {
    client_id: `reader.${alg}`,
    redirect_uri: `${origin}/callback`,
    response_type: 'code',
    scope: scopeOf('api').replace('offline_access ', ''),
    code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
    code_challenge_method: 'S256',
  }
}

/** Registers every client with each of its seeds; YAML takes JSON as it is. */
export function seedFile(origin: string): string {
  const registered = clients.flatMap((client) => seedsOf(client).map((seed) => registration(client, seed, origin)))
  const readers = tokenAlgs.map((alg) => ({
    client_id: `reader.${alg}`,
    preset: 'spa',
    first_party: true,
    redirect_uris: [`${origin}/callback`],
    default_resource: resourceOf(alg),
    scope: scopeOf('api'),
    // An ID token that differs from an access token in nothing but its audience must be refused too.
    id_token_signed_response_alg: alg === 'RS256' ? 'RS256' : 'ES256',
  }))
  const resources = tokenAlgs.map((alg) => ({
    resource: resourceOf(alg),
    scopes: ['orders:read'],
    access_token: alg === 'ES256' ? {} : { alg, typ: tokenTyp(alg) },
  }))
  return JSON.stringify({ resources, clients: [...registered, ...readers] }, null, 2)
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
    post_logout_redirect_uris: [`${home}/bye`, `${home}/`],
    // Some ask for an e-mail address whether anybody has one or not.
    scope: `${scopeOf(seed)} email`,
    ...(client.kind === 'server' ? secret : {}),
    ...(seed === 'api' ? { default_resource: resourceOf('ES256') } : {}),
  }
}
