import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { formToken, signedIn } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { asksToLeave, type HookPlay, playHook } from '../support/deletions.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

const secret = 'a secret of the hook'
let world: World
let hook: HookPlay
let phones = 13_513_000_000

beforeAll(async () => {
  hook = await playHook()
  const env = { MENSHEN_DELETION__HOOK__URL: hook.url, MENSHEN_DELETION__HOOK__SECRET: secret }
  world = await openWorld({ stores: 'tables', env })
  await world.register({ clients, resources } as never)
})
beforeEach(() => {
  hook.asked.length = 0
  hook.says = { status: 200, body: '{"allow":true}' }
})
afterAll(async () => {
  await world?.close()
  await hook?.close()
})

const someone = (): Promise<Visitor> => signedIn(world, redirectUri, String(++phones))
const leaving = () => world.database.database.knex('users').where({ status: 'leaving' }).pluck('id')

test('it is asked with a signature over time and body, and lets a deletion through', async () => {
  const before = await leaving()
  expect((await asksToLeave(await someone())).status).toBe(200)
  expect(hook.asked).toHaveLength(1)
  const [{ headers, body } = { headers: {}, body: '' }] = hook.asked
  const [, time = '', digest] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['menshen-signature'])) ?? []
  expect(createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')).toBe(digest)
  expect(Math.abs(Number(time) * 1000 - Date.now())).toBeLessThan(60_000)
  const asked = JSON.parse(body)
  expect(asked).toEqual({ type: 'account_deletion', id: expect.any(String), sub: expect.stringMatching(/^usr_/) })
  expect((await leaving()).filter((id) => !before.includes(id))).toEqual([asked.sub])
})

test('a no is shown as text in the language of the page, with its link', async () => {
  const before = await leaving()
  const reason = { 'zh-CN': '还有 <b>2</b> 个订单', en: '2 <b>orders</b> are open' }
  hook.says = { status: 200, body: JSON.stringify({ allow: false, reason, link: 'https://shop.example.com/orders' }) }
  const visitor = await someone()
  const page = await asksToLeave(visitor)
  expect(page.status).toBe(409)
  expect(page.text).toContain('还有 &#60;b&#62;2&#60;/b&#62; 个订单')
  expect(page.text).toContain('href="https://shop.example.com/orders"')
  const form_token = formToken(await visitor.get('/account/deletion?lang=en').then((answer) => visitor.follow(answer)))
  const english = await visitor.post('/account/deletion', { form_token, confirm: 'on' })
  expect(english.text).toContain('2 &#60;b&#62;orders&#60;/b&#62; are open')
  expect(await leaving()).toEqual(before)
})

const wrong: [string, HookPlay['says']][] = [
  ['never comes', undefined],
  ['has another status', { status: 503, body: '{"allow":true}' }],
  ['has another status of success', { status: 201, body: '{"allow":true}' }],
  ['is no JSON', { status: 200, body: 'yes' }],
  ['says yes as a text', { status: 200, body: '{"allow":"true"}' }],
  ['says yes and something else', { status: 200, body: '{"allow":true,"but":1}' }],
  ['says no without a reason', { status: 200, body: '{"allow":false}' }],
  ['says no with an empty reason', { status: 200, body: '{"allow":false,"reason":{}}' }],
  ['has a link that is a script', { status: 200, body: '{"allow":false,"reason":{"en":"x"},"link":"javascript:a()"}' }],
  ['has a link without TLS', { status: 200, body: '{"allow":false,"reason":{"en":"x"},"link":"http://a.example"}' }],
  ['is too long', { status: 200, body: `{"allow":true}${' '.repeat(20_000)}` }],
  ['leads elsewhere', { status: 302, body: '' }],
]

describe('nothing is deleted, and a plain sentence says so, where the answer', () => {
  test.each(wrong)('%s', async (_, says) => {
    const before = await leaving()
    hook.says = says
    const page = await asksToLeave(await someone())
    expect(page.status).toBe(503)
    expect(page.text).toContain('data-error="deletion.unanswered"')
    expect(page.text).not.toContain('javascript:')
    expect(await leaving()).toEqual(before)
  })
})

test('who is not sure yet asks nobody, and who asks again and again is stopped', async () => {
  const visitor = await someone()
  const form_token = formToken(await visitor.get('/account/deletion'))
  expect((await visitor.post('/account/deletion', { form_token })).status).toBe(400)
  expect(hook.asked).toHaveLength(0)
  hook.says = { status: 200, body: '{"allow":false,"reason":{"en":"not yet"}}' }
  const statuses: number[] = []
  for (let n = 0; n < 12; n++)
    statuses.push((await visitor.post('/account/deletion', { form_token, confirm: 'on' })).status)
  expect(statuses.slice(-2)).toEqual([429, 429])
  expect(hook.asked).toHaveLength(10)
})
