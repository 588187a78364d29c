import { type AuthorizationParams, authorizationParams } from '../../src/oidc/code-issuer.ts'
import { errors } from '../../src/oidc/library/faults.ts'
import type { Input } from '../methods/method.ts'

/** Parameters that may differ from one request of a login to the next. */
const hints: ReadonlySet<string> = new Set(['response_type', 'login_hint', 'ui_locales'])

/**
 * Throws `invalid_request`: an app that began anew under an old `auth_session` would get a code for the request, and
 * the PKCE verifier, it has forgotten.
 */
export function refuseOthers(params: AuthorizationParams, fields: Input): void {
  const other = authorizationParams.find(
    (name) => !hints.has(name) && fields[name] !== undefined && fields[name] !== params[name],
  )
  if (other) throw new errors.InvalidRequest(`${other} is not that of this auth_session; begin without one`)
}

/** What of a request's fields belongs to the authorization request. */
export function paramsOf(fields: Input): AuthorizationParams {
  return Object.fromEntries(
    authorizationParams.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]]])),
  )
}
