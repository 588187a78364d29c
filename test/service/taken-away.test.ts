import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bindByCode, bindThrough, formToken, signedIn } from '../support/account.ts'
import { runCommand } from '../support/cli.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginByPassword, loginBySms, reachLogin, startLogin, subjectOf, token } from '../support/login.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { freePort } from '../support/services.ts'
import { leaveFor, loginThrough } from '../support/upstream.ts'
import { openUpstreams, type Upstreams } from '../support/upstreams.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// What is taken away takes along what came by it. The owner has a phone number; somebody else came in by another way.

const list = '/account/identities'
const oldPassword = 'quiet-harbour-lantern-72'
const newPassword = 'velvet-orchard-compass-19'

const told = {
  client_id: 'told',
  first_party: true,
  token_endpoint_auth_method: 'none',
  redirect_uris: [redirectUri],
  backchannel_logout_uri: 'https://told.invalid/logout',
}

let world: World
let beside: World
let upstreams: Upstreams
let people = 1000
let numbers = 13900139000

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({ stores: 'tables', port, env: upstreams.env(['github']) })
  beside = await openWorld({ stores: 'tables', beside: world, env: upstreams.env(['github']) })
  await world.register({ clients: [...clients, ...nativeClients, told], resources })
  await beside.app.runtime.refresh()
})
afterAll(async () => {
  await beside.close()
  await world.close()
  await upstreams.close()
})

const newPhone = () => String(++numbers)
const newPerson = () => ++people
const knex = () => world.database.database.knex
const authorize = (person: number) => (upstream: URL) => upstreams.github.authorize(person, upstream)
const bindGithub = (visitor: Visitor, person: number) => bindThrough(visitor, 'github', authorize(person))
const byGithub = (visitor: Visitor, person: number, url = startLogin(world, 'plain', redirectUri)) =>
  loginThrough(visitor, url, 'github', authorize(person))
const offline = (client = 'web') => startLogin(world, client, redirectUri, { scope: 'openid offline_access' })
const isIn = async (visitor: Visitor) => (await visitor.get('/account/devices')).status === 200
const refreshed = async (tokens: Readonly<Record<string, string>>, client_id = 'web') =>
  (await token(world, { grant_type: 'refresh_token', client_id, refresh_token: tokens['refresh_token'] ?? '' })).status
const identityOf = async (subject: string): Promise<string> =>
  (await knex()('identity_subjects').where({ subject }).first('identity_id')).identity_id
async function remove(visitor: Visitor, subject: string) {
  const identity = await identityOf(subject)
  const page = await visitor.get(`${list}/unbind?identity=${identity}`)
  return { page, done: await visitor.post(`${list}/unbind`, { identity, form_token: formToken(page) }) }
}
async function ownerWith(...persons: readonly number[]) {
  const phone = newPhone()
  const owner = await signedIn(world, redirectUri, phone)
  for (const person of persons) await bindGithub(owner, person)
  return { owner, phone }
}

