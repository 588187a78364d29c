import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formToken, signedIn } from '../support/account.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { reachLogin, startLogin } from '../support/login.ts'
import { NativeApp, nativeClients } from '../support/native-app.ts'
import type { Answer, Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// A form with several faults is answered with all of them at once, each at its field, and nothing is spent for it.

let world: World

beforeAll(async () => {
  const env = {
    MENSHEN_REGISTRATION__EMAIL: 'open',
    MENSHEN_PASSWORD__LOCK__TRIES: '1',
  }
  world = await openWorld({ stores: 'tables', env })
  await world.register({ clients: [...clients, ...nativeClients], resources })
})
afterAll(() => world.close())

const good = 'ripe tea from 4 mountains'

/** The faults that a page lists, and the fields that it marks as wrong. */
function faultsOf({ text }: Answer) {
  const codes = [...text.matchAll(/data-fault="([\w.]+)"/g)].map(([, code]) => code)
  const first = /data-error="([\w.]+)"/.exec(text)?.[1]
  const marked = [...text.matchAll(/<input [^>]*name="(\w+)"[^>]*aria-invalid="true"/g)].map(([, name]) => name)
  return { codes: codes.length > 0 ? codes : [first].filter((each) => each !== undefined), marked }
}

async function sends(form: Record<string, string>, visitor = world.visitor()) {
  const page = await reachLogin(visitor, startLogin(world, 'plain', redirectUri))
  return visitor.post(page.url, form)
}

async function sentTo(to: string): Promise<number> {
  const address = `${world.issuer}/sandbox/outbox?to=${encodeURIComponent(to)}`
  const response = await fetch(address, { headers: { accept: 'application/json' } })
  return ((await response.json()) as unknown[]).length
}

/** What limits and codes have left behind. */
const counted = async () => {
  const rows = await world.database.database.knex('ephemeral').select('key', 'value').orderBy('key')
  return rows.filter(({ key }) => /register|sms|mail|otp|password/.test(key))
}

describe('one answer names everything that is wrong', () => {
  const cases: readonly (readonly [string, Record<string, string>, readonly string[], readonly string[]])[] = [
    [
      'an account with a name that does not do, a short password and no tick',
      { method: 'register', kind: 'username', identifier: 'x', new_password: '1' },
      ['username.invalid', 'password.too_short', 'agreement.required'],
      ['identifier', 'new_password', 'agreement'],
    ],
    [
      'an account of nothing at all',
      { method: 'register', kind: 'email', identifier: ' ', new_password: '' },
      ['email.missing', 'password.required', 'agreement.required'],
      ['identifier', 'new_password', 'agreement'],
    ],
    [
      'an account of a user name in place of an address, which is made without one otherwise',
      { method: 'register', kind: 'email', identifier: 'teahouse', new_password: good, agreement: 'on' },
      ['email.invalid'],
      ['identifier'],
    ],
    [
      'an account with an address that is none, and the name of the owner as password',
      { method: 'register', kind: 'email', identifier: 'lin@', new_password: 'password1', agreement: 'on' },
      ['email.invalid', 'password.common'],
      ['identifier', 'new_password'],
    ],
    [
      'an account with half a number and no tick',
      { method: 'register', kind: 'phone', phone: '138', country: '86' },
      ['phone.invalid', 'agreement.required'],
      ['phone', 'agreement'],
    ],
    [
      'a login without a number and without a tick',
      { method: 'sms', phone: '', country: '86' },
      ['phone.missing', 'agreement.required'],
      ['phone', 'agreement'],
    ],
    [
      'a login with a number of a country that is not served, without a tick',
      { method: 'sms', phone: '+81 90 1234 5678', country: '86' },
      ['phone.country_unsupported', 'agreement.required'],
      ['phone', 'agreement'],
    ],
    [
      'a login with neither name, password nor tick',
      { method: 'password', identifier: '', password: '' },
      ['identifier.required', 'password.required', 'agreement.required'],
      ['identifier', 'password', 'agreement'],
    ],
    [
      'a reset for a number of a country that is not served, without a tick',
      { method: 'reset', identifier: '+81 90 1234 5678' },
      ['phone.country_unsupported', 'agreement.required'],
      ['identifier', 'agreement'],
    ],
  ]

  test.each(cases)('%s', async (_, form, codes, marked) => {
    const answer = await sends(form)
    expect(faultsOf(answer)).toEqual({ codes, marked })
    expect(answer.status).toBe(400)
    expect(answer.text.match(/ autofocus/g)).toHaveLength(1)
    expect(answer.text).toMatch(new RegExp(`name="${marked[0]}"[^>]* autofocus`))
    expect(answer.text).not.toMatch(/type="password"[^>]* value=/)
  })

  test('a form whose only fault is the tick still asks for it on a page of its own', async () => {
    const answer = await sends({ method: 'register', kind: 'username', identifier: 'tea-house', new_password: good })
    expect(answer.text).toContain('name="agreement" value="on"')
    expect(answer.text).toContain('name="carried"')
  })
})

test('nothing is sent, hashed or counted for a form with a fault', async () => {
  const before = await counted()
  for (let times = 0; times < 30; times++)
    await sends({ method: 'register', identifier: 'tea@example.com', new_password: 'short', agreement: 'on' })
  for (let times = 0; times < 3; times++) await sends({ method: 'sms', phone: '13900080001' })
  expect([await sentTo('tea@example.com'), await sentTo('+8613900080001')]).toEqual([0, 0])
  expect(await counted()).toEqual(before)
  const answer = await sends({
    method: 'register',
    identifier: 'tea@example.com',
    new_password: good,
    agreement: 'on',
  })
  expect(answer.status).toBe(303)
  expect(await sentTo('tea@example.com')).toBe(1)
})

describe('the password of somebody who is signed in', () => {
  const path = '/account/password'
  const change = async (visitor: Visitor, form: Record<string, string>) => {
    const form_token = formToken(await visitor.get(path))
    return visitor.post(path, { form_token, ...form })
  }

  test('is not changed by a form with two faults, which costs no try', async () => {
    const visitor = await signedIn(world, redirectUri, '13900080002')
    expect((await change(visitor, { new_password: good })).status).toBe(303)
    for (let times = 0; times < 3; times++) {
      const answer = await change(visitor, { password: '', new_password: '1' })
      expect(faultsOf(answer)).toEqual({
        codes: ['password.current_missing', 'password.too_short'],
        marked: ['password', 'new_password'],
      })
    }
    expect((await change(visitor, { password: good, new_password: 'harvest of 5 valleys' })).status).toBe(303)
  })

  test('may not be made of what the account is called', async () => {
    const visitor = await signedIn(world, redirectUri, '13900080003')
    expect(faultsOf(await change(visitor, { new_password: '13900080003' })).codes).toEqual(['password.common'])
    expect(faultsOf(await change(visitor, { new_password: '' })).codes).toEqual(['password.required'])
  })
})

test('an app of ours is told the first fault', async () => {
  const answer = await new NativeApp(world).challenge({ method: 'password', identifier: ' ', password: '' })
  expect([answer.status, answer.body['message_key']]).toEqual([400, 'errors.identifier.required'])
})
