import { afterAll, beforeAll, expect, test } from 'vitest'
import { survivorOf } from '../../src/accounts/merged-users.ts'
import type { UserId } from '../../src/base/ids.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, reachLogin, startLogin, subjectOf } from '../support/login.ts'
import { freePort } from '../support/services.ts'
import { twoAccounts } from '../support/several.ts'
import { agreeAt } from '../support/upstream.ts'
import { insideWechat, openUpstreams, type Upstreams } from '../support/upstreams.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// One proof leads to two accounts of a person, or two proofs of one login lead to one each: they may become one.

let world: World
let upstreams: Upstreams

beforeAll(async () => {
  const port = await freePort()
  upstreams = await openUpstreams(`http://localhost:${port}`)
  world = await openWorld({ port, env: upstreams.env(['wechat', 'silent']) })
  await world.register({
    clients: [...clients, { ...clients[1], client_id: 'phones', require_phone: true }],
    resources,
  })
})
afterAll(async () => {
  await world?.close()
  await upstreams?.close()
})

async function through(person: string, client = 'plain'): Promise<{ visitor: Visitor; page: Answer }> {
  const visitor = world.visitor()
  const headers = { 'user-agent': insideWechat }
  const first = await reachLogin(visitor, startLogin(world, client, redirectUri))
  const { location = '' } = await visitor.post(first.url, { method: 'wechat', agreement: 'on' }, headers)
  const back = await agreeAt(upstreams, visitor, { connection: 'wechat', person, location, headers })
  const page = await visitor.follow(await visitor.get(new URL(back.location ?? '', world.issuer), headers))
  return { visitor, page }
}

const answer = async (visitor: Visitor, page: Answer, fields: Readonly<Record<string, string>>) =>
  visitor.follow(await visitor.post(page.url.pathname, fields))
const subOf = async (done: Answer, client = 'plain'): Promise<UserId> =>
  subjectOf(await exchange(world, client, redirectUri, done.location))

test('two accounts of one proof become one, with one way in at that vendor, whoever had no other', async () => {
  const [first, second] = await twoAccounts(world, upstreams, 'p1')
  const { visitor, page } = await through('p1')
  const question = await answer(visitor, page, { choice: 'one_account' })
  expect(question.text).toContain('name="into"')
  const done = await answer(visitor, question, { choice: 'merge', into: second })
  expect(await subOf(done)).toBe(second)
  expect(await survivorOf(world.app.core.database, first)).toBe(second)
  const account = await world.app.core.directory.find(second)
  expect(account?.identities).toHaveLength(1)
  const again = await through('p1')
  expect(await subOf(again.page)).toBe(second)
})

test('whoever does not want that chooses one of both as before', async () => {
  const [first, second] = await twoAccounts(world, upstreams, 'p2', ['+8613700000001', '+8613700000002'])
  const { visitor, page } = await through('p2')
  const question = await answer(visitor, page, { choice: 'one_account' })
  const back = await answer(visitor, question, { choice: 'apart' })
  expect(back.text).toContain(first)
  const done = await answer(visitor, back, { choice: 'account', account: first })
  expect(await subOf(done)).toBe(first)
  expect(await survivorOf(world.app.core.database, second)).toBe(second)
})

test('an answer that was not asked for merges nothing', async () => {
  const [first, second] = await twoAccounts(world, upstreams, 'p3')
  const { visitor, page } = await through('p3')
  expect((await visitor.post(page.url.pathname, { choice: 'merge', into: first })).status).toBe(400)
  expect(await survivorOf(world.app.core.database, second)).toBe(second)
})

test('a number that an app insists on and that another account has: both were proved, and become one', async () => {
  const { directory } = world.app.core
  const use = { ip: '203.0.113.7' }
  const phone = '13700000009'
  const owner = await directory.register({ provider: 'phone', subjects: [`+86${phone}`], profile: {} }, use)
  const { visitor, page: choose } = await through('p4')
  await answer(visitor, choose, { choice: 'new' })
  const { visitor: again, page } = await through('p4', 'phones')
  const asked = await again.post(page.url, { method: 'sms', phone, agreement: 'on' })
  const code = await again.follow(asked)
  const conflict = await again.follow(
    await again.post(code.url, { method: 'sms', otp: await world.otp(`+86${phone}`) }),
  )
  expect(conflict.text).toContain('one_account')
  const question = await answer(again, conflict, { choice: 'one_account' })
  const done = await answer(again, question, { choice: 'merge', into: owner.user.id })
  expect(await subOf(done, 'phones')).toBe(owner.user.id)
  expect((await directory.find(owner.user.id))?.identities).toHaveLength(2)
})
