import { type PresetName, presetNames } from './client-schema.ts'
import { presets } from './presets.ts'

/** A file that works as it stands. */
export interface Recipe {
  /** What is to be known beside it. */
  readonly words: string
  readonly seed: string
}

/** One whole file for each preset. */
export const recipes: Readonly<Record<PresetName, Recipe>> = {
  spa: {
    words:
      'With `offline_access` its tokens are renewed without the browser session. CORS needs no setting: pages of its redirect URIs may call.',
    seed: `resources:
  - resource: https://api.example.com
    scopes: [orders:read, orders:write]
clients:
  - client_id: web
    preset: spa
    client_name: Example Web
    first_party: true
    redirect_uris: [https://app.example.com/callback]
    post_logout_redirect_uris: [https://app.example.com/]
    default_resource: https://api.example.com
    scope: openid profile offline_access orders:read
`,
  },
  native_app: {
    words:
      'A redirect URI is a scheme of the app, a link that only the app opens, or this machine, where any port is taken. An app with screens of its own needs `first_party` and one redirect URI.',
    seed: `clients:
  - client_id: app
    preset: native_app
    client_name: Example App
    first_party: true
    redirect_uris: ['com.example.app:/callback']
    scope: openid profile phone offline_access
`,
  },
  server_app: {
    words: 'The secret comes from the environment of the command; it is stored sealed and never shown.',
    seed: `clients:
  - client_id: shop
    preset: server_app
    client_name: Example Shop
    first_party: true
    client_secret: { generate: true }           # or { env: SHOP_SECRET }, { file: shop.secret }
    redirect_uris: [https://shop.example.com/callback]
    post_logout_redirect_uris: [https://shop.example.com/]
    backchannel_logout_uri: https://shop.example.com/backchannel-logout
`,
  },
  machine: {
    words: 'A request without `scope` gets all scopes of the client.',
    seed: `resources:
  - resource: https://api.example.com
    scopes: [orders:read, orders:write]
clients:
  - client_id: nightly
    preset: machine
    client_secret: { generate: true }
    default_resource: https://api.example.com
    scope: orders:read
`,
  },
  api_gateway: {
    words: 'Only who is named may look into tokens of others.',
    seed: `resources:
  - resource: https://legacy.example.com
    scopes: [legacy]
    access_token: { format: opaque, sliding: { idle: 30m, max: 12h }, introspected_by: [gateway] }
clients:
  - client_id: gateway
    preset: api_gateway
    client_secret: { generate: true }
`,
  },
  off_the_shelf: {
    words:
      'It may go without PKCE where it sends a `nonce`; where it can send PKCE, switch that on there. People who logged in by phone have no `email`: map `sub` or `preferred_username` where the program insists on one, and keep `email` in `scope`, since mozilla-django-oidc, social-core and others ask for it unasked. Leave `default_resource` out. A program that sends neither PKCE nor a nonce cannot connect so; compatibility.md says what helps.',
    seed: `clients:
  - client_id: grafana
    preset: off_the_shelf
    client_name: Grafana
    first_party: true
    client_secret: { generate: true }
    redirect_uris: [https://grafana.example.com/login/generic_oauth]
    scope: openid profile phone email offline_access
`,
  },
  fapi2: {
    words:
      'Tokens are bound by DPoP; mutual TLS is not offered. Assertions name the issuer as their only audience. Clocks may be ten seconds apart.',
    seed: `clients:
  - client_id: bank
    preset: fapi2
    client_name: Example Bank
    redirect_uris: [https://bank.example.com/callback]
    jwks_uri: https://bank.example.com/jwks.json
    scope: openid offline_access
`,
  },
}

/** One file with a client of each preset, to keep what is wanted of it. */
export function exampleSeed(): string {
  const parts = presetNames.map((name) => {
    const { seed } = recipes[name]
    const [apis = '', clients = ''] = seed.split(/^clients:\n/m)
    const comment = `  # ${presets[name].summary}\n`
    return { apis: apis.replace(/^resources:\n/, ''), clients: `${comment}${clients}` }
  })
  const apis = [...new Set(parts.map((part) => part.apis))].join('')
  return `# yaml-language-server: $schema=./seed.schema.json
# For menshen clients apply. Every field: docs/clients.md. The schema: menshen clients schema > seed.schema.json
resources:
${apis}clients:
${parts.map(({ clients }) => clients).join('')}`
}
