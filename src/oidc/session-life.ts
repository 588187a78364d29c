import type { Context } from 'koa'
import type { KoaContextWithOIDC, Session } from 'oidc-provider'
import { type Clock, epochSeconds } from '../base/clock.ts'
import type { ClientPolicies } from './clients/client-policies.ts'
import { sessionMaxSeconds, sessionSeconds, worthwhileGain } from './clients/lifetimes.ts'
import { longCookie, prolongCookie, sessionCookieNames } from './library/cookies.ts'

interface Dependencies {
  readonly policies: () => ClientPolicies
  readonly secure: boolean
  readonly clock: Clock
}

/** Keeps browser sessions alive outside the library's own routes, and their cookie as long as they may live. */
export interface SessionLife {
  /**
   * Somebody is at the account pages: the session slides as at a login, its cookie with it, when that is worth a write.
   */
  touch(ctx: Context, session: Session): Promise<void>
  /**
   * Lets the cookie the library has set live as long as the session may, not only as long as it lives unused: a session
   * is prolonged by its tokens too, at requests that carry no cookie. The server decides whether it is alive.
   */
  stretchCookie(ctx: KoaContextWithOIDC): void
  /** Takes the cookie away: its session has ended here, and there is nothing to explain. */
  forget(ctx: Context): void
}

/** Decides how long browser sessions and their cookies live. */
export function sessionLife({ policies, secure, clock }: Dependencies): SessionLife {
  const { session: name } = sessionCookieNames(secure)
  const nowSeconds = () => epochSeconds(clock)

  function cookieEnd({ authorizations, loginTs }: Session, ctx?: KoaContextWithOIDC): Date {
    const limits = policies().sessionLimits(authorizations, ctx?.oidc.client)
    const now = nowSeconds()
    return new Date((now + sessionMaxSeconds(limits, now - (loginTs ?? now))) * 1000)
  }

  return {
    async touch(ctx, session) {
      const { authorizations, loginTs, exp = 0 } = session
      const now = nowSeconds()
      const life = sessionSeconds(policies().sessionLimits(authorizations), now - (loginTs ?? now))
      // What is not worth a write is left out where the request is written.
      await session.save(life)
      if (now + life - exp < worthwhileGain(life)) return
      ctx.cookies.set(name, session.jti, { ...longCookie(secure), overwrite: true, expires: cookieEnd(session) })
    },

    forget: (ctx) => ctx.cookies.set(name, null, { ...longCookie(secure), overwrite: true }),

    stretchCookie(ctx) {
      const { session } = ctx.oidc
      if (!session?.loginTs) return
      prolongCookie(ctx, name, () => cookieEnd(session, ctx))
    },
  }
}
