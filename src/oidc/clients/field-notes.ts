import type { clientSchema, resourceSchema } from './client-schema.ts'

/** What the reference says of a field beside its type and default. */
export interface FieldNote {
  readonly description: string
  /** As a file would say it. */
  readonly example: unknown
  /** Where the meaning comes from; absent for a field of ours. */
  readonly rfc?: string
}

const metadata = 'RFC 7591 §2'
const registration = 'OpenID Connect Registration §2'

/** Every field of a client, in the words of the reference. */
export const clientNotes: Readonly<Record<keyof typeof clientSchema.shape, FieldNote>> = {
  client_id: { description: 'The name of the client in every request.', example: 'web', rfc: 'RFC 6749 §2.2' },
  preset: { description: 'The kind of client, which sets the fields that follow from it.', example: 'spa' },
  client_name: { description: 'What people read on the consent page.', example: 'Example Web', rfc: metadata },
  first_party: {
    description: 'An app of ours: no consent page, refresh tokens without `prompt=consent`, the scope `identities`.',
    example: true,
  },
  require_phone: { description: 'Nobody gets in without a phone number that was proved.', example: true },
  registration: {
    description:
      'Whether a login here may make an account: `open`, `closed`, or `invite`, with a code of `menshen invites create`.',
    example: 'invite',
  },
  attestation: {
    description: 'Who vouches for installations of an app with screens of its own.',
    example: { required: true, jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: '…', y: '…' }] } },
    rfc: 'draft-ietf-oauth-attestation-based-client-auth',
  },
  application_type: {
    description: '`native` may have redirect URIs with a scheme of its own, or of this machine with any port.',
    example: 'native',
    rfc: `${registration}, RFC 8252`,
  },
  token_endpoint_auth_method: {
    description:
      'How the client proves itself; `none` has no secret. `client_secret_basic` and `client_secret_post` may be used for one another.',
    example: 'none',
    rfc: metadata,
  },
  token_endpoint_auth_signing_alg: {
    description: 'The only algorithm its assertions may have; without it all that the server takes.',
    example: 'ES256',
    rfc: registration,
  },
  client_secret: {
    description: 'Where the secret comes from: a variable, a file beside this one, or made once and shown once.',
    example: { env: 'WEB_SECRET' },
  },
  grant_types: {
    description: 'What it may exchange; without it what its redirect URIs allow.',
    example: ['authorization_code', 'refresh_token'],
    rfc: metadata,
  },
  redirect_uris: {
    description: 'Where a login may end, letter by letter; https, or this machine.',
    example: ['https://app.example.com/callback'],
    rfc: metadata,
  },
  post_logout_redirect_uris: {
    description: 'Where a logout may end.',
    example: ['https://app.example.com/'],
    rfc: 'OpenID Connect RP-Initiated Logout §3.1',
  },
  logout_without_question: {
    description:
      'Whether a logout with the ID token of whoever is signed in goes through without a question of ours. ' +
      'Without it: the clients with `first_party` do.',
    example: false,
    rfc: 'OpenID Connect RP-Initiated Logout §2',
  },
  allowed_origins: {
    description: 'Pages that may call the token endpoint and `/me`, beside those of the redirect URIs (CORS).',
    example: ['https://admin.example.com'],
  },
  default_resource: {
    description: 'The API its access tokens are for where a request names none.',
    example: 'https://api.example.com',
    rfc: 'RFC 8707',
  },
  scope: {
    description:
      'All it may ask for, of the protocol and of APIs; without it everything. The consent page of an app of others has room for 200 scopes, each counted for every API that has it, in 48 KiB; a request names scopes of 2048 bytes at most.',
    example: 'openid profile offline_access orders:read',
    rfc: metadata,
  },
  lifetimes: {
    description: 'How long its sessions and tokens live; what is left out comes from the configuration.',
    example: { refresh: { idle: '30d', max: '180d' } },
  },
  client_uri: { description: 'Its home page.', example: 'https://example.com', rfc: metadata },
  logo_uri: {
    description: 'Refused, because browsers fetch nothing from other sites here: name a file in `brand.logo`.',
    example: 'https://example.com/logo.png',
    rfc: metadata,
  },
  brand: {
    description: 'How it looks on our pages. An app of ours takes the place of the operator at the head of its login.',
    example: { name: { 'zh-CN': '茶园记账', en: 'Tea Ledger' }, logo: './ledger.svg', color: '#8a1c3c' },
  },
  policy_uri: { description: 'What it does with data.', example: 'https://example.com/privacy', rfc: metadata },
  tos_uri: { description: 'Its terms.', example: 'https://example.com/terms', rfc: metadata },
  contacts: { description: 'Whom to ask about it.', example: ['ops@example.com'], rfc: metadata },
  filing_number: {
    description: 'Its filing number (ICP 备案), shown on the consent page.',
    example: '京ICP备12345678号-1A',
  },
  jwks: {
    description: 'Its public keys, for `private_key_jwt`.',
    example: { keys: [{ kty: 'EC', crv: 'P-256', kid: '1', x: '…', y: '…' }] },
    rfc: metadata,
  },
  jwks_uri: {
    description: 'Where its public keys are fetched from.',
    example: 'https://app.example.com/jwks.json',
    rfc: metadata,
  },
  id_token_signed_response_alg: {
    description: 'How its ID tokens and logout tokens are signed. Many libraries expect RS256 unless told otherwise.',
    example: 'RS256',
    rfc: registration,
  },
  claims_in_id_token: {
    description: 'ID tokens carry what the granted scopes release, so that nobody has to ask `/me`.',
    example: true,
    rfc: 'OpenID Connect Core §5.4',
  },
  require_pkce: {
    description: '`false`: may send a `nonce` instead of a PKCE challenge. Only for a client with a secret.',
    example: false,
    rfc: 'RFC 9700 §2.1.1',
  },
  require_nonce: {
    description:
      '`false` beside `require_pkce: false`: may send neither, so that nothing shows that a code was injected. For programs that can do neither.',
    example: false,
    rfc: 'OpenID Connect Core §3.1.2.1',
  },
  rotate_refresh_tokens: {
    description: '`false`: keeps one refresh token until it ends. Only for a client with a secret.',
    example: false,
    rfc: 'RFC 9700 §2.2.2',
  },
  security_profile: {
    description: '`fapi2`: ES256, PS256 and EdDSA alone, and no field that the profile forbids.',
    example: 'fapi2',
    rfc: 'FAPI 2.0 Security Profile',
  },
  backchannel_logout_uri: {
    description: 'Where it is told that somebody has signed out.',
    example: 'https://app.example.com/backchannel-logout',
    rfc: 'OpenID Connect Back-Channel Logout §2.2',
  },
  backchannel_logout_session_required: {
    description: 'It is told which session has ended (`sid`), and its ID tokens name it.',
    example: true,
    rfc: 'OpenID Connect Back-Channel Logout §2.2',
  },
  account_events_uri: {
    description:
      'Where an app of ours is told what becomes of an account: deletion asked for and undone, deleted, merged. Only with `first_party`.',
    example: 'https://app.example.com/account-events',
    rfc: 'RFC 8935, RFC 8417',
  },
  require_pushed_authorization_requests: {
    description: 'Takes no request through the browser that was not pushed before.',
    example: true,
    rfc: 'RFC 9126 §6',
  },
  dpop_bound_access_tokens: {
    description: 'Gives no token that is not bound to a key.',
    example: true,
    rfc: 'RFC 9449 §5.2',
  },
  default_max_age: {
    description: 'Seconds since the last login after which people log in again.',
    example: 3600,
    rfc: registration,
  },
  default_acr_values: {
    description: 'How people must have logged in, the best first, where a request does not say.',
    example: ['urn:menshen:acr:possession'],
    rfc: registration,
  },
  initiate_login_uri: {
    description: 'Where a login at this client begins.',
    example: 'https://app.example.com/login',
    rfc: 'OpenID Connect Core §4',
  },
}

