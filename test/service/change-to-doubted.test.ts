import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { formToken } from '../support/account.ts'
import { aged, ownerOf, proveNumber } from '../support/aged.ts'
import { clients, resources } from '../support/clients.ts'
import { NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { resetClock } from '../support/time.ts'
import { type Answer, errorIn } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// Somebody changes their number to one that an account has which has not proved it for long: an operator gave it to them.

let world: World
let guests = 60

beforeAll(async () => {
  world = await openWorld({ stores: 'tables', env: { MENSHEN_IDENTITIES_PER_PROVIDER: '{ phone: 1 }' } })
  await world.register({ clients: [...clients, ...nativeClients] as never, resources })
})
afterEach(resetClock)
afterAll(() => world.close())

const identitiesOf = async (userId: string) =>
  (await world.app.core.directory.find(userId as never))?.identities.map(({ id, subjects }) => ({ id, subjects }))
const eventsOf = async (userId: string) =>
  world.database.database.knex('audit_events').where({ user_id: userId }).pluck('event')

/** A number that is in doubt, an account that has proved its own just now, and both codes on the page for its change. */
async function atTheQuestion() {
  const held = await aged(world, ++guests)
  const own = await aged(world, ++guests)
  await proveNumber(world, own.owner, own.phone)
  const list = await own.owner.get('/account/identities')
  const path = /href="([^"]+\/change)\?restart=1"/.exec(list.text)?.[1] ?? ''
  const form_token = formToken(await own.owner.follow(await own.owner.get(`${path}?restart=1`)))
  const send = (form: Record<string, string>) => own.owner.post(path, { ...form, form_token })
  await proveBoth(send, own.phone, held.phone)
  return { held, own, send }
}

async function proveBoth(send: (form: Record<string, string>) => Promise<Answer>, old: string, to: string) {
  const oldCode = await world.otpAfter(old, () => send({ choice: 'send_old' }))
  expect((await send({ otp: oldCode })).status).toBe(303)
  const otp = await world.otpAfter(to, () => send({ phone: to.slice(3) }))
  const taken = await send({ otp })
  expect([taken.status, errorIn(taken)]).toEqual([409, 'identity.taken'])
  expect(taken.text).toContain('不是我的，换成这个手机号')
}

test('whoever has proved both says that the other account is not theirs, and has the number in place of the old one', async () => {
  const { held, own, send } = await atTheQuestion()
  expect(await ownerOf(world, held.phone)).toBe(held.userId)
  const done = await send({ choice: 'not_mine' })
  expect(done.location).toBe('/account/identities?done=changed')
  expect(await identitiesOf(own.userId)).toMatchObject([{ subjects: [held.phone] }])
  expect(await identitiesOf(held.userId)).toEqual([])
  expect(await ownerOf(world, own.phone)).toBeUndefined()
  expect(await eventsOf(own.userId)).toContain('identity.changed')
  expect(await eventsOf(own.userId)).not.toContain('identity.bound')
  expect(await eventsOf(held.userId)).toContain('identity.freed')
  // The browser that has proved both is still signed in.
  expect((await own.owner.get('/account')).status).toBe(200)
})

test('of two answers at once one counts, and another one has nothing to be about', async () => {
  const { held, own, send } = await atTheQuestion()
  const answers = await Promise.all([send({ choice: 'not_mine' }), send({ choice: 'not_mine' })])
  expect(answers.filter(({ location }) => location?.endsWith('done=changed'))).toHaveLength(1)
  expect(await identitiesOf(own.userId)).toMatchObject([{ subjects: [held.phone] }])
  expect(errorIn(await send({ choice: 'not_mine' }))).not.toBeUndefined()
})

test('the owner who proves the number meanwhile keeps it, and both accounts stay as they are', async () => {
  const { held, own, send } = await atTheQuestion()
  await world.database.database
    .knex('identities')
    .where({ user_id: held.userId })
    .update({ proved_at: new Date(Date.now()) })
  expect(errorIn(await send({ choice: 'not_mine' }))).toBe('attempt.expired')
  expect(await ownerOf(world, held.phone)).toBe(held.userId)
  expect(await ownerOf(world, own.phone)).toBe(own.userId)
})

test('an app asks whose the number is, and changes to it', async () => {
  const held = await aged(world, ++guests)
  const own = await aged(world, ++guests)
  await world.database.database.knex('identities').where({ user_id: own.userId }).update({ proved_at: new Date() })
  const app = new NativeApp(world)
  const scope = 'openid identities offline_access'
  const tokens = await app.exchange(await nativeSms(world, app, own.phone.slice(3), { scope }))
  const { access_token } = await app.refresh(tokens, { scope: 'openid identities' })
  const [identity] = (await identitiesOf(own.userId)) ?? []
  const send = (form: Record<string, string>) =>
    app.send('POST', `/identities/${identity?.id}/change`, form, { authorization: `Bearer ${access_token}` })
  await send({ otp: await world.otpAfter(own.phone, () => send({ choice: 'send_old' })) })
  const refused = await send({ otp: await world.otpAfter(held.phone, () => send({ phone: held.phone.slice(3) })) })
  expect(refused.status).toBe(409)
  expect(refused.body).toMatchObject({ step: 'confirm_owner', options: ['not_mine'], proving: 'new' })
  expect((await send({ choice: 'not_mine' })).body).toEqual({ changed: true })
  expect(await ownerOf(world, held.phone)).toBe(own.userId)
})
