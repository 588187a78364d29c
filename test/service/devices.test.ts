import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { formToken } from '../support/account.ts'
import { runCommand } from '../support/cli.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, startLogin, token } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  const television = clients.find(({ client_id }) => client_id === 'tv')
  const radio = { ...television, client_id: 'radio', client_name: '厨房收音机', application_type: 'web' }
  await world.register({ clients: [...clients, ...nativeClients, radio], resources })
})
afterEach(() => resetClock())
afterAll(() => world.close())

const edge = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0 Safari/537.36 Edg/130.0'
const devices = '/account/devices'
let phones = 13_500_000_000
const newPhone = () => String(++phones)

async function browser(phone: string, clientId = 'web', scope = 'openid offline_access'): Promise<Signed> {
  const visitor = world.visitor()
  const answer = await loginBySms(world, visitor, startLogin(world, clientId, redirectUri, { scope }), phone)
  return { visitor, tokens: await exchange(world, clientId, redirectUri, answer.location) }
}
/** The user who is signed in, as the ID token names them. */
const subOf = ({ tokens }: Signed) => String(decodeJwt(tokens['id_token'] ?? '').sub)
interface Signed {
  readonly visitor: Visitor
  readonly tokens: Record<string, string>
}

const refresh = (tokens: { refresh_token?: string }, client_id = 'web') =>
  token(world, { grant_type: 'refresh_token', client_id, refresh_token: tokens.refresh_token ?? '' })
const isIn = async (visitor: Visitor) => (await visitor.get('/account')).status === 200
const values = (page: Answer) =>
  [...page.text.matchAll(/name="device" value="([^"]+)"/g)].map(([, value = '']) => value)
const endings = (event: string) =>
  world.database.database
    .knex('audit_events')
    .where({ event })
    .whereRaw("detail ->> 'reason' <> 'expired'")
    .orderBy('id', 'desc')

async function press(visitor: Visitor, fields: Record<string, string>): Promise<Answer> {
  const page = await visitor.get(devices)
  return visitor.follow(await visitor.post(devices, { form_token: formToken(page), ...fields }))
}

