import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { UserId } from '../../src/base/ids.ts'
import { signedIn } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, reachLogin, startLogin, subjectOf, token } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import { leadsTo, openidOf, twoAccounts } from '../support/several.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { agreeAt } from '../support/upstream.ts'
import { type ConnectionName, insideWechat, openUpstreams, type Upstreams } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// WeChat vouches for a unionid and an openid in one answer, and they lie with two accounts of one person.

let world: World
let upstreams: Upstreams
let people = 0
let numbers = 13900880000

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({ port, env: upstreams.env(['wechat', 'silent']) })
  await world.register({ clients, resources })
})
afterEach(resetClock)
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

const newPerson = () => `p${people++}`
const newPhone = () => `+86${++numbers}`
const start = (more: Readonly<Record<string, string>> = {}, client = 'plain') =>
  startLogin(world, client, redirectUri, more)
const knex = () => world.database.database.knex
const subOf = async (answer: Answer, client = 'plain'): Promise<UserId> =>
  subjectOf(await exchange(world, client, redirectUri, answer.location))
const desk = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36'

/** Comes from inside WeChat as this person; what comes is a page of ours, or the way back to the app. */
async function through(
  person: string,
  { visitor = world.visitor(), url = start(), userAgent = insideWechat, connection = 'wechat' as ConnectionName } = {},
): Promise<{ readonly visitor: Visitor; readonly answer: Answer }> {
  const headers = { 'user-agent': userAgent }
  const page = await reachLogin(visitor, url)
  const { location = '' } = await visitor.post(page.url, { method: connection, agreement: 'on' }, headers)
  const back = await agreeAt(upstreams, visitor, { connection, person, location, headers })
  const answer = await visitor.follow(await visitor.get(new URL(back.location ?? '', world.issuer), headers))
  return { visitor, answer }
}

async function choose(visitor: Visitor, page: Answer, account: UserId): Promise<Answer> {
  return visitor.follow(await visitor.post(page.url.pathname, { choice: 'account', account }))
}

/** Everything of the table of accounts, but for when something was used. */
async function stored(): Promise<unknown> {
  const { rows } = await knex().raw(`select
    (select json_agg(json_build_array(id, user_id) order by id) from identities) as identities,
    (select json_agg(s order by provider, subject) from identity_subjects s) as subjects`)
  return rows[0]
}