/** Every field of an API. */
export const resourceNotes: Readonly<Record<keyof typeof resourceSchema.shape, FieldNote>> = {
  resource: {
    description: 'The identifier of the API: the audience of its access tokens.',
    example: 'https://api.example.com',
    rfc: 'RFC 8707 §2',
  },
  title: { description: 'What people read as its name.', example: { 'zh-CN': '订单', en: 'Orders' } },
  scopes: {
    description:
      'What may be asked of it. Names are enough for apps of our own; before somebody allows an app of others something they read `title` and `description`, which are texts by language. What is `required` cannot be left out.',
    example: [
      'orders:write',
      { name: 'orders:read', title: { 'zh-CN': '查看订单', en: 'See your orders' }, required: true },
    ],
    rfc: 'RFC 6749 §3.3',
  },
  access_token: { description: 'What its access tokens are like.', example: { ttl: '10m' }, rfc: 'RFC 9068' },
}

/** Every field of the access tokens of an API. */
export const accessTokenNotes: Readonly<
  Record<keyof ReturnType<(typeof resourceSchema.shape)['access_token']['unwrap']>['shape'], FieldNote>
> = {
  format: {
    description: '`jwt`: APIs verify it themselves. `opaque`: they ask the introspection endpoint.',
    example: 'opaque',
    rfc: 'RFC 9068, RFC 7662',
  },
  alg: {
    description:
      'How a JWT is signed; without it ES256. A signature of RS256 or PS256 costs four to five times the processor time of ES256 and four times its length, EdDSA about half the time.',
    example: 'RS256',
    rfc: 'RFC 9068 §2.1',
  },
  typ: {
    description: 'The header `typ` of a JWT; without it `at+jwt`. `JWT` is for libraries that refuse any other.',
    example: 'JWT',
    rfc: 'RFC 9068 §2.1',
  },
  ttl: { description: 'How long it lives; without it as the client says.', example: '10m' },
  sliding: {
    description: 'An opaque token that lives on while it is used.',
    example: { idle: '30m', max: '12h' },
  },
  claims: { description: 'What it says about the person.', example: ['nickname'], rfc: 'RFC 9068 §2.2.2' },
  introspected_by: {
    description: 'The clients that may look into it; without it the client whose id is this API.',
    example: ['orders-api'],
    rfc: 'RFC 7662 §4',
  },
}
