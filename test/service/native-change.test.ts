import { afterAll, beforeAll, expect, test } from 'vitest'
import { changed, identityList } from '../../interactions/native/answers.ts'
import { clients, resources } from '../support/clients.ts'
import { type NativeAnswer, NativeApp, nativeClients, nativeSms } from '../support/native-app.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients: [...clients, ...nativeClients] as never, resources })
})
afterAll(() => world.close())

interface Owner {
  readonly id: string
  send(method: string, path: string, form?: Readonly<Record<string, string>>): Promise<NativeAnswer>
}

/** Somebody signed in on a phone by this number, with a token for this server itself. */
async function enter(phone: string): Promise<Owner> {
  const app = new NativeApp(world)
  const answer = await nativeSms(world, app, phone, { scope: 'openid phone identities offline_access' })
  const own = await app.refresh(await app.exchange(answer), { scope: 'openid identities' })
  const send: Owner['send'] = async (method, path, form) => {
    const proof = await app.proof(method, path, own.access_token)
    const scheme = proof['dpop'] === undefined ? 'Bearer' : 'DPoP'
    return app.send(method, path, form, { authorization: `${scheme} ${own.access_token}`, ...proof })
  }
  const [first] = identityList.parse((await send('GET', '/identities')).body).identities
  return { id: String(first?.id), send }
}

test('an app changes the number with a code to the old one and one to the new one', async () => {
  const owner = await enter('13700138001')
  const path = `/identities/${owner.id}/change`
  const old = await owner.send('POST', path, { choice: 'send_old' })
  expect(old.body).toMatchObject({ step: 'otp', proving: 'old' })
  expect(JSON.stringify(old.body)).not.toContain('13700138001')
  const proved = await owner.send('POST', path, { otp: await world.otp('+8613700138001') })
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