describe('of two accounts that can both be entered otherwise', () => {
  test('the person sees both as people know them, and the one they choose has all of it', async () => {
    const person = newPerson()
    const [one, other] = [newPhone(), newPhone()]
    const [byCode, inside] = await twoAccounts(world, upstreams, person, [one, other])
    const before = await stored()
    const { visitor, answer: page } = await through(person)
    expect(page.status).toBe(200)
    for (const [index, phone] of [one, other].entries()) {
      expect(page.text).toContain(`小明 ${index + 1}`)
      expect(page.text).toContain(`${phone.slice(3, 6)}****${phone.slice(-4)}`)
    }
    expect(page.text.match(/<time /g)).toHaveLength(4)
    expect(await stored()).toEqual(before)
    const back = await choose(visitor, page, inside)
    expect(await subOf(back)).toBe(inside)
    expect(await leadsTo(world, inside)).toEqual(['openid:wx-mobile-app', 'openid:wx-official-account', 'unionid'])
    // The earlier QR code was not in this answer: it leads where it led, until WeChat tells both at once.
    expect(await leadsTo(world, byCode)).toEqual(['openid:wx-website'])
    expect(await subOf((await through(person)).answer)).toBe(inside)
  })

  test('the other keeps every other way in, and what came by this one ends there with its reason', async () => {
    const person = newPerson()
    const phone = newPhone()
    const [byCode, inside] = await twoAccounts(world, upstreams, person, [newPhone(), phone])
    const offline = start({ scope: 'openid offline_access' }, 'web')
    const { visitor: came, answer } = await through(person, { url: offline, connection: 'silent' })
    const tokens = await exchange(world, 'web', redirectUri, answer.location)
    expect(subjectOf(tokens)).toBe(inside)
    const bySms = await signedIn(world, redirectUri, phone.slice(3))
    const { visitor, answer: page } = await through(person)
    expect(await subOf(await choose(visitor, page, byCode))).toBe(byCode)
    expect((await came.get('/account/devices')).status).not.toBe(200)
    const refresh = { grant_type: 'refresh_token', client_id: 'web', refresh_token: tokens['refresh_token'] ?? '' }
    expect((await token(world, refresh)).status).toBe(400)
    expect((await bySms.get('/account/devices')).status).toBe(200)
    expect((await came.follow(await came.get('/account'))).text).toContain('现在用于登录您的另一个账号')
    const ended = await knex()('audit_events').whereRaw(`detail ->> 'reason' = 'identity_moved'`)
    expect([...new Set(ended.map(({ user_id }) => user_id))]).toEqual([inside])
    const moved = await knex()('audit_events').where({ event: 'identity.moved', user_id: inside })
    const openid = expect.stringMatching(/^openid:wx-official-account:\S{2}\*{4}\S{4}$/)
    expect(moved).toMatchObject([
      { identity_provider: 'wechat', detail: { from: inside, to: byCode, subjects: [openid], method: 'wechat' } },
    ])
    const again = await loginBySms(world, world.visitor(), start(), phone.slice(3))
    expect(await subOf(again)).toBe(inside)
  })

  test('a request for one of them lets that one in, asks nothing and moves nothing', async () => {
    const person = newPerson()
    const [byCode, inside] = await twoAccounts(world, upstreams, person, [newPhone(), newPhone()])
    const before = await stored()
    for (const wanted of [byCode, inside]) {
      const claims = JSON.stringify({ id_token: { sub: { value: wanted } } })
      expect(await subOf((await through(person, { url: start({ claims }) })).answer)).toBe(wanted)
    }
    expect(await stored()).toEqual(before)
  })

  test('an account that was not asked about is no answer, and no page forgets what was asked', async () => {
    const person = newPerson()
    const [, inside] = await twoAccounts(world, upstreams, person, [newPhone(), newPhone()])
    const [stranger] = await twoAccounts(world, upstreams, newPerson())
    const { visitor, answer: page } = await through(person)
    for (const account of [stranger, 'usr_nobody', '']) {
      const refused = await visitor.post(page.url.pathname, { choice: 'account', account })
      expect(refused.status).toBe(400)
    }
    expect((await visitor.post(page.url.pathname, { choice: 'account' })).status).toBe(400)
    expect((await visitor.get(page.url.pathname)).text).toContain(inside)
    expect(await subOf(await choose(visitor, page, inside))).toBe(inside)
  })
})

