import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startSiteverify } from '../../sandbox/simulators/siteverify-captcha.ts'
import { startTencentCaptcha } from '../../sandbox/simulators/tencent-captcha.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { reachLogin, startLogin } from '../support/login.ts'
import { NativeApp, nativeClients } from '../support/native-app.ts'
import { solved } from '../support/solving.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { type Answer, errorIn } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const clock = Date.now
let world: World
let turnstile: Awaited<ReturnType<typeof startSiteverify>>

beforeAll(async () => {
  turnstile = await startSiteverify({ clock, dialect: 'turnstile', siteKey: 'site', secret: 'secret' })
  const captcha = { vendor: 'turnstile', site_key: 'site', secret: 'secret', endpoint: turnstile.url }
  world = await openWorld({
    env: {
      MENSHEN_ABUSE__CAPTCHA: JSON.stringify({ ...captcha, script_url: turnstile.scriptUrl }),
      MENSHEN_ABUSE__RULES: JSON.stringify({ passwords: { act: 'password', verdict: 'challenge', level: 1 } }),
    },
  })
  await world.register({ clients: [...clients, ...nativeClients], resources })
})
afterAll(async () => {
  await world?.close()
  await turnstile?.close()
})
beforeEach(() => {
  turnstile.troubles.length = 0
})

/** The fields that a page would send again, whatever is answered. */
function fieldsIn({ text }: Answer): Record<string, string> {
  const inputs = text.matchAll(/<input type="hidden" name="([\w]+)" value="([^"]*)"( disabled)?>/g)
  return Object.fromEntries([...inputs].filter(([, , , off]) => !off).map(([, name = '', value = '']) => [name, value]))
}
const policyOf = ({ headers }: Answer) => String(headers['content-security-policy'])
const isWidget = (page: Answer) => page.text.includes('data-captcha="turnstile"')

/** The challenge of our own that a page holds, solved. */
async function workOf(page: Answer): Promise<string> {
  const [, work = ''] = /data-work="([^"]*)"/.exec(page.text) ?? []
  return solved(JSON.parse(work.replaceAll('&quot;', '"').replaceAll('&#34;', '"')))
}

async function begins(form: Readonly<Record<string, string>>) {
  const visitor = world.visitor()
  const login = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
  const page = await visitor.post(login.url, { agreement: 'on', ...form })
  return {
    visitor,
    login,
    page,
    again: (more: Record<string, string>) => visitor.post(login.url, { ...fieldsIn(page), ...more }),
  }
}

describe('on the pages', () => {
  test('the page of the captcha alone lets the script of the vendor in, and nothing is sent before', async () => {
    const { login, page, again, visitor } = await begins({ method: 'sms', phone: '13900070001', country: '86' })
    expect([page.status, isWidget(page)]).toEqual([400, true])
    expect(page.text).not.toMatch(/139 ?0007 ?0001/)
    await expect(world.otp('+8613900070001')).rejects.toThrow('nothing was sent')
    const { origin } = new URL(turnstile.scriptUrl)
    const relaxed = policyOf(page)
    expect(relaxed).toContain(`script-src 'self' ${origin} https://challenges.cloudflare.com;`)
    expect(relaxed).toContain(`connect-src ${origin} https://challenges.cloudflare.com;`)
    expect(relaxed).toMatch(/; sandbox allow-scripts allow-same-origin allow-forms$/)
    const sent = await visitor.follow(await again({ captcha_token: turnstile.solve() }))
    expect(sent.text).toContain('139 0007 0001')
    expect(await world.otp('+8613900070001')).toMatch(/^\d{6}$/)
    for (const other of [login, sent, await visitor.get('/account/login')]) {
      expect(policyOf(other)).toContain(
        "script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self';",
      )
      expect(policyOf(other)).not.toMatch(/cloudflare|unsafe|sandbox/)
    }
  })

  test('a wrong or used answer leads back to it, with all that was typed', async () => {
    const { again, visitor, login } = await begins({ method: 'sms', phone: '13900070002', country: '86' })
    const token = turnstile.solve()
    await again({ captcha_token: token })
    const other = await begins({ method: 'sms', phone: '13900070003', country: '86' })
    for (const captcha_token of [token, 'made-up', turnstile.solve({ hostname: 'evil.example' })]) {
      const page = await other.again({ captcha_token })
      expect([isWidget(page), errorIn(page)]).toEqual([true, 'captcha.required'])
    }
    await expect(world.otp('+8613900070003')).rejects.toThrow('nothing was sent')
    const right = await other.again({ captcha_token: turnstile.solve() })
    expect((await other.visitor.follow(right)).text).toContain('139 0007 0003')
    expect((await visitor.get(login.url)).status).toBe(200)
  })

  test('our own challenge stands beside it, on a page that lets nobody in, and opens less', async () => {
    const { again, visitor, login } = await begins({ method: 'sms', phone: '13900070004', country: '86' })
    const own = await again({ instead: 'own' })
    expect([isWidget(own), own.text.includes('question_answer'), policyOf(own).includes('unsafe')]).toEqual([
      false,
      true,
      false,
    ])
    const sent = await visitor.follow(await visitor.post(login.url, { ...fieldsIn(own), altcha: await workOf(own) }))
    expect(await world.otp('+8613900070004')).toMatch(/^\d{6}$/)
    expect(sent.status).toBe(200)
    const second = await begins({ method: 'sms', phone: '13900070004', country: '86' })
    const page = await second.again({ instead: 'own' })
    const refused = await second.visitor.post(second.login.url, { ...fieldsIn(page), altcha: await workOf(page) })
    expect(errorIn(refused)).toBe('request.too_many')
  })

  test('when the vendor is away, our own challenge takes its place: nobody is simply let through', async () => {
    turnstile.troubles.push({ kind: 'server_error' })
    const { again, visitor, login } = await begins({ method: 'sms', phone: '13900070005', country: '86' })
    const own = await again({ captcha_token: turnstile.solve() })
    expect([isWidget(own), own.text.includes('question_answer')]).toEqual([false, true])
    await expect(world.otp('+8613900070005')).rejects.toThrow('nothing was sent')
    await visitor.post(login.url, { ...fieldsIn(own), altcha: await workOf(own) })
    expect(await world.otp('+8613900070005')).toMatch(/^\d{6}$/)
  })

  test('a password that was typed is in the page sealed, and counts with the answer', async () => {
    const { page, again } = await begins({ method: 'password', identifier: 'nobody', password: 'canary-password' })
    expect([isWidget(page), page.text.includes('canary')]).toEqual([true, false])
    const answered = await again({ captcha_token: turnstile.solve() })
    expect(errorIn(answered)).toBe('password.wrong')
  })
})

