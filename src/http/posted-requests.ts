import { randomBytes } from 'node:crypto'
import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import { readForm } from '../../interactions/form.ts'
import { AppError } from '../base/errors.ts'
import { paths, plainPath } from '../base/paths.ts'

/** Where other sites may post what they can also put into an address: OIDC Core §3.1.2.1, RP-Initiated Logout §2. */
const posted: ReadonlySet<string> = new Set([paths.authorization, paths.endSession])

/** Letters of an address that every browser and proxy takes; with a browser's cookies it fits into the headers. */
const longestAddress = 8000
/** Browsers keep at most 4096 bytes of a cookie, its name included. */
const longestHint = 3900
const hintPattern = /^[\w.-]+$/
/** The parameter that says which cookie the hint of this request is in. */
const handleName = 'hint'
const handlePattern = /^[\w-]{8}$/
const keptMs = 60_000

/**
 * Turns an authorization or logout request that another site posts into the same request by GET. The browser sends no
 * cookie of ours with a form of another site (`SameSite=Lax`), and sends them all when it follows the redirect. An
 * `id_token_hint` says who somebody is, so it goes into no address and no log: it waits a minute in a cookie of the
 * browser, for the request that follows.
 */
export function postedRequests({ secure }: { readonly secure: boolean }): Middleware {
  const prefix = `${secure ? '__Host-' : ''}menshen_hint_`
  const cookie = { httpOnly: true, sameSite: 'lax', secure, path: '/', signed: false } as const

  const router = new Router()
  router.post('authorization_post', paths.authorization, followByGet)
  router.post('end_session_post', paths.endSession, followByGet)
  const routes = router.routes() as unknown as Middleware

  return (ctx, next) => {
    if (!posted.has(plainPath(ctx.path))) return next()
    if (ctx.method === 'POST') return routes(ctx, next)
    takeHint(ctx)
    return next()
  }

  async function followByGet(ctx: Context): Promise<void> {
    const { fields, list } = await readForm(ctx, 'resource')
    const { id_token_hint: hint = '', [handleName]: _, ...rest } = fields
    const query = new URLSearchParams(rest)
    for (const resource of list) query.append('resource', resource)
    if (hint !== '') query.set(handleName, keepHint(ctx, hint))
    const address = `${ctx.path}?${query}`
    if (address.length > longestAddress) throw new AppError('request.too_large')
    ctx.status = 303
    ctx.set('location', address)
    ctx.set('cache-control', 'no-store')
    ctx.body = ''
  }

  /** SECURITY: a hint that does not fit is not left out, because the request would be answered for anybody then. */
  function keepHint(ctx: Context, hint: string): string {
    if (hint.length > longestHint) throw new AppError('request.too_large')
    if (!hintPattern.test(hint)) throw new AppError('request.invalid')
    const handle = randomBytes(6).toString('base64url')
    ctx.cookies.set(prefix + handle, hint, { ...cookie, maxAge: keptMs })
    return handle
  }

  /** Puts a hint that waits into the request, where the library looks for it; the address stays as it was. */
  function takeHint(ctx: Context): void {
    if (!ctx.querystring.includes(handleName)) return
    const handle = ctx.query[handleName]
    if (typeof handle !== 'string' || !handlePattern.test(handle)) return
    const hint = ctx.cookies.get(prefix + handle, { signed: false })
    if (hint === undefined) return
    const { [handleName]: _, ...query } = ctx.query
    ctx.query = { ...query, id_token_hint: hint }
  }
}