describe('an account without another way in', () => {
  test('keeps what it has and says so; the person is let in to whichever they choose, and asked again', async () => {
    const person = newPerson()
    const accounts = await twoAccounts(world, upstreams, person)
    const openids = await knex()('identity_subjects')
      .where({ subject: openidOf(upstreams, person, 'mobileApp') })
      .delete()
    expect(openids).toBe(1)
    await knex()('identity_subjects')
      .where({ subject: openidOf(upstreams, person, 'website') })
      .delete()
    const before = await stored()
    for (const account of accounts) {
      const { visitor, answer: page } = await through(person)
      expect(page.text).toContain('没有其他登录方式')
      expect(page.text).not.toContain('以后用该微信将登录您选择的账号')
      expect(page.text).toContain('name="choice" value="one_account"')
      expect(await subOf(await choose(visitor, page, account))).toBe(account)
    }
    expect(await stored()).toEqual(before)
    const [found] = await knex()('audit_events').where({ event: 'identity.conflicted', user_id: accounts[0] })
    expect(found.detail.users).toEqual([...accounts])
  })

  test('keeps it although it had one when it was asked about', async () => {
    const person = newPerson()
    const phone = newPhone()
    const [byCode, inside] = await twoAccounts(world, upstreams, person, [newPhone(), phone])
    await knex()('identity_subjects')
      .where({ subject: openidOf(upstreams, person, 'mobileApp') })
      .delete()
    const { visitor, answer: page } = await through(person)
    await knex()('identities').where({ user_id: inside, provider: 'phone' }).delete()
    expect(await subOf(await choose(visitor, page, byCode))).toBe(byCode)
    expect(await leadsTo(world, inside)).toEqual(['openid:wx-official-account'])
  })

  test('gives nothing away although it has one by now: nobody was told so', async () => {
    const person = newPerson()
    const [byCode, inside] = await twoAccounts(world, upstreams, person, [newPhone()])
    await knex()('identity_subjects')
      .where({ subject: openidOf(upstreams, person, 'mobileApp') })
      .delete()
    const { visitor, answer: page } = await through(person)
    const { directory } = world.app.core
    await directory.bind(inside, { provider: 'phone', subjects: [newPhone()], profile: {} }, { ip: '203.0.113.7' })
    expect(await subOf(await choose(visitor, page, byCode))).toBe(byCode)
    expect(await leadsTo(world, inside)).toEqual(['openid:wx-official-account'])
  })
})

test('ten minutes later the answer is over', async () => {
  const person = newPerson()
  const [byCode, inside] = await twoAccounts(world, upstreams, person, [newPhone(), newPhone()])
  const { visitor, answer: page } = await through(person)
  walkTo(11 * 60_000)
  const before = await stored()
  expect((await choose(visitor, page, byCode)).text).toContain('attempt.expired')
  expect(await stored()).toEqual(before)
  expect(await leadsTo(world, inside)).toHaveLength(2)
})

test('a locked one keeps both out', async () => {
  const person = newPerson()
  const [byCode] = await twoAccounts(world, upstreams, person, [newPhone(), newPhone()])
  await world.app.core.directory.setStatus(byCode, 'locked')
  const { answer } = await through(person)
  expect(answer.text).toContain('user.locked')
})

test('whoever binds it to their account is told that it is another’s too, and nothing moves', async () => {
  const person = newPerson()
  const phone = newPhone()
  const [, inside] = await twoAccounts(world, upstreams, person, [newPhone(), phone])
  const owner = await signedIn(world, redirectUri, phone.slice(3))
  const before = await stored()
  const list = await owner.get('/account/identities', { 'user-agent': insideWechat })
  const form_token = /name="form_token" value="([^"]+)"/.exec(list.text)?.[1] ?? ''
  const headers = { 'user-agent': insideWechat }
  const { location = '' } = await owner.post('/account/identities', { method: 'wechat', form_token }, headers)
  const back = await agreeAt(upstreams, owner, { connection: 'wechat', person, location, headers })
  const told = await owner.follow(await owner.get(new URL(back.location ?? '', world.issuer), headers))
  expect(told.text).toContain('identity.taken')
  expect(await stored()).toEqual(before)
  expect(await leadsTo(world, inside)).toHaveLength(2)
})

test('a computer’s QR code asks the same, where its openid and the unionid have come apart', async () => {
  const person = newPerson()
  const [byCode, inside] = await twoAccounts(world, upstreams, person, [newPhone(), newPhone()])
  const { visitor, answer } = await through(person)
  await choose(visitor, answer, inside)
  const { visitor: browser, answer: page } = await through(person, { userAgent: desk })
  expect(page.text).toContain(byCode)
  expect(await subOf(await choose(browser, page, inside))).toBe(inside)
  expect(await leadsTo(world, byCode)).toEqual([])
  expect(await leadsTo(world, inside)).toHaveLength(4)
  const { rowCount } = await knex().raw(`select 1 from identities i where provider = 'wechat'
    and not exists (select from identity_subjects where identity_id = i.id)`)
  expect(rowCount).toBe(0)
})
