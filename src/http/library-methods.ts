/**
 * What the endpoints of the library understand: to a method it does not know it says no more than that there is
 * nothing.
 */
export const libraryMethods: ReadonlyMap<string, string> = new Map([
  ['/auth', 'GET'],
  ['/me', 'GET, POST'],
  ['/token', 'POST'],
  ['/token/introspection', 'POST'],
  ['/token/revocation', 'POST'],
  ['/request', 'POST'],
  ['/jwks', 'GET'],
  ['/.well-known/openid-configuration', 'GET'],
  ['/.well-known/oauth-authorization-server', 'GET'],
  ['/device', 'GET, POST'],
  ['/device/auth', 'POST'],
  ['/session/end', 'GET'],
  ['/session/end/confirm', 'POST'],
  ['/session/end/success', 'GET'],
])

/** The header `Allow` for a path of the library, which it reads without regard to case and a slash at the end. */
export function allowedByLibrary(path: string): string | undefined {
  return libraryMethods.get(path.toLowerCase().replace(/(?<=.)\/$/, ''))
}
