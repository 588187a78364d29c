import type { Context, Middleware } from 'koa'
import type { KoaContextWithOIDC } from 'oidc-provider'
import { AppError } from '../base/errors.ts'
import { paths, plainPath } from '../base/paths.ts'
import { currentContext } from '../oidc/library/context.ts'
import type { Payload } from '../oidc/library/stored-models.ts'
import type { Adapter } from '../oidc/records/adapter.ts'
import { longestParams, requestTooLong } from '../oidc/request-size.ts'
import type { RequestState } from '../oidc/request-state.ts'
import type { Limits } from '../ops/limits.ts'
import { pack } from '../store/packing.ts'
import { type LimitName, type StrangerWrite, strangerWrites } from './stranger-writes.ts'

interface Dependencies {
  readonly limits: Limits<LimitName>
}

const rowOf = (route: string): StrangerWrite | undefined => {
  const row = (strangerWrites as Readonly<Record<string, StrangerWrite | 'nothing'>>)[route]
  return row === 'nothing' ? undefined : row
}

async function take({ limits }: Dependencies, { limit }: StrangerWrite, ctx: Context): Promise<void> {
  if (typeof limit === 'string') await limits.take(limit, (ctx.state as RequestState).ip)
}

/**
 * Applies the limits of pages that may store something on every visit. SECURITY: each visit without a cookie makes a
 * row in the database, and each code typed at `/device` may be a guess at somebody else's device (RFC 8628 §5.1).
 */
export function slowStrangers(dependencies: Dependencies): Middleware {
  return async (ctx, next) => {
    const route = pageOf(ctx)
    const row = route && rowOf(route)
    if (row?.taken === 'request') await taken(row, ctx)
    return next()
  }

  async function taken(row: StrangerWrite, ctx: Context): Promise<void> {
    try {
      await take(dependencies, row, ctx)
    } catch (error) {
      // A person who wants to log out always can, even if the store of the counters is down.
      if (row.limit === 'logout.ip' && error instanceof AppError && error.code === 'server.unavailable') return
      throw error
    }
  }
}

/** The library ignores case and a slash at the end of a path, and answers HEAD like GET. */
function pageOf({ path, method }: Context): keyof typeof strangerWrites | undefined {
  const plain = plainPath(path)
  if (plain === paths.device) return 'code_verification'
  if (plain === paths.endSession) return 'end_session'
  return plain.startsWith(`${paths.device}/`) && (method === 'GET' || method === 'HEAD') ? 'device_resume' : undefined
}

/** How long a stored interaction may be, in characters of the packed text that is sealed. */
const longestInteraction = 2880
/** With at most this many bytes it always fits, so nobody needs to try how well it packs. */
const surelyFits = 1200

/**
 * Places of the library in which a stranger uses no more space than a row of `strangerWrites` says. SECURITY: the limit
 * is checked where something is written, so it does not matter how the path was spelled or which way led there. A
 * refused request writes nothing.
 */
export function boundedPlaces(
  placeOf: (model: string) => Adapter,
  dependencies: Dependencies,
): (model: string) => Adapter {
  const counted = new WeakSet<KoaContextWithOIDC>()

  /** Takes the limit of the running request, and only once. */
  async function admit(): Promise<boolean> {
    const ctx = currentContext()
    const row = ctx && rowOf(ctx.oidc.route)
    if (!row || (row.taken !== 'write' && row.taken !== 'public_write')) return false
    if (counted.has(ctx)) return true
    if (row.taken === 'public_write' && ctx.oidc.client?.clientAuthMethod !== 'none') return true
    await take(dependencies, row, ctx)
    counted.add(ctx)
    return true
  }

  return (model) => {
    const place = placeOf(model)
    switch (model) {
      case 'Interaction':
        return {
          ...place,
          async upsert(id, payload, expiresIn) {
            const kept = withoutHint(payload)
            if (await admit()) refuseLarge(kept)
            await place.upsert(id, kept, expiresIn)
          },
        }
      case 'PushedAuthorizationRequest':
      case 'DeviceCode':
        return {
          ...place,
          async upsert(id, payload, expiresIn) {
            await admit()
            await place.upsert(id, payload, expiresIn)
          },
        }
      case 'ReplayDetection':
        return {
          ...place,
          async find(id) {
            await admit()
            return place.find(id)
          },
        }
      case 'Session':
        return {
          ...place,
          async upsert(id, payload, expiresIn) {
            const kept = withoutLongState(payload)
            if (isSomething(kept)) await place.upsert(id, kept, expiresIn)
          },
        }
      default:
        return place
    }
  }
}

/**
 * Leaves out `id_token_hint`: it was checked when the request came, nothing reads it later, and it is the longest
 * parameter.
 */
function withoutHint(payload: Payload): Payload {
  const { params, prompt } = payload as { params?: Payload; prompt?: { details?: Payload } }
  if (params?.['id_token_hint'] === undefined) return payload
  const { id_token_hint: _, ...others } = params
  const { id_token_hint: __, ...details } = prompt?.details ?? {}
  return { ...payload, params: others, prompt: { ...prompt, details } }
}

function refuseLarge(payload: Payload): void {
  const json = JSON.stringify(payload)
  if (Buffer.byteLength(json) > surelyFits && (pack(json).length * 4) / 3 > longestInteraction)
    throw requestTooLong('request')
}

/**
 * Whether a session is worth storing. It is not if nobody is signed in and no form is open. SECURITY: the library
 * stores a session for every request, at every route, that comes with the cookie of a session that has ended.
 */
function isSomething({ accountId, state }: Payload): boolean {
  return accountId !== undefined || state !== undefined
}

/** Leaves out the `state` that an app sends to the logout page to get it back, if it is longer than a login allows. */
function withoutLongState(payload: Payload): Payload {
  const { state: form } = payload as { state?: { state?: unknown } }
  const given = form?.state
  if (typeof given !== 'string' || Buffer.byteLength(given) <= (longestParams['state'] ?? 0)) return payload
  return { ...payload, state: { ...form, state: undefined } }
}
