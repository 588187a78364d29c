import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import { isProtocolScope } from './clients/client-schema.ts'
import { paramsOf } from './library/context.ts'
import { errors } from './library/faults.ts'

/**
 * Settles the scope of a machine's request before the library reads it, which leaves out in silence what it may not
 * have. A request without scopes gets those its client is registered for (RFC 6749 §3.3); one that names a scope of no
 * use here is refused (§5.2). Scopes of the protocol mean nothing without a person and are left out where others
 * remain. `offered` is what the API has for this client; undefined where no API is asked for.
 */
export function settleMachineScope(ctx: KoaContextWithOIDC, client: Client, offered: string | undefined): void {
  const params = paramsOf(ctx) as Record<string, unknown>
  if (ctx.oidc.route !== 'token' || params['grant_type'] !== 'client_credentials') return
  const own = offered?.split(' ').filter(Boolean) ?? []
  const asked = typeof params['scope'] === 'string' ? params['scope'].split(' ').filter(Boolean) : []
  if (asked.length === 0) {
    const isNamed = client['resource_scopes'] !== undefined
    params['scope'] = isNamed && own.length > 0 ? own.join(' ') : undefined
    return
  }
  const foreign = asked.find((scope) => !own.includes(scope) && !isProtocolScope(scope))
  if (foreign !== undefined) throw new errors.InvalidScope('this client has no such scope here', foreign)
  if (!asked.some((scope) => own.includes(scope))) {
    throw new errors.InvalidScope('scopes about a person mean nothing here', asked.join(' '))
  }
}
