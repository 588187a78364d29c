import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { UserId } from '../../src/base/ids.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, loginByPassword, loginBySms, reachLogin, startLogin, subjectOf, token } from '../support/login.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { type Answer, errorIn, type Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const minute = 60_000

describe('login by password', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld({ env: { MENSHEN_PASSWORD__LOCK__PER_IP: '[{ max: 100000, seconds: 60 }]' } })
    await world.register({ clients, resources })
  })
  afterEach(resetClock)
  afterAll(() => world.close())

  const start = (more: Record<string, string> = {}) => startLogin(world, 'plain', redirectUri, more)
  async function register(identifier: string, password: string): Promise<{ visitor: Visitor; answer: Answer }> {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const form = { method: 'register', identifier, new_password: password, agreement: 'on' }
    const asked = await visitor.post(page.url, form)
    if (!identifier.includes('@')) return { visitor, answer: await visitor.follow(asked) }
    const otp = await world.otp(identifier)
    return { visitor, answer: await visitor.follow(await visitor.post(page.url, { method: 'register', otp })) }
  }
  async function subOf(answer: Answer): Promise<UserId> {
    return subjectOf(await exchange(world, 'plain', redirectUri, answer.location))
  }

  test('a user name registers at once and logs in in any case', async () => {
    const { answer } = await register('Lin.Xiaoyu', 'grape-ladder-42-river')
    const again = await loginByPassword(world.visitor(), start(), 'lin.xiaoyu', 'grape-ladder-42-river')
    expect(await subOf(again)).toBe(await subOf(answer))
  })

  test('an e-mail address registers after its code, and only then', async () => {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, start())
    const form = {
      method: 'register',
      identifier: 'lin@example.com',
      new_password: 'grape-ladder-42-river',
      agreement: 'on',
    }
    await visitor.post(page.url, form)
    expect(await world.database.database.knex('identities').where({ provider: 'email' })).toEqual([])
    const otp = await world.otp('lin@example.com')
    const answer = await visitor.follow(await visitor.post(page.url, { method: 'register', otp }))
    const again = await loginByPassword(world.visitor(), start(), 'Lin@Example.com', 'grape-ladder-42-river')
    const tokens = await exchange(world, 'plain', redirectUri, again.location)
    expect(decodeJwt(tokens['id_token'] as string)).toMatchObject({
      sub: await subOf(answer),
      amr: ['pwd'],
      acr: 'urn:menshen:acr:knowledge',
    })
  })

  test('a name that is taken is refused, an address that is taken logs its owner in and keeps the old password', async () => {
    const first = await register('zhou-min', 'grape-ladder-42-river')
    expect(first.answer.location).toContain('code=')
    const second = await register('Zhou-Min', 'another-phrase-77-lake')
    expect(second.answer.status).toBe(409)
    expect(errorIn(second.answer)).toBe('identity.taken')

    const owner = await register('zhou@example.com', 'grape-ladder-42-river')
    const again = await register('zhou@example.com', 'another-phrase-77-lake')
    expect(await subOf(again.answer)).toBe(await subOf(owner.answer))
    const changed = await loginByPassword(world.visitor(), start(), 'zhou@example.com', 'another-phrase-77-lake')
    expect(errorIn(changed)).toBe('password.wrong')
  })

  test('nobody, no password and a wrong password are one answer', async () => {
    await register('known-name', 'grape-ladder-42-river')
    await loginBySms(world, world.visitor(), start(), '13800138021')
    const answers = await Promise.all(
      ['known-name', 'unknown-name', '13800138021', 'nobody@example.com', '!!', '13800138029'].map((identifier) =>
        loginByPassword(world.visitor(), start(), identifier, 'not the password'),
      ),
    )
    const shape = ({ status, text }: Answer) => [
      status,
      text.replace(/value="[^"]*"/g, '').replace(/interaction\/[\w-]+/g, ''),
    ]
    for (const answer of answers) expect(shape(answer)).toEqual(shape(answers[0] as Answer))
  })

  test.each([
    ['1234567', '1234567', 'password.too_short'],
    ['woaini1314', 'woaini1314', 'password.common'],
    ['password123', 'password123', 'password.common'],
    ['the name itself', 'fresh-name1', 'password.common'],
    ['a phrase of 257 characters', '门'.repeat(257), 'password.too_long'],
  ])('%s does not become a password', async (_, password, code) => {
    const { answer } = await register('fresh-name', password)
    expect(answer.status).toBe(400)
    expect(errorIn(answer)).toBe(code)
    expect(answer.text).not.toContain(`value="${password}"`)
  })

  test('every character of a long password counts', async () => {
    const long = `${'x7 '.repeat(70)}end`
    await register('long-name', long)
    const cut = await loginByPassword(world.visitor(), start(), 'long-name', long.slice(0, -1))
    expect(errorIn(cut)).toBe('password.wrong')
    const whole = await loginByPassword(world.visitor(), start(), 'long-name', long)
    expect(whole.location).toContain('code=')
  })

  test('wrong tries lock the name for a growing time that ends, known or not', async () => {
    await register('lock-name', 'grape-ladder-42-river')
    for (const identifier of ['lock-name', 'nobody-name']) {
      resetClock()
      const waits: number[] = []
      let ahead = 0
      for (let tries = 0; tries < 9; tries++) {
        const answer = await loginByPassword(world.visitor(), start(), identifier, `wrong ${tries}`)
        if (answer.status !== 429) continue
        const wait = Number(answer.headers['retry-after'])
        waits.push(wait)
        ahead += wait * 1000
        walkTo(ahead)
      }
      expect(waits.length).toBeGreaterThan(1)
      expect(waits.toSorted((a, b) => a - b)).toEqual(waits)
      expect(Math.max(...waits)).toBeLessThanOrEqual(15 * 60)
      if (identifier !== 'lock-name') continue
      walkTo(ahead + 16 * minute)
      const back = await loginByPassword(world.visitor(), start(), identifier, 'grape-ladder-42-river')
      expect(back.location).toContain('code=')
    }
  })

  test('a password that was reset ends every earlier session and token', async () => {
    const { visitor, answer } = await register('reset@example.com', 'grape-ladder-42-river')
    const tokens = await exchange(world, 'plain', redirectUri, answer.location)
    const forgetful = world.visitor()
    const page = await reachLogin(forgetful, start())
    const otp = await world.otpAfter('reset@example.com', () =>
      forgetful.post(page.url, { method: 'reset', identifier: 'reset@example.com', agreement: 'on' }),
    )
    await forgetful.post(page.url, { method: 'reset', otp })
    const weak = await forgetful.post(page.url, { method: 'reset', new_password: 'short' })
    expect(errorIn(weak)).toBe('password.too_short')
    const done = await forgetful.follow(
      await forgetful.post(page.url, { method: 'reset', new_password: 'another-phrase-77-lake' }),
    )
    expect(done.location).toContain('code=')
    const userinfo = await fetch(`${world.issuer}/me`, {
      headers: { authorization: `Bearer ${tokens['access_token']}` },
    })
    expect(userinfo.status).toBe(401)
    const silent = await visitor.get(start({ prompt: 'none' }))
    expect(silent.location).toContain('login_required')
    const old = await loginByPassword(world.visitor(), start(), 'reset@example.com', 'grape-ladder-42-river')
    expect(errorIn(old)).toBe('password.wrong')
  })

  test('the answer to a forgotten password does not tell whether there is an account', async () => {
    await register('here@example.com', 'grape-ladder-42-river')
    const shown = await Promise.all(
      ['here@example.com', 'gone@example.com'].map(async (identifier) => {
        const visitor = world.visitor()
        const page = await reachLogin(visitor, start())
        const answer = await visitor.follow(
          await visitor.post(page.url, { method: 'reset', identifier, agreement: 'on' }),
        )
        return answer.text.replace(/(he|go)\*\*\*/, '**').replaceAll(page.url.pathname, '')
      }),
    )
    expect(shown[0]).toBe(shown[1])
    await expect(world.otp('gone@example.com')).rejects.toThrow('nothing was sent')
  })

  test('a locked account is told so only to who knows its password', async () => {
    const { answer } = await register('locked-name', 'grape-ladder-42-river')
    await world.app.core.directory.setStatus(await subOf(answer), 'locked')
    const right = await loginByPassword(world.visitor(), start(), 'locked-name', 'grape-ladder-42-river')
    expect(right.status).toBe(403)
    const wrong = await loginByPassword(world.visitor(), start(), 'locked-name', 'not the password')
    expect(errorIn(wrong)).toBe('password.wrong')
  })
})

