import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { formToken, signedIn } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginByPassword, loginBySms, startLogin, subjectOf, token } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
let numbers = 13600136000

const password = 'ripe tea from 4 mountains'
const another = 'green tea from 9 valleys'

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients, resources })
})
afterEach(resetClock)
afterAll(() => world.close())

const newPhone = () => String(++numbers)
const audited = (event: string) =>
  world.database.database.knex('audit_events').where({ event }).orderBy('id', 'desc').first()

/** Goes to the app from a browser that is signed in. */
async function arrives(visitor: Visitor, params: Readonly<Record<string, string>>) {
  return visitor.follow(await visitor.get(startLogin(world, 'web', redirectUri, params)))
}

/** Signs in to the app that gets refresh tokens; the answer is what it was given. */
async function tokensOf(visitor: Visitor): Promise<Record<string, string>> {
  const back = await arrives(visitor, {
    scope: 'openid profile offline_access orders:read',
    resource: 'https://api.example.com',
  })
  return exchange(world, 'web', redirectUri, back.location)
}

const refresh = (refresh_token = '') => token(world, { grant_type: 'refresh_token', client_id: 'web', refresh_token })

async function savesPassword(visitor: Visitor, form: Readonly<Record<string, string>>) {
  const page = await visitor.get('/account/password')
  return visitor.follow(await visitor.post('/account/password', { form_token: formToken(page), ...form }))
}

test('the nickname can be chosen, shows on the page and reaches apps, and can be given up', async () => {
  const phone = newPhone()
  const visitor = await signedIn(world, redirectUri, phone)
  const saves = async (nickname: string) => {
    const form_token = formToken(await visitor.get('/account/profile'))
    return visitor.follow(await visitor.post('/account/profile', { nickname, form_token }))
  }
  const page = await saves(' 林\u202E小雨 ')
  expect(page.text).toContain('昵称已保存')
  expect(page.text).toContain('<bdi>林小雨</bdi>')
  expect(page.text).toContain('<span class="avatar" aria-hidden="true">林</span>')
  expect(await audited('profile.changed')).toMatchObject({ detail: { fields: ['nickname'] } })
  const back = await visitor.follow(
    await visitor.get(startLogin(world, 'plain', redirectUri, { scope: 'openid profile' })),
  )
  const { access_token } = await exchange(world, 'plain', redirectUri, back.location)
  const userinfo = await fetch(`${world.issuer}/me`, { headers: { authorization: `Bearer ${access_token}` } })
  expect(await userinfo.json()).toMatchObject({ nickname: '林小雨' })

  const refused = await saves('长'.repeat(65))
  expect(refused.status).toBe(400)
  expect(refused.text).toContain('最多 64 个字符')
  expect((await saves('')).text).toContain('设置头像和昵称')
})

test('nobody else’s picture is loaded', async () => {
  const visitor = await signedIn(world, redirectUri, newPhone())
  await world.database.database.knex('users').update({ picture: 'https://pictures.example.com/me' })
  const page = await visitor.get('/account')
  expect(page.text).not.toContain('pictures.example.com')
})

test('the pages ask for a login, and changes for a fresh one', async () => {
  const stranger = world.visitor()
  for (const path of ['/account', '/account/profile', '/account/password', '/account/identities']) {
    const asked = await stranger.get(path)
    expect(asked.location).toMatch(/^\/auth\?/)
    expect(new URL(asked.location as string, world.issuer).searchParams.get('state')).toBe(path)
  }
  const phone = newPhone()
  const visitor = await signedIn(world, redirectUri, phone)
  const form_token = formToken(await visitor.get('/account/profile'))
  walkTo(601_000)
  expect((await visitor.get('/account')).status).toBe(200)
  for (const path of ['/account/profile', '/account/password', '/account/identities/phone']) {
    expect((await visitor.get(path)).location).toContain('prompt=login')
    expect((await visitor.post(path, { form_token, nickname: 'x' })).location).toContain('prompt=login')
  }
  const back = await loginBySms(world, visitor, new URL('/account/profile', world.issuer), phone)
  expect(back.url.pathname).toBe('/account/profile')
  expect(back.text).toContain('name="nickname"')
})

