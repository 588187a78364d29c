import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { step } from '../../interactions/native/answers.ts'
import { merged, mergeList, unmerged } from '../../interactions/native/merge-answers.ts'
import { survivorOf } from '../../src/accounts/merged-users.ts'
import type { UserId } from '../../src/base/ids.ts'
import { clients, resources } from '../support/clients.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { claimOf } from '../support/several.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

// Somebody who is signed in to an app makes one of their two accounts there, and takes it back.

let world: World
let phones = 13_516_000_000
const scope = { scope: 'openid phone identities offline_access' }
const path = '/account/merge'
const use = { ip: '203.0.113.7' }

beforeAll(async () => {
  world = await openWorld({ stores: 'tables', env: { MENSHEN_IDENTITIES_PER_PROVIDER: '{ github: 1 }' } })
  await world.register({ clients: [...clients, ...nativeClients] as never, resources })
})
afterEach(() => resetClock())
afterAll(() => world?.close())

const newPhone = () => String(++phones)

async function accountOf(phone: string, nickname?: string): Promise<UserId> {
  return (await world.app.core.directory.register(claimOf('phone', [`+86${phone}`], nickname), use)).user.id
}

/** Somebody signed in in an app of ours, and another account of theirs. */
async function owner() {
  const [phone, otherPhone] = [newPhone(), newPhone()]
  const [own, other] = [await accountOf(phone, '小明'), await accountOf(otherPhone, '小明二号')]
  const app = new NativeApp(world)
  const tokens = await app.exchange(await nativeSms(world, app, phone, scope))
  const person = {
    ...{ phone, otherPhone, own, other, app },
    tokens: await app.refresh(tokens, { scope: 'openid identities' }),
    send: (method: string, form?: Record<string, string>, { at = path, more = {} } = {}) =>
      app.send(method, at, form, { authorization: `Bearer ${person.tokens.access_token}`, ...more }),
    async proves(number = otherPhone) {
      const asked = await person.send('POST', { method: 'sms', phone: number })
      expect(asked.body).toMatchObject({ error: 'insufficient_authorization', step: 'otp', channel: 'sms' })
      return person.send('POST', { otp: await world.otp(`+86${number}`) })
    },
  }
  return person
}

test('a code to the other number shows both accounts, and the answer makes them one; the login goes on', async () => {
  const { own, other, otherPhone, send, proves, app, tokens } = await owner()
  expect(mergeList.parse((await send('GET')).body).methods).toContainEqual({ method: 'sms', fields: ['phone'] })
  const asked = await proves()
  expect(asked.status).toBe(400)
  const question = step.parse(asked.body)
  expect(question).toMatchObject({ step: 'merge', into: own, keep: ['keep_nickname'], options: ['merge', 'apart'] })
  expect(JSON.stringify(question)).not.toContain(otherPhone)
  const done = await send('POST', { choice: 'merge', into: own, keep_nickname: other })
  expect(done.status).toBe(200)
  expect(merged.parse(done.body)).toMatchObject({ merged: true, sub: own, former_sub: other })
  expect(await survivorOf(world.app.core.database, other)).toBe(own)
  expect((await world.app.core.directory.find(own))?.user.profile.nickname).toBe('小明二号')
  expect((await app.tryToken({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })).status).toBe(200)
  const { values } = await world.app.metrics.accountMerges.get()
  expect(values).toEqual([{ labels: { act: 'merge', outcome: 'done' }, value: 1 }])
  // Asked once, it counts once.
  expect((await send('POST', { choice: 'merge', into: own })).body).toMatchObject({
    message_key: 'errors.attempt.expired',
  })
})

test('it can be taken back in the app for seven days, by another fresh login, and every token ends then', async () => {
  const { own, other, phone, send, proves, app } = await owner()
  await proves()
  await send('POST', { choice: 'merge', into: own })
  const [{ id = '' } = {}] = mergeList.parse((await send('GET')).body).merges
  const stranger = await owner()
  expect((await stranger.send('DELETE', undefined, { at: `${path}/${id}` })).body).toMatchObject({
    message_key: 'errors.merge.over',
  })
  const undone = await send('DELETE', undefined, { at: `${path}/${id}` })
  expect(undone.status).toBe(200)
  expect(unmerged.parse(undone.body)).toEqual({ former_sub: other, missing: [] })
  expect(await survivorOf(world.app.core.database, other)).toBe(other)
  expect((await world.app.core.directory.find(other))?.identities).toHaveLength(1)
  expect((await send('GET')).status).toBe(401)
  const again = await app.again().send('POST', '/authorize-challenge', {})
  expect(again.status).toBe(400)
  const back = new NativeApp(world)
  const claims = await back.claims(await back.exchange(await nativeSms(world, back, phone, scope)))
  expect(claims.sub).toBe(own)
})

