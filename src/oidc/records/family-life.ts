import type { KoaContextWithOIDC, RefreshToken } from 'oidc-provider'
import type { ClientPolicies } from '../clients/client-policies.ts'
import { maxSeconds, remainingSeconds } from '../clients/lifetimes.ts'
import { rotatedIn } from '../library/context.ts'
import type { DurableModel, Payload } from '../library/stored-models.ts'

interface Dependencies {
  readonly policies: Pick<ClientPolicies, 'lifetimes'>
  readonly nowSeconds: () => number
}

type Client = Parameters<ClientPolicies['lifetimes']>[0]
type FamilyTimes = Partial<Pick<RefreshToken, 'iiat' | 'authTime' | 'sessionUid'>>

/**
 * Since when a family of refresh tokens lives, in seconds since the epoch. One that began without a browser counts from
 * its login: an answer to a new document begins a family, and no new limit.
 */
export function familySince({ iiat = 0, authTime = iiat, sessionUid }: FamilyTimes): number {
  return sessionUid === undefined ? Math.min(iiat, authTime) : iiat
}

/**
 * Since when that lives whose end the audit notes with the time of its login: a grant, or the family of a refresh
 * token. Null for the rest. It is stored in a column, because statements that end many rows note it.
 */
export function livesSince(model: DurableModel, payload: Payload): number | null {
  if (model === 'RefreshToken') return familySince(payload as FamilyTimes)
  return model === 'Grant' && typeof payload['iat'] === 'number' ? payload['iat'] : null
}

/**
 * The same of the family that a request goes on with, or begins: an access token is made before the first refresh token
 * is.
 */
export function familyBehind(ctx: KoaContextWithOIDC | undefined): number | undefined {
  const { RefreshToken: token, AuthorizationCode: code } = ctx?.oidc?.entities ?? {}
  if (token) return familySince(token)
  return code?.sessionUid === undefined ? code?.authTime : undefined
}

/**
 * How long a family of refresh tokens and what comes of it last. A limit that has become shorter ends nothing at once:
 * such a family runs to the expiry it had, and rotates all the same, so that reuse is noticed.
 */
export function familyLife({ policies, nowSeconds }: Dependencies) {
  const limitOf = (client: Client) => policies.lifetimes(client).refresh

  return {
    /** Every client rotates on every use, until so little is left that a successor would be stillborn. */
    rotates(token: RefreshToken, client: Client): boolean {
      const left = remainingSeconds(limitOf(client), nowSeconds() - familySince(token))
      return Math.max(left, (token.exp ?? 0) - nowSeconds()) > 1
    },

    refreshSeconds(ctx: KoaContextWithOIDC | undefined, token: RefreshToken, client: Client): number {
      const left = remainingSeconds(limitOf(client), nowSeconds() - familySince(token))
      return left > 1 ? left : Math.max(left, (rotatedIn(ctx)?.exp ?? 0) - nowSeconds())
    },

    /** Seconds an access token lives that would live `seconds` by itself: it ends with its family. */
    accessSeconds(ctx: KoaContextWithOIDC | undefined, seconds: number, client: Client): number {
      const since = familyBehind(ctx)
      if (since === undefined) return seconds
      const token = rotatedIn(ctx) ?? ctx?.oidc?.entities.RefreshToken
      const end = Math.max(since + maxSeconds(limitOf(client)), token?.exp ?? 0)
      return Math.max(1, Math.min(seconds, end - nowSeconds()))
    },
  }
}
