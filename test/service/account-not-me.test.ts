import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { formToken, signedIn } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginByPassword, loginBySms, startLogin, token } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let numbers = 13500137000

const password = 'ripe tea from 4 mountains'
const history = '/account/history'
const notMe = `${history}/not-me`

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients, resources })
})
afterEach(resetClock)
afterAll(() => world.close())

const newPhone = () => String(++numbers)
const audited = (event: string) =>
  world.database.database.knex('audit_events').where({ event }).orderBy('id', 'desc').select('user_id', 'detail')
const isIn = async (visitor: Visitor) => (await visitor.get('/account')).status === 200

async function setPassword(visitor: Visitor): Promise<void> {
  const form_token = formToken(await visitor.get('/account/password'))
  await visitor.post('/account/password', { form_token, new_password: password })
}

/** The form about the newest login that was made elsewhere. */
async function formOf(visitor: Visitor): Promise<{ readonly login: string; readonly form_token: string }> {
  const [, href] = /href="([^"]*not-me[^"]*)"/.exec((await visitor.get(history)).text) ?? []
  if (href === undefined) throw new Error('every login is called one’s own')
  const page = await visitor.get(href)
  return { login: /name="login" value="(\d+)"/.exec(page.text)?.[1] ?? '', form_token: formToken(page) }
}

/** Signs in to the app that gets refresh tokens. */
async function tokensOf(visitor: Visitor): Promise<Record<string, string>> {
  const wanted = { scope: 'openid offline_access orders:read', resource: 'https://api.example.com' }
  const back = await visitor.follow(await visitor.get(startLogin(world, 'web', redirectUri, wanted)))
  return exchange(world, 'web', redirectUri, back.location)
}
const refresh = ({ refresh_token = '' }: Record<string, string>) =>
  token(world, { grant_type: 'refresh_token', client_id: 'web', refresh_token })

test('a login that was not theirs ends everything, and the way on is a new login and a new password', async () => {
  const phone = newPhone()
  const owner = await signedIn(world, redirectUri, phone)
  await setPassword(owner)
  const thief = world.visitor()
  await loginByPassword(thief, startLogin(world, 'plain', redirectUri), phone, password)
  const bystander = await signedIn(world, redirectUri, newPhone())
  const [stolen, own] = [await tokensOf(thief), await tokensOf(owner)]

  const { login, form_token } = await formOf(owner)
  const done = await owner.post(notMe, { login, form_token })
  expect(done.text).toContain('已退出全部设备')
  expect(done.text).toContain('设置一个新密码')
  expect([await isIn(owner), await isIn(thief), await isIn(bystander)]).toEqual([false, false, true])
  expect((await refresh(stolen)).body).toMatchObject({ error: 'invalid_grant' })
  expect((await refresh(own)).body).toMatchObject({ error: 'invalid_grant' })
  const [told] = await audited('login.disowned')
  expect(told).toMatchObject({ detail: { login } })
  expect((await audited('session.ended'))[0]).toMatchObject({ user_id: told.user_id, detail: { reason: 'disowned' } })

  const [, next = ''] = /class="button" href="([^"]+)"/.exec(done.text) ?? []
  const back = await loginBySms(world, owner, new URL(next, world.issuer), phone)
  expect(back.url.pathname).toBe('/account/password')
  expect(back.text).toContain('name="new_password"')
  expect((await owner.get(history)).text).toContain('已标记非本人')
})

test('somebody without a password is told to look at the ways in', async () => {
  const phone = newPhone()
  const owner = await signedIn(world, redirectUri, phone)
  await signedIn(world, redirectUri, phone)
  const page = await owner.post(notMe, await formOf(owner))
  expect(page.text).toContain('检查登录方式')
  expect(page.text).toContain('href="/account/identities"')
})

test('nothing has to be proved for it, as it only takes away', async () => {
  const phone = newPhone()
  const owner = await signedIn(world, redirectUri, phone)
  const other = await signedIn(world, redirectUri, phone)
  walkTo(3600_000)
  expect((await owner.post(notMe, await formOf(owner))).text).toContain('已退出全部设备')
  expect(await isIn(other)).toBe(false)
})

test('a login of somebody else, or none, is not found and ends nothing', async () => {
  const phone = newPhone()
  const owner = await signedIn(world, redirectUri, phone)
  await signedIn(world, redirectUri, phone)
  const stranger = await signedIn(world, redirectUri, newPhone())
  const { login } = await formOf(owner)
  const form_token = formToken(await stranger.get('/account/devices'))
  for (const wrong of [login, '0', '1 or 1=1', '9'.repeat(30), '']) {
    expect((await stranger.get(`${notMe}?login=${encodeURIComponent(wrong)}`)).status).toBe(404)
    expect((await stranger.post(notMe, { login: wrong, form_token })).status).toBe(404)
  }
  expect([await isIn(owner), await isIn(stranger)]).toEqual([true, true])
  const own = await formOf(owner)
  expect((await owner.post(notMe, { ...own, form_token })).status).toBe(403)
  expect((await owner.post(notMe, own, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  expect(await isIn(owner)).toBe(true)
})

test('of two presses at once one tells, and everything is over after either', async () => {
  const phone = newPhone()
  const owner = await signedIn(world, redirectUri, phone)
  await signedIn(world, redirectUri, phone)
  const form = await formOf(owner)
  const answers = await Promise.all([owner.post(notMe, form), owner.post(notMe, form), owner.post(notMe, form)])
  expect(answers.every(({ status }) => status === 200 || status === 303)).toBe(true)
  expect((await audited('login.disowned')).filter(({ detail }) => detail.login === form.login)).toHaveLength(1)
  expect(await isIn(owner)).toBe(false)
})

test('a login by the old password that comes while everything ends is over with the new password', async () => {
  const phone = newPhone()
  const owner = await signedIn(world, redirectUri, phone)
  await setPassword(owner)
  await signedIn(world, redirectUri, phone)
  const form = await formOf(owner)
  const thief = world.visitor()
  await Promise.all([
    owner.post(notMe, form),
    loginByPassword(thief, startLogin(world, 'plain', redirectUri), phone, password),
  ])
  await loginBySms(world, owner, new URL('/account/password', world.issuer), phone)
  const form_token = formToken(await owner.get('/account/password'))
  await owner.post('/account/password', { form_token, password, new_password: 'green tea from 9 valleys' })
  expect(await isIn(thief)).toBe(false)
  expect(await isIn(owner)).toBe(true)
})
