import type { KoaContextWithOIDC, RefreshToken } from 'oidc-provider'
import { isId, type UserId } from '../base/ids.ts'
import { paramsOf } from './library/context.ts'
import { errors } from './library/faults.ts'
import type { SignIn } from './records/sign-in.ts'
import type { UnitOfWork } from './records/unit-of-work.ts'

/** Somebody whose login needs no further proof, only an answer. */
export interface ProvedLogin {
  readonly userId: UserId
  /** Its grant; the next grant takes its place. */
  readonly grantId: string
  readonly method: string
  readonly amr: readonly string[]
  readonly by: SignIn['by']
  /** Seconds since the epoch. */
  readonly authTime: number
  readonly begunAt: number | undefined
}

/** A login whose tokens are refused until the person has answered. */
export interface WaitingLogin extends ProvedLogin {
  readonly clientId: string
  readonly jkt?: string | undefined
}

interface Dependencies {
  readonly units: UnitOfWork
  /** `id@version` of every document a new version of which has to be agreed to before tokens go on. */
  readonly agreements: readonly string[]
}

const waiting = new WeakMap<object, WaitingLogin>()

/**
 * Refuses to refresh the tokens of a native login while the person has not agreed to the present version of such a
 * document (first-party-apps draft §6: the token endpoint answers `insufficient_authorization`). Nothing is used up. A
 * token that was used before is left to the detection of reuse.
 */
export function reconfirm({ units, agreements }: Dependencies) {
  return (ctx: KoaContextWithOIDC | undefined, token: unknown): void => {
    if (agreements.length === 0 || !ctx || paramsOf(ctx)['grant_type'] !== 'refresh_token') return
    const { accountId, clientId, grantId, consumed, amr = [], authTime, jkt } = token as RefreshToken
    const about = grantId === undefined ? undefined : units.current()?.about(grantId)
    if (!about || !grantId || !clientId || consumed || !isId('usr', accountId)) return
    const { agreements: agreed, method, by, begunAt } = JSON.parse(about) as SignIn
    if (!agreed || agreements.every((each) => agreed.includes(each))) return
    const login = { clientId, jkt, userId: accountId, grantId, method, amr, by, begunAt, authTime: authTime ?? 0 }
    waiting.set(ctx, login)
    throw new errors.CustomOIDCProviderError(
      'insufficient_authorization',
      'a newer version of a document awaits consent',
    )
  }
}

/** The login this request was refused for; undefined for any other answer. */
export function waitingLogin(ctx: object): WaitingLogin | undefined {
  return waiting.get(ctx)
}
