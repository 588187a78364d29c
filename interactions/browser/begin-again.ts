import type { Context } from 'koa'
import type { Client, Interaction, KoaContextWithOIDC, Provider } from 'oidc-provider'
import { interactionPath, paths } from '../../src/base/paths.ts'

import { wasPushed } from '../../src/oidc/library/models.ts'

interface Dependencies {
  readonly provider: () => Provider
  readonly secure: boolean
}

/** How a person can go on whose interaction is over. */
export interface WayOn {
  /** Begins the login once more. */
  readonly retryHref?: string | undefined
  /** The app the person came from. */
  readonly homeHref?: string | undefined
  /** Our own account pages, where no app is known. */
  readonly accountHref?: string | undefined
}

const cookieName = 'menshen_client'
const cookieMs = 86_400_000

/**
 * Leads on from an interaction that is over. SECURITY: who knows its address learns nothing of the request, which may
 * hold what a client or a person must keep to themselves: the request is repeated only while the interaction exists,
 * and only for the browser that began it. Later the browser knows the client by a cookie, on which nothing else rests.
 */
export function beginningAgain({ provider, secure }: Dependencies) {
  return {
    /** Names the client of an interaction that has begun to its browser. A device begins anew at the device. */
    note(ctx: KoaContextWithOIDC): void {
      const { Interaction: begun } = ctx.oidc.entities
      if (!begun || begun.deviceCode !== undefined) return
      ctx.cookies.set(cookieName, encodeURIComponent(String(begun.params['client_id'])), {
        maxAge: cookieMs,
        httpOnly: true,
        sameSite: 'lax',
        secure,
        path: interactionPath(begun.uid),
        signed: false,
      })
    },

    /**
     * The way on for a browser in which an answer landed that another browser waits for. SECURITY: the request is not
     * repeated here: it is that browser's, and its client would refuse what came of it.
     */
    async fromElsewhere(clientId: string | undefined): Promise<WayOn> {
      const client = clientId === undefined ? undefined : await provider().Client.find(clientId)
      const retryHref = client && initiation(client, provider().issuer)
      const homeHref = client?.clientUri
      return { retryHref, homeHref, accountHref: retryHref || homeHref ? undefined : paths.account }
    },

    /** Whether the interaction of this name was begun in this browser, as far as the browser knows. */
    hasBegun: (ctx: Context) => ctx.cookies.get(cookieName, { signed: false }) !== undefined,

    /** The way on from the interaction of this name; empty where nothing is known. */
    async wayOn(ctx: Context, uid: string): Promise<WayOn> {
      const kept = await provider().Interaction.find(uid)
      const named = kept?.params['client_id'] ?? decoded(ctx.cookies.get(cookieName, { signed: false }))
      const client = typeof named === 'string' ? await provider().Client.find(named) : undefined
      if (!client) return {}
      const again = kept && isRepeatable(kept) ? authorizationHref(kept.params) : initiation(client, provider().issuer)
      return { retryHref: again, homeHref: client.clientUri }
    },
  }
}

/** An authorization request from stored parameters, for the page its client sent the browser with. */
export function authorizationHref(
  params: Readonly<Record<string, unknown>>,
  override: Readonly<Record<string, string>> = {},
): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries({ ...params, ...override })) {
    if (leftOut.has(name)) continue
    for (const each of Array.isArray(value) ? value : [value]) if (each !== undefined) query.append(name, String(each))
  }
  return `${paths.authorization}?${query}`
}

/** SECURITY: the person who goes on may be another one than the hints name. */
const leftOut: ReadonlySet<string> = new Set(['offline', 'request', 'request_uri', 'login_hint', 'id_token_hint'])

/** A request that a client pushed (PAR) or a device began never went through the browser, and does not now. */
function isRepeatable(kept: Interaction): boolean {
  return kept.deviceCode === undefined && !wasPushed(kept)
}

/** OIDC Core §4: where a client begins a login that somebody else asks for. */
function initiation(client: Client, issuer: string): string | undefined {
  const { initiateLoginUri } = client
  if (initiateLoginUri === undefined) return undefined
  const address = new URL(initiateLoginUri)
  address.searchParams.set('iss', issuer)
  return address.href
}

function decoded(value: string | undefined): string | undefined {
  try {
    return value && decodeURIComponent(value)
  } catch {
    return undefined
  }
}
