import type { Context } from 'koa'
import type { KoaContextWithOIDC, Provider } from 'oidc-provider'

/**
 * Names of the cookies. `__Host-` binds one to this host and to https (RFC 6265bis §4.1.3.2); without https a browser
 * would refuse it.
 */
export function sessionCookieNames(secure: boolean): { session: string; interaction: string; resume: string } {
  return {
    session: secure ? '__Host-menshen_session' : 'menshen_session',
    interaction: 'menshen_interaction',
    resume: 'menshen_resume',
  }
}

/** How the cookie of a session is set. */
export function longCookie(secure: boolean) {
  return { signed: true, httpOnly: true, sameSite: 'lax', secure, path: '/' } as const
}

/** How the cookies of an interaction are set; the library adds their paths and ends. */
export function shortCookie(secure: boolean) {
  return { signed: true, httpOnly: true, sameSite: 'lax', secure } as const
}

/** The value of a signed cookie of a request that the library serves, by the keys of that very provider. */
export function signedCookie({ oidc }: KoaContextWithOIDC, name: string): string | undefined {
  return oidc.cookies.get(name, { signed: true })
}

/** The uid of the interaction that a browser comes back from, by the cookie that the library has set at its path. */
export function resumedUid(ctx: Context, provider: Provider): string | undefined {
  return ctx.cookies.get(provider.cookieName('resume'), { signed: true })
}

/**
 * Lets a session cookie that the library has just set live until `end`, with its signature. The library writes the end
 * of the session as stored and has no setting for another; a cookie that takes the session away is left alone.
 */
export function prolongCookie(ctx: Pick<KoaContextWithOIDC, 'response' | 'set'>, name: string, end: () => Date): void {
  const lines = [ctx.response.get('set-cookie') as string | string[]].flat()
  const isOurs = (line: string) => line.startsWith(`${name}=`) || line.startsWith(`${name}.sig=`)
  if (!lines.some(isOurs)) return
  const expires = `expires=${end().toUTCString()}`
  const isKept = (line: string) => isOurs(line) && !line.includes('01 Jan 1970')
  ctx.set(
    'set-cookie',
    lines.map((line) => (isKept(line) ? line.replace(/expires=[^;]+/, expires) : line)),
  )
}
