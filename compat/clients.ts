/** What a client is registered with; `seeds.ts` says what each means. */
export const seedNames = ['plain', 'api', 'off_the_shelf'] as const
/** One of them. */
export type SeedName = (typeof seedNames)[number]

/** A client that somebody else wrote, and how it is run. */
export interface CompatClient {
  /** Its file is named so, and the first part of its `client_id`. */
  readonly id: string
  readonly name: string
  /** Where its version is pinned: `npm oidc-client-ts`; or the version itself, where the machine brings it. */
  readonly pinned: string
  /** Started in the folder `compat`. */
  readonly command: readonly [string, ...string[]]
  readonly kind: 'server' | 'page' | 'native'
  /** What is opened one after another, each answered with `ok`. The first one logs in. */
  readonly steps: readonly string[]
  readonly callback?: string
  /** What must be set where the client does not work as it comes; the program does so when `SETTING` is 1. */
  readonly setting?: string
  /** Programs beside the one it is started with. */
  readonly needs?: readonly string[]
}

const python = (file: string): [string, string] => ['python', `clients/${file}.py`]
const node = (file: string): [string, string] => ['node', `clients/${file}.mjs`]
const everything = ['/', '/userinfo', '/refresh', '/revoke', '/logout'] as const

/** Every client, in the order of the table. */
export const clients: readonly CompatClient[] = [
  {
    id: 'oidc-client-ts',
    name: 'oidc-client-ts, in Chromium',
    pinned: 'npm oidc-client-ts',
    command: ['node', 'clients/page.mjs', 'clients/oidc-client-ts.mjs'],
    kind: 'page',
    steps: ['/', '/userinfo', '/refresh', '/frame', '/revoke', '/again', '/logout'],
  },
  {
    id: 'react-oidc-context',
    name: 'react-oidc-context, in Chromium',
    pinned: 'npm react-oidc-context',
    command: ['node', 'clients/page.mjs', 'clients/react-oidc-context.mjs'],
    kind: 'page',
    callback: '/',
    steps: ['/', '/refresh', '/logout'],
  },
  {
    id: 'openid-client-6',
    name: 'openid-client 6',
    pinned: 'npm openid-client',
    command: node('openid-client-6'),
    kind: 'server',
    steps: everything,
  },
  {
    id: 'openid-client-5',
    name: 'openid-client 5',
    pinned: 'npm openid-client-5',
    command: node('openid-client-5'),
    kind: 'server',
    steps: everything,
    setting: "`id_token_signed_response_alg: 'ES256'` in `new issuer.Client({ … })`",
  },
  {
    id: 'auth-js',
    name: 'Auth.js (`@auth/express`)',
    pinned: 'npm @auth/express',
    command: node('auth-js'),
    kind: 'server',
    callback: '/auth/callback/menshen',
    steps: ['/'],
  },
  {
    id: 'express-openid-connect',
    name: 'express-openid-connect',
    pinned: 'npm express-openid-connect',
    command: node('express-openid-connect'),
    kind: 'server',
    steps: ['/', '/userinfo', '/refresh', '/logout'],
    setting: "`authorizationParams: { response_type: 'code' }`, and `idTokenSigningAlg` as the seed has it",
  },
  {
    id: 'passport-openidconnect',
    name: 'passport-openidconnect',
    pinned: 'npm passport-openidconnect',
    command: node('passport-openidconnect'),
    kind: 'server',
    steps: ['/'],
  },
  {
    id: 'appauth',
    name: 'AppAuth-JS, as a native app',
    pinned: 'npm @openid/appauth',
    command: ['node', 'clients/bundled.mjs', 'clients/appauth.mjs'],
    kind: 'native',
    steps: ['/', '/refresh', '/revoke'],
  },
  {
    id: 'authlib',
    name: 'Authlib, in Flask',
    pinned: 'pypi Authlib',
    command: python('authlib_flask'),
    kind: 'server',
    steps: ['/', '/userinfo', '/refresh', '/revoke'],
    setting: "`client_kwargs={'code_challenge_method': 'S256', …}`",
  },
  {
    id: 'requests-oauthlib',
    name: 'requests-oauthlib, in Flask',
    pinned: 'pypi requests-oauthlib',
    command: python('requests_oauthlib_flask'),
    kind: 'server',
    steps: ['/', '/userinfo', '/refresh'],
    setting: "`OAuth2Session(…, pkce='S256')`",
  },
  {
    id: 'mozilla-django-oidc',
    name: 'mozilla-django-oidc',
    pinned: 'pypi mozilla-django-oidc',
    command: python('mozilla_django_oidc_app'),
    kind: 'server',
    callback: '/oidc/callback/',
    steps: ['/'],
    setting:
      '`OIDC_USE_PKCE = True`, `OIDC_RP_SIGN_ALGO` as the seed has it, and a subclass of `OIDCAuthenticationBackend` that finds people by `sub`',
  },
  {
    id: 'social-core',
    name: 'social-core, in Django',
    pinned: 'pypi social-auth-core',
    command: python('social_core_app'),
    kind: 'server',
    callback: '/complete/oidc/',
    steps: ['/'],
    setting: '`SOCIAL_AUTH_OIDC_USE_PKCE = True`, and `SOCIAL_AUTH_OIDC_JWT_ALGORITHMS` as the seed has it',
  },
  {
    id: 'go-oidc',
    name: 'go-oidc with golang.org/x/oauth2',
    pinned: 'go github.com/coreos/go-oidc/v3',
    command: ['go-oidc'],
    kind: 'server',
    steps: ['/', '/userinfo', '/refresh'],
    setting: '`oauth2.S256ChallengeOption` and `oauth2.VerifierOption`',
  },
  {
    id: 'oauth2-proxy',
    name: 'oauth2-proxy',
    pinned: '7.15.6',
    command: ['sh', 'clients/oauth2-proxy.sh'],
    needs: ['oauth2-proxy'],
    kind: 'server',
    callback: '/oauth2/callback',
    // The second time the cookie is older than a second, so it refreshes.
    steps: ['/', '/'],
    setting: '`--code-challenge-method=S256 --oidc-email-claim=sub`',
  },
  {
    id: 'mod-auth-openidc',
    name: 'mod_auth_openidc, of Debian 12',
    pinned: '2.4.12.3',
    command: ['sh', 'clients/mod-auth-openidc.sh'],
    needs: ['apache2'],
    kind: 'server',
    steps: ['/'],
    setting: '`OIDCPKCEMethod S256`',
  },
]

