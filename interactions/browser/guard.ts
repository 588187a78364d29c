import type { Context } from 'koa'
import { AppError } from '../../src/base/errors.ts'

/**
 * Refuses a POST that another site's page made the browser send. SECURITY: browsers say where a request comes from in
 * `Sec-Fetch-Site` or, the older ones, in `Origin`; what says neither is no page of another site. `Origin: null` is
 * what our own pages send, because they send no referrer. The random address of an interaction and the form token of
 * the account pages guard on top. Throws `request.cross_site`.
 */
export function refuseCrossSite(ctx: Context, issuer: string): void {
  const site = ctx.get('sec-fetch-site')
  if (site !== '' && site !== 'same-origin' && site !== 'none') throw new AppError('request.cross_site')
  const origin = ctx.get('origin')
  const foreign = origin !== '' && origin !== 'null' && origin !== issuer
  if (site === '' && foreign) throw new AppError('request.cross_site')
}
