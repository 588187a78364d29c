import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { KnownDevices, unknownDevice } from '../../src/accounts/known-devices.ts'
import type { OwnerMessage } from '../../src/accounts/owner-messages.ts'
import { i18n } from '../../src/base/i18n.ts'
import type { UserId } from '../../src/base/ids.ts'
import { locales, tableOf } from '../../src/base/languages.ts'
import { noticeLines } from '../../src/mail/notice-lines.ts'
import { openIpPlaces } from '../../src/ops/ip-places.ts'
import { loginPlaces } from '../../src/ops/login-places.ts'
import { sentencesOf } from '../../views/engine.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { xdb } from '../support/xdb.ts'

// The owner of an account hears where a new device was used, and of a province that is new to it from every device.

const folder = mkdtempSync(join(tmpdir(), 'menshen-login-places-'))
const file = join(folder, 'v4.xdb')
writeFileSync(
  file,
  xdb(4, [
    { from: '1.0.0.0', to: '1.0.0.255', line: '中国|广东省|深圳市|电信|CN' },
    { from: '1.0.1.0', to: '1.0.1.255', line: '中国|浙江省|杭州市|电信|CN' },
    { from: '1.0.5.0', to: '1.0.5.255', line: 'Japan|Tokyo|Tokyo|NTT|JP' },
  ]),
)
const { translate } = i18n({ resources: tableOf(sentencesOf) })
const [guangdong, zhejiang, japan, nowhere] = ['1.0.0.7', '1.0.1.7', '1.0.5.7', '9.9.9.9']

let home: TestDatabase
let devices: KnownDevices
let userId: UserId
let told: OwnerMessage<'new_device'>['what'][] = []
let names = 0

beforeAll(async () => {
  home = await createDatabase()
  const { database } = home
  const places = openIpPlaces({ ipv4: file }, (error) => {
    throw error
  })
  devices = new KnownDevices({
    ...{ database, clock: () => Date.now(), seal: (text) => text, open: (text) => text },
    placeOf: loginPlaces({ knex: database.knex, places }),
    tell: async (_, message) => void told.push((message as OwnerMessage<'new_device'>).what),
  })
})
afterAll(async () => {
  await home.drop()
  rmSync(folder, { recursive: true })
})
beforeEach(async () => {
  told = []
  const directory = new AccountDirectory({ database: home.database, clock: () => Date.now() })
  const claim = { provider: 'username', subjects: [`lilei${++names}`], profile: {} } as const
  userId = (await directory.register(claim, { ip: '::1' })).user.id
})

/** A login as the audit has it by the time the device is remembered. */
async function login(ip: string): Promise<string> {
  const request = `request ${++names}`
  const event = { event: 'login.succeeded', user_id: userId, ip, request_id: request, at: new Date() }
  await home.database.knex('audit_events').insert(event)
  return request
}

async function loginWith(device: 'app' | 'keyless' | 'browser', ip: string): Promise<void> {
  const requestId = await login(ip)
  const use = { userId, authTime: Date.now() / 1000 + 1, login: { name: 'Pixel 9', ip, requestId } }
  if (device === 'browser') await devices.rememberBrowser(unknownDevice, use)
  else await devices.rememberApp(device === 'app' ? { marks: [], key: `key ${++names}` } : unknownDevice, use)
}

describe.each(['browser', 'app'] as const)('a %s that is new', (device) => {
  test('is told of with its place, and with the word that the place is new where it is', async () => {
    await login(guangdong)
    await loginWith(device, guangdong)
    await loginWith(device, zhejiang)
    await loginWith(device, japan)
    await loginWith(device, nowhere)
    expect(told).toEqual([
      { label: 'Pixel 9', place: { province: 'GD' }, isNewPlace: false },
      { label: 'Pixel 9', place: { province: 'ZJ' }, isNewPlace: true },
      { label: 'Pixel 9', place: { country: 'JP' }, isNewPlace: true },
      { label: 'Pixel 9' },
    ])
  })

  test('is in no new place where nobody knows of an earlier one', async () => {
    await loginWith(device, guangdong)
    expect(told).toEqual([{ label: 'Pixel 9', place: { province: 'GD' }, isNewPlace: false }])
  })
})

test('an app without a key is told of only from a place that is new, once', async () => {
  await login(guangdong)
  for (const ip of [guangdong, nowhere, zhejiang, zhejiang, guangdong]) await loginWith('keyless', ip)
  expect(told).toEqual([{ label: 'Pixel 9', place: { province: 'ZJ' }, isNewPlace: true }])
})

test.each(locales())('a mail in %s names the place', (locale) => {
  const of = (what: object) => {
    const notice = { to: '', template: 'new_device', locale, happenedAt: new Date(0), what } as never
    const lines = noticeLines(notice, (key, params) => translate(locale, key, { brand: '', ...params }), {
      accountUrl: '',
    })
    return lines.paragraphs[0] ?? ''
  }
  const [plain, known, fresh, abroad] = [
    of({ label: 'Edge' }),
    of({ label: 'Edge', place: { province: 'GD' }, isNewPlace: false }),
    of({ label: 'Edge', place: { province: 'GD' }, isNewPlace: true }),
    of({ label: 'Edge', place: { country: 'JP' }, isNewPlace: true }),
  ]
  expect(plain).not.toContain(translate(locale, 'place.GD'))
  for (const each of [known, fresh]) expect(each).toContain(translate(locale, 'place.GD'))
  expect(fresh.length).toBeGreaterThan(known.length)
  expect(abroad).toContain(new Intl.DisplayNames(locale, { type: 'region' }).of('JP'))
})
