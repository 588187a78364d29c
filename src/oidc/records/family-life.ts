import type { KoaContextWithOIDC, RefreshToken } from 'oidc-provider'
import type { ClientPolicies } from '../clients/client-policies.ts'
import { maxSeconds, remainingSeconds } from '../clients/lifetimes.ts'
import { rotatedIn } from '../library/context.ts'
import type { DurableModel, Payload } from '../library/stored-models.ts'

interface Dependencies {
  readonly policies: Pick<ClientPolicies, 'lifetimes' | 'keepsRefreshToken'>
  readonly nowSeconds: () => number
}

type Client = Parameters<ClientPolicies['lifetimes']>[0]
type FamilyTimes = Partial<Pick<RefreshToken, 'iiat' | 'authTime' | 'sessionUid'>>

/**
 * The moment since which a family of refresh tokens lives, in seconds since the epoch. A family that began without a
 * browser counts from the login: when a person answers a new document, a new family begins, but no new time limit.
 */
export function familySince({ iiat = 0, authTime = iiat, sessionUid }: FamilyTimes): number {
  return sessionUid === undefined ? Math.min(iiat, authTime) : iiat
}

/**
 * The moment since which a grant, or the family of a refresh token, lives. The audit notes the end of these together
 * with the time of their login. Null for every other model. It is stored in a column, because statements that end many
 * rows have to note it.
 */
export function livesSince(model: DurableModel, payload: Payload): number | null {
  if (model === 'RefreshToken') return familySince(payload as FamilyTimes)
  return model === 'Grant' && typeof payload['iat'] === 'number' ? payload['iat'] : null
}

/**
 * Since when the family lives that a request continues or begins. It is asked of the request, because the access token
 * is made before the first refresh token.
 */
export function familyBehind(ctx: KoaContextWithOIDC | undefined): number | undefined {
  const { RefreshToken: token, AuthorizationCode: code } = ctx?.oidc?.entities ?? {}
  if (token) return familySince(token)
  return code?.sessionUid === undefined ? code?.authTime : undefined
}

/**
 * How long a family of refresh tokens lasts, and the tokens that come from it. If the limit has been made shorter, no
 * family ends at once: a family over the new limit runs to the expiry it already had. It still rotates its tokens, so
 * that reuse is noticed.
 */
export function familyLife({ policies, nowSeconds }: Dependencies) {
  const limitOf = (client: Client) => policies.lifetimes(client).refresh

  return {
    /**
     * Every client rotates its token on every use, until so little time is left that a successor would be dead at once;
     * but for one with a secret that is registered to keep its token (FAPI 2.0 Security Profile §5.3.2.1).
     */
    rotates(token: RefreshToken, client: Client): boolean {
      if (policies.keepsRefreshToken(client)) return false
      const left = remainingSeconds(limitOf(client), nowSeconds() - familySince(token))
      return Math.max(left, (token.exp ?? 0) - nowSeconds()) > 1
    },

    refreshSeconds(ctx: KoaContextWithOIDC | undefined, token: RefreshToken, client: Client): number {
      const left = remainingSeconds(limitOf(client), nowSeconds() - familySince(token))
      return left > 1 ? left : Math.max(left, (rotatedIn(ctx)?.exp ?? 0) - nowSeconds())
    },

    /**
     * How many seconds an access token lives that would live `seconds` on its own: it ends with its family at the
     * latest.
     */
    accessSeconds(ctx: KoaContextWithOIDC | undefined, seconds: number, client: Client): number {
      const since = familyBehind(ctx)
      if (since === undefined) return seconds
      const token = rotatedIn(ctx) ?? ctx?.oidc?.entities.RefreshToken
      const end = Math.max(since + maxSeconds(limitOf(client)), token?.exp ?? 0)
      return Math.max(1, Math.min(seconds, end - nowSeconds()))
    },
  }
}
