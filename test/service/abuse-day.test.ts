import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runCommand } from '../support/cli.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { loginBySms, reachLogin, startLogin } from '../support/login.ts'
import { NativeApp, nativeClients } from '../support/native-app.ts'
import { walkTo } from '../support/time.ts'
import { type Answer, errorIn, type Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// What a bad day looks like at the pages and in apps: prefixes that are stopped, money that is used up, alarms.

let world: World
let hook: Server
const alarms: { limit: string; used_percent: number; signature: unknown }[] = []
let days = 0
let numbers = 0

beforeAll(async () => {
  hook = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    alarms.push({ ...JSON.parse(body), signature: request.headers['menshen-signature'] })
    response.end()
  })
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
  world = await openWorld({
    env: {
      MENSHEN_SERVER__TRUSTED_PROXIES: '[127.0.0.1, "::1"]',
      MENSHEN_SMS__PRICE__MAINLAND: '1',
      MENSHEN_SMS__BUDGET__PER_DAY: '{ mainland: 20 }',
      MENSHEN_SMS__BUDGET__RESERVED_PERCENT: '40',
      MENSHEN_ABUSE__DEFAULT_RULES: 'false',
      MENSHEN_ABUSE__ALARM_WEBHOOK: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/alarm`,
      MENSHEN_ABUSE__ALARM_SECRET: 'a secret of alarms',
      MENSHEN_ABUSE__RULES:
        '{ prefix_stop: { act: message, by: prefix, more_than: 3, entered_below: 50, verdict: refuse }, busy: { act: message, channel: sms, by: network, more_than: 2, verdict: challenge, level: 2 } }',
    },
  })
  await world.register({ clients: [...clients, ...nativeClients], resources })
})
afterAll(async () => {
  await world?.close()
  hook.close()
})
beforeEach(() => {
  days += 2
  walkTo(days * 86_400_000)
})

const from = () => ({ 'x-forwarded-for': `${20 + (++numbers % 200)}.${numbers >> 8}.3.4` })
/** Of a block of ten thousand of its own, unless it is given one. */
const newNumber = (prefix = `137${String(++numbers).padStart(4, '0')}`) =>
  `${prefix}${String(++numbers).padStart(4, '0')}`
async function ask(visitor: Visitor, phone: string, headers = from()): Promise<Answer> {
  const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri, { prompt: 'login' }))
  const answer = await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' }, headers)
  return answer.status === 303 ? visitor.follow(answer) : answer
}
const stranger = (phone = newNumber(), headers = from()) => ask(world.visitor(), phone, headers)
async function member(phone = newNumber()): Promise<string> {
  const claim = { provider: 'phone', subjects: [`+86${phone}`], profile: {} } as const
  await world.app.core.directory.register(claim as never, { ip: '203.0.113.5' })
  return phone
}
const wasSent = (phone: string) =>
  world.otp(`+86${phone}`).then(
    () => true,
    () => false,
  )
const scarce = '只有已注册的手机号会收到短信'

describe('a prefix whose codes nobody enters', () => {
  test('is stopped for strangers, who are told so and how else to get in; its members get their codes', async () => {
    const prefix = '1391111'
    const owner = await member(newNumber(prefix))
    const browser = world.visitor()
    await loginBySms(world, browser, startLogin(world, 'plain', redirectUri), owner)
    for (let n = 0; n < 3; n++) {
      const phone = newNumber(prefix)
      expect((await stranger(phone)).text).not.toContain(scarce)
      expect(await wasSent(phone)).toBe(true)
    }
    const [unknown, known] = [newNumber(prefix), await member(newNumber(prefix))]
    const pages = [await stranger(unknown), await stranger(known)]
    for (const page of pages) {
      expect(page.status).toBe(200)
      expect(page.text).toContain(scarce)
      expect(page.text).toMatch(/href="\?method=sms&amp;change=1" class="nowrap">其他登录方式/)
    }
    await expect.poll(() => wasSent(known)).toBe(true)
    expect(await wasSent(unknown)).toBe(false)
    // The owner's own browser has no part in it.
    walkTo(days * 86_400_000 + 120_000)
    expect((await ask(browser, owner)).text).not.toContain(scarce)
  })

  test('is told to operators once: in the audit with reasons, in the metrics, and by the command', async () => {
    for (let n = 0; n < 6; n++) await stranger(newNumber('1392222'), { 'x-forwarded-for': '198.51.100.7' })
    const rows = await world.database.database
      .knex('audit_events')
      .where({ event: 'abuse.suspected', ip: '198.51.100.7' })
    expect(rows.map(({ detail }) => detail)).toEqual([
      { act: 'message', verdict: 'challenge', level: 2, reasons: ['busy'], numbers: '+8613922…' },
    ])
    expect(await world.app.metrics.registry.metrics()).toContain(
      'menshen_abuse_decisions_total{act="message",verdict="challenge"} 4',
    )
    const shown = await runCommand(['abuse', 'status', '--json'], { env: world.env, cwd: '/' })
    expect(shown.status).toBe(0)
    const { money, suspected } = JSON.parse(shown.stdout)
    expect(money).toContainEqual(expect.objectContaining({ country: 'mainland', per: 'day', part: 'open', cap: 12 }))
    expect(suspected.network).toContainEqual({ value: '198.51.100.*', lines: 1 })
    expect(suspected.numbers).toContainEqual({ value: '+8613922…', lines: 1 })
  })
})

describe('money', () => {
  test('that strangers have used up is there for members, then for known devices, and at last for nobody', async () => {
    const owner = await member()
    const browser = world.visitor()
    await loginBySms(world, browser, startLogin(world, 'plain', redirectUri), owner)
    for (let n = 0; n < 12; n++) {
      const phone = newNumber()
      await stranger(phone)
      expect(await wasSent(phone)).toBe(true)
    }
    const [unknown, known] = [newNumber(), await member()]
    for (const phone of [unknown, known]) expect((await stranger(phone)).text).toContain(scarce)
    await expect.poll(() => wasSent(known)).toBe(true)
    expect(await wasSent(unknown)).toBe(false)
    for (const usedPercent of [50, 80]) {
      const signature = expect.stringMatching(/^t=\d+,v1=[0-9a-f]{64}$/)
      const alarm = { limit: 'money.mainland.day.open', used_percent: usedPercent, signature }
      await expect.poll(() => alarms).toContainEqual(expect.objectContaining(alarm))
    }

    // In an app the same, and words for it.
    const app = new NativeApp(world)
    const step = await app.challenge({ method: 'sms', phone: newNumber() }, from())
    expect(step.body).toMatchObject({ step: 'otp', delivery: 'scarce', message_key: 'code.scarce_sms' })

    const code = await ask(browser, owner)
    const asked = [code.status]
    for (let n = 1; n < 10 && asked.at(-1) !== 503; n++) {
      walkTo(days * 86_400_000 + n * 61_000)
      const again = await browser.post(code.url, { method: 'sms', resend: '1' }, from())
      asked.push(again.status)
    }
    expect(asked.filter((status) => status !== 503).length).toBeGreaterThan(3)
    expect(asked.at(-1)).toBe(503)
    // Nobody is sent anything now, and what else works is on the same page.
    const paused = await stranger(await member())
    expect(paused.status).toBe(503)
    expect(errorIn(paused)).toBe('message.paused')
    expect(paused.text).toContain('验证码请求异常增多')
    expect(paused.text).toContain('name="show" value="password"')
    expect(paused.text).toContain('name="method" value="wechat"')
    expect(Number(paused.headers['retry-after'])).toBeGreaterThan(0)
  })
})