test('the way back from a login leads to our own pages only', async () => {
  const visitor = await signedIn(world, redirectUri, newPhone())
  for (const state of [
    'https://evil.example',
    '//evil.example',
    '/account//evil.example',
    '/accountx',
    '/account/../x',
    'x',
  ]) {
    expect((await visitor.get(`/account/return?state=${encodeURIComponent(state)}`)).location).toBe('/account')
  }
  expect((await visitor.get('/account/return?state=%2Faccount%2Fprofile')).location).toBe('/account/profile')
  const declined = await visitor.get('/account/return?state=%2Faccount%2Fprofile&error=access_denied')
  expect(declined.location).toBe('/account')
})

test('forms without the token of this session, or from another site, change nothing', async () => {
  const [visitor, other] = [
    await signedIn(world, redirectUri, newPhone()),
    await signedIn(world, redirectUri, newPhone()),
  ]
  const own = formToken(await visitor.get('/account/profile'))
  const foreign = formToken(await other.get('/account/profile'))
  const crossSite = { 'sec-fetch-site': 'cross-site' }
  for (const [form_token, headers] of [
    ['', {}],
    [foreign, {}],
    [own, crossSite],
  ] as const) {
    expect((await visitor.post('/account/profile', { nickname: 'x', form_token }, headers)).status).toBe(403)
    const form = { new_password: password, form_token }
    expect((await visitor.post('/account/password', form, headers)).status).toBe(403)
  }
  expect((await visitor.get('/account')).text).toContain('设置头像和昵称')
  expect((await visitor.get('/account')).text).toContain('未设置')
})

test('a password change signs nobody out unless the box is ticked, and says so', async () => {
  const phone = newPhone()
  const here = await signedIn(world, redirectUri, phone)
  const there = await signedIn(world, redirectUri, phone)
  const tokens = await tokensOf(there)
  const page = await here.get('/account/password')
  expect(page.text).toContain('name="sign_out_others"')
  expect(page.text).not.toContain('checked')
  expect((await savesPassword(here, { new_password: password })).text).toContain('其他设备和应用仍保持登录')
  const changed = await savesPassword(here, { password, new_password: another })
  expect(changed.text).toContain('其他用密码登录的设备和应用均已退出')
  expect((await there.get('/account')).status).toBe(200)
  expect((await refresh(tokens['refresh_token'])).status).toBe(200)
})

test('with the box ticked every other session and every token ends, and this session stays', async () => {
  const [phone, bystander] = [newPhone(), newPhone()]
  const here = await signedIn(world, redirectUri, phone)
  const there = await signedIn(world, redirectUri, phone)
  const stranger = await signedIn(world, redirectUri, bystander)
  const [hereTokens, thereTokens, strangerTokens] = [
    await tokensOf(here),
    await tokensOf(there),
    await tokensOf(stranger),
  ]
  const sub = subjectOf(hereTokens)
  const wrong = { password: another, new_password: another, sign_out_others: 'on' }
  await savesPassword(here, { new_password: password })
  expect((await savesPassword(here, wrong)).text).toContain('password.mismatch')
  expect((await there.get('/account')).status).toBe(200)

  const saved = await savesPassword(here, { ...wrong, password })
  expect(saved.text).toContain('其他浏览器和所有应用均已退出')
  expect((await there.get('/account')).location).toMatch(/^\/auth\?/)
  expect((await refresh(thereTokens['refresh_token'])).body).toMatchObject({ error: 'invalid_grant' })
  expect((await refresh(hereTokens['refresh_token'])).body).toMatchObject({ error: 'invalid_grant' })
  expect((await here.get('/account')).status).toBe(200)
  expect((await tokensOf(here))['refresh_token']).toBeDefined()
  expect((await stranger.get('/account')).status).toBe(200)
  expect((await refresh(strangerTokens['refresh_token'])).status).toBe(200)
  expect(await audited('session.ended')).toMatchObject({ user_id: sub, detail: { reason: 'password_changed' } })

  const later = await loginByPassword(world.visitor(), startLogin(world, 'plain', redirectUri), phone, another)
  expect(later.location).toContain('code=')
})

test('consents given to others outlive a sign-out of the other sessions', async () => {
  const phone = newPhone()
  const visitor = await signedIn(world, redirectUri, phone)
  const there = 'https://third.example.com/callback'
  const ask = () => startLogin(world, 'third', there, { scope: 'openid profile' })
  const consent = await visitor.follow(await visitor.get(ask()))
  await visitor.follow(await visitor.post(consent.url, { choice: 'allow', scope: 'profile' }))
  await savesPassword(visitor, { new_password: password, sign_out_others: 'on' })
  const back = await visitor.follow(await visitor.get(ask()))
  expect(back.location).toContain('code=')
})
