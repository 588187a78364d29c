import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bindByCode, bindThrough, formToken, leaveToBind, signedIn } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginByPassword, reachLogin, startLogin } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { leaveFor, loginThrough } from '../support/upstream.ts'
import { openUpstreams, type Upstreams } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const list = '/account/identities'

describe.each(['redis', 'tables'] as const)('ways in at the account page, short-lived values in %s', (stores) => {
  let world: World
  let upstreams: Upstreams
  let people = 1000
  let numbers = 13700137000

  beforeAll(async () => {
    const port = await freePort()
    upstreams = await openUpstreams(`http://localhost:${port}`)
    const env = upstreams.env(['github', 'apple', 'corp'])
    world = await openWorld({ stores, port, env: { ...env, MENSHEN_IDENTITIES_PER_PROVIDER: '{ oidc:corp: 1 }' } })
    await world.register({ clients, resources })
  })
  afterEach(resetClock)
  afterAll(async () => {
    await world.close()
    await upstreams.close()
  })

  const newPhone = () => String(++numbers)
  const newPerson = () => ++people
  const visitorAt = (phone = newPhone()) => signedIn(world, redirectUri, phone)
  const github = (visitor: Visitor, person: number) =>
    bindThrough(visitor, 'github', (upstream) => upstreams.github.authorize(person, upstream))
  const knex = () => world.database.database.knex
  const audited = (event: string) => knex()('audit_events').where({ event }).orderBy('id')
  const identities = async () =>
    Number((await knex()('identities').whereNotNull('verified_at').count('* as n').first())?.['n'])
  const userOf = async (phone: string): Promise<string> =>
    (
      await knex()('identity_subjects')
        .join('identities', 'identities.id', 'identity_id')
        .where({ subject: `+86${phone}` })
        .first('user_id')
    ).user_id
  const ownersOf = async (subject: string): Promise<string[]> =>
    (
      await knex()('identity_subjects')
        .join('identities', 'identities.id', 'identity_id')
        .where({ subject })
        .select('user_id')
    ).map((row: { user_id: string }) => row.user_id)
  const unbindLinks = (page: Answer) => [...page.text.matchAll(/unbind\?identity=(idn_\w+)/g)].map(([, id]) => id ?? '')
  const unbind = (visitor: Visitor, identity: string, form_token: string) =>
    visitor.post(`${list}/unbind`, { identity, form_token })

  test('an identity nobody has becomes mine, and logs in to my account', async () => {
    const phone = newPhone()
    const visitor = await visitorAt(phone)
    const person = newPerson()
    const page = await github(visitor, person)
    expect(page.status).toBe(200)
    expect(page.text).toContain('绑定成功')
    expect(page.text).toContain('GitHub</bdi></strong> <bdi>****')
    expect(page.text).not.toContain(`>${person}<`)
    expect(page.text).toContain('IP <bdi>127.0.0.*</bdi>')
    const mine = await userOf(phone)
    expect(await ownersOf(String(person))).toEqual([mine])
    expect((await audited('identity.bound')).at(-1)).toMatchObject({ user_id: mine, identity_provider: 'github' })

    const back = await loginThrough(world.visitor(), startLogin(world, 'plain', redirectUri), 'github', (upstream) =>
      upstreams.github.authorize(person, upstream),
    )
    expect(back.location).toContain('code=')
    expect((await audited('login.succeeded')).at(-1)).toMatchObject({ user_id: mine })
  })

  test('several identities of one provider are fine where no number limits them', async () => {
    const visitor = await visitorAt()
    await github(visitor, newPerson())
    const page = await github(visitor, newPerson())
    expect(page.text.match(/<strong><bdi>GitHub/g)).toHaveLength(2)
  })

  test('at the limit another one is refused clearly, and no button offers it', async () => {
    const visitor = await visitorAt()
    const corp = async (person: string) => {
      const form_token = formToken(await visitor.get(list))
      const left = await visitor.post(list, { method: 'corp', form_token })
      const body = new URLSearchParams({ person, decision: 'accept' })
      const answer = await fetch(left.location as string, { method: 'POST', body, redirect: 'manual' })
      return visitor.follow(await visitor.get(answer.headers.get('location') as string))
    }
    const n = people + (stores === 'redis' ? 0 : 20)
    const first = await corp(`p${n % 40}`)
    expect(first.text).toContain('绑定成功')
    expect(first.text).not.toContain('value="corp"')
    expect(first.text).toContain('已达绑定数量上限')
    const before = await identities()
    const second = await corp(`p${(n + 1) % 40}`)
    expect(second.status).toBe(409)
    expect(second.text).toContain('identity.limit')
    expect(await identities()).toBe(before)
    expect((await audited('identity.refused')).at(-1)).toMatchObject({ detail: { error: 'identity.limit' } })
    expect((await corp(`p${n % 40}`)).text).toContain('已绑定在您的账号上')
  })

  test('what is mine already is told so, and nothing changes', async () => {
    const visitor = await visitorAt()
    const person = newPerson()
    await github(visitor, person)
    const before = await identities()
    const again = await github(visitor, person)
    expect(again.status).toBe(200)
    expect(again.text).toContain('已绑定在您的账号上')
    expect(await identities()).toBe(before)
  })

  test('what is somebody else’s ends on a page that says so, and nothing moves', async () => {
    const person = newPerson()
    const phone = newPhone()
    await github(await visitorAt(phone), person)
    const stranger = await visitorAt()
    const before = await identities()
    const page = await github(stranger, person)
    expect(page.status).toBe(409)
    expect(page.text).toContain('该 GitHub 属于另一个账号')
    expect(page.text).not.toContain(phone.slice(-4))
    expect(await identities()).toBe(before)
    expect(await ownersOf(String(person))).toEqual([await userOf(phone)])
    expect((await audited('identity.refused')).at(-1)).toMatchObject({ detail: { error: 'identity.taken' } })
  })

  test('of two accounts that bind one identity at once, one has it', async () => {
    const person = newPerson()
    const visitors = await Promise.all([visitorAt(), visitorAt()])
    const pages = await Promise.all(visitors.map((visitor) => github(visitor, person)))
    expect(pages.map(({ status }) => status).sort()).toEqual([200, 409])
    expect(await ownersOf(String(person))).toHaveLength(1)
  })

  test('a number and an address are proved by codes of their own', async () => {
    const visitor = await visitorAt()
    const phone = newPhone()
    const address = `lin-${stores}@example.com`
    expect((await bindByCode(world, visitor, 'phone', phone)).text).toContain('绑定成功')
    const page = await bindByCode(world, visitor, 'email', ` Lin-${stores}@Example.com `)
    expect(page.text).toContain('li***@example.com')
    const sent = await fetch(`${world.issuer}/sandbox/outbox?to=${address}`, {
      headers: { accept: 'application/json' },
    })
    expect(await sent.json()).toMatchObject([{ template: 'bind_code', channel: 'email' }])
    expect(await ownersOf(address)).toEqual([await userOf(phone)])
    const taken = await bindByCode(world, await visitorAt(), 'phone', phone)
    expect(taken.status).toBe(409)
    expect(taken.text).toContain('该手机号属于另一个账号')
  })

  test('a wrong code is told with the tries left, and too many end it', async () => {
    const visitor = await visitorAt()
    const phone = newPhone()
    const path = `${list}/phone`
    const form_token = formToken(await visitor.get(path))
    await visitor.post(path, { phone, form_token })
    const wrong = (await world.otp(`+86${phone}`)) === '000000' ? '000001' : '000000'
    const refused = await visitor.post(path, { otp: wrong, form_token })
    expect(refused.status).toBe(400)
    expect(refused.text).toContain('还可以再试 4 次')
    expect((await audited('identity.refused')).at(-1)).toMatchObject({ detail: { error: 'otp.wrong', method: 'sms' } })
    const form = await visitor.get(`${path}?change=1`)
    expect(form.text).toMatch(new RegExp(`name="phone"[^>]* value="${phone}"`))
    expect((await visitor.post(path, { phone: '123', form_token })).text).toContain('phone.invalid')
    const email = await visitor.post(`${list}/email`, { identifier: '13800138000', form_token })
    expect(email.text).toContain('email.invalid')
  })

  test('a code sent for a login does not bind, and one sent to bind does not log in', async () => {
    const phone = newPhone()
    const visitor = await visitorAt()
    const stranger = world.visitor()
    const login = await reachLogin(stranger, startLogin(world, 'plain', redirectUri))
    await stranger.post(login.url, { method: 'sms', phone, agreement: 'on' })
    const forLogin = await world.otp(`+86${phone}`)
    const path = `${list}/phone`
    const form_token = formToken(await visitor.get(path))
    await visitor.post(path, { phone, form_token })
    const forBinding = await world.otp(`+86${phone}`)
    expect(forBinding).not.toBe(forLogin)
    expect((await visitor.post(path, { otp: forLogin, form_token })).status).toBe(400)
    expect((await stranger.post(login.url, { method: 'sms', otp: forBinding })).status).toBe(400)
    expect(await ownersOf(`+86${phone}`)).toEqual([])
    expect((await visitor.follow(await visitor.post(path, { otp: forBinding, form_token }))).text).toContain('绑定成功')
  })

  test('no login takes the method that proves an address', async () => {
    const visitor = world.visitor()
    const login = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
    const form = { method: 'email', identifier: 'stranger@example.com', agreement: 'on' }
    const answer = await visitor.post(login.url, form)
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('attempt.method_unknown')
    await expect(world.otp('stranger@example.com')).rejects.toThrow('nothing was sent')
  })

  test('unbinding asks first, and the way in is gone', async () => {
    const visitor = await visitorAt()
    const person = newPerson()
    const page = await github(visitor, person)
    const identity = unbindLinks(page).at(-1) as string
    const confirm = await visitor.get(`${list}/unbind?identity=${identity}`)
    expect(confirm.text).toContain('确定解绑该 GitHub？')
    expect(await ownersOf(String(person))).toHaveLength(1)
    const done = await visitor.follow(await unbind(visitor, identity, formToken(confirm)))
    expect(done.text).toContain('已解绑')
    expect(await ownersOf(String(person))).toEqual([])
    expect((await audited('identity.unbound')).at(-1)).toMatchObject({ identity_provider: 'github' })
    expect(unbindLinks(done)).toEqual([])
    expect(done.text).toContain('唯一的登录方式')
    expect((await unbind(visitor, identity, formToken(confirm))).status).toBe(404)
  })

  test('the last way in stays, also when two are unbound at once', async () => {
    const visitor = await visitorAt()
    const person = newPerson()
    const authorize = (upstream: URL) => upstreams.github.authorize(person, upstream)
    const page = await github(visitor, person)
    const [one = '', two = ''] = unbindLinks(page)
    const token = formToken(page)
    const answers = await Promise.all([unbind(visitor, one, token), unbind(visitor, two, token)])
    expect(answers.filter(({ location }) => location === `${list}?done=unbound`)).toHaveLength(1)
    // Where the phone number went first, this browser had come by it and may be out before it is refused.
    const [refused] = answers.filter(({ location }) => location !== `${list}?done=unbound`) as [Answer]
    expect(refused.location ?? refused.text).toMatch(/identity\.last|^\/auth\?/)
    const left = await knex()('identities').whereIn('id', [one, two])
    expect(left).toHaveLength(1)
    const again = left[0].provider === 'phone' ? visitor : world.visitor()
    if (again !== visitor) await loginThrough(again, startLogin(world, 'plain', redirectUri), 'github', authorize)
    expect((await again.get(`${list}/unbind?identity=${left[0].id}`)).status).toBe(409)
    expect((await unbind(again, left[0].id, formToken(await again.get(list)))).text).toContain('identity.last')
    expect((await audited('identity.refused')).at(-1)).toMatchObject({ detail: { error: 'identity.last' } })
  })

  test('nobody unbinds what is another’s', async () => {
    const [mine, other] = await Promise.all([visitorAt(), visitorAt()])
    const theirs = unbindLinks(await github(other, newPerson())).at(-1) as string
    const page = await github(mine, newPerson())
    expect((await mine.get(`${list}/unbind?identity=${theirs}`)).status).toBe(404)
    expect((await unbind(mine, theirs, formToken(page))).status).toBe(404)
    expect((await mine.get(`${list}/unbind?identity=x`)).status).toBe(404)
    expect(unbindLinks(await other.get(list))).toContain(theirs)
  })

  test('a login that is not fresh is asked for again, and leads back to where the person was', async () => {
    const phone = newPhone()
    const visitor = await visitorAt(phone)
    const page = await github(visitor, newPerson())
    const identity = unbindLinks(page).at(-1) as string
    walkTo(601_000)
    const before = await identities()
    const stale = await unbind(visitor, identity, formToken(page))
    expect(stale.location).toMatch(/^\/auth\?.*prompt=login/)
    expect(await identities()).toBe(before)
    expect((await visitor.get(list)).status).toBe(200)
    const start = await visitor.post(list, { method: 'github', form_token: formToken(page) })
    expect(start.location).toMatch(/^\/auth\?.*prompt=login/)

    const login = await visitor.follow(stale)
    expect(login.text).toContain('请再次验证身份')
    await visitor.post(login.url, { method: 'sms', phone, agreement: 'on' })
    const otp = await world.otp(`+86${phone}`)
    const back = await visitor.follow(await visitor.post(login.url, { method: 'sms', otp }))
    expect(back.url.pathname + back.url.search).toBe(`${list}/unbind?identity=${identity}`)
    expect((await unbind(visitor, identity, formToken(back))).location).toBe(`${list}?done=unbound`)
  })

  test('a login that grows old at the upstream is asked for again, and the binding goes on', async () => {
    const phone = newPhone()
    const visitor = await visitorAt(phone)
    walkTo(300_000)
    const upstream = await leaveToBind(visitor, 'github')
    walkTo(601_000)
    const person = newPerson()
    const login = await visitor.follow(await visitor.get(upstreams.github.authorize(person, upstream)))
    expect(login.text).toContain('请再次验证身份')
    expect(await ownersOf(String(person))).toEqual([])
    await visitor.post(login.url, { method: 'sms', phone, agreement: 'on' })
    const otp = await world.otp(`+86${phone}`)
    const back = await visitor.follow(await visitor.post(login.url, { method: 'sms', otp }))
    expect(back.text).toContain('绑定成功')
    expect(await ownersOf(String(person))).toEqual([await userOf(phone)])
  })

  test('what came back for a login never binds, and what came back to bind never logs in', async () => {
    const person = newPerson()
    const visitor = await visitorAt()
    const login = await reachLogin(visitor, startLogin(world, 'plain', redirectUri, { prompt: 'login' }))
    const forLogin = upstreams.github.authorize(person, await leaveFor(visitor, login, 'github'))
    const kept = await visitor.get(forLogin)
    expect(kept.location).toContain(`${login.url.pathname}/callback?handle=`)
    const handle = new URL(kept.location as string, world.issuer).searchParams.get('handle') as string
    const crossed = await visitor.follow(await visitor.get(`${list}/callback?handle=${handle}`))
    expect(crossed.status).toBe(400)
    expect(crossed.text).toContain('本次绑定已过期或已完成')
    expect(await ownersOf(String(person))).toEqual([])

    const other = newPerson()
    const toBind = upstreams.github.authorize(other, await leaveToBind(visitor, 'github'))
    const bindKept = await visitor.get(toBind)
    const bindHandle = new URL(bindKept.location as string, world.issuer).searchParams.get('handle') as string
    const back = await visitor.get(`${login.url.pathname}/callback?handle=${bindHandle}`)
    expect(back.status).toBe(400)
    expect(await ownersOf(String(other))).toEqual([])
    expect((await visitor.follow(bindKept)).text).toContain('绑定成功')
  })

  test('only the browser that began a binding finishes it', async () => {
    const phone = newPhone()
    const [attacker, victim, sameUser] = await Promise.all([visitorAt(), visitorAt(), visitorAt(phone)])
    const person = newPerson()
    const callback = upstreams.github.authorize(person, await leaveToBind(attacker, 'github'))
    const lured = await victim.follow(await victim.get(callback))
    expect(lured.status).toBe(400)
    expect(lured.text).toContain('attempt.expired')
    expect(await ownersOf(String(person))).toEqual([])
    expect((await attacker.follow(await attacker.get(callback))).text).toContain('绑定成功')

    const elsewhere = await visitorAt(phone)
    const own = newPerson()
    const begun = upstreams.github.authorize(own, await leaveToBind(sameUser, 'github'))
    expect((await elsewhere.follow(await elsewhere.get(begun))).status).toBe(400)
    expect(await ownersOf(String(own))).toEqual([])
  })

  test('a callback that comes twice leads to one place both times', async () => {
    const visitor = await visitorAt()
    const callback = upstreams.github.authorize(newPerson(), await leaveToBind(visitor, 'github'))
    const [first, second] = await Promise.all([visitor.get(callback), visitor.get(callback)])
    const pages = await Promise.all([visitor.follow(first), visitor.follow(second)])
    for (const page of pages) expect(page.text).toContain('绑定成功')
  })

  test('a form without the token of this session, or from another site, changes nothing', async () => {
    const [visitor, other] = await Promise.all([visitorAt(), visitorAt()])
    const page = await github(visitor, newPerson())
    const identity = unbindLinks(page).at(-1) as string
    const foreign = formToken(await other.get(list))
    const before = await identities()
    for (const form_token of ['', foreign]) {
      expect((await unbind(visitor, identity, form_token)).status).toBe(403)
      expect((await visitor.post(list, { method: 'github', form_token })).status).toBe(403)
      expect((await visitor.post(`${list}/phone`, { phone: newPhone(), form_token })).status).toBe(403)
    }
    const form_token = formToken(page)
    const crossSite = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
    expect((await visitor.post(`${list}/unbind`, { identity, form_token }, crossSite)).status).toBe(403)
    expect((await visitor.post(list, { method: 'github', form_token }, crossSite)).status).toBe(403)
    expect((await visitor.post(`${list}/email`, { identifier: 'a@b.cn', form_token }, crossSite)).status).toBe(403)
    expect(await identities()).toBe(before)
  })

  test('an upstream in trouble, and a refusal there, are told on the list, with the vendor’s code in the audit', async () => {
    const phone = newPhone()
    const visitor = await visitorAt(phone)
    const refused = await bindThrough(visitor, 'github', (upstream) =>
      upstreams.github.authorize(newPerson(), upstream, { decision: 'refuse' }),
    )
    expect(refused.status).toBe(400)
    expect(refused.url.pathname).toBe(list)
    expect(refused.text).toContain('upstream.cancelled')
    const callback = upstreams.github.authorize(newPerson(), await leaveToBind(visitor, 'github'))
    upstreams.github.faults.push({ kind: 'html_instead' })
    const failed = await visitor.follow(await visitor.get(callback))
    expect(failed.status).toBe(503)
    const user_id = await userOf(phone)
    const rows = (await audited('upstream.failed')).slice(-2)
    expect(rows).toMatchObject([
      { user_id, detail: { method: 'github', vendor_code: 'access_denied' } },
      { user_id, detail: { method: 'github', vendor_code: 'page' } },
    ])
  })

  test('a credential of the upstream is kept beside the identity, sealed', async () => {
    const phone = newPhone()
    const visitor = await visitorAt(phone)
    const upstream = await leaveToBind(visitor, 'apple')
    const person = stores === 'redis' ? 'p30' : 'p31'
    const { fields } = upstreams.apple.authorize(person, upstream, 'accept')
    const posted = await visitor.post('/callback/apple', fields, { 'sec-fetch-site': 'cross-site' })
    expect((await visitor.follow(posted)).text).toContain('绑定成功')
    const row = await knex()('identities')
      .where({ user_id: await userOf(phone), provider: 'apple' })
      .first()
    const kept = world.app.core.sealer.open(row.upstream_credential, 'upstream_credential')
    expect(kept.length).toBeGreaterThan(10)
    expect(row.upstream_credential).not.toContain(kept)
  })

  test('a user name and a phone number remain two ways in only beside a password', async () => {
    const visitor = world.visitor()
    const login = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
    const password = 'ripe tea from 4 mountains'
    const identifier = `chaguan-${stores}`
    await visitor.follow(
      await visitor.post(login.url, { method: 'register', identifier, new_password: password, agreement: 'on' }),
    )
    const page = await bindByCode(world, visitor, 'phone', newPhone())
    expect(page.text).toContain(identifier)
    const ids = unbindLinks(page)
    expect(ids).toHaveLength(2)
    await unbind(visitor, ids[1] as string, formToken(page))
    const later = await loginByPassword(world.visitor(), startLogin(world, 'plain', redirectUri), identifier, password)
    expect(later.location).toContain('code=')
  })
})