describe('in apps', () => {
  test('it is a step with what the widget has to know, and our own challenge beside it', async () => {
    const app = new NativeApp(world)
    const asked = await app.challenge({ method: 'sms', phone: '13900070011' })
    expect(asked.body).toMatchObject({
      step: 'captcha',
      provider: 'turnstile',
      site_key: 'site',
      action: 'menshen',
      fields: ['captcha_token'],
      altcha: { signature: expect.any(String) },
    })
    const wrong = await app.challenge({ method: 'sms', phone: '13900070011', captcha_token: 'made-up' })
    expect(wrong.body['step']).toBe('captcha')
    const right = await app.challenge({ method: 'sms', phone: '13900070011', captcha_token: turnstile.solve() })
    expect(right.body['step']).toBe('otp')
    walkTo(61_000)
    try {
      expect((await app.challenge({ resend: '1' })).body['step']).toBe('otp')
    } finally {
      resetClock()
    }
  })

  test('when the vendor is away, the step asks for our own challenge', async () => {
    turnstile.troubles.push({ kind: 'latency', ms: 60_000 })
    const app = new NativeApp(world)
    const away = await app.challenge({ method: 'sms', phone: '13900070012', captcha_token: turnstile.solve() })
    expect(away.body).toMatchObject({ step: 'captcha', provider: 'altcha' })
    const altcha = await solved(away.body['altcha'])
    expect((await app.challenge({ method: 'sms', phone: '13900070012', altcha })).body['step']).toBe('otp')
    expect(world.log.some((line) => line.includes('the captcha does not answer'))).toBe(true)
  })

  test('another vendor brings other fields, and a ticket that anybody can write lets nobody through', async () => {
    const apps = { '190000001': 'app-secret' }
    const tencent = await startTencentCaptcha({ clock, secretKeys: { AKIDours: 'key' }, apps })
    const keys = { vendor: 'tencent', secret_id: 'AKIDours', secret_key: 'key', app_id: 190000001 }
    const captcha = { ...keys, app_secret_key: 'app-secret', endpoint: tencent.url }
    const other = await openWorld({ stores: 'tables', env: { MENSHEN_ABUSE__CAPTCHA: JSON.stringify(captcha) } })
    try {
      await other.register({ clients: nativeClients, resources })
      const app = new NativeApp(other)
      const phone = '13900070021'
      const { body } = await app.challenge({ method: 'sms', phone })
      expect(body).toMatchObject({
        provider: 'tencent',
        app_id: '190000001',
        fields: ['captcha_ticket', 'captcha_randstr'],
      })
      const seconds = Math.floor(clock() / 1000)
      const written = { captcha_ticket: `trerror_1001_190000001_${seconds}`, captcha_randstr: '@abc' }
      expect((await app.challenge({ method: 'sms', phone, ...written })).body).toMatchObject({ provider: 'altcha' })
      const forged = { ...written, captcha_ticket: `trerror_1001_190000009_${seconds}` }
      expect((await app.challenge({ method: 'sms', phone, ...forged })).body).toMatchObject({ provider: 'tencent' })
      await expect(other.otp(`+86${phone}`)).rejects.toThrow('nothing was sent')
      const { ticket, randstr } = tencent.solve()
      const right = { captcha_ticket: ticket, captcha_randstr: randstr }
      expect((await app.challenge({ method: 'sms', phone, ...right })).body['step']).toBe('otp')
    } finally {
      await other.close()
      await tencent.close()
    }
  })
})

// It comes last: the vendor of this server is not asked any more.
test('after five times without an answer pages and apps begin with our own challenge', async () => {
  turnstile.troubles.push({ kind: 'server_error' })
  for (let each = 0; each < 5; each += 1) {
    await new NativeApp(world).challenge({ method: 'sms', phone: '13900070031', captcha_token: turnstile.solve() })
  }
  const { page } = await begins({ method: 'sms', phone: '13900070032', country: '86' })
  expect([isWidget(page), page.text.includes('question_answer')]).toEqual([false, true])
  const { body } = await new NativeApp(world).challenge({ method: 'sms', phone: '13900070033' })
  expect(body).toMatchObject({ step: 'captcha', provider: 'altcha' })
})
