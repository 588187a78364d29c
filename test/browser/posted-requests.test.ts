import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBrowser, type Person, shopSeed, type TestBrowser } from '../support/browser.ts'
import { exchange, startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

/** The client is at 127.0.0.1 and the server at localhost: two sites, so that `SameSite=Lax` counts. */
let world: World
let browser: TestBrowser

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  browser = await openBrowser(world.issuer)
  const logout = { post_logout_redirect_uris: [browser.app.loggedOutUri], logout_without_question: false }
  await world.register({ clients: [{ ...shopSeed(browser.app), ...logout }] })
})
afterAll(async () => {
  await browser?.close()
  await world?.close()
})

const request = (more: Record<string, string> = {}) =>
  Object.fromEntries(startLogin(world, 'shop', browser.app.redirectUri, more).searchParams)

/** Has a page of the client post a form to the server, as a person's click would. */
async function posts(person: Person, path: string, fields: Record<string, string>): Promise<void> {
  await person.opens(browser.app.redirectUri)
  const isAnswered = person.page.waitForEvent('domcontentloaded')
  const inputs = Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`)
  const form = `<form method="post" action="${world.issuer}${path}">${inputs.join('')}</form>`
  await person.page.evaluate(`document.body.innerHTML = ${JSON.stringify(form)}; document.forms[0].submit()`)
  await isAnswered
}

/** A person who is signed in, with the ID token the client has got. */
async function member(phone: string): Promise<{ readonly person: Person; readonly idToken: string }> {
  const person = await browser.person()
  await person.opens(startLogin(world, 'shop', browser.app.redirectUri))
  await person.asksForCode(phone)
  await person.entersCode(await world.otp(`+86${phone}`))
  const { code } = await person.arrives(browser.app)
  const tokens = await exchange(world, 'shop', browser.app.redirectUri, `${browser.app.redirectUri}?code=${code}`)
  return { person, idToken: tokens['id_token'] ?? '' }
}

/** Every address the browser of a person asks for from now on. */
function addressesOf(person: Person): string[] {
  const addresses: string[] = []
  person.context.on('request', (each) => addresses.push(each.url()))
  return addresses
}

describe('a form that another site posts', () => {
  test('begins a login, and the browser comes back to the client', async () => {
    const person = await browser.person({ width: 375 })
    await posts(person, '/auth', request({ state: 'kept' }))
    await person.sees('登录门神')
    await person.asksForCode('13660000000')
    await person.entersCode(await world.otp('+8613660000000'))
    expect(await person.arrives(browser.app)).toMatchObject({ code: expect.any(String), state: 'kept' })
  })

  test('finds the session of a browser that is signed in', async () => {
    const { person } = await member('13660000001')
    await posts(person, '/auth', request({ prompt: 'none' }))
    expect(await person.arrives(browser.app)).toMatchObject({ code: expect.any(String) })
  })

  test('with the hint who it is for is answered for that person alone, and the hint is in no address', async () => {
    const { person, idToken } = await member('13660000002')
    const { idToken: other } = await member('13660000003')
    const addresses = addressesOf(person)
    await posts(person, '/auth', request({ prompt: 'none', id_token_hint: idToken }))
    expect(await person.arrives(browser.app)).toMatchObject({ code: expect.any(String) })
    await posts(person, '/auth', request({ prompt: 'none', id_token_hint: other }))
    expect(await person.arrives(browser.app)).toMatchObject({ error: 'login_required' })
    const told = [...addresses, ...world.log].join('\n')
    expect(told).not.toContain(idToken)
    expect(told).not.toContain(other)
  })

  test('signs out and goes back to the client, also after the language was changed, and the hint is in no address', async () => {
    const { person, idToken } = await member('13660000004')
    const addresses = addressesOf(person)
    const { loggedOutUri } = browser.app
    const logout = { id_token_hint: idToken, post_logout_redirect_uri: loggedOutUri, state: 'the-state' }
    await posts(person, '/session/end', logout)
    await person.sees('确定退出登录？')
    await person.reads(/茶铺/)
    await person.follows('English')
    await person.sees('Sign out?')
    await person.presses('Sign out of all apps')
    expect(await person.arrives(browser.app)).toEqual({ state: 'the-state' })
    expect(addresses.filter((each) => each.includes(idToken))).toEqual([])
    expect(await person.page.content()).not.toContain(idToken)
    expect(world.log.join('\n')).not.toContain(idToken)
  })
})
