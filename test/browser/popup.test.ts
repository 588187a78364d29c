import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, Person, type TestBrowser } from '../support/browser.ts'
import { startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let browser: TestBrowser

beforeAll(async () => {
  world = await openWorld()
  browser = await openBrowser(world.issuer)
  await world.register({
    clients: [
      {
        client_id: 'shop',
        client_name: '茶铺',
        token_endpoint_auth_method: 'none',
        redirect_uris: [browser.app.redirectUri],
      },
    ],
  })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

/** An app on another origin opens an address in a popup, as `signinPopup` of oidc-client-ts does. */
async function opensPopup(person: Person, url: URL): Promise<Person> {
  await person.opens(browser.app.loggedOutUri)
  const [page] = await Promise.all([
    person.page.waitForEvent('popup'),
    person.page.evaluate(
      `void (window.popup = window.open(${JSON.stringify(url.href)}, 'login', 'popup,width=500,height=700'))`,
    ),
  ])
  return new Person(person.context, page, true)
}

test.each(['query', 'form_post'])('after a login in a popup the callback page reaches the app, by %s', async (mode) => {
  const app = await browser.person()
  const url = startLogin(world, 'shop', browser.app.redirectUri, { response_mode: mode })
  const popup = await opensPopup(app, url)
  const phone = mode === 'query' ? '13500135000' : '13500135001'
  await popup.asksForCode(phone)
  await popup.entersCode(await world.otp(`+86${phone}`))
  await popup.sees('茶铺请求访问您的账号')
  await popup.presses('同意授权')
  await popup.arrives(browser.app)
  expect(await popup.page.evaluate('window.opener?.location.pathname')).toBe('/bye')
  expect(await app.page.evaluate('window.popup.closed')).toBe(false)
})

test('the pages of the account are out of reach for whoever opened them', async () => {
  const page = await fetch(`${world.issuer}/account/nowhere`, { headers: { accept: 'text/html' } })
  expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin')
})
