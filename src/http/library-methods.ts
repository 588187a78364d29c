import { paths, plainPath } from '../base/paths.ts'
/**
 * The methods that each endpoint of the library is served for. To other methods the library only answers that there is
 * nothing.
 */
export const libraryMethods: ReadonlyMap<string, string> = new Map([
  [paths.authorization, 'GET, POST'],
  [paths.userinfo, 'GET, POST'],
  [paths.token, 'POST'],
  [paths.introspection, 'POST'],
  [paths.revocation, 'POST'],
  [paths.push, 'POST'],
  [paths.jwks, 'GET'],
  [paths.discovery, 'GET'],
  [paths.oauthMetadata, 'GET'],
  [paths.device, 'GET, POST'],
  [paths.deviceAuthorization, 'POST'],
  [paths.endSession, 'GET, POST'],
  [`${paths.endSession}/confirm`, 'POST'],
  [`${paths.endSession}/success`, 'GET'],
])

/** The header `Allow` for a path of the library. */
export function allowedByLibrary(path: string): string | undefined {
  return libraryMethods.get(plainPath(path))
}
