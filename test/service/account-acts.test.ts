import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { accountActs } from '../../interactions/browser/account-acts.ts'
import { formToken, signedIn } from '../support/account.ts'
import { clients, redirectUri } from '../support/clients.ts'
import { type Route, routesOf } from '../support/routes.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let routes: Route[]

beforeAll(async () => {
  const opened = await routesOf(() => openWorld({ stores: 'tables' }))
  world = opened.built
  // Where an app asks at the same address, its access token says how fresh the login is.
  const isPage = ({ path, name }: Route) => path.startsWith('/account') && name.startsWith('account')
  routes = opened.routes.filter((route) => isPage(route) && route.name !== 'account_return')
  await world.register({ clients })
})
afterEach(resetClock)
afterAll(() => world.close())

/** Asks for a route with everything it needs to know before it looks at the login. */
async function asks(visitor: Visitor, { method, path }: Route, form_token: string) {
  const needed = { identity: 'idn_0123456789abcdefghjkmnpqrs', login: '1' }
  if (method === 'POST') return visitor.post(path, { ...needed, form_token })
  return visitor.get(`${path}?${new URLSearchParams(needed)}`)
}

test('every page and form of the account centre says what it asks, and none is named that is not there', () => {
  const named = routes.map(({ name }) => name)
  expect(Object.keys(accountActs).sort()).toEqual([...new Set(named)].sort())
})

test('ten minutes after a login what changes the account asks for a proof, and nothing else does', async () => {
  const visitor = await signedIn(world, redirectUri, '13600136900')
  const token = formToken(await visitor.get('/account/devices'))
  walkTo(601_000)
  const asked: Record<string, string> = {}
  for (const route of routes.filter(({ method }) => method !== 'HEAD')) {
    const { location = '' } = await asks(visitor, route, token)
    asked[route.name] = location.startsWith('/auth?') && location.includes('prompt=login') ? 'fresh' : 'session'
  }
  expect(asked).toEqual(accountActs)
})