test('where the other account stays, the tokens of this one have ended, and the login after that is the other’s', async () => {
  const { own, other, phone, send, proves, app, tokens } = await owner()
  await proves()
  const done = await send('POST', { choice: 'merge', into: other })
  expect(merged.parse(done.body)).toMatchObject({ sub: other, former_sub: own })
  const refused = await app.tryToken({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })
  expect(refused.body).toMatchObject({ error: 'invalid_grant' })
  const again = new NativeApp(world)
  const claims = await again.claims(await again.exchange(await nativeSms(world, again, phone, scope)))
  expect(claims.sub).toBe(other)
})

test('of too many ways in the app says which stay, and is asked again where it does not', async () => {
  const { own, other, send, proves } = await owner()
  const { directory, clock } = world.app.core
  const ids = await Promise.all(
    [own, other].map(async (id) => (await directory.bind(id, claimOf('github', [`of-${id}`]), use)).identityId),
  )
  // Not in the millisecond of the proof that is to come.
  await new Promise<void>((resolve) => {
    const since = clock()
    const look = () => (clock() > since ? resolve() : setImmediate(look))
    look()
  })
  const question = (await proves()).body
  expect(question).toMatchObject({ too_many: [{ provider: 'github', limit: 1 }] })
  const undecided = await send('POST', { choice: 'merge', into: own })
  expect(undecided.body).toMatchObject({ message_key: 'errors.merge.undecided', step: 'merge' })
  const [, chosen = ''] = ids
  expect((await send('POST', { choice: 'merge', into: own, [`stays_${chosen}`]: 'on' })).status).toBe(200)
  const ways = (await directory.find(own))?.identities.flatMap(({ subjects }) => subjects)
  expect(ways).toContain(`of-${other}`)
  expect(ways).not.toContain(`of-${own}`)
})

test('nothing is merged without proof of both, for a stale login, by a page, or after “apart”', async () => {
  const { own, other, otherPhone, phone, send, proves, app, tokens } = await owner()
  expect((await send('POST', { choice: 'merge', into: own })).body['message_key']).toBe('errors.attempt.expired')
  expect((await proves(phone)).body['message_key']).toBe('errors.merge.same')
  expect((await proves(newPhone())).body).toMatchObject({ message_key: 'errors.merge.nobody' })
  expect((await send('POST', { choice: 'new' })).body['parameter']).toBe('choice')
  expect((await send('POST', { method: 'register', identifier: 'x' })).status).toBe(400)
  const wrong = await send('POST', { method: 'sms', phone: otherPhone })
  expect(wrong.body['step']).toBe('otp')
  const refused = await send('POST', { otp: '000000' })
  expect(refused.body).toMatchObject({ message_key: 'errors.otp.wrong', step: 'otp' })
  await send('POST', { otp: await world.otp(`+86${otherPhone}`) })
  expect((await send('POST', { choice: 'apart' })).body).toEqual({ merged: false })
  expect((await send('POST', { choice: 'merge' })).body['message_key']).toBe('errors.attempt.expired')
  const page = await send('POST', { choice: 'apart' }, { more: { origin: 'https://evil.example.com' } })
  expect(page.status).toBe(400)
  walkTo(601_000)
  const later = await app.refresh(tokens, { scope: 'openid identities' })
  const headers = { authorization: `Bearer ${later.access_token}` }
  const late = await app.send('POST', path, { method: 'sms', phone: otherPhone }, headers)
  expect([late.status, late.body['max_age']]).toEqual([401, 600])
  expect(await survivorOf(world.app.core.database, other)).toBe(other)
})

test('an account that is locked or on its way out is refused in a plain sentence', async () => {
  const { other, otherPhone, send, proves } = await owner()
  await world.app.core.directory.setStatus(other, 'locked')
  expect((await proves()).body).toMatchObject({ error: 'access_denied', message_key: 'errors.merge.unfit' })
  await world.app.core.directory.setStatus(other, 'active')
  const leaver = new NativeApp(world)
  const left = await leaver.exchange(await nativeSms(world, leaver, otherPhone, scope))
  const own = await leaver.refresh(left, { scope: 'openid identities' })
  const headers = { authorization: `Bearer ${own.access_token}` }
  expect((await leaver.send('POST', '/account/deletion', { confirm: '1' }, headers)).status).toBe(200)
  const refused = await proves()
  expect(refused.body).toMatchObject({ error: 'access_denied', message_key: 'errors.merge.unfit' })
  expect(refused.body['message']).toMatch(/^.{6,}。$/)
  expect((await send('POST', { choice: 'merge' })).body['message_key']).toBe('errors.attempt.expired')
})
