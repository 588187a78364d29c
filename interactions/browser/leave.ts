import type { Context } from 'koa'

/** Sends the browser on by a GET. */
export function leave(ctx: Context, to: string): undefined {
  ctx.redirect(to)
  ctx.status = 303
}
