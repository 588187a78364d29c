import type { Context } from 'koa'

const cookieName = 'menshen_last'
const lifetimeMs = 365 * 86_400_000

/** The method somebody last logged in with in this browser: a hint on the login page, nothing else rests on it. */
export function lastMethod(ctx: Context): string | undefined {
  return ctx.cookies.get(cookieName, { signed: false })
}

/** Remembers the method for the next visit. */
export function rememberMethod(ctx: Context, method: string, secure: boolean): void {
  ctx.cookies.set(cookieName, method, {
    maxAge: lifetimeMs,
    httpOnly: true,
    sameSite: 'lax',
    secure,
    path: '/',
    signed: false,
  })
}
