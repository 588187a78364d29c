import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { redirectUri } from '../support/clients.ts'
import { exchange, introspect, loginBySms, startLogin, token } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const minute = 60
const hour = 3600
/** In seconds; `policy` says the same in the words of a seed. */
const limits = {
  session: { idle: 2 * hour, max: 10 * hour },
  refresh: { idle: 5 * hour, max: 24 * hour },
  access: { idle: 20 * minute, max: 2 * hour },
}
const policy = {
  session: { idle: '2h', max: '10h' },
  refresh: { idle: '5h', max: '24h' },
  access: { idle: '20m', max: '2h' },
}
const ours = { first_party: true, token_endpoint_auth_method: 'none', lifetimes: policy }
const nativeUri = 'com.example.app:/callback'

/** So much earlier than its idle limit something may end, because not every use is written; and the requests take time. */
const toleranceSeconds = 75
const now = () => Date.now() / 1000

/** Something that slides, as a person would describe it. */
interface Life {
  readonly began: number
  used: number
  readonly limit: { readonly idle: number; readonly max: number }
}

function lifeOf(limit: Life['limit']): Life {
  return { began: now(), used: now(), limit }
}

/** What must be the case, or undefined so near to an end that either may be. */
function isAlive(...lives: readonly (Life | undefined)[]): boolean | undefined {
  const each = lives.map((life) => {
    if (!life) return false
    const left = Math.min(life.used + life.limit.idle, life.began + life.limit.max) - now()
    return Math.abs(left) <= toleranceSeconds ? undefined : left > 0
  })
  if (each.includes(false)) return false
  return each.includes(undefined) ? undefined : true
}

/** What a person does, and the idle limit that doing it over and over keeps in check. */
const visits = {
  login: limits.session.idle,
  authorizeWeb: limits.session.idle,
  authorizeApp: limits.session.idle,
  account: limits.session.idle,
  userinfoWeb: limits.access.idle,
  introspectApp: limits.access.idle,
  refreshApp: limits.refresh.idle,
}
type Visit = keyof typeof visits

/** The same again and again, mostly in time and sometimes too late, or something that happens once. */
interface Habit {
  readonly visit: Visit | 'logout'
  readonly everySeconds: number
  readonly times: number
}

const habit: fc.Arbitrary<Habit> = fc
  .record({
    visit: fc.constantFrom(...(Object.keys(visits) as Visit[])),
    share: fc.oneof(
      { weight: 5, arbitrary: fc.double({ min: 0.3, max: 0.98, noNaN: true }) },
      { weight: 1, arbitrary: fc.double({ min: 0.98, max: 1.5, noNaN: true }) },
    ),
    times: fc.integer({ min: 1, max: 30 }),
  })
  .map(({ visit, share, times }) => ({ visit, everySeconds: Math.round(share * visits[visit]), times }))
const logout: fc.Arbitrary<Habit> = fc.constant({ visit: 'logout', everySeconds: minute, times: 1 })
const lives = fc.array(fc.oneof({ weight: 9, arbitrary: habit }, { weight: 1, arbitrary: logout }), {
  minLength: 1,
  maxLength: 6,
})

/** One person with a browser, a web app that lives by the browser session, and a native app that lives by refresh tokens. */
class Person {
  readonly #worlds: readonly World[]
  readonly #phone: string
  #world: World
  #visitor: Visitor
  #session: Life | undefined
  #web: { readonly token: string; readonly life: Life } | undefined
  #app: { readonly token: string; readonly life: Life } | undefined
  #family: { token: string; readonly life: Life } | undefined
  #shiftMs = 0

  constructor(worlds: readonly [World, ...World[]], phone: string) {
    this.#worlds = worlds
    this.#phone = phone
    this.#world = worlds[0]
    this.#visitor = worlds[0].visitor()
  }

