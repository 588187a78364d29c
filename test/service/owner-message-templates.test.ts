import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type OwnerMessageLimit, tellOwners } from '../../interactions/owner-deliveries.ts'
import { type AliyunSmsSimulator, startAliyunSms } from '../../sandbox/simulators/aliyun-sms.ts'
import { startTencentSms, type TencentSmsSimulator } from '../../sandbox/simulators/tencent-sms.ts'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { ownerMessages } from '../../src/accounts/owner-messages.ts'
import { httpClient } from '../../src/base/http.ts'
import { i18n } from '../../src/base/i18n.ts'
import type { UserId } from '../../src/base/ids.ts'
import { tableOf } from '../../src/base/languages.ts'
import { Secret } from '../../src/base/secret.ts'
import type { AuditEvent } from '../../src/ops/audit.ts'
import { limits } from '../../src/ops/limits.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import { buildSmsSender, smsSenderOptions } from '../../src/sms/sms-senders.ts'
import { sealer } from '../../src/store/seal.ts'
import { tableStore } from '../../src/store/tables.ts'
import { sentencesOf } from '../../views/engine.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { patienceMs } from '../support/patience.ts'
import { forEachPurpose } from '../support/sms-templates.ts'

// Messages to owners as the vendors take them: templates that were approved for texts, filled in by their rules.

const at = new Date('2026-11-29T14:30:00Z')
const clock = () => at.getTime()
const http = httpClient({ timeoutMs: patienceMs, allowInsecure: true })
const seals = sealer({ keys: [new Secret(randomBytes(32).toString('base64url'))] })
const { queue, open } = ownerMessages({ sealer: seals })
const { translate } = i18n({ resources: tableOf(sentencesOf) })
let home: TestDatabase
let directory: AccountDirectory
let aliyun: AliyunSmsSimulator
let tencent: TencentSmsSimulator
let audited: AuditEvent[] = []
let numbers = 0

beforeAll(async () => {
  home = await createDatabase()
  directory = new AccountDirectory({ database: home.database, clock, tell: queue })
  aliyun = await startAliyunSms({
    clock,
    accessKeys: { testid: 'secret' },
    signNames: ['门神'],
    templates: {
      SMS_code: { variables: ['code'] },
      SMS_device: { variables: ['time', 'device'], isNotice: true },
      SMS_password: { variables: [], isNotice: true },
    },
  })
  tencent = await startTencentSms({
    clock,
    secretKeys: { AKIDtest: 'secret' },
    sdkAppIds: ['1400006666'],
    signNames: ['门神'],
    templates: { '1001': 1, '2001': 3 },
    notices: ['2001'],
  })
})
afterAll(async () => {
  await Promise.all([aliyun?.close(), tencent?.close()])
  await home?.drop()
})
beforeEach(() => {
  audited = []
})

/** Tells the owner of a new account, by the vendors in their order. */
async function tell(message: (userId: UserId) => Parameters<typeof queue>[1], locale?: string): Promise<string> {
  const phone = `+86139000${10_000 + ++numbers}`
  const { user } = await directory.register(
    { provider: 'phone', subjects: [phone], profile: {} },
    { ip: '::1', locale },
  )
  await queue(home.database.knex, message(user.id))
  const common = { sign_name: '门神' }
  const senders = [
    {
      ...{ type: 'aliyun', access_key_id: 'testid', access_key_secret: 'secret', endpoint: aliyun.url, ...common },
      templates: forEachPurpose('SMS_code'),
      notices: {
        new_device: { code: 'SMS_device', variables: { time: 'time', what: 'device' } },
        password_changed: 'SMS_password',
        merged: 'SMS_code',
      },
    },
    {
      ...{ type: 'tencent', secret_id: 'AKIDtest', secret_key: 'secret', endpoint: tencent.url, ...common },
      sdk_app_id: '1400006666',
      templates: forEachPurpose({ id: '1001', params: ['otp'] }),
      notices: { number_changing: { id: '2001', params: ['time', 'what', 'until'] } },
    },
  ].map((each) => smsSenderOptions.parse(each))
  const quiet = () => {}
  const log = { info: quiet, warn: quiet, error: quiet }
  const day = { windows: [{ max: 50, seconds: 86_400 }] }
  await tellOwners({
    ...{ database: home.database, clock, open, log, mail: undefined, metrics: createMetrics() },
    sms: buildSmsSender(senders, { http, metadata: http, clock, log, countries: ['86'] }),
    limits: limits<OwnerMessageLimit>({
      store: tableStore({ database: home.database, clock }),
      rules: { 'owner.kind': day, 'owner.sms': day, 'owner.mail': day },
      mac: (text) => seals.mac('limit', text),
      factors: { ipv4_24: 1, ipv6_56: 1, ipv6_48: 1 },
    }),
    audit: { write: async (event) => void audited.push(event) },
    translate,
  })
  return phone
}

