import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { reachLogin, startLogin } from '../support/login.ts'
import { openWorld, type World } from '../support/world.ts'

describe('countries of which only some numbers are served', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld({ env: { MENSHEN_SMS__COUNTRIES: '["86", "1809", "1829", "852"]' } })
    await world.register({ clients, resources })
  })
  afterAll(() => world.close())

  async function ask(phone: string, country: string) {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
    const codes = [...page.text.matchAll(/<option value="(\d+)"/g)].map(([, code]) => code)
    return { codes, answer: await visitor.post(page.url, { method: 'sms', phone, country, agreement: 'on' }) }
  }

  test('are offered by their calling codes, each once', async () => {
    expect((await ask('13900770001', '86')).codes).toEqual(['86', '1', '852'])
  })

  test.each([
    ['13900770002', '86', '+8613900770002'],
    ['809-234-5678', '1', '+18092345678'],
    ['5123 4567', '852', '+85251234567'],
  ])('serve %s of +%s', async (phone, country, to) => {
    expect((await ask(phone, country)).answer.status).toBe(303)
    expect(await world.otp(to)).toMatch(/^\d{6}$/)
  })

  test.each([
    ['(862) 555-0123', '1'],
    ['7911 123456', '44'],
    ['66123456', '853'],
  ])('do not serve %s of +%s', async (phone, country) => {
    const { answer } = await ask(phone, country)
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('phone.country_unsupported')
  })
})
