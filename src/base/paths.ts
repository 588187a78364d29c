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
  openapi: '/openapi.json',
  /** Of people's browsers. */
  interaction: '/interaction',
  callback: '/callback',
  account: '/account',
  assets: '/assets',
  sandbox: '/sandbox',
  /** Of whoever runs the server. */
  livez: '/livez',
  readyz: '/readyz',
} as const

/** A path as the library compares it: without regard to case and to a slash at the end. */
export function plainPath(path: string): string {
  return path.toLowerCase().replace(/(?<=.)\/$/, '')
}
