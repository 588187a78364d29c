import { writeFile } from 'node:fs/promises'

/** The address the servers are known by. */
export const issuer = 'https://id.soak.example'
/** Where logins in browsers lead back to, and where those go who have logged out. */
export const redirectUri = 'https://shop.example/callback'
/** Where a browser comes that has logged out. */
export const goodbye = 'https://shop.example/bye'
const api = 'https://api.soak.example'
/** The API that may look into the JWTs, and what it proves itself with. */
export const inspector = { id: 'inspector', secret: 'i'.repeat(43) }
/** What a machine proves itself with that is registered for a while. */
export const lodgerSecret = 'l'.repeat(43)

interface Sliding {
  readonly idle: number
  readonly max: number
}

/** What a client is, with its limits in seconds. */
export interface Client {
  readonly id: ClientId
  /** Draws its own screens; otherwise its people log in in a browser, and a logout there ends its tokens. */
  readonly isApp: boolean
  readonly refresh: Sliding
  /** Its tokens end with the browser session, and none of them can be refreshed. */
  readonly isBound: boolean
  /** How long an access token lives, or slides. */
  readonly access: Sliding
  /** Its access tokens are JWTs, which only the API may ask about. */
  readonly isJwt: boolean
}

/** The clients that people use. */
export const clientIds = ['app', 'app-brief', 'web', 'web-sliding'] as const
/** One of these. */
export type ClientId = (typeof clientIds)[number]

const day = 86_400
/** How long a session of a browser lasts, in seconds. */
export const browserSession = { idle: 900, max: 1800 }

/** All but one have limits that a run of an hour meets. */
export const clientele: Readonly<Record<ClientId, Client>> = {
  app: {
    id: 'app',
    isApp: true,
    refresh: { idle: 30 * day, max: 180 * day },
    isBound: false,
    access: { idle: 300, max: 300 },
    isJwt: true,
  },
  'app-brief': {
    id: 'app-brief',
    isApp: true,
    refresh: { idle: 180, max: 900 },
    isBound: false,
    access: { idle: 60, max: 60 },
    isJwt: false,
  },
  web: {
    id: 'web',
    isApp: false,
    refresh: { idle: 400, max: 1500 },
    isBound: false,
    access: { idle: 120, max: 120 },
    isJwt: false,
  },
  'web-sliding': {
    id: 'web-sliding',
    isApp: false,
    refresh: { idle: 800, max: 1800 },
    isBound: true,
    access: { idle: 150, max: 600 },
    isJwt: false,
  },
}

/** What a client asks for. */
export function scopeOf({ isBound, isJwt }: Client): string {
  return ['openid phone', ...(isBound ? [] : ['offline_access']), ...(isJwt ? ['orders:read'] : [])].join(' ')
}

function seconds({ idle, max }: Sliding) {
  return { idle: `${idle}s`, max: `${max}s` }
}

function seedOf(client: Client, edition: number) {
  const { id, isApp, refresh, access, isJwt } = client
  const isSliding = access.idle !== access.max
  return {
    client_id: id,
    client_name: `${id} ${edition}`,
    preset: isApp ? 'native_app' : 'spa',
    first_party: true,
    redirect_uris: [isApp ? `example.soak.${id}:/callback` : redirectUri],
    ...(isApp ? {} : { post_logout_redirect_uris: [goodbye] }),
    ...(isJwt ? { default_resource: api } : {}),
    scope: scopeOf(client),
    lifetimes: {
      refresh: seconds(refresh),
      ...(isApp ? {} : { session: seconds(browserSession) }),
      access: isSliding ? seconds(access) : `${access.idle}s`,
    },
  }
}

/** The name of the machine that an edition of the catalog has and the next one has not. */
export function lodgerOf(edition: number): string {
  return `lodger-${edition}`
}

/** Writes an edition of the catalog as a seed file. */
export async function writeSeed(path: string, edition: number): Promise<void> {
  const ttl = `${clientele.app.access.idle}s`
  const machine = { token_endpoint_auth_method: 'client_secret_basic' }
  const seed = {
    resources: [{ resource: api, scopes: ['orders:read'], access_token: { ttl, introspected_by: [inspector.id] } }],
    clients: [
      ...Object.values(clientele).map((client) => seedOf(client, edition)),
      { client_id: inspector.id, preset: 'api_gateway', client_secret: { env: 'INSPECTOR_SECRET' } },
      {
        client_id: lodgerOf(edition),
        ...machine,
        grant_types: ['client_credentials'],
        client_secret: { env: 'LODGER_SECRET' },
      },
    ],
  }
  // JSON is YAML.
  await writeFile(path, JSON.stringify(seed, undefined, 2))
}
