import type { KoaContextWithOIDC, RefreshToken } from 'oidc-provider'
import type { ClientPolicies } from './client-policies.ts'
import { maxSeconds, remainingSeconds } from './lifetimes.ts'

interface Dependencies {
  readonly policies: Pick<ClientPolicies, 'lifetimes'>
  readonly nowSeconds: () => number
}

type Client = Parameters<ClientPolicies['lifetimes']>[0]

/**
 * Since when a family of refresh tokens lives, in seconds since the epoch. One that began without a browser counts from its login: an
 * answer to a new document begins a family, and no new limit.
 */
export function familySince({ iiat = 0, authTime = iiat, sessionUid }: RefreshToken): number {
  return sessionUid === undefined ? Math.min(iiat, authTime) : iiat
}

/** The refresh token whose place another takes in this request. */
function rotatedIn(ctx: KoaContextWithOIDC | undefined): RefreshToken | undefined {
  return ctx?.oidc?.entities['RotatedRefreshToken'] as RefreshToken | undefined
}

/**
 * How long a family of refresh tokens and what comes of it last. A limit that has become shorter ends nothing at once: such a family
 * runs to the expiry it had, and rotates all the same, so that reuse is noticed.
 */
export function familyLife({ policies, nowSeconds }: Dependencies) {
  const limitOf = (client: Client) => policies.lifetimes(client).refresh

  return {
    /** Every client rotates on every use, until so little is left that a successor would be stillborn. */
    rotates: (token: RefreshToken): boolean => (token.exp ?? 0) - nowSeconds() > 1,

    refreshSeconds(ctx: KoaContextWithOIDC | undefined, token: RefreshToken, client: Client): number {
      const left = remainingSeconds(limitOf(client), nowSeconds() - familySince(token))
      return left > 1 ? left : Math.max(left, (rotatedIn(ctx)?.exp ?? 0) - nowSeconds())
    },

    /** Seconds an access token lives that would live `seconds` by itself: one of a refresh ends with the family. */
    accessSeconds(ctx: KoaContextWithOIDC | undefined, seconds: number, client: Client): number {
      const family = rotatedIn(ctx) ?? ctx?.oidc?.entities.RefreshToken
      if (!family) return seconds
      const end = Math.max(familySince(family) + maxSeconds(limitOf(client)), family.exp ?? 0)
      return Math.max(1, Math.min(seconds, end - nowSeconds()))
    },
  }
}