describe('an identity that is removed', () => {
  test('takes along browsers and tokens of logins made with it, and of no other of the same provider', async () => {
    const [theirs, mine] = [newPerson(), newPerson()]
    const { owner } = await ownerWith(theirs, mine)
    const [thief, second] = [world.visitor(), world.visitor()]
    const stolen = await exchange(world, 'web', redirectUri, (await byGithub(thief, theirs, offline())).location)
    const kept = await exchange(world, 'web', redirectUri, (await byGithub(second, mine, offline())).location)
    const { page, done } = await remove(owner, String(theirs))
    expect(page.text).toContain('曾用它登录的浏览器和应用将立即退出')
    expect(page.text).not.toContain('您当前也是用它登录的')
    expect(done.location).toBe(`${list}?done=unbound`)
    expect(await isIn(thief)).toBe(false)
    expect(await refreshed(stolen)).toBe(400)
    expect([await isIn(owner), await isIn(second)]).toEqual([true, true])
    expect(await refreshed(kept)).toBe(200)
    const lines = await knex()('audit_events').whereRaw(`detail ->> 'reason' = 'identity_removed'`)
    const userId = subjectOf(stolen)
    const own = lines.filter(({ user_id }) => user_id === userId)
    expect(own.map(({ event }) => event).sort()).toEqual(['grant.revoked', 'session.ended'])
    expect((await thief.follow(await thief.get('/account'))).text).toContain('您上次使用的登录方式已解绑')
    const why = await runCommand(['users', 'why', userId], { env: world.env, cwd: '/' })
    expect(why.stdout).toContain('an identity that this login was made with was removed')
  })

  test('ends the very browser that removes it, which is told so before and after', async () => {
    const person = newPerson()
    const { phone } = await ownerWith(person)
    const browser = world.visitor()
    await byGithub(browser, person)
    const { page, done } = await remove(browser, String(person))
    expect(page.text).toContain('您当前也是用它登录的')
    expect((await browser.follow(done)).text).toContain('您上次使用的登录方式已解绑')
    expect((await loginBySms(world, browser, startLogin(world, 'plain', redirectUri), phone)).location).toContain(
      'code=',
    )
    expect((await browser.get(list)).text).not.toContain('GitHub</bdi></strong>')
  })

  test('takes along a session in which it was one of several logins', async () => {
    const person = newPerson()
    const { owner, phone } = await ownerWith(person)
    const both = world.visitor()
    await byGithub(both, person)
    const again = startLogin(world, 'plain', redirectUri, { prompt: 'login' })
    expect((await loginBySms(world, both, again, phone)).location).toContain('code=')
    expect(await isIn(both)).toBe(true)
    await remove(owner, String(person))
    expect([await isIn(both), await isIn(owner)]).toEqual([false, true])
  })

  test('takes along a device that was let in from such a browser', async () => {
    const person = newPerson()
    const { owner } = await ownerWith(person)
    const thief = world.visitor()
    await byGithub(thief, person)
    const form = new URLSearchParams({ client_id: 'tv', scope: 'openid offline_access' })
    const begun = (await (await fetch(`${world.issuer}/device/auth`, { method: 'POST', body: form })).json()) as {
      readonly device_code: string
      readonly user_code: string
    }
    const xsrfOf = (text: string) => /name="xsrf" value="([^"]+)"/.exec(text)?.[1] ?? ''
    const { user_code } = begun
    const asked = await thief.post('/device', { xsrf: xsrfOf((await thief.get('/device')).text), user_code })
    await thief.follow(await thief.post('/device', { xsrf: xsrfOf(asked.text), user_code, confirm: 'yes' }))
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
    const polled = await token(world, { grant_type, client_id: 'tv', device_code: begun.device_code })
    expect(polled.status).toBe(200)
    await remove(owner, String(person))
    expect(await refreshed(polled.body, 'tv')).toBe(400)
  })

  test('takes along an app that came by it, and the app that removes its own', async () => {
    const [phone, second] = [newPhone(), newPhone()]
    const owner = await signedIn(world, redirectUri, phone)
    await bindByCode(world, owner, 'phone', second)
    const [mine, theirs] = [new NativeApp(world), new NativeApp(world)]
    const scope = 'openid identities offline_access'
    const own = await mine.exchange(await nativeSms(world, mine, phone, { scope }))
    const stolen = await theirs.exchange(await nativeSms(world, theirs, second, { scope }))
    const access = await mine.refresh(own, { scope: 'openid identities' })
    const headers = { authorization: `Bearer ${access.access_token}` }
    const takeAway = async (number: string) =>
      (await mine.send('DELETE', `/identities/${await identityOf(`+86${number}`)}`, undefined, headers)).status
    expect(await takeAway(second)).toBe(204)
    const refused = await theirs.tryToken({ grant_type: 'refresh_token', refresh_token: stolen.refresh_token })
    expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
    const kept = await mine.refresh(access)
    // Because the number was removed, the browser's earlier login is no longer fresh.
    const again = await signedIn(world, redirectUri, phone)
    await bindByCode(world, again, 'email', `${phone}@example.com`)
    expect(await takeAway(phone)).toBe(204)
    expect((await mine.tryToken({ grant_type: 'refresh_token', refresh_token: kept.refresh_token })).status).toBe(400)
  })

  test('refuses a login that was finished with it and is brought later', async () => {
    const person = newPerson()
    const { owner } = await ownerWith(person)
    const thief = world.visitor()
    const page = await reachLogin(thief, startLogin(world, 'plain', redirectUri))
    const back = await thief.get(upstreams.github.authorize(person, await leaveFor(thief, page, 'github')))
    const finished = await thief.get(back.location ?? '')
    expect(finished.location).toMatch(/\/auth\/[\w-]+$/)
    await remove(owner, String(person))
    const brought = await thief.follow(await thief.get(finished.location ?? ''))
    expect(brought).toMatchObject({ status: 200, location: undefined })
    expect(brought.text).toContain('name="phone"')
    expect(await isIn(thief)).toBe(false)
  })

  test('is told to the clients of the session, and leaves nothing when an older login does not say what it came by', async () => {
    const person = newPerson()
    const { owner } = await ownerWith(person)
    const [thief, older] = [world.visitor(), world.visitor()]
    await byGithub(thief, person, startLogin(world, 'told', redirectUri))
    const { user_id } = await knex()('identities')
      .where({ id: await identityOf(String(person)) })
      .first('user_id')
    const known = await knex()('oidc_records').where({ user_id, model: 1 }).pluck('id')
    await byGithub(older, person)
    const about = JSON.stringify({ method: 'github', ip: '127.0.0.1' })
    await knex()('oidc_records').where({ user_id, model: 1 }).whereNotIn('id', known).update({ about })
    await remove(owner, String(person))
    expect([await isIn(thief), await isIn(older), await isIn(owner)]).toEqual([false, false, true])
    const notices = await knex()('logout_notices').where({ client_id: 'told', user_id })
    expect(notices).toHaveLength(1)
  })

  test('leaves nothing of what races with it over two processes', async () => {
    for (let round = 0; round < 12; round += 1) {
      const [phone, second] = [newPhone(), newPhone()]
      const owner = await signedIn(world, redirectUri, phone)
      await bindByCode(world, owner, 'phone', second)
      const identity = await identityOf(`+86${second}`)
      const apps = [new NativeApp(world), new NativeApp(beside), new NativeApp(beside), new NativeApp(world)] as const
      const [refreshing, redeeming, arriving, browser] = [apps[0], apps[1], apps[2], world.visitor()]
      const tokens = await refreshing.exchange(await nativeSms(world, refreshing, second))
      const code = await nativeSms(world, redeeming, second)
      const page = await reachLogin(browser, startLogin(world, 'plain', redirectUri))
      await browser.post(page.url, { method: 'sms', phone: second, agreement: 'on' })
      const first = await browser.post(page.url, { method: 'sms', otp: await world.otp(`+86${second}`) })
      await arriving.challenge({ method: 'sms', phone: second })
      const otp = await world.otp(`+86${second}`)
      const unbind = { identity, form_token: formToken(await owner.get(`${list}/unbind?identity=${identity}`)) }
      const [removed, refreshed, redeemed, arrived] = await Promise.all([
        owner.post(`${list}/unbind`, unbind),
        refreshing.tryToken({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token }),
        redeeming.exchange(code).catch(() => undefined),
        arriving.challenge({ otp }),
        browser.get(first.location ?? ''),
      ])
      expect(removed.location).toBe(`${list}?done=unbound`)
      const made = arrived.body.authorization_code ? await arriving.exchange(arrived).catch(() => undefined) : undefined
      // Whoever comes with the number afterwards is somebody new.
      const theirs = made && subjectOf({ ...made }) === subjectOf({ ...tokens }) ? made : undefined
      const last = [
        refreshed.body['refresh_token'],
        redeemed?.refresh_token,
        theirs?.refresh_token,
        tokens.refresh_token,
      ]
      for (const refresh_token of last.filter((each) => each !== undefined)) {
        const again = await token(world, {
          grant_type: 'refresh_token',
          client_id: 'ios',
          refresh_token: `${refresh_token}`,
        })
        expect(again.status).toBe(400)
      }
      expect(await isIn(browser)).toBe(false)
      const left = await knex()('oidc_records').where('about', 'like', `%${identity}%`)
      expect(left).toEqual([])
    }
  })
})