describe('the list', () => {
  test('shows browsers with their apps, and apps that are signed in on their own, with where and how', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    const page = await visitor.follow(await visitor.get(startLogin(world, 'web', redirectUri), { 'user-agent': edge }))
    await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' }, { 'user-agent': edge })
    const otp = await world.otp(`+86${phone}`)
    await visitor.follow(await visitor.post(page.url, { method: 'sms', otp }, { 'user-agent': edge }))
    const app = new NativeApp(world)
    await app.exchange(await nativeSms(world, app, phone, { device_name: '小明的手机' }))
    const shown = (await visitor.get(devices)).text
    expect(shown).toMatch(/Edge · Windows<\/bdi><\/strong> <span class="tag">本机/)
    expect(shown).toContain('已登录的应用 <bdi>Example Web</bdi>')
    expect(shown).toContain('小明的手机')
    expect(shown).toContain('应用 <bdi>茶铺</bdi>')
    expect(shown).toContain('短信验证码</bdi> IP <bdi>127.0.0.*')
    expect(shown).not.toContain('127.0.0.1')
    expect(shown).toContain('部分应用可能在 10 分钟内仍保持登录')
    expect(values({ text: shown } as Answer)).toHaveLength(1)
  })

  test('tells the last use to the hour, of apps to the refresh, without a write for each request', async () => {
    const phone = newPhone()
    const here = await browser(phone)
    const app = new NativeApp(world)
    const first = await app.exchange(await nativeSms(world, app, phone))
    walkTo(3 * 3600_000)
    await app.refresh(first)
    await here.visitor.get('/account')
    const times = [...(await here.visitor.get(devices)).text.matchAll(/上次使用 <time datetime="([^"]+)"/g)]
    expect(times).toHaveLength(2)
    for (const [, at = ''] of times) expect(Math.abs(Date.now() - Date.parse(at))).toBeLessThan(60_000)
  })

  test('tells for ninety days that a credential was used twice, of which app, and from where', async () => {
    const phone = newPhone()
    const here = await browser(phone)
    const app = new NativeApp(world)
    const first = await app.exchange(await nativeSms(world, app, phone))
    await app.refresh(await app.refresh(first))
    expect((await here.visitor.get(devices)).text).not.toContain('被重复使用')
    walkTo(60_000)
    expect((await app.tryToken({ grant_type: 'refresh_token', refresh_token: first.refresh_token })).status).toBe(400)
    await expect.poll(async () => (await here.visitor.get(devices)).text).toContain('被重复使用')
    const { text } = await here.visitor.get(devices)
    expect(text).toMatch(/<bdi>茶铺<\/bdi> IP <bdi>127\.0\.0\.\*<\/bdi>/)
    expect((await (await browser(newPhone())).visitor.get(devices)).text).not.toContain('被重复使用')
  })

  test('says of apps that came through a browser how and where that was, by single sign-on and by consent too', async () => {
    const signed = await browser(newPhone())
    const { visitor } = signed
    const offline = { scope: 'openid offline_access', prompt: 'consent' }
    const app = await visitor.follow(
      await visitor.get(startLogin(world, 'native', 'com.example.app:/callback', offline), { 'user-agent': edge }),
    )
    await visitor.follow(await visitor.post(app.url, { choice: 'allow', scope: 'offline_access' }))
    const third = await visitor.follow(
      await visitor.get(startLogin(world, 'third', 'https://third.example.com/callback', offline)),
    )
    await visitor.follow(await visitor.post(third.url, { choice: 'allow', scope: 'offline_access' }))
    const grants = await world.database.database.knex('oidc_records').where({ model: 2, user_id: subOf(signed) })
    expect(grants.map(({ about }) => JSON.parse(about))).toEqual(
      Array.from({ length: 3 }, () => expect.objectContaining({ method: 'sms', ip: '127.0.0.1' })),
    )
  })

  const androidTv = 'Mozilla/5.0 (Linux; Android 12; TV) Chrome/110.0 Safari/537.36'
  /** Somebody at a browser allows a device what it asks for. */
  async function television(
    visitor: Visitor,
    userAgent: string,
    scope: string,
    client_id = 'tv',
  ): Promise<Record<string, string>> {
    const asked = await fetch(`${world.issuer}/device/auth`, {
      method: 'POST',
      headers: { 'user-agent': userAgent },
      body: new URLSearchParams({ client_id, scope }),
    })
    const { device_code, user_code } = (await asked.json()) as { device_code: string; user_code: string }
    const xsrf = (page: Answer) => /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const form = await visitor.get('/device')
    const shown = await visitor.post('/device', { xsrf: xsrf(form), user_code })
    const confirm = { xsrf: xsrf(shown), user_code, confirm: 'yes' }
    await visitor.follow(await visitor.post('/device', confirm, { 'user-agent': edge }))
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
    return (await token(world, { grant_type, client_id, device_code })).body
  }

  test.each([
    [androidTv, 'Chrome · Android'],
    ['tv-app/1.0', ''],
  ])(
    'names a device by what asked for the code, not by the browser in which that was allowed: %s',
    async (ua, name) => {
      const { visitor } = await browser(newPhone())
      const tokens = await television(visitor, ua, 'openid offline_access')
      const page = await visitor.get(devices)
      const [entry = '', ...others] = page.text.split('<li').filter((each) => each.includes('<bdi>客厅电视</bdi>'))
      expect(others).toEqual([])
      expect(page.text).not.toMatch(/已登录的应用[^\n]*客厅电视/)
      expect(entry).toContain(name)
      expect(entry).toContain('短信验证码')
      expect(entry).not.toContain('Edge')
      const [value = ''] = values({ text: entry } as Answer)
      expect((await press(visitor, { device: value })).status).toBe(200)
      expect((await refresh(tokens, 'tv')).status).toBe(400)
      expect(await isIn(visitor)).toBe(true)
    },
  )

  test('keeps a device signed in when the browser that allowed it signs out, even where its client is said to be a web app', async () => {
    const { visitor } = await browser(newPhone())
    const offline = 'openid offline_access'
    const [native, plain] = [
      await television(visitor, androidTv, offline),
      await television(visitor, androidTv, offline, 'radio'),
    ]
    expect(values(await visitor.get(devices))).toEqual([
      expect.stringMatching(/^grant:/),
      expect.stringMatching(/^grant:/),
    ])
    const page = await visitor.get('/session/end')
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    await visitor.follow(await visitor.post('/session/end/confirm', { xsrf, logout: 'yes' }))
    expect(await isIn(visitor)).toBe(false)
    expect((await refresh(native, 'tv')).status).toBe(200)
    expect((await refresh(plain, 'radio')).status).toBe(200)
  })

  test('a second device, which ends with the browser as the first does, leaves the first one signed in', async () => {
    const { visitor } = await browser(newPhone())
    const televisions = [await television(visitor, androidTv, 'openid'), await television(visitor, androidTv, 'openid')]
    for (const { access_token } of televisions) {
      const headers = { authorization: `Bearer ${access_token}` }
      expect((await fetch(`${world.issuer}/me`, { headers })).status).toBe(200)
    }
  })

  test('what a web app keeps for offline use is listed on its own once its session is gone', async () => {
    const phone = newPhone()
    const here = await browser(phone)
    const there = await browser(phone, 'web')
    expect(values(await here.visitor.get(devices))).toHaveLength(1)
    // As if the session had run out: it stays for a while, but is no session any more.
    const { knex } = world.database.database
    const [uid] = values(await here.visitor.get(devices))
    await knex('oidc_records')
      .where({ uid: uid?.slice('session:'.length) })
      .update({ expires_at: new Date(0) })
    expect(values(await here.visitor.get(devices))).toEqual([expect.stringMatching(/^grant:/)])
    expect((await refresh(there.tokens)).status).toBe(200)
  })
})

