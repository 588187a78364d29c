import { afterAll, beforeAll, expect, test } from 'vitest'
import { survivorOf } from '../../src/accounts/merged-users.ts'
import type { UserId } from '../../src/base/ids.ts'
import { bindByCode, formToken, signedIn } from '../support/account.ts'
import { claimOf } from '../support/several.ts'
import { errorIn, type Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// Somebody who is signed in proves that another account is theirs too, and makes both one.

const redirectUri = 'https://app.example.com/callback'
const use = { ip: '203.0.113.7' }
const merge = '/account/merge'
let world: World
let people = 0

beforeAll(async () => {
  world = await openWorld()
  const client = {
    client_id: 'plain',
    first_party: true,
    token_endpoint_auth_method: 'none',
    redirect_uris: [redirectUri],
  }
  await world.register({ clients: [client] })
})
afterAll(() => world.close())

const newPhone = () => `1340000${1000 + people++}`

/** Somebody signed in with a number, and another account with another number. */
async function twoOf(): Promise<{ visitor: Visitor; own: UserId; other: UserId; phone: string; otherPhone: string }> {
  const { directory } = world.app.core
  const [phone, otherPhone] = [newPhone(), newPhone()]
  const own = (await directory.register(claimOf('phone', [`+86${phone}`], '小明'), use)).user.id
  const other = (await directory.register(claimOf('phone', [`+86${otherPhone}`], '小明二号'), use)).user.id
  return { visitor: await signedIn(world, redirectUri, phone), own, other, phone, otherPhone }
}

async function provesByCode(visitor: Visitor, phone: string) {
  const page = await visitor.get(merge)
  const asked = await visitor.post(merge, { form_token: formToken(page), method: 'sms', phone, country: '86' })
  const code = await visitor.follow(asked)
  const otp = await world.otp(`+86${phone}`)
  return visitor.follow(await visitor.post(merge, { form_token: formToken(code), method: 'sms', otp }))
}

test('a code to the other number shows both accounts, and the answer makes them one', async () => {
  const { visitor, own, other, otherPhone } = await twoOf()
  const question = await provesByCode(visitor, otherPhone)
  expect(question.text).toContain('小明二号')
  expect(question.text).not.toContain(otherPhone)
  const token = formToken(question)
  const answer = await visitor.follow(
    await visitor.post(merge, { form_token: token, choice: 'merge', into: own, keep_nickname: other }),
  )
  expect(answer.url.search).toBe('?done=merged')
  expect(await survivorOf(world.app.core.database, other)).toBe(own)
  const account = await world.app.core.directory.find(own)
  expect(account?.identities).toHaveLength(2)
  expect(account?.user.profile.nickname).toBe('小明二号')
})

test('and it can be taken back on the same page', async () => {
  const { visitor, own, other, otherPhone } = await twoOf()
  const question = await provesByCode(visitor, otherPhone)
  await visitor.post(merge, { form_token: formToken(question), choice: 'merge', into: own })
  const page = await visitor.get(merge)
  const undo = /name="undo" value="(mrg_[0-9a-z]+)"/.exec(page.text)?.[1] ?? ''
  const done = await visitor.follow(await visitor.post(merge, { form_token: formToken(page), undo }))
  expect(done.url.search).toBe('?done=undone')
  expect(await survivorOf(world.app.core.database, other)).toBe(other)
  expect((await world.app.core.directory.find(other))?.identities).toHaveLength(1)
  const again = await visitor.post(merge, { form_token: formToken(done), undo })
  expect([again.status, errorIn(again)]).toEqual([409, 'merge.over'])
})

test('nothing is offered for a number that nobody has, or that is their own', async () => {
  const { visitor, phone } = await twoOf()
  expect(errorIn(await provesByCode(visitor, newPhone()))).toBe('merge.nobody')
  expect(errorIn(await provesByCode(visitor, phone))).toBe('merge.same')
})

test('without proof of the other account the answer is refused, and an answer counts once', async () => {
  const { visitor, own, other, otherPhone } = await twoOf()
  const page = await visitor.get(merge)
  const answer = { form_token: formToken(page), choice: 'merge', into: own }
  expect(errorIn(await visitor.post(merge, answer))).toBe('attempt.expired')
  expect(await survivorOf(world.app.core.database, other)).toBe(other)
  await provesByCode(visitor, otherPhone)
  await Promise.all([1, 2].map(() => visitor.post(merge, answer)))
  expect(await world.database.database.knex('merges').where({ from_user: other })).toHaveLength(1)
})

test('what has ended the proof of the other account ends the offer', async () => {
  const { visitor, own, other, otherPhone } = await twoOf()
  const question = await provesByCode(visitor, otherPhone)
  const at = new Date(world.app.core.clock() + 1000)
  await world.database.database.knex('users').where({ id: other }).update({ signed_out_at: at })
  const answer = await visitor.post(merge, { form_token: formToken(question), choice: 'merge', into: own })
  expect(errorIn(answer)).toBe('attempt.expired')
  expect(await survivorOf(world.app.core.database, other)).toBe(other)
})

test('a form without the token of this session merges nothing', async () => {
  const { visitor, own, otherPhone } = await twoOf()
  await provesByCode(visitor, otherPhone)
  expect((await visitor.post(merge, { choice: 'merge', into: own })).status).toBe(403)
})

test('whoever keeps the other account is signed out here, and gets in there by either number', async () => {
  const { visitor, own, other, phone, otherPhone } = await twoOf()
  const question = await provesByCode(visitor, otherPhone)
  await visitor.post(merge, { form_token: formToken(question), choice: 'merge', into: other })
  expect(await survivorOf(world.app.core.database, own)).toBe(other)
  const back = await visitor.follow(await visitor.get('/account'))
  expect(back.url.pathname).toMatch(/^\/interaction\//)
  const again = await signedIn(world, redirectUri, phone)
  expect((await again.get('/account')).text).toContain(other)
})

test('a number that turns out to be another account’s when it is added leads to the same question', async () => {
  const { visitor, otherPhone } = await twoOf()
  const taken = await bindByCode(world, visitor, 'phone', otherPhone)
  expect(taken.text).toContain('href="/account/merge"')
  expect((await visitor.get(merge)).text).toContain('name="into"')
})
