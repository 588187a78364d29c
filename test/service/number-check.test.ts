import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type AliyunDytnsSimulator, startAliyunDytns } from '../../sandbox/simulators/aliyun-dytns.ts'
import { aged, asksWhose, day, ownerOf, proveNumber, withPassword } from '../support/aged.ts'
import { clients, resources } from '../support/clients.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

// The carriers know which numbers were given to somebody else.

let world: World
let vendor: AliyunDytnsSimulator
const clock = () => Date.now()

beforeAll(async () => {
  vendor = await startAliyunDytns({ clock, accessKeys: { testid: 'testsecret' }, authCode: 'auth' })
  const keys = { access_key_id: 'testid', access_key_secret: 'testsecret', auth_code: 'auth' }
  const check = JSON.stringify([{ vendor: 'aliyun', ...keys, endpoint: vendor.url, per_day: 40 }])
  world = await openWorld({ stores: 'tables', env: { MENSHEN_PHONE__CARRIER_CHECK: check } })
  await world.register({ clients: clients as never, resources })
})
beforeEach(() => vendor.faults.splice(0))
afterEach(resetClock)
afterAll(async () => {
  await world?.close()
  await vendor?.close()
})

const bare = (phone: string) => phone.slice(3)
const freed = async (userId: string) =>
  (await world.database.database.knex('audit_events').where({ user_id: userId, event: 'identity.freed' })).map(
    ({ detail }) => detail,
  )

describe('of a number that its account has not proved for long, the carriers', () => {
  test('say that it is its owner’s: nobody is asked, and it counts as proved', async () => {
    const { phone, userId } = await aged(world, 200)
    const before = vendor.requests.length
    expect((await proveNumber(world, world.visitor(), phone)).location).toContain('code=')
    expect((await proveNumber(world, world.visitor(), phone)).location).toContain('code=')
    expect(await ownerOf(world, phone)).toBe(userId)
    expect(vendor.requests.length - before).toBe(1)
  })

  test('are told a hash of the number, and since when', async () => {
    const { phone } = await aged(world, 201)
    await proveNumber(world, world.visitor(), phone)
    const query = new URLSearchParams(vendor.requests.at(-1)?.rawQuery)
    expect(query.get('InputNumber')).toMatch(/^[0-9a-f]{64}$/)
    expect(vendor.requests.at(-1)?.rawQuery).not.toContain(bare(phone))
    const since = Date.parse(`${query.get('StartTime')?.replace(' ', 'T')}+08:00`)
    expect(Math.abs(since + 91 * day - Date.now())).toBeLessThan(60_000)
  })

  test.each([
    ['has changed hands', (phone: string) => vendor.giveAgain(phone, new Date(Date.now() - day))],
    ['is given up', (phone: string) => vendor.giveUp(phone)],
  ])('say that it %s: a new account has it, and nobody is asked', async (_, happens) => {
    const number = 202 + vendor.requests.length
    const { phone, userId } = await aged(world, number, { more: withPassword(world, `lilei${number}`) })
    happens(bare(phone))
    expect((await proveNumber(world, world.visitor(), phone)).location).toContain('code=')
    expect(await ownerOf(world, phone)).not.toBe(userId)
    expect(await freed(userId)).toMatchObject([{ has_changed: true }])
  })

  test.each([
    ['do not know', () => undefined],
    ['refuse', () => vendor.faults.push({ kind: 'refuse', code: 'isp.SYSTEM_ERROR' })],
    ['are away', () => vendor.faults.push({ kind: 'server_error' })],
    ['answer a page', () => vendor.faults.push({ kind: 'html_instead' })],
    ['break off', () => vendor.faults.push({ kind: 'truncated_json' })],
    ['do not serve it', () => vendor.faults.push({ kind: 'refuse', code: 'PortabilityNumberNotSupported' })],
  ])('%s: then the person is asked', async (what, happens) => {
    const { phone, userId } = await aged(world, 250 + vendor.requests.length)
    if (what === 'do not know') vendor.hide(bare(phone))
    happens()
    expect(asksWhose(await proveNumber(world, world.visitor(), phone))).toBe(true)
    expect(await ownerOf(world, phone)).toBe(userId)
  })

  test('are not asked for a device that the account knows, nor for somebody who only types the number', async () => {
    const { phone, owner } = await aged(world, 220, { days: 170 })
    const before = vendor.requests.length
    expect((await proveNumber(world, owner, phone)).location).toContain('code=')
    walkTo(300 * day)
    const stranger = world.visitor()
    const page = await stranger.follow(await stranger.get('/account'))
    await stranger.post(page.url, { method: 'sms', phone: bare(phone), agreement: 'on' })
    expect(vendor.requests.length).toBe(before)
  })

  test('are asked three times a day about one number', async () => {
    const { phone } = await aged(world, 221)
    vendor.hide(bare(phone))
    const before = vendor.requests.length
    for (let tried = 0; tried < 5; tried++) {
      expect(asksWhose(await proveNumber(world, world.visitor(), phone))).toBe(true)
    }
    expect(vendor.requests.length - before).toBe(3)
  })
})