/** Somebody at two browsers and in an app. */
async function threeLogins() {
  const phone = newPhone()
  const [here, there, app] = [await browser(phone), await browser(phone), new NativeApp(world)]
  return { here, there, app, native: await app.exchange(await nativeSms(world, app, phone)) }
}

describe('signing out', () => {
  test('one browser ends with its web apps, and nothing else does', async () => {
    const { here, there, app, native } = await threeLogins()
    const value = values(await here.visitor.get(devices)).find((each) => each.startsWith('session:')) ?? ''
    expect((await press(here.visitor, { device: value })).text).toContain('已退出所选登录')
    expect(await isIn(there.visitor)).toBe(false)
    expect((await refresh(there.tokens)).body).toMatchObject({ error: 'invalid_grant' })
    expect(await isIn(here.visitor)).toBe(true)
    expect((await refresh(here.tokens)).status).toBe(200)
    const renewed = await app.refresh(native)
    const [ended] = await endings('session.ended')
    expect(ended).toMatchObject({
      ip: '127.0.0.1',
      detail: { reason: 'device', session: value.slice(8), method: 'sms' },
    })
    expect((await press(here.visitor, { device: value })).text).toContain('该登录此前已退出')

    const grant = values(await here.visitor.get(devices)).find((each) => each.startsWith('grant:')) ?? ''
    await press(here.visitor, { device: grant })
    expect((await app.tryToken({ grant_type: 'refresh_token', refresh_token: renewed.refresh_token })).status).toBe(400)
    expect((await endings('grant.revoked'))[0]).toMatchObject({
      client_id: 'ios',
      detail: { reason: 'device', grant: grant.slice(6) },
    })
  })

  /** Somebody at two browsers, in one of them also in an app of ours and in one of somebody else. */
  async function appsInBrowser() {
    const phone = newPhone()
    const [here, there] = [await browser(phone), await browser(phone)]
    const offline = { scope: 'openid offline_access', prompt: 'consent' }
    async function app(clientId: string, uri: string) {
      const page = await there.visitor.follow(await there.visitor.get(startLogin(world, clientId, uri, offline)))
      const done = await there.visitor.follow(
        await there.visitor.post(page.url, { choice: 'allow', scope: 'offline_access' }),
      )
      return exchange(world, clientId, uri, done.location)
    }
    const native = await app('native', 'com.example.app:/callback')
    return { here, there, native, third: await app('third', 'https://third.example.com/callback') }
  }

  test('one browser leaves signed in what came through it and stands on its own', async () => {
    const { here, there, native, third } = await appsInBrowser()
    const listed = values(await here.visitor.get(devices))
    expect(listed.filter((each) => each.startsWith('grant:'))).toHaveLength(2)
    const value = listed.find((each) => each.startsWith('session:')) ?? ''
    expect((await press(here.visitor, { device: value })).text).toContain('已退出所选登录')
    expect(await isIn(there.visitor)).toBe(false)
    expect((await refresh(there.tokens)).status).toBe(400)
    expect((await refresh(native, 'native')).status).toBe(200)
    expect((await refresh(third, 'third')).status).toBe(200)
  })

  test('all others leaves this browser and its apps; all leaves nothing, and asks nobody why', async () => {
    const { here, there, app, native } = await threeLogins()
    const stranger = await browser(newPhone())
    expect((await press(here.visitor, { choice: 'others' })).text).toContain('仅本机保持登录')
    expect(await isIn(there.visitor)).toBe(false)
    expect((await refresh(there.tokens)).status).toBe(400)
    expect((await app.tryToken({ grant_type: 'refresh_token', refresh_token: native.refresh_token })).status).toBe(400)
    const renewed = await refresh(here.tokens)
    expect(renewed.status).toBe(200)
    expect((await press(here.visitor, { choice: 'all' })).text).toContain('已退出全部设备')
    const login = await here.visitor.follow(await here.visitor.get('/account'))
    expect(login.text).toContain('登录门神')
    expect(login.text).not.toContain('class="notice"')
    expect((await refresh(renewed.body)).status).toBe(400)
    expect(await isIn(stranger.visitor)).toBe(true)
    expect((await refresh(stranger.tokens)).status).toBe(200)
  })

  test('needs no fresh login, but the token of this session, and reaches nobody else', async () => {
    const [mine, theirs] = [await browser(newPhone()), await browser(newPhone())]
    const { uid } = await world.database.database
      .knex('oidc_records')
      .where({ model: 1, user_id: subOf(theirs) })
      .first('uid')
    expect(values(await theirs.visitor.get(devices))).toEqual([])
    walkTo(3600_000)
    const form_token = formToken(await mine.visitor.get(devices))
    const forged = await theirs.visitor.post(devices, { form_token, choice: 'all' })
    expect(forged.status).toBe(403)
    expect((await theirs.visitor.post(devices, { choice: 'all' }, { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    for (const device of [`session:${uid}`, 'session:', 'grant:x', 'x'])
      expect((await press(mine.visitor, { device })).text).toContain('该登录此前已退出')
    expect(await isIn(theirs.visitor)).toBe(true)
    expect(await isIn(mine.visitor)).toBe(true)
  })

  test('in the middle of an authorization: the session is gone, and no grant is left behind', async () => {
    const signed = await browser(newPhone())
    const [visitor, userId] = [signed.visitor, subOf(signed)]
    const { database } = world.app.core
    const { commitQuery } = database
    let isFirst = true
    database.commitQuery = async (statement) => {
      // The request has read the session; before it writes, somebody ends everything.
      if (isFirst) {
        isFirst = false
        await database.knex('oidc_records').where({ user_id: userId }).delete()
      }
      return commitQuery.call(database, statement) as never
    }
    try {
      const answer = await visitor.get(startLogin(world, 'plain', redirectUri))
      expect(answer.status).toBe(400)
      expect(answer.location).toBeUndefined()
    } finally {
      database.commitQuery = commitQuery
    }
    expect(isFirst).toBe(false)
    expect(await database.knex('oidc_records').where({ user_id: userId })).toEqual([])
  })

  test('between the proof of a login and its end: the proof is worth nothing any more, and the next one is', async () => {
    const phone = newPhone()
    const visitor = world.visitor()
    const app = new NativeApp(world)
    // The clock is set back for the proof, because what happens in one second cannot be told apart.
    walkTo(-5000)
    const url = startLogin(world, 'web', redirectUri, { scope: 'openid offline_access' })
    const page = await visitor.follow(await visitor.get(url))
    await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' })
    const proved = await visitor.post(page.url, { method: 'sms', otp: await world.otp(`+86${phone}`) })
    const code = await nativeSms(world, app, phone)
    resetClock()
    const ended = await runCommand(['users', 'revoke', phone], { env: world.env, cwd: '/' })
    expect(ended.status).toBe(0)
    const asked = await visitor.follow(await visitor.get(proved.location ?? ''))
    // Nobody was let in meanwhile, so that nobody has to log in once more.
    expect(asked).toMatchObject({ status: 200, location: undefined })
    expect(asked.text).toContain('name="phone"')
    expect((await visitor.get('/account')).location).toContain('/auth?')
    await expect(app.exchange(code)).rejects.toThrow('invalid_grant')
    const again = await loginBySms(world, visitor, url, phone)
    expect((await exchange(world, 'web', redirectUri, again.location))['refresh_token']).toBeDefined()
  })

  test('at the moment of a refresh: whoever is first, no token is left', async () => {
    for (let round = 0; round < 10; round++) {
      const { visitor, tokens } = await browser(newPhone())
      const page = await visitor.get(devices)
      const form = { form_token: formToken(page), choice: 'all' }
      const [answer] = await Promise.all([refresh(tokens), visitor.post(devices, form)])
      if (answer.status === 200) expect((await refresh(answer.body)).status).toBe(400)
      const { sub } = JSON.parse(Buffer.from(tokens['id_token']?.split('.')[1] ?? '', 'base64url').toString())
      expect(await world.database.database.knex('oidc_records').where({ user_id: sub })).toEqual([])
    }
  })
})
