import type { Context } from 'koa'

const cookieName = 'menshen_last'
const lifetimeMs = 365 * 86_400_000

/** The method somebody last logged in with in this browser: a hint on the login page, nothing else rests on it. */
export function lastMethod(ctx: Context): string | undefined {
  return ctx.cookies.get(cookieName, { signed: false })
}

/**
 * Remembers for the next visit how somebody has logged in. Whoever has registered or chosen a new password logs in with
 * what they registered: a phone number, or that password.
 */
export function rememberMethod(
  ctx: Context,
  { method, amr }: { readonly method: string; readonly amr: readonly string[] },
  secure: boolean,
): void {
  const isOnceOnly = method === 'register' || method === 'reset'
  const kept = !isOnceOnly ? method : method === 'register' && amr.includes('sms') ? 'sms' : 'password'
  ctx.cookies.set(cookieName, kept, {
    maxAge: lifetimeMs,
    httpOnly: true,
    sameSite: 'lax',
    secure,
    path: '/',
    signed: false,
  })
}
