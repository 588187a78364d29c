import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { askToLeave } from '../../src/oidc/endings/account-leaving.ts'
import { aged, asksWhose, day, ownerOf, password, proveNumber, withPassword } from '../support/aged.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginByPassword, loginBySms, startLogin } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { type Answer, errorIn } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// A phone number that its account has not proved for long may be somebody else's by now.

let world: World

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients: clients as never, resources })
})
afterEach(resetClock)
afterAll(() => world?.close())

const knex = () => world.database.database.knex
const directory = () => world.app.core.directory
const events = async (userId: string, event: string) =>
  (await knex()('audit_events').where({ user_id: userId, event }).orderBy('id').select('detail')).map(
    ({ detail }) => detail,
  )
const lead = () => startLogin(world, 'plain', redirectUri)
const hasCode = ({ location }: { readonly location: string | undefined }) => location?.includes('code=') === true

describe('who proves a number', () => {
  test('that was proved ninety days ago is let in, and a day later is asked whose the account is', async () => {
    const { phone } = await aged(world, 100, { days: 89 })
    expect(hasCode(await proveNumber(world, world.visitor(), phone))).toBe(true)
    // That was a proof, and the days count from it.
    walkTo(178 * day)
    expect(hasCode(await proveNumber(world, world.visitor(), phone))).toBe(true)
    walkTo(269 * day)
    expect(asksWhose(await proveNumber(world, world.visitor(), phone))).toBe(true)
  })

  test('with a device that the account knows is let in', async () => {
    const { phone, owner } = await aged(world, 101, { days: 170 })
    expect(hasCode(await proveNumber(world, owner, phone))).toBe(true)
  })

  test('and was asked has changed nothing: the next one is asked too', async () => {
    const { phone, userId } = await aged(world, 102)
    expect(asksWhose(await proveNumber(world, world.visitor(), phone))).toBe(true)
    expect(asksWhose(await proveNumber(world, world.visitor(), phone))).toBe(true)
    expect(await ownerOf(world, phone)).toBe(userId)
    expect(await events(userId, 'identity.doubted')).toHaveLength(2)
    expect(await events(userId, 'login.succeeded')).toHaveLength(1)
  })

  test('is asked although the password was used yesterday: that proves nothing about the number', async () => {
    const { phone } = await aged(world, 103, { days: 90, more: withPassword(world, 'hanmeimei103') })
    expect(hasCode(await loginByPassword(world.visitor(), lead(), phone.slice(3), password))).toBe(true)
    walkTo(91 * day)
    expect(asksWhose(await proveNumber(world, world.visitor(), phone))).toBe(true)
  })

  test('learns the first letter of a nickname and a year, and nothing else', async () => {
    const { phone, userId } = await aged(world, 104, { more: (id) => directory().rename(id, '林小雨') })
    const { text } = await proveNumber(world, world.visitor(), phone)
    const year = (await directory().find(userId))?.user.createdAt.getUTCFullYear()
    expect(text).toContain('林***')
    expect(text).toContain(String(year))
    for (const secret of ['小雨', phone.slice(3), phone.slice(-4), userId]) expect(text).not.toContain(secret)
  })
})

