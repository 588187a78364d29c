/**
 * Where the endpoints are, the library's and our own: the provider is built with these, and everything that looks at
 * the path of a request, draws a link or tells somebody an address takes it from here.
 */
export const paths = {
  authorization: '/auth',
  userinfo: '/me',
  token: '/token',
  introspection: '/token/introspection',
  revocation: '/token/revocation',
  push: '/request',
  jwks: '/jwks',
  discovery: '/.well-known/openid-configuration',
  oauthMetadata: '/.well-known/oauth-authorization-server',
  device: '/device',
  deviceAuthorization: '/device/auth',
  endSession: '/session/end',
  /** Of apps that draw their own screens. */
  challenge: '/authorize-challenge',
  identities: '/identities',
  consents: '/consents',
  openapi: '/openapi.json',
  /** Of people's browsers. */
  interaction: '/interaction',
  callback: '/callback',
  /** Of upstreams themselves. */
  notifications: '/notifications',
  account: '/account',
  /** Where a link of an operator leads, by which a password is chosen. */
  passwordLink: '/password-link',
  assets: '/assets',
  /** What is kept of people, for everybody to read; and what their archives look like. */
  collected: '/personal-information',
  ownDataSchema: '/personal-information/schema.json',
  /** Copies of people's pictures. */
  pictures: '/pictures',
  sandbox: '/sandbox',
  /** What every host is asked for. */
  favicon: '/favicon.ico',
  touchIcon: '/apple-touch-icon.png',
  touchIconPrecomposed: '/apple-touch-icon-precomposed.png',
  robots: '/robots.txt',
  changePassword: '/.well-known/change-password',
  /** Of whoever runs the server. */
  livez: '/livez',
  readyz: '/readyz',
  readyzKeys: '/readyz/keys',
  readyzLogins: '/readyz/logins',
} as const

const identities = `${paths.account}/identities`

/** The pages below `paths.account`. */
export const accountPaths = {
  /** Where a person comes back to who had to log in first. */
  loggedIn: `${paths.account}/return`,
  profile: `${paths.account}/profile`,
  picture: `${paths.account}/profile/picture`,
  password: `${paths.account}/password`,
  devices: `${paths.account}/devices`,
  history: `${paths.account}/history`,
  notMe: `${paths.account}/history/not-me`,
  messages: `${paths.account}/messages`,
  language: `${paths.account}/language`,
  apps: `${paths.account}/apps`,
  /** For pages, and for apps that bring an access token. */
  deletion: `${paths.account}/deletion`,
  data: `${paths.account}/data`,
  archive: `${paths.account}/data/archive`,
  merge: `${paths.account}/merge`,
  identities,
  unbind: `${identities}/unbind`,
} as const

/** The page that adds a way in by a code to this kind of address. */
export function bindPath(kind: 'phone' | 'email'): string {
  return `${identities}/${kind}`
}

/** The page that puts another number or address in the place of this identity. */
export function changePath(identity: string): string {
  return `${identities}/${identity}/change`
}

/** Where a change that waits is stopped. */
export function stopChangePath(identity: string): string {
  return `${changePath(identity)}/stop`
}

/** The page of a login in a browser. */
export function interactionPath(uid: string): string {
  return `${paths.interaction}/${uid}`
}

/** Where an upstream sends its answer. */
export function callbackPath(connection: string): string {
  return `${paths.callback}/${connection}`
}

/** Where an upstream posts what it has to tell by itself. */
export function notificationPath(connection: string): string {
  return `${paths.notifications}/${connection}`
}

/** Where the page of an attempt takes the answer of an upstream, which has arrived at `callbackPath`. */
export function answerPath(page: string): string {
  return `${page}/callback`
}

/** A path as the library compares it: without regard to case and to a slash at the end. */
export function plainPath(path: string): string {
  return path.toLowerCase().replace(/(?<=.)\/$/, '')
}
