import Router from '@koa/router'
import Koa from 'koa'
import { expect, test } from 'vitest'
import type { AppError } from '../../src/base/errors.ts'
import { ownRoutes, refuseOtherMethods } from '../../src/http/own-routes.ts'
import { freePort } from '../support/services.ts'

test('a path reaches the routes that begin as it does, whatever its case or end; any other passes by', async () => {
  const router = new Router()
  router.get('/account/:page', (ctx) => {
    ctx.body = 'ours'
  })
  router.get('/account', (ctx) => {
    ctx.body = 'ours'
  })
  const app = new Koa().use(ownRoutes(router)).use((ctx) => {
    ctx.body = 'library'
  })
  const port = await freePort()
  const server = app.listen(port)
  try {
    const answers: Record<string, string> = {}
    const paths = [
      '/account',
      '/Account/',
      '/account/x',
      '/accounts',
      '/token',
      '/',
      '//account',
      '/%61ccount',
      '/account%2Fx',
    ]
    for (const path of paths) answers[path] = await (await fetch(`http://localhost:${port}${path}`)).text()
    expect(answers).toEqual({
      '/account': 'ours',
      '/Account/': 'ours',
      '/account/x': 'ours',
      '/accounts': 'library',
      '/token': 'library',
      '/': 'library',
      '//account': 'library',
      '/%61ccount': 'library',
      '/account%2Fx': 'library',
    })
    expect((await fetch(`http://localhost:${port}/account`, { method: 'HEAD' })).status).toBe(200)
  } finally {
    server.close()
  }
})

test('a path that several routers know is answered by whichever knows the method, or 405 with the methods of all', async () => {
  const [one, other] = [new Router(), new Router()]
  one.delete('/account/merge/:id', (ctx) => {
    ctx.body = 'one'
  })
  other.get('/account/merge/callback', (ctx) => {
    ctx.body = 'other'
  })
  const app = new Koa()
  app.use((ctx, next) =>
    next().catch((error: AppError) => {
      ctx.status = error.status
    }),
  )
  app.use(ownRoutes(one)).use(ownRoutes(other)).use(refuseOtherMethods)
  const port = await freePort()
  const server = app.listen(port)
  try {
    const ask = (method: string) => fetch(`http://localhost:${port}/account/merge/callback`, { method })
    expect(await (await ask('GET')).text()).toBe('other')
    expect(await (await ask('DELETE')).text()).toBe('one')
    const refused = await ask('POST')
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'DELETE, HEAD, GET'])
  } finally {
    server.close()
  }
})

test.each(['/:anything', '/*rest', '/'])('a route that could begin with anything is refused: %s', (path) => {
  const router = new Router()
  router.get(path, () => {})
  expect(() => ownRoutes(router)).toThrow('must begin with a fixed word')
})