describe('“not mine”', () => {
  test('makes a new account, and the number leaves the old one, which keeps the rest', async () => {
    const { phone, userId } = await aged(world, 110, { more: withPassword(world, 'hanmeimei110') })
    const visitor = world.visitor()
    const { url } = await proveNumber(world, visitor, phone)
    const back = await visitor.follow(await visitor.post(url, { choice: 'not_mine' }))
    expect(hasCode(back)).toBe(true)
    const newcomer = await ownerOf(world, phone)
    expect(newcomer).not.toBe(userId)
    expect((await directory().find(userId))?.identities.map(({ provider }) => provider)).toEqual(['username'])
    expect(await events(userId, 'identity.freed')).toMatchObject([{ to: newcomer, method: 'sms', has_changed: false }])
    expect(await events(newcomer ?? '', 'user.registered')).toHaveLength(1)
    expect(hasCode(await loginByPassword(world.visitor(), lead(), 'hanmeimei110', password))).toBe(true)
    expect(hasCode(await loginBySms(world, world.visitor(), lead(), phone.slice(3)))).toBe(true)
    expect(await ownerOf(world, phone)).toBe(newcomer)
  })

  test('tells the owner over what is left, and not over the number', async () => {
    const email = 'owner118@example.com'
    const claim = { provider: 'email', subjects: [email], profile: {} } as const
    const { phone, userId } = await aged(world, 118, { more: (id) => directory().bind(id, claim, { ip: '::1' }) })
    const visitor = world.visitor()
    const { url } = await proveNumber(world, visitor, phone)
    await visitor.post(url, { choice: 'not_mine' })
    const told = await knex()('owner_messages').where({ user_id: userId, event: 'number_freed' })
    expect(told).toMatchObject([{ channel: 'email', detail: { what: { provider: 'phone', label: '138****0118' } } }])
  })

  test('leaves an account that nothing else leads to, for support to find', async () => {
    const { phone, userId } = await aged(world, 111)
    const visitor = world.visitor()
    const { url } = await proveNumber(world, visitor, phone)
    await visitor.post(url, { choice: 'not_mine' })
    expect(await directory().find(userId)).toMatchObject({ user: { status: 'active' }, identities: [] })
  })

  test('ends what came by the number, and nothing else', async () => {
    const { phone, userId, owner } = await aged(world, 112, { days: 9, more: withPassword(world, 'hanmeimei112') })
    const byName = world.visitor()
    await loginByPassword(byName, lead(), 'hanmeimei112', password)
    await knex()('identities')
      .where({ user_id: userId, provider: 'phone' })
      .update({ proved_at: new Date(0) })
    expect(hasCode(await owner.get(lead()))).toBe(true)
    const visitor = world.visitor()
    const { url } = await proveNumber(world, visitor, phone)
    await visitor.post(url, { choice: 'not_mine' })
    expect(hasCode(await owner.get(lead()))).toBe(false)
    expect(hasCode(await byName.get(lead()))).toBe(true)
    expect(await events(userId, 'session.ended')).toMatchObject([{ reason: 'number_freed' }])
  })

  test('counts once where two say it at once, and of both the number is one person’s', async () => {
    const { phone, userId } = await aged(world, 113)
    const visitors = [world.visitor(), world.visitor()]
    const pages: Answer[] = []
    for (const visitor of visitors) pages.push(await proveNumber(world, visitor, phone))
    const answers = await Promise.all(
      visitors.map((visitor, index) => visitor.post(pages[index]?.url ?? '', { choice: 'not_mine' })),
    )
    const newcomer = await ownerOf(world, phone)
    expect(newcomer).not.toBe(userId)
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 400])
    expect(answers.filter((each) => errorIn(each) === 'attempt.expired')).toHaveLength(1)
    expect(await events(userId, 'identity.freed')).toHaveLength(1)
  })

  test('comes too late when the owner has proved the number meanwhile', async () => {
    const { phone, userId, owner } = await aged(world, 114)
    const visitor = world.visitor()
    const { url } = await proveNumber(world, visitor, phone)
    expect(hasCode(await proveNumber(world, owner, phone))).toBe(true)
    expect(errorIn(await visitor.post(url, { choice: 'not_mine' }))).toBe('attempt.expired')
    expect(await ownerOf(world, phone)).toBe(userId)
  })

  test('beside the owner’s login leaves the number with one of both, and never with nobody', async () => {
    const { phone, userId, owner } = await aged(world, 115)
    const visitor = world.visitor()
    const { url } = await proveNumber(world, visitor, phone)
    const [own, other] = await Promise.all([
      proveNumber(world, owner, phone),
      visitor.post(url, { choice: 'not_mine' }),
    ])
    const holder = await ownerOf(world, phone)
    expect(holder).toBeDefined()
    expect([hasCode(own), other.status]).toEqual(holder === userId ? [true, 400] : [expect.any(Boolean), 303])
  })

  test('ends with the proof, ten minutes later', async () => {
    const { phone, userId } = await aged(world, 116)
    const visitor = world.visitor()
    const { url } = await proveNumber(world, visitor, phone)
    walkTo(91 * day + 601_000)
    expect(errorIn(await visitor.post(url, { choice: 'not_mine' }))).toBe('attempt.expired')
    expect(await ownerOf(world, phone)).toBe(userId)
  })

  test('is no answer to a question that was not asked', async () => {
    const { phone, userId } = await aged(world, 117, { days: 1 })
    const visitor = world.visitor()
    const { url } = await visitor.follow(await visitor.get(lead()))
    for (const choice of ['mine', 'not_mine']) {
      expect(errorIn(await visitor.post(url, { choice }))).toBe('request.invalid')
    }
    expect(await ownerOf(world, phone)).toBe(userId)
  })
})

