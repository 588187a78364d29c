import Router from '@koa/router'
import type { Context } from 'koa'
import type { Picture } from '../accounts/picture-codec.ts'
import { AppError } from '../base/errors.ts'
import { isId } from '../base/ids.ts'
import { paths } from '../base/paths.ts'
import type { RequestState } from '../oidc/request-state.ts'
import type { Limits } from '../ops/limits.ts'

interface Dependencies {
  readonly find: (id: string) => Promise<Picture | undefined>
  readonly limits: Limits<'picture.ip'>
}

/**
 * Copies of people's pictures, for whoever has the address: apps show them to others. SECURITY: a browser takes them
 * for what we made, pictures, and runs nothing in them.
 */
export function pictureRoutes({ find, limits }: Dependencies): Router {
  const router = new Router()
  router.get('picture', `${paths.pictures}/:id`, async (ctx: Context) => {
    const { id } = ctx['params']
    await limits.take('picture.ip', (ctx.state as RequestState).ip)
    const found = isId('pic', id) ? await find(id) : undefined
    if (!found) throw new AppError('request.not_found')
    ctx.set({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-security-policy': "default-src 'none'; sandbox",
      'cross-origin-resource-policy': 'cross-origin',
      'x-content-type-options': 'nosniff',
    })
    ctx.type = found.type
    ctx.body = found.bytes
  })
  return router
}
