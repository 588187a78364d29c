import Router from '@koa/router'
import Koa from 'koa'
import { expect, test } from 'vitest'
import { ownRoutes } from '../../src/http/own-routes.ts'
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

test.each(['/:anything', '/*rest', '/'])('a route that could begin with anything is refused: %s', (path) => {
  const router = new Router()
  router.get(path, () => {})
  expect(() => ownRoutes(router)).toThrow('must begin with a fixed word')
})