/** A library that verifies access tokens; its program, in `backends/`, stands in docs/backends.md too. */
export interface Verifier {
  readonly id: string
  readonly name: string
  readonly pinned: string
  readonly command: readonly [string, ...string[]]
}

/** Every verifier, in the order of the page. */
export const verifiers: readonly Verifier[] = [
  { id: 'jose', name: 'jose', pinned: 'npm jose', command: ['node', 'backends/jose.mjs'] },
  { id: 'pyjwt', name: 'PyJWT', pinned: 'pypi PyJWT[crypto]', command: ['python', 'backends/pyjwt_api.py'] },
  { id: 'joserfc', name: 'joserfc', pinned: 'pypi joserfc', command: ['python', 'backends/joserfc_api.py'] },
  { id: 'authlib-api', name: 'Authlib', pinned: 'pypi Authlib', command: ['python', 'backends/authlib_api.py'] },
  {
    id: 'go-oidc-verifier',
    name: 'go-oidc',
    pinned: 'go github.com/coreos/go-oidc/v3',
    command: ['go-oidc-verifier'],
  },
  {
    id: 'golang-jwt',
    name: 'golang-jwt with keyfunc',
    pinned: 'go github.com/golang-jwt/jwt/v5',
    command: ['golang-jwt'],
  },
  {
    id: 'spring',
    name: 'Spring Security, its JwtDecoder',
    pinned: 'maven spring-security-oauth2-jose',
    command: ['java', '-cp', 'target/classes:target/dependency/*', 'Api'],
  },
]
