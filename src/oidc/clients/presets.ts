import { type ClientFields, type PresetName, presetNames } from './client-schema.ts'

/** A kind of client, and what a seed that names it need not say. */
export interface Preset {
  readonly summary: string
  readonly sets: ClientFields
}

const web: ClientFields = { application_type: 'web', grant_types: ['authorization_code', 'refresh_token'] }

/** What each preset sets. A field that the seed has itself takes its place as a whole. */
export const presets: Readonly<Record<PresetName, Preset>> = {
  spa: {
    summary: 'An app in the browser without a backend of its own. It can keep no secret.',
    sets: { ...web, token_endpoint_auth_method: 'none' },
  },
  native_app: {
    summary: 'An app on a phone or computer. It can keep no secret.',
    sets: { ...web, application_type: 'native', token_endpoint_auth_method: 'none' },
  },
  server_app: {
    summary: 'An app whose pages come from a server that keeps a secret.',
    sets: { ...web, token_endpoint_auth_method: 'client_secret_basic' },
  },
  machine: {
    summary: 'A program that gets tokens in its own name; no person logs in.',
    sets: { token_endpoint_auth_method: 'client_secret_basic', grant_types: ['client_credentials'] },
  },
  api_gateway: {
    summary: 'A gateway or API that asks the introspection endpoint about the tokens of others and gets none itself.',
    sets: { token_endpoint_auth_method: 'client_secret_basic', grant_types: [] },
  },
  off_the_shelf: {
    summary: 'A program that somebody else wrote, such as Grafana, Gitea, Nextcloud, oauth2-proxy or mod_auth_openidc.',
    sets: {
      ...web,
      token_endpoint_auth_method: 'client_secret_basic',
      id_token_signed_response_alg: 'RS256',
      claims_in_id_token: true,
      require_pkce: false,
    },
  },
  fapi2: {
    summary: 'An app whose tokens are worth more than most: the FAPI 2.0 Security Profile, with DPoP.',
    sets: {
      ...web,
      security_profile: 'fapi2',
      token_endpoint_auth_method: 'private_key_jwt',
      require_pushed_authorization_requests: true,
      dpop_bound_access_tokens: true,
      rotate_refresh_tokens: false,
      id_token_signed_response_alg: 'ES256',
    },
  },
}

/** What a preset did for one client. */
export interface PresetUse {
  readonly name: PresetName
  /** What the client has got from it. */
  readonly sets: Readonly<Record<string, unknown>>
  /** The fields it would have set, had the seed not said them itself. */
  readonly overridden: readonly string[]
}

/** A client as a file says it, with the fields of its preset; as it was where it names none that there is. */
export function withPreset(written: unknown): { readonly written: unknown; readonly use?: PresetUse } {
  const named: unknown = Object(written).preset
  const name = presetNames.find((each) => each === named)
  if (name === undefined) return { written }
  const own = written as Readonly<Record<string, unknown>>
  const { preset, ...rest } = own
  const entries = Object.entries(presets[name].sets)
  const sets = Object.fromEntries(entries.filter(([field]) => !Object.hasOwn(own, field)))
  const overridden = entries.map(([field]) => field).filter((field) => Object.hasOwn(own, field))
  return { written: { ...sets, ...rest, preset }, use: { name, sets, overridden } }
}