const untold = () => audited.map(({ detail }) => detail?.['error'])
const waiting = () => home.database.knex('owner_messages').delete()

test('Aliyun fills in a time and the name of a device', async () => {
  const what = { label: 'Edge · Windows' }
  const to = await tell((userId) => ({ userId, event: 'new_device', at, what }))
  const params = { time: '2026-11-29 22:30', device: 'Edge · Windows' }
  expect(aliyun.sent.at(-1)).toMatchObject({ to, template: 'SMS_device', params })
  expect(await waiting()).toBe(0)
})

test.each([
  ['zh-CN', '广东 Pixel 9'],
  ['zh-TW', '廣東 Pixel 9'],
  ['en', 'Guangdong Pixel 9'],
  ['ar', 'قوانغدونغ Pixel 9'],
  [undefined, '广东 Pixel 9'],
])('a province is named in %s, the language of the owner, before the device', async (locale, device) => {
  const what = { label: 'Pixel 9', place: { province: 'GD' }, isNewPlace: true } as const
  await tell((userId) => ({ userId, event: 'new_device', at, what }), locale)
  expect(aliyun.sent.at(-1)?.params['device']).toBe(device)
  expect(await waiting()).toBe(0)
})

test.each([
  ['no name', undefined, '-'],
  ['a link for a name', 'https://evil.example.com', 'https evil.example.c'],
  ['what looks like a signature', '【门神】安全中心', '门神 安全中心'],
  ['a long name', '门'.repeat(60), '门'.repeat(20)],
])('a device with %s is told of all the same', async (_, label, device) => {
  await tell((userId) => ({ userId, event: 'new_device', at, what: { label } }))
  expect(aliyun.sent.at(-1)?.params['device']).toBe(device)
  expect(await waiting()).toBe(0)
})

test('Tencent fills in what the text takes, in its order; who has no template for an event is passed over', async () => {
  const what = { provider: 'phone', label: '138****9999' }
  const until = new Date('2026-12-02T14:30:00Z')
  const to = await tell((userId) => ({ userId, event: 'number_changing', at, what, until }))
  const params = { '1': '2026-11-29 22:30', '2': '138****9999', '3': '2026-12-02 22:30' }
  expect(tencent.sent.at(-1)).toMatchObject({ to, template: '2001', params })
  const sent = aliyun.sent.length
  await tell((userId) => ({ userId, event: 'password_changed', at }))
  expect(aliyun.sent.slice(sent).map(({ template }) => template)).toEqual(['SMS_password'])
  await tell((userId) => ({ userId, event: 'deletion_done', at }))
  expect(aliyun.sent).toHaveLength(sent + 1)
  expect(untold()).toEqual([])
  expect(await waiting()).toBe(0)
})

test('a template for codes is refused by the vendor, and the message waits for a better one', async () => {
  await tell((userId) => ({ userId, event: 'merged', at }))
  expect(aliyun.sent.map(({ template }) => template)).not.toContain('SMS_code')
  expect(await waiting()).toBe(1)
})