  async keep({ visit, everySeconds, times }: Habit): Promise<void> {
    for (let n = 0; n < times; n++) {
      this.#shiftMs += everySeconds * 1000
      walkTo(this.#shiftMs)
      this.#changeServers()
      await this[visit]()
    }
  }

  /** Each time another process answers. */
  #changeServers(): void {
    const next = (this.#worlds.indexOf(this.#world) + 1) % this.#worlds.length
    this.#world = this.#worlds[next] as World
    this.#visitor = this.#visitor.through(this.#world.port)
  }

  async login(): Promise<void> {
    const request = startLogin(this.#world, 'web', redirectUri)
    const straight = await this.#visitor.get(request)
    const isIn = straight.location?.includes('code=') === true
    this.#expect('the login', isIn, isAlive(this.#session))
    const back = isIn ? straight : await loginBySms(this.#world, this.#visitor, request, this.#phone)
    if (!isIn) this.#session = lifeOf(limits.session)
    await this.#enterWeb(back.location)
  }

  async authorizeWeb(): Promise<void> {
    const location = await this.#authorize('web', redirectUri, 'openid')
    if (location) await this.#enterWeb(location)
  }

  async authorizeApp(): Promise<void> {
    const location = await this.#authorize('app', nativeUri, 'openid offline_access')
    if (!location) return
    const body = await exchange(this.#world, 'app', nativeUri, location)
    this.#family = { token: body['refresh_token'] as string, life: lifeOf(limits.refresh) }
    this.#app = { token: body['access_token'] as string, life: lifeOf(limits.access) }
  }

  async userinfoWeb(): Promise<void> {
    if (!this.#web) return
    const headers = { authorization: `Bearer ${this.#web.token}` }
    const { status } = await fetch(`http://localhost:${this.#world.port}/me`, { headers })
    this.#expect('userinfo', status === 200, isAlive(this.#web.life, this.#session))
    if (status !== 200) this.#web = undefined
    else this.#used(this.#web.life, this.#session)
  }

  async introspectApp(): Promise<void> {
    if (!this.#app) return
    const { active, exp } = await introspect({ issuer: `http://localhost:${this.#world.port}` }, this.#app.token, 'app')
    this.#expect('introspection', active === true, isAlive(this.#app.life))
    if (!active) {
      this.#app = undefined
      return
    }
    this.#used(this.#app.life)
    const { began, limit } = this.#app.life
    expect(Math.abs(Number(exp) - Math.min(now() + limit.idle, began + limit.max))).toBeLessThan(toleranceSeconds)
  }

  async refreshApp(): Promise<void> {
    if (!this.#family) return
    const form = { grant_type: 'refresh_token', client_id: 'app', refresh_token: this.#family.token }
    const { status, body } = await token(this.#world, form)
    this.#expect('the refresh', status === 200, isAlive(this.#family.life))
    if (status !== 200) {
      this.#family = undefined
      return
    }
    this.#used(this.#family.life)
    this.#family.token = body['refresh_token'] as string
    this.#app = { token: body['access_token'] as string, life: lifeOf(limits.access) }
  }

  async account(): Promise<void> {
    const { status } = await this.#visitor.get('/account')
    this.#expect('the account page', status === 200, isAlive(this.#session))
    this.#seen(status === 200)
  }

  async logout(): Promise<void> {
    const page = await this.#visitor.get('/session/end')
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    await this.#visitor.post('/session/end/confirm', { xsrf, logout: 'yes' })
    this.#session = undefined
  }

  async #authorize(clientId: string, uri: string, scope: string): Promise<string | undefined> {
    const request = startLogin(this.#world, clientId, uri, { scope, prompt: 'none' })
    const { location } = await this.#visitor.get(request)
    const isIn = location?.includes('code=') === true
    this.#expect(`the authorization of ${clientId}`, isIn, isAlive(this.#session))
    this.#seen(isIn)
    return isIn ? location : undefined
  }

  async #enterWeb(location: string | undefined): Promise<void> {
    this.#used(this.#session)
    const body = await exchange(this.#world, 'web', redirectUri, location)
    this.#web = { token: body['access_token'] as string, life: lifeOf(limits.access) }
  }

  #seen(isIn: boolean): void {
    if (isIn) this.#used(this.#session)
    else this.#session = undefined
  }

  #used(...lives: readonly (Life | undefined)[]): void {
    for (const life of lives) if (life) life.used = now()
  }

  #expect(what: string, is: boolean, must: boolean | undefined): void {
    if (must === undefined) return
    const hours = (this.#shiftMs / 3_600_000).toFixed(2)
    expect(is, `${what} at ${hours} h: ${is ? 'outlived its limit' : 'ended before its limit'}`).toBe(must)
  }
}

describe.each([
  ['one server with short-lived values in tables', 'tables', 1],
  ['two servers with short-lived values in Redis', 'redis', 2],
] as const)('whatever people do at %s', (_, stores, servers) => {
  let world: World
  let worlds: [World, ...World[]]
  beforeAll(async () => {
    world = await openWorld({ stores })
    worlds = [world]
    await world.register({
      clients: [
        { ...ours, client_id: 'web', redirect_uris: [redirectUri], scope: 'openid' },
        { ...ours, client_id: 'app', application_type: 'native', redirect_uris: [nativeUri] },
      ],
    })
    if (servers === 2) worlds.push(await openWorld({ stores, beside: world }))
    for (const { app } of worlds) expect(app.runtime.policies().lifetimes({ clientId: 'web' })).toMatchObject(limits)
  })
  afterEach(() => resetClock())
  afterAll(async () => {
    for (const each of worlds.toReversed()) await each.close()
  })

  let phones = 13_600_000_000
  test('nobody active is logged out before max, and nobody idle stays past idle', async () => {
    await fc.assert(
      fc.asyncProperty(lives, async (habits) => {
        resetClock()
        phones += 1
        const person = new Person(worlds, String(phones))
        await person.login()
        await person.authorizeApp()
        for (const each of habits) await person.keep(each)
        for (const visit of Object.keys(visits) as Visit[]) await person[visit]()
      }),
      // A machine that is busy does fewer runs; a failure is told with its seed even when there is no time left to shrink it.
      { numRuns: 30, interruptAfterTimeLimit: 90_000 },
    )
  }, 240_000)
})
