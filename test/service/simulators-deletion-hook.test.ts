import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type HookSimulator, startDeletionHook } from '../../sandbox/simulators/deletion-hook.ts'

let shop: HookSimulator
let nowMs = 1_800_000_000_000
const secret = 'what both sides know'
const question = JSON.stringify({ type: 'account_deletion', id: '1', sub: 'usr_1' })

beforeAll(async () => {
  shop = await startDeletionHook({ secret, clock: () => nowMs, ordersUrl: 'https://shop.example.com/orders' })
})
afterAll(() => shop?.close())

function asks(body = question, { key = secret, seconds = nowMs / 1000, type = 'application/json' } = {}) {
  const digest = createHmac('sha256', key).update(`${seconds}.${body}`).digest('hex')
  const headers = { 'content-type': type, 'menshen-signature': `t=${seconds},v1=${digest}` }
  return fetch(shop.url, { method: 'POST', headers, body })
}

test('what is signed and fresh is answered', async () => {
  expect(await (await asks()).json()).toEqual({ allow: true })
  expect(shop.questions).toHaveLength(1)
  shop.mood = 'open_orders'
  const no = await (await asks()).json()
  expect(no).toMatchObject({ allow: false, link: 'https://shop.example.com/orders' })
  shop.mood = 'allows'
})

test.each([
  ['signed with another secret', () => asks(question, { key: 'other' }), 401],
  ['older than five minutes', () => asks(question, { seconds: nowMs / 1000 - 301 }), 401],
  ['from the future', () => asks(question, { seconds: nowMs / 1000 + 301 }), 401],
  [
    'without a signature',
    () => fetch(shop.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: question }),
    401,
  ],
  ['a form', () => asks(question, { type: 'application/x-www-form-urlencoded' }), 415],
  ['about something else', () => asks('{"type":"hello","sub":"usr_1"}'), 400],
  ['about nobody', () => asks('{"type":"account_deletion"}'), 400],
  ['a GET', () => fetch(shop.url), 405],
])('what is %s is refused', async (_, ask, status) => {
  const before = shop.questions.length
  expect((await ask()).status).toBe(status)
  expect(shop.questions).toHaveLength(before)
  nowMs += 1000
})
