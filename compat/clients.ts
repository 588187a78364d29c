/** What a client is registered with; `seeds.ts` says what each means. */
export const seedNames = ['plain', 'api', 'off_the_shelf'] as const
/** One of them. */
export type SeedName = (typeof seedNames)[number]

/** Where a client and the server are, for a step whose address names them. */
export interface Places {
  readonly issuer: string
  readonly origin: string
  readonly clientId: string
}

/** A page of a program that does not answer with `ok`, and what shows there that it works. */
export interface ShownStep {
  readonly path: string
  readonly shows: RegExp
}

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
  readonly steps: readonly (string | ShownStep)[]
  /** Where its logout begins. It ends at `/bye`, and the session at the server is over then. */
  readonly logout?: (places: Places) => string | ShownStep
  readonly callback?: string
  /** The only seeds that it fits; without it all of its kind. */
  readonly seeds?: readonly SeedName[]
  /** What must be set where the client does not work as it comes; the program does so when `SETTING` is 1. */
  readonly setting?: string
  /** Programs beside the one it is started with. */
  readonly needs?: readonly string[]
  /** What `install.sh` brings for it alone, below the folder `compat`. */
  readonly brought?: string
}

const python = (file: string): [string, string] => ['python', `clients/${file}.py`]
const node = (file: string): [string, string] => ['node', `clients/${file}.mjs`]
const everything = ['/', '/userinfo', '/refresh', '/revoke'] as const
const logout = () => '/logout'
/** The address of our logout, for programs that can be told where to go after their own. */
const endSession = ({ issuer, origin, clientId }: Places) =>
  `${issuer}/session/end?${new URLSearchParams({ client_id: clientId, post_logout_redirect_uri: `${origin}/bye` })}`
const spring = (version: string) => ({
  pinned: version,
  command: ['sh', 'spring.sh', `clients/spring/target/${version}`, 'com.example.app.App'] as const,
  kind: 'server' as const,
  needs: ['java'],
  brought: `clients/spring/target/${version}/lib`,
  callback: '/login/oauth2/code/menshen',
  steps: ['/'],
  logout: () => '/leave',
})

/** Every client, in the order of the table. */
export const clients: readonly CompatClient[] = [
  {
    id: 'oidc-client-ts',
    name: 'oidc-client-ts, in Chromium',
    pinned: 'npm oidc-client-ts',
    command: ['node', 'clients/page.mjs', 'clients/oidc-client-ts.mjs'],
    kind: 'page',
    steps: ['/', '/userinfo', '/refresh', '/frame', '/revoke', '/again'],
    logout,
  },
  {
    id: 'spa',
    name: 'oidc-client-ts, as in [apps.md](apps.md)',
    pinned: 'npm oidc-client-ts',
    command: ['node', 'clients/page.mjs', 'clients/spa/main.js'],
    kind: 'page',
    seeds: ['api'],
    steps: [{ path: '/login', shows: /usr_/ }],
    logout: () => ({ path: '/logout', shows: /Log in/ }),
  },
  {
    id: 'react-oidc-context',
    name: 'react-oidc-context, in Chromium',
    pinned: 'npm react-oidc-context',
    command: ['node', 'clients/page.mjs', 'clients/react-oidc-context.mjs'],
    kind: 'page',
    callback: '/',
    steps: ['/', '/refresh'],
    logout,
  },
  {
    id: 'openid-client-6',
    name: 'openid-client 6',
    pinned: 'npm openid-client',
    command: node('openid-client-6'),
    kind: 'server',
    steps: everything,
    logout,
  },
  {
    id: 'openid-client-5',
    name: 'openid-client 5',
    pinned: 'npm openid-client-5',
    command: node('openid-client-5'),
    kind: 'server',
    steps: everything,
    logout,
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
    steps: ['/', '/userinfo', '/refresh'],
    logout,
    setting: "`authorizationParams: { response_type: 'code' }`, and `idTokenSigningAlg` as the seed has it",
  },
  {
    id: 'passport-openidconnect',
    name: 'passport-openidconnect',
    pinned: 'npm passport-openidconnect',
    command: node('passport-openidconnect'),
    kind: 'server',
    steps: ['/'],
    setting: '`nonce: true`, and `preset: off_the_shelf` in the seed, since it can send no PKCE',
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
    steps: everything,
    logout,
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
    logout: () => '/oidc/logout/',
    setting:
      '`OIDC_USE_PKCE = True`, `OIDC_RP_SIGN_ALGO` as the seed has it, and a subclass of `OIDCAuthenticationBackend` that finds people by `sub`; `OIDC_OP_LOGOUT_URL_METHOD` for the logout',
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
    setting: '`oauth2.S256ChallengeOption` and `oauth2.VerifierOption`; `oidc.Nonce` is enough with `off_the_shelf`',
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
    logout: (places) => `/oauth2/sign_out?${new URLSearchParams({ rd: endSession(places) })}`,
    setting:
      '`--code-challenge-method=S256 --oidc-email-claim=sub`; `--whitelist-domain` with the host of the server for the logout',
  },
  {
    id: 'mod-auth-openidc',
    name: 'mod_auth_openidc, of Debian 12',
    pinned: '2.4.12.3',
    command: ['sh', 'clients/mod-auth-openidc.sh'],
    needs: ['apache2'],
    kind: 'server',
    steps: ['/'],
    logout: ({ origin }) => `/callback?${new URLSearchParams({ logout: `${origin}/bye` })}`,
    setting: '`OIDCPKCEMethod S256`',
  },
  {
    id: 'spring-6',
    name: 'Spring Boot 3.5 (Security 6)',
    ...spring('3.5.16'),
    setting: 'two beans, `Login.java` in [backends.md](backends.md)',
  },
  {
    id: 'spring-7',
    name: 'Spring Boot 4 (Security 7)',
    ...spring('4.1.2'),
    setting: 'two beans, `Login.java` in [backends.md](backends.md)',
  },
  {
    id: 'gitea',
    name: 'Gitea, without its scripts',
    pinned: '1.26.0',
    command: ['sh', 'clients/gitea.sh'],
    needs: ['gitea', 'oauth2-proxy'],
    brought: '.bin/gitea-folder',
    kind: 'server',
    callback: '/user/oauth2/menshen/callback',
    steps: [{ path: '/user/settings', shows: /usr_\w+/ }],
    logout: () => ({ path: '/user/logout', shows: /Sign In/ }),
    setting:
      'oauth2-proxy before it, as above, and `[service] ENABLE_REVERSE_PROXY_AUTHENTICATION`, `ENABLE_REVERSE_PROXY_AUTO_REGISTRATION`, `[security] REVERSE_PROXY_AUTHENTICATION_USER = X-Forwarded-User`, `REVERSE_PROXY_LOGOUT_REDIRECT`; its own login sends neither PKCE nor nonce',
  },
]