describe('a password that is changed', () => {
  async function withPassword() {
    const phone = newPhone()
    const owner = await signedIn(world, redirectUri, phone)
    const form_token = formToken(await owner.get('/account/password'))
    const set = await owner.post('/account/password', { new_password: oldPassword, form_token })
    expect(set.location).toBe('/account?done=password')
    const change = () =>
      owner.post('/account/password', { password: oldPassword, new_password: newPassword, form_token })
    return { owner, phone, change }
  }

  test('takes along the other logins made with it, and no others', async () => {
    const { owner, phone, change } = await withPassword()
    const [thief, second] = [world.visitor(), world.visitor()]
    const url = offline()
    const stolen = await exchange(
      world,
      'web',
      redirectUri,
      (await loginByPassword(thief, url, phone, oldPassword)).location,
    )
    await loginBySms(world, second, startLogin(world, 'plain', redirectUri), phone)
    const done = await owner.follow(await change())
    expect(done.text).toContain('其他用密码登录的设备和应用均已退出')
    expect([await isIn(thief), await isIn(second), await isIn(owner)]).toEqual([false, true, true])
    expect(await refreshed(stolen)).toBe(400)
  })

  test('leaves the browser in which it was changed, whichever way that had come', async () => {
    const { phone } = await withPassword()
    const browser = world.visitor()
    await loginByPassword(browser, startLogin(world, 'plain', redirectUri), phone, oldPassword)
    const form_token = formToken(await browser.get('/account/password'))
    await browser.post('/account/password', { password: oldPassword, new_password: newPassword, form_token })
    expect(await isIn(browser)).toBe(true)
    // It goes on as before: another app is opened in it.
    expect((await browser.get(startLogin(world, 'web', redirectUri))).location).toContain('code=')
  })

  test('refuses a login that was finished with the old one and is brought later', async () => {
    const { phone, change } = await withPassword()
    const thief = world.visitor()
    const page = await reachLogin(thief, startLogin(world, 'plain', redirectUri))
    const entered = { method: 'password', identifier: phone, password: oldPassword, agreement: 'on' }
    const finished = await thief.post(page.url, entered)
    expect(finished.location).toMatch(/\/auth\/[\w-]+$/)
    await change()
    const brought = await thief.follow(await thief.get(finished.location ?? ''))
    expect(brought).toMatchObject({ status: 200, location: undefined })
    // The form of the way in that was finished last in this browser.
    expect(brought.text).toContain('name="password"')
    expect(await isIn(thief)).toBe(false)
  })
})
