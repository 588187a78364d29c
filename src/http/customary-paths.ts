import type { Context, Middleware } from 'koa'
import { accountPaths, paths } from '../base/paths.ts'
import { type Bytes, etagOf, representations, sendBytes } from '../base/representations.ts'

interface Icons {
  /** Of the browser's tab; undefined where the operator has a logo and no picture for this. */
  readonly favicon: Bytes | undefined
  /** Of the home screen of a phone. */
  readonly touchIcon: Bytes | undefined
}

const forADay = { 'cache-control': 'public, max-age=86400' }
const robots = Buffer.from('User-agent: *\nDisallow: /\n')

/**
 * What browsers, phones, crawlers and password managers ask every host for, whatever its pages say. Nothing here is
 * worth finding by a search: people come from their apps.
 */
export function customaryPaths({ favicon, touchIcon }: Icons): Middleware {
  const files = new Map<string, Bytes | undefined>([
    [paths.favicon, favicon],
    [paths.touchIcon, touchIcon],
    [paths.touchIconPrecomposed, touchIcon],
    [paths.robots, { body: robots, type: 'text/plain; charset=utf-8', etag: etagOf(robots) }],
  ])
  const ready = new Map([...files].map(([path, bytes]) => [path, bytes && representations(bytes)]))
  return (ctx, next) => {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next()
    if (ctx.path === paths.changePassword) return changePassword(ctx)
    const found = ready.get(ctx.path)
    if (found === undefined && !ready.has(ctx.path)) return next()
    ctx['_matchedRouteName'] = 'customary'
    if (found) return sendBytes(ctx, found, forADay)
    return nothingThere(ctx)
  }
}

/** W3C “A Well-Known URL for Changing Passwords”: a temporary redirect to where it is done. */
function changePassword(ctx: Context): void {
  ctx['_matchedRouteName'] = 'customary'
  ctx.set('cache-control', 'no-store')
  ctx.redirect(accountPaths.password)
  ctx.status = 303
}

/** Whoever asks for a file wants no page of words instead. */
export function nothingThere(ctx: Context): void {
  ctx.status = 404
  ctx.set('cache-control', 'no-store')
  ctx.body = 'Not found\n'
}
