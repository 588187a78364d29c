import { afterAll, beforeAll, expect, test } from 'vitest'
import { formToken, signedIn } from '../support/account.ts'
import { clients, redirectUri } from '../support/clients.ts'
import { eventually } from '../support/patience.ts'
import { openWorld, type World } from '../support/world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  await world.register({ clients })
})
afterAll(() => world.close())

async function told(phone: string): Promise<string[]> {
  const headers = { accept: 'application/json' }
  const address = `http://localhost:${world.port}/sandbox/outbox?to=${encodeURIComponent(`+86${phone}`)}`
  const messages = (await (await fetch(address, { headers })).json()) as { template: string; otp: string }[]
  return messages.filter(({ otp }) => otp === '').map(({ template }) => template)
}

/** Until everything that was queued has been sent. */
const untilSent = () =>
  eventually(async () => expect(await world.database.database.knex('owner_messages').select('id')).toEqual([]))

test('a login from a new device is told of, one from a known device and the first of all are not', async () => {
  const phone = '13900139001'
  const known = await signedIn(world, redirectUri, phone)
  await untilSent()
  expect(await told(phone)).toEqual([])
  await known.get('/session/end')
  await signedIn(world, redirectUri, phone)
  await eventually(async () => expect(await told(phone)).toEqual(['new_device']))
})

test('whoever does not want to hear of new devices says so, and is told of everything else', async () => {
  const phone = '13900139002'
  const visitor = await signedIn(world, redirectUri, phone)
  const page = await visitor.get('/account/messages')
  expect(page.text).toContain('name="new_device" value="on" checked')
  expect(page.text).not.toContain('name="password_changed"')
  await visitor.post('/account/messages', { export_ready: 'on', form_token: formToken(page) })
  expect((await visitor.get('/account/messages')).text).not.toContain('name="new_device" value="on" checked')
  await signedIn(world, redirectUri, phone)
  const form_token = formToken(await visitor.get('/account/password'))
  await visitor.post('/account/password', { new_password: 'grape-ladder-42-river', form_token })
  await eventually(async () => expect(await told(phone)).toEqual(['password_set']))
  await untilSent()
  expect(await told(phone)).toEqual(['password_set'])
})