describe('“mine”', () => {
  test('lets in with the password, and the number counts as proved', async () => {
    const { phone, userId } = await aged(world, 120, { more: withPassword(world, 'hanmeimei120') })
    const visitor = world.visitor()
    const { url } = await proveNumber(world, visitor, phone)
    const page = await visitor.follow(await visitor.post(url, { choice: 'mine' }))
    expect(page.text).toContain('name="password"')
    expect(page.text).not.toContain('name="phone"')
    const given = { method: 'password', identifier: 'hanmeimei120', password }
    expect(hasCode(await visitor.follow(await visitor.post(url, given)))).toBe(true)
    const [, login] = await events(userId, 'login.succeeded')
    expect(login).toMatchObject({ method: 'sms', amr: ['sms', 'otp', 'pwd'] })
    expect(await events(userId, 'identity.confirmed')).toMatchObject([{ by: ['pwd'] }])
    expect(hasCode(await proveNumber(world, world.visitor(), phone))).toBe(true)
  })

  test('with a password for somebody else’s account lets into that, and leaves the number in doubt', async () => {
    const other = await aged(world, 121, { more: withPassword(world, 'hanmeimei121') })
    const { phone, userId } = await aged(world, 122)
    const visitor = world.visitor()
    const { url } = await proveNumber(world, visitor, phone)
    await visitor.post(url, { choice: 'mine' })
    const given = { method: 'password', identifier: 'hanmeimei121', password }
    expect(hasCode(await visitor.follow(await visitor.post(url, given)))).toBe(true)
    expect(await events(other.userId, 'login.succeeded')).toHaveLength(2)
    expect(await events(userId, 'login.succeeded')).toHaveLength(1)
    expect(asksWhose(await proveNumber(world, world.visitor(), phone))).toBe(true)
  })

  test('without anything else lets nobody in, names support, and may be taken back', async () => {
    const { phone, userId } = await aged(world, 123)
    const visitor = world.visitor()
    const { url } = await proveNumber(world, visitor, phone)
    const page = await visitor.follow(await visitor.post(url, { choice: 'mine' }))
    expect(page.text).toContain('value="not_mine"')
    const otp = await world.otpAfter(phone, () => visitor.post(url, { method: 'sms', phone: phone.slice(3) }))
    const again = await visitor.follow(await visitor.post(url, { method: 'sms', otp }))
    expect(asksWhose(again)).toBe(true)
    expect(await events(userId, 'login.succeeded')).toHaveLength(1)
    expect(hasCode(await visitor.follow(await visitor.post(url, { choice: 'not_mine' })))).toBe(true)
    expect(await ownerOf(world, phone)).not.toBe(userId)
  })
})

describe('of an account that is locked, or on its way out', () => {
  test('a stranger is asked as of any other, and takes the number without learning of the lock', async () => {
    const { phone, userId } = await aged(world, 140, { more: withPassword(world, 'hanmeimei140') })
    await directory().setStatus(userId, 'locked')
    const visitor = world.visitor()
    const asked = await proveNumber(world, visitor, phone)
    expect(asksWhose(asked)).toBe(true)
    expect(asked.text).not.toContain('该账号已停用')
    expect(hasCode(await visitor.follow(await visitor.post(asked.url, { choice: 'not_mine' })))).toBe(true)
    expect(await ownerOf(world, phone)).not.toBe(userId)
    expect(await directory().find(userId)).toMatchObject({ user: { status: 'locked' } })
  })

  test('its owner is told that it is locked, once they have shown another way in', async () => {
    const { phone, userId } = await aged(world, 141, { more: withPassword(world, 'hanmeimei141') })
    await directory().setStatus(userId, 'locked')
    const visitor = world.visitor()
    const { url } = await proveNumber(world, visitor, phone)
    expect(asksWhose(await visitor.post(url, { choice: 'mine' }))).toBe(false)
    const given = { method: 'password', identifier: 'hanmeimei141', password }
    expect(errorIn(await visitor.post(url, given))).toBe('user.locked')
    expect(await ownerOf(world, phone)).toBe(userId)
  })

  test('a number that was proved lately, or by a device that is known, tells its owner of the lock', async () => {
    const { phone, userId, owner } = await aged(world, 142, { days: 1 })
    await directory().setStatus(userId, 'locked')
    expect(errorIn(await proveNumber(world, owner, phone))).toBe('user.locked')
  })

  test('a stranger takes the number of an account that leaves, which leaves all the same', async () => {
    const { phone, userId } = await aged(world, 143, { days: 90 })
    await askToLeave(world.app.core, userId, { operator: 'alice', waitSeconds: 15 * 86_400 })
    walkTo(91 * day)
    const visitor = world.visitor()
    const { url, text } = await proveNumber(world, visitor, phone)
    expect(text).toContain('value="not_mine"')
    expect(hasCode(await visitor.follow(await visitor.post(url, { choice: 'not_mine' })))).toBe(true)
    expect(await directory().find(userId)).toMatchObject({ user: { status: 'leaving' }, identities: [] })
  })
})

describe('with other settings', () => {
  test('nothing is doubted with `0`', async () => {
    const other = await openWorld({ stores: 'tables', beside: world, env: { MENSHEN_PHONE__REVERIFY_AFTER: '0' } })
    try {
      const { phone } = await aged(other, 130, { days: 400 })
      expect(hasCode(await proveNumber(other, other.visitor(), phone))).toBe(true)
    } finally {
      await other.close()
    }
  })

  test('`let_in` takes the word of somebody whose account nothing else leads to, and of nobody else', async () => {
    const env = { MENSHEN_PHONE__WITHOUT_OTHER_WAY: 'let_in' }
    const other = await openWorld({ stores: 'tables', beside: world, env })
    try {
      const alone = await aged(other, 131)
      const one = other.visitor()
      const asked = await proveNumber(other, one, alone.phone)
      expect(hasCode(await one.follow(await one.post(asked.url, { choice: 'mine' })))).toBe(true)
      expect(await events(alone.userId, 'identity.confirmed')).toMatchObject([{ by: ['word'] }])

      const rich = await aged(other, 132, { more: withPassword(other, 'hanmeimei132') })
      const two = other.visitor()
      const { url } = await proveNumber(other, two, rich.phone)
      expect(hasCode(await two.follow(await two.post(url, { choice: 'mine' })))).toBe(false)
    } finally {
      await other.close()
    }
  })
})
