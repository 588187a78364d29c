import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { specialNumbers } from '../../sandbox/outbox.ts'
import { type AliyunSmsSimulator, startAliyunSms } from '../../sandbox/simulators/aliyun-sms.ts'
import { startTencentSms, type TencentSmsSimulator } from '../../sandbox/simulators/tencent-sms.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { reachLogin, startLogin } from '../support/login.ts'
import { NativeApp, nativeClients } from '../support/native-app.ts'
import { forEachPurpose } from '../support/sms-templates.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

const lost = specialNumbers.answerLost
const phone = lost.slice('+86'.length)
/** As an operator gets them who sets nothing. */
const env = {
  MENSHEN_SMS__LIMITS__PER_NUMBER: '[{ max: 1, seconds: 60 }, { max: 5, seconds: 3600 }, { max: 10, seconds: 86400 }]',
}

describe('a vendor whose answer is lost', () => {
  let world: World
  let walked = 0
  /** Past every wait of the test before. */
  function goOn() {
    walked += 24 * 3_600_000 + 60_000
    walkTo(walked)
  }

  beforeAll(async () => {
    world = await openWorld({ env })
    await world.register({ clients: [...clients, ...nativeClients] as never, resources })
  })
  afterEach(goOn)
  afterAll(async () => {
    resetClock()
    await world.close()
  })

  async function asked() {
    const visitor = world.visitor()
    const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
    const answer = await visitor.post(page.url, { method: 'sms', phone, agreement: 'on' })
    return { visitor, page, answer }
  }

  test('the page asks for the code and says that the message may have been sent; the code lets in', async () => {
    const { visitor, page, answer } = await asked()
    expect(answer.status).toBe(303)
    const shown = await visitor.get(answer.location ?? '')
    expect(shown.text).toContain('验证码可能已发送至')
    expect(shown.text).toContain('短信可能已发出')
    expect((await visitor.get(`${answer.location}&ui_locales=en`)).text).toContain('may be on its way')
    const done = await visitor.post(page.url, { method: 'sms', otp: await world.otp(lost) })
    expect(done.location).toMatch(/\/auth\//)
  })

  test('another message is asked for as late as after one that was sent', async () => {
    const { visitor, page } = await asked()
    const again = await visitor.post(page.url, { method: 'sms', resend: '1' })
    expect(again.status).toBe(429)
    expect(Number(again.headers['retry-after'])).toBeGreaterThan(30)
    walkTo(walked + 61_000)
    expect((await visitor.post(page.url, { method: 'sms', resend: '1' })).status).toBe(303)
  })

  test('an app is told so in words for people, and its code lets in', async () => {
    const app = new NativeApp(world)
    const step = await app.challenge({ method: 'sms', phone, ui_locales: 'en' })
    expect(step.status).toBe(400)
    expect(step.body).toMatchObject({
      error: 'insufficient_authorization',
      step: 'otp',
      delivery: 'unclear',
      resend_after: 60,
      message_key: 'code.unclear_sms',
      message: expect.stringContaining('may be on its way'),
    })
    const done = await app.challenge({ otp: await world.otp(lost) })
    expect(done.status).toBe(200)
  })

  test('an app whose message was sent is told nothing of the kind', async () => {
    const app = new NativeApp(world)
    const { body } = await app.challenge({ method: 'sms', phone: '13900990099' })
    expect(body).not.toHaveProperty('delivery')
    expect(body).not.toHaveProperty('message')
  })
})

describe('two vendors, of which the first loses its answer after it has sent', () => {
  let world: World
  let aliyun: AliyunSmsSimulator
  let tencent: TencentSmsSimulator

  beforeAll(async () => {
    const clock = () => Date.now()
    aliyun = await startAliyunSms({
      clock,
      accessKeys: { ours: 'secret' },
      signNames: ['门神'],
      templates: { SMS_1: { variables: ['code'] } },
    })
    tencent = await startTencentSms({
      clock,
      secretKeys: { ours: 'secret' },
      sdkAppIds: ['1400006666'],
      signNames: ['门神'],
      templates: { '1001': 1 },
    })
    const common = { sign_name: '门神' }
    const senders = [
      {
        ...common,
        type: 'aliyun',
        access_key_id: 'ours',
        access_key_secret: 'secret',
        templates: forEachPurpose('SMS_1'),
        endpoint: aliyun.url,
      },
      {
        ...common,
        type: 'tencent',
        secret_id: 'ours',
        secret_key: 'secret',
        sdk_app_id: '1400006666',
        templates: forEachPurpose({ id: '1001', params: ['otp'] }),
        endpoint: tencent.url,
      },
    ]
    world = await openWorld({ env: { ...env, MENSHEN_SMS__SENDERS: JSON.stringify(senders) } })
    await world.register({ clients, resources })
  })
  afterAll(async () => {
    await world.close()
    await Promise.all([aliyun.close(), tencent.close()])
  })

  test('the code that arrives lets in, and nothing is sent twice', async () => {
    aliyun.faults.push({ kind: 'reset_after_accept' })
    const visitor = world.visitor()
    const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
    const answer = await visitor.post(page.url, { method: 'sms', phone: '13900990001', agreement: 'on' })
    expect((await visitor.get(answer.location ?? '')).text).toContain('短信可能已发出')
    expect([aliyun.sent.length, tencent.requests.length]).toEqual([1, 0])
    const done = await visitor.post(page.url, { method: 'sms', otp: aliyun.sent[0]?.params['code'] ?? '' })
    expect(done.location).toMatch(/\/auth\//)
  })
})
