import { afterAll, beforeAll, expect, test } from 'vitest'
import { formToken, signedIn } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import { leaveFor } from '../support/upstream.ts'
import { openUpstreams, type Upstreams } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// A page that comes out of a form can be had in another language like any other: nothing it says or offers is lost.

let world: World
let upstreams: Upstreams

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({ port, env: upstreams.env(['github']) })
  const strict = { ...clients[1], client_id: 'strict-web', require_phone: true }
  await world.register({ clients: [...clients, strict] as never, resources })
})
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const xsrfOf = ({ text }: Answer) => /name="xsrf" value="([^"]+)"/.exec(text)?.[1] ?? ''
const titleOf = ({ text }: Answer) => /<h1>([^<]+)<\/h1>/.exec(text)?.[1]

/** Follows the link of a page to English. */
async function inEnglish(visitor: Visitor, page: Answer): Promise<Answer> {
  const href = /href="([^"]+)" lang="en"/.exec(page.text)?.[1]?.replaceAll('&#38;', '&')
  expect(href).toBeDefined()
  return visitor.follow(await visitor.get(new URL(href ?? '', page.url)))
}

/** The code of a device, and the page that asks whether to let it in. */
async function confirming(visitor: Visitor) {
  const started = await fetch(`${world.issuer}/device/auth`, {
    method: 'POST',
    body: new URLSearchParams({ client_id: 'tv', scope: 'openid' }),
  })
  const { user_code } = (await started.json()) as { user_code: string }
  const form = await visitor.get('/device')
  return { user_code, page: await visitor.post('/device', { xsrf: xsrfOf(form), user_code }) }
}

test('the number that is another account’s: the question stays, and can be answered', async () => {
  const phone = '13900078001'
  await loginBySms(world, world.visitor(), startLogin(world, 'plain', redirectUri), phone)
  const visitor = world.visitor()
  const login = await reachLogin(visitor, startLogin(world, 'strict-web', redirectUri))
  const other = world.visitor()
  const first = await reachLogin(other, startLogin(world, 'plain', redirectUri))
  const back = upstreams.github.authorize(1001, await leaveFor(other, first, 'github'))
  const made = await other.follow(await other.get(back))
  expect((await other.follow(await other.post(made.url.pathname, { choice: 'new' }))).location).toContain('code=')

  const callback = upstreams.github.authorize(1001, await leaveFor(visitor, login, 'github'))
  const page = await visitor.follow(await visitor.get(callback))
  const sms = `${page.url.pathname}?method=sms`
  await visitor.post(sms, { method: 'sms', phone })
  const conflict = await visitor.follow(await visitor.post(sms, { method: 'sms', otp: await world.otp(`+86${phone}`) }))
  expect(titleOf(conflict)).toBe('此手机号已属于另一个账号')
  const english = await inEnglish(visitor, conflict)
  expect(english.text).toContain('lang="en"')
  expect(english.text).toContain('139****8001')
  const next = await visitor.follow(await visitor.post(english.url, { choice: 'use_other_phone' }))
  expect(next.text).toContain('name="phone"')
})

test('the device that asks to be let in: the code goes along', async () => {
  const visitor = await signedIn(world, redirectUri, '13900078002')
  const { user_code, page } = await confirming(visitor)
  const sent = await inEnglish(visitor, page)
  expect(sent.text).toContain('lang="en"')
  const again = await visitor.post('/device', { xsrf: xsrfOf(sent), user_code })
  expect(again.text).toContain('name="confirm"')
  expect(again.text).toContain('lang="en"')
  const done = await visitor.follow(await visitor.post('/device', { xsrf: xsrfOf(again), user_code, confirm: 'yes' }))
  const english = titleOf(done)
  const chinese = await visitor.follow(await visitor.get(`${done.url.pathname}?lang=zh-CN`))
  expect(chinese.text).toContain('lang="zh-CN"')
  expect(titleOf(await inEnglish(visitor, done))).toBe(english)
})

test('the device that was refused, and the browser that has just signed out everywhere', async () => {
  const visitor = await signedIn(world, redirectUri, '13900078003')
  const { user_code, page } = await confirming(visitor)
  const refused = await visitor.post('/device', { xsrf: xsrfOf(page), user_code, abort: 'yes' })
  const english = await inEnglish(visitor, refused)
  expect(english.text).not.toContain('name="user_code"')
  expect(titleOf(english)).not.toBe(titleOf(refused))
  const form_token = formToken(await visitor.get('/account/devices'))
  const ended = await visitor.post('/account/devices', { choice: 'all', form_token })
  expect((await inEnglish(visitor, ended)).text).toContain('lang="en"')
})

test('a form that is too old: the links lead where a fresh one is', async () => {
  const visitor = world.visitor()
  const late = await visitor.post('/session/end/confirm', { xsrf: 'x', logout: 'yes' })
  expect(late.status).toBe(400)
  const page = await inEnglish(visitor, late)
  expect([page.status, page.text.includes('lang="en"')]).toEqual([200, true])
})
