import { type ClientApp, openBrowser, type Person, shopSeed, type TestBrowser } from './browser.ts'
import { exchange, startLogin, subjectOf } from './login.ts'
import { freePort } from './services.ts'
import { type ConnectionName, openUpstreams, type Upstreams } from './upstreams.ts'
import { openWorld, type World } from './world.ts'

/** A server with upstreams, and a browser that may go there. */
export interface UpstreamBrowser {
  readonly world: World
  readonly upstreams: Upstreams
  readonly browser: TestBrowser
  readonly app: ClientApp
  /** An authorization request of the app. */
  login(): URL
  /** Waits until the browser is back at the app, and answers who logged in. */
  arrives(person: Person): Promise<string>
  close(): Promise<void>
}

/** Starts all of it. The connections are on the login page in this order. */
export async function openUpstreamBrowser(
  connections: readonly ConnectionName[],
  env: Readonly<Record<string, string>> = {},
): Promise<UpstreamBrowser> {
  const port = await freePort()
  const upstreams = await openUpstreams(`http://localhost:${port}`)
  const world = await openWorld({ stores: 'tables', port, env: { ...upstreams.env(connections), ...env } })
  const browser = await openBrowser(world.issuer, upstreams.origins)
  const { app } = browser
  await world.register({ clients: [shopSeed(app)] })
  return {
    world,
    upstreams,
    browser,
    app,
    login: () => startLogin(world, 'shop', app.redirectUri),
    async arrives(person) {
      const { code } = await person.arrives(app)
      return subjectOf(await exchange(world, 'shop', app.redirectUri, `${app.redirectUri}?code=${code}`))
    },
    async close() {
      await browser.close()
      await world.close()
      await upstreams.close()
    },
  }
}

/** Ticks the agreement and leaves for the upstream with this name; what is folded away is unfolded for it. */
export async function leavesFor(person: Person, name: string): Promise<void> {
  await person.page.getByRole('checkbox').check()
  const button = new RegExp(`^(Sign in with )?${name}(登录)?( 上次使用| Last used)?$`)
  if ((await person.button(button).count()) === 0) await unfolds(person)
  await person.presses(button)
}

/** Opens what is folded away in the browser of an app. */
export async function unfolds(person: Person): Promise<void> {
  const folded = person.page.locator('.others:not([open]) summary')
  if ((await folded.count()) > 0) await folded.click()
}

/** Says on the vendor's page who it is, and agrees or not. */
export async function answers(person: Person, id: string, decision: 'accept' | 'refuse' = 'accept'): Promise<void> {
  await person.page.locator(`input[name=person][value="${id}"]`).check()
  await person.presses(decision === 'accept' ? /^(同意|Accept)$/ : /^(拒绝|Refuse)$/)
}

/** Ends every session of the browser; what was used last is still known. */
export async function comesBackLater(person: Person): Promise<void> {
  await person.context.clearCookies({ name: /^(?!menshen_last$)/ })
}
