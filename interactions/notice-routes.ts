import Router from '@koa/router'
import type { Context } from 'koa'
import { notificationPath } from '../src/base/paths.ts'
import type { RequestState } from '../src/oidc/request-state.ts'
import type { Limits } from '../src/ops/limits.ts'
import { readText } from './form.ts'

interface Dependencies {
  readonly receive: (connection: string, body: string, requestId: string) => Promise<void>
  readonly limits: Limits<'notification.ip'>
}

/** Where upstreams post what they have to tell. Anybody may post here; what counts is who has signed it. */
export function noticeRoutes({ receive, limits }: Dependencies): Router {
  const router = new Router()
  router.post('upstream_notification', notificationPath(':connection'), async (ctx: Context) => {
    const { ip, requestId } = ctx.state as RequestState
    await limits.take('notification.ip', ip)
    await receive(String(ctx['params'].connection), await readText(ctx), requestId)
    ctx.set('cache-control', 'no-store')
    ctx.status = 200
    ctx.body = ''
  })
  return router
}