describe('a storm of logins', () => {
  test('is refused at the door when the queue is full, and tokens go on', async () => {
    const world = await openWorld({
      env: {
        MENSHEN_PASSWORD__MAX_QUEUE: '2',
        MENSHEN_PASSWORD__WORKERS: '1',
        MENSHEN_PASSWORD__LOCK__PER_IP: '[{ max: 100000, seconds: 60 }]',
      },
    })
    try {
      await world.register({ clients, resources })
      const pages = await Promise.all(
        Array.from({ length: 30 }, async () => {
          const visitor = world.visitor()
          return { visitor, page: await reachLogin(visitor, startLogin(world, 'plain', redirectUri)) }
        }),
      )
      const answers = await Promise.all(
        pages.map(({ visitor, page }, index) =>
          visitor.post(page.url, {
            method: 'password',
            identifier: `name-${index}x`,
            password: 'whatever',
            agreement: 'on',
          }),
        ),
      )
      const refused = answers.filter(({ status }) => status === 429)
      expect(refused.length).toBeGreaterThan(10)
      for (const { headers } of refused) expect(Number(headers['retry-after'])).toBeGreaterThan(0)
      expect(answers.filter(({ status }) => status === 400).length).toBeGreaterThan(0)
      const refresh = await token(world, { grant_type: 'refresh_token', client_id: 'plain', refresh_token: 'x' })
      expect(refresh.status).toBe(400)
    } finally {
      await world.close()
    }
  })
})

test('without a login by SMS nobody registers by phone: that account would have no way in', async () => {
  const world = await openWorld({ env: { MENSHEN_LOGIN__METHODS: '[password]' } })
  try {
    await world.register({ clients, resources })
    const visitor = world.visitor()
    const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
    const offer = await visitor.get(`${page.url.pathname}?method=register`)
    expect(offer.text).toContain('value="register.username"')
    expect(offer.text).not.toContain('value="register.phone"')
    expect(offer.text).not.toContain('name="phone"')
    const refused = await visitor.post(page.url, { method: 'register', phone: '13800138000', agreement: 'on' })
    expect(refused.text).toContain('registration.closed')
    await expect(world.otp('+8613800138000')).rejects.toThrow('nothing was sent')
  } finally {
    await world.close()
  }
})
