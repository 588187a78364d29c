import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginBySms, reachLogin, startLogin, subjectOf } from '../support/login.ts'
import { type Answer, errorIn, type Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const password = 'grape-ladder-42-river'

describe('somebody who is signed in and has to confirm that it is them', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
    await world.register({ clients, resources })
  })
  afterAll(() => world.close())

  const again = (more: Record<string, string> = {}) =>
    startLogin(world, 'plain', redirectUri, { prompt: 'login', ...more })
  const subOf = async (answer: Answer) => subjectOf(await exchange(world, 'plain', redirectUri, answer.location))

  async function member(phone: string): Promise<{ readonly visitor: Visitor; readonly sub: string }> {
    const visitor = world.visitor()
    const answer = await loginBySms(world, visitor, startLogin(world, 'plain', redirectUri), phone)
    return { visitor, sub: await subOf(answer) }
  }
  async function namedMember(name: string): Promise<{ readonly visitor: Visitor; readonly sub: string }> {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
    const form = { method: 'register', identifier: name, new_password: password, agreement: 'on' }
    await visitor.follow(await visitor.post(page.url, form))
    const next = world.visitor()
    const login = await reachLogin(next, startLogin(world, 'plain', redirectUri))
    const answer = await next.follow(
      await next.post(login.url, { method: 'password', identifier: name, password, agreement: 'on' }),
    )
    return { visitor: next, sub: await subOf(answer) }
  }

  test('finds the method they used last, is asked for no name, and not for the agreement again', async () => {
    const { visitor, sub } = await namedMember('lin-xiaoyu')
    const page = await reachLogin(visitor, again())
    expect(page.text).toContain('name="password"')
    expect(page.text).toContain('lin-xiaoyu')
    expect(page.text).not.toMatch(/name="(identifier|phone|agreement)"/)
    const answer = await visitor.follow(await visitor.post(page.url, { method: 'password', known: '1', password }))
    expect(await subOf(answer)).toBe(sub)
  })

  test('gets the code at their own number, which the page shows masked alone', async () => {
    const { visitor, sub } = await member('13690000001')
    const page = await reachLogin(visitor, again({ max_age: '0' }))
    expect(page.text).toContain('136****0001')
    expect(page.text).not.toContain('13690000001')
    const asked = await visitor.post(page.url, { method: 'sms', known: '1' })
    expect(asked.status).toBe(303)
    const otp = await world.otp('+8613690000001')
    expect(await subOf(await visitor.follow(await visitor.post(page.url, { method: 'sms', otp })))).toBe(sub)
  })

  test('may be somebody else, who is asked for everything', async () => {
    const { visitor } = await member('13690000002')
    const page = await reachLogin(visitor, again())
    const other = await visitor.get(`${page.url.pathname}?method=sms&other=1`)
    expect(other.text).toMatch(/name="phone"/)
    expect(other.text).toMatch(/name="agreement"/)
    const typed = await visitor.post(page.url, { method: 'sms', known: '1', phone: '13690000003' })
    expect(typed.status).toBe(400)
    expect(typed.text).toContain('<h1>请阅读并同意以下条款</h1>')
    await expect(world.otp('+8613690000003')).rejects.toThrow('nothing was sent')
  })

  test('is told that the password is wrong beside the same form', async () => {
    const { visitor } = await namedMember('zhou-min')
    const page = await reachLogin(visitor, again())
    const wrong = await visitor.post(page.url, { method: 'password', known: '1', password: 'not-it-at-all-77' })
    expect([wrong.status, errorIn(wrong)]).toEqual([400, 'password.wrong'])
    expect(wrong.text).toContain('name="known"')
    expect(wrong.text).not.toMatch(/name="identifier"/)
  })

  test('is asked to agree again when a document has changed since', async () => {
    const { visitor, sub } = await member('13690000004')
    const changed = '[{ id: terms, version: "2", url: /terms }]'
    const later = await openWorld({ beside: world, env: { MENSHEN_AGREEMENTS: changed } })
    try {
      const there = visitor.through(later.port)
      const page = await reachLogin(there, again())
      expect(page.text).toMatch(/name="agreement"/)
      const refused = await there.post(page.url, { method: 'sms', known: '1' })
      expect(refused.status).toBe(400)
      expect(refused.text).toContain('<h1>请阅读并同意以下条款</h1>')
      expect(refused.text).toContain('name="known"')
      await there.post(page.url, { method: 'sms', known: '1', agreement: 'on' })
      const otp = await world.otp('+8613690000004')
      expect(await subOf(await there.follow(await there.post(page.url, { method: 'sms', otp })))).toBe(sub)
      const next = await reachLogin(there, again())
      expect(next.text).not.toMatch(/name="agreement"/)
    } finally {
      await later.close()
    }
  })

  test('is not named where the request is for somebody else, or hints at somebody else', async () => {
    const { visitor } = await member('13690000005')
    const { sub: other } = await member('13690000006')
    const claims = JSON.stringify({ id_token: { sub: { value: other } } })
    for (const more of [{ claims }, { login_hint: '13690000006' }, { prompt: 'login consent' }]) {
      const page = await reachLogin(visitor, again(more as Record<string, string>))
      expect(page.text).not.toContain('136****0005')
      expect(page.text).toMatch(/name="phone"/)
    }
    const own = await reachLogin(visitor, again({ login_hint: '136 9000 0005' }))
    expect(own.text).toContain('136****0005')
  })

  test('is nobody where nobody is signed in, whatever is posted', async () => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
    const posted = await visitor.post(page.url, { method: 'sms', known: '1' })
    expect(posted.status).toBe(400)
    expect(posted.text).toMatch(/name="agreement"/)
    const agreed = await visitor.post(page.url, { method: 'sms', known: '1', agreement: 'on' })
    expect((await visitor.follow(agreed)).text).toMatch(/name="phone"/)
  })
})
