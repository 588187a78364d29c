import { afterAll, beforeAll, expect, test } from 'vitest'
import { changed, identityList } from '../../interactions/native/answers.ts'
import { aged, ownerOf, password, withPassword } from '../support/aged.ts'
import { clients, resources } from '../support/clients.ts'
import { type NativeAnswer, NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients: [...clients, ...nativeClients] as never, resources })
})
afterAll(() => world.close())

/** Every request of somebody with this token for the server itself. */
function sender(app: NativeApp, accessToken: string) {
  return async (method: string, path: string, form?: Readonly<Record<string, string>>): Promise<NativeAnswer> => {
    const proof = await app.proof(method, path, accessToken)
    const scheme = proof['dpop'] === undefined ? 'Bearer' : 'DPoP'
    return app.send(method, path, form, { authorization: `${scheme} ${accessToken}`, ...proof })
  }
}

interface Owner {
  readonly id: string
  readonly send: ReturnType<typeof sender>
}

/** Somebody signed in on a phone by this number, with a token for this server itself. */
async function enter(phone: string): Promise<Owner> {
  const app = new NativeApp(world)
  const answer = await nativeSms(world, app, phone, { scope: 'openid phone identities offline_access' })
  const own = await app.refresh(await app.exchange(answer), { scope: 'openid identities' })
  const send = sender(app, own.access_token)
  const [first] = identityList.parse((await send('GET', '/identities')).body).identities
  return { id: String(first?.id), send }
}

test('an app changes the number with a code to the old one and one to the new one', async () => {
  const owner = await enter('13700138001')
  const path = `/identities/${owner.id}/change`
  const old = await owner.send('POST', path, { choice: 'send_old' })
  expect(old.body).toMatchObject({ step: 'otp', proving: 'old' })
  expect(JSON.stringify(old.body)).not.toContain('13700138001')
  const right = await world.otp('+8613700138001')
  const wrong = await owner.send('POST', path, { otp: right === '000000' ? '000001' : '000000' })
  expect(wrong.body).toMatchObject({ message_key: 'errors.otp.wrong', step: 'otp', proving: 'old', attempts_left: 4 })
  const proved = await owner.send('POST', path, { otp: right })
  expect(proved.body).toMatchObject({ error: 'insufficient_authorization', proving: 'new' })
  const asked = await owner.send('POST', path, { phone: '13700138002' })
  expect(asked.body).toMatchObject({ step: 'otp', proving: 'new' })
  const done = await owner.send('POST', path, { otp: await world.otp('+8613700138002') })
  expect(done.status).toBe(200)
  expect(changed.parse(done.body)).toEqual({ changed: true })
  // Its own login came by the old number.
  expect((await owner.send('GET', '/identities')).status).toBe(401)
})

test('a new number before the old one is proved is refused, and nothing is sent to it', async () => {
  const owner = await enter('13700138003')
  const refused = await owner.send('POST', `/identities/${owner.id}/change`, { phone: '13700138004' })
  expect(refused.body).toMatchObject({ message_key: 'errors.attempt.expired' })
  await expect(world.otp('+8613700138004')).rejects.toThrow()
})

test('the old number cannot be left out by whoever came by it', async () => {
  const owner = await enter('13700138005')
  const path = `/identities/${owner.id}/change`
  expect((await owner.send('POST', path, { choice: 'without_old' })).status).toBe(409)
})

test('there is nothing to stop where nothing waits, and nobody else’s identity can be changed', async () => {
  const [owner, other] = [await enter('13700138006'), await enter('13700138007')]
  expect((await owner.send('DELETE', `/identities/${owner.id}/change`)).status).toBe(404)
  expect((await owner.send('POST', `/identities/${other.id}/change`, { choice: 'send_old' })).status).toBe(404)
})

test('who came by something else leaves the old number out; the list says what waits, until it is stopped', async () => {
  const { phone } = await aged(world, 380, { days: 0, more: withPassword(world, 'changer') })
  const app = new NativeApp(world)
  const scope = 'openid identities offline_access'
  const entered = await app.challenge({ method: 'password', identifier: 'changer', password, scope })
  const own = await app.refresh(await app.exchange(entered), { scope: 'openid identities' })
  const send = sender(app, own.access_token)
  const listed = async () => identityList.parse((await send('GET', '/identities')).body).identities
  const id = (await listed()).find(({ provider }) => provider === 'phone')?.id
  const path = `/identities/${id}/change`
  expect((await send('POST', path, { choice: 'without_old' })).body).toMatchObject({ proving: 'new' })
  await send('POST', path, { phone: '13700138011' })
  const waits = changed.parse((await send('POST', path, { otp: await world.otp('+8613700138011') })).body)
  expect(waits.changed).toBe(false)
  const changing = { label: '137****8011', due_at: waits.due_at }
  expect((await listed()).map((each) => each.changing)).toEqual(
    expect.arrayContaining([expect.objectContaining(changing), undefined]),
  )
  expect((await send('DELETE', path)).status).toBe(204)
  expect((await listed()).map((each) => each.changing)).toEqual([undefined, undefined])
  expect(await ownerOf(world, phone)).toBeDefined()
})
