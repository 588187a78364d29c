import type { Middleware } from 'koa'
import type { Renderer } from '../../interactions/browser/render.ts'
import { paths, plainPath } from '../base/paths.ts'

/** The library's addresses whose pages, drawn by us, offer another language. */
const drawn: ReadonlySet<string> = new Set([paths.device, paths.endSession, `${paths.endSession}/success`])

/** Follows the link to another language on the pages that the library serves, as the routes of ours do. */
export function switchedLanguage({ switchLanguage }: Pick<Renderer, 'switchLanguage'>): Middleware {
  return (ctx, next) => {
    const isPage = ctx.method === 'GET' && drawn.has(plainPath(ctx.path))
    return isPage && switchLanguage(ctx) ? undefined : next()
  }
}
