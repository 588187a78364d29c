import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type AppleWorld,
  appLogin,
  openAppleWorld,
  otherApp,
  phoneApp,
  withNonce,
  withoutNonce,
} from '../support/apple-world.ts'
import { type NativeAnswer, NativeApp } from '../support/native-app.ts'

let opened: AppleWorld
let people = 0

beforeAll(async () => {
  opened = await openAppleWorld()
})
afterAll(() => opened?.close())

const newPerson = () => `p${++people}`
const challenge = (given: Readonly<Record<string, string>>) =>
  new NativeApp(opened.world).challenge({ method: 'apple', ...given })
const toldParameter = ({ status, body }: NativeAnswer) => [status, body['error'], body['parameter']]
const messageKey = ({ body }: NativeAnswer) => body['message_key']
const redeemed = () => opened.apple.requests.filter(({ path }) => path === '/auth/token').length

async function accountOf(app: NativeApp, answer: NativeAnswer) {
  const { sub } = await app.claims(await app.exchange(answer))
  const account = await opened.world.app.core.directory.find(sub as never)
  if (!account) throw new Error('no account')
  return account
}

describe('an app whose SDK knows no nonce', () => {
  test('logs in by the code, to the account that an app with a nonce finds', async () => {
    const person = newPerson()
    const first = await appLogin(opened, withoutNonce(opened, person))
    const { user } = await accountOf(first.app, first.answer)
    const second = await appLogin(opened, withNonce(opened, person))
    expect((await accountOf(second.app, second.answer)).user.id).toBe(user.id)
  })

  test('needs no token where the server knows one app only', async () => {
    const person = newPerson()
    const { upstream_code } = withoutNonce(opened, person)
    const { app, answer } = await appLogin(opened, { upstream_code })
    expect((await accountOf(app, answer)).identities[0]?.subjects).toEqual([opened.apple.subject(person, 'TEAM123456')])
  })

  test('is told which parameter is missing when it brings the token alone', async () => {
    const { identity_token } = withoutNonce(opened, newPerson())
    const before = redeemed()
    const answer = await challenge({ identity_token })
    expect(toldParameter(answer)).toEqual([400, 'invalid_request', 'upstream_code'])
    expect(answer.body['error_description']).toContain('upstream_code')
    expect(redeemed()).toBe(before)
  })

  test('is told what to do when its SDK brings the same again, and is not let in', async () => {
    const given = withoutNonce(opened, newPerson())
    const { app, answer } = await appLogin(opened, given)
    expect(answer.status).toBe(200)
    const again = await challenge(given)
    expect([again.status, messageKey(again), again.body['step']]).toEqual([400, 'errors.upstream.code_used', 'login'])
    expect(again.body['methods']).toContainEqual({ method: 'apple', fields: expect.arrayContaining(['upstream_code']) })
    // With the session of the login before it is no better.
    const stepUp = await app.challenge({ method: 'apple', max_age: '0', code_challenge: 'x'.repeat(43), ...given })
    expect([stepUp.status, stepUp.body.authorization_code]).toEqual([400, undefined])
  })

  test('is told the same when only Apple knows that the code was used', async () => {
    const given = withoutNonce(opened, newPerson())
    opened.apple.faults.push({ kind: 'refuse', code: 'invalid_grant', path: '/auth/token' })
    expect(messageKey(await challenge(given))).toBe('errors.upstream.code_used')
  })

  test('goes on in the same login with a new authorization', async () => {
    const person = newPerson()
    const used = withoutNonce(opened, person)
    await appLogin(opened, used)
    const app = new NativeApp(opened.world)
    expect((await app.challenge({ method: 'apple', ...used })).body['step']).toBe('login')
    expect((await app.challenge({ method: 'apple', ...withoutNonce(opened, person) })).status).toBe(200)
  })

  test('lets one of ten in that bring the same at once', async () => {
    const person = newPerson()
    await appLogin(opened, withoutNonce(opened, person))
    const [given, before] = [withoutNonce(opened, person), redeemed()]
    const answers = await Promise.all(Array.from({ length: 10 }, () => challenge(given)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(redeemed()).toBe(before + 1)
  })

  test('is refused with the code of another app of the team, and with the code of somebody else', async () => {
    const [person, other] = [newPerson(), newPerson()]
    const mixed = {
      ...withoutNonce(opened, person),
      upstream_code: withoutNonce(opened, person, otherApp).upstream_code,
    }
    const theirs = { ...withoutNonce(opened, person), upstream_code: withoutNonce(opened, other).upstream_code }
    for (const given of [mixed, theirs, { upstream_code: mixed.upstream_code }]) {
      const answer = await challenge(given)
      expect([answer.status, answer.body.authorization_code]).toEqual([400, undefined])
      expect(answer.body['error']).toBe('access_denied')
    }
    expect((await challenge(withoutNonce(opened, person, otherApp))).body['error']).toBe('access_denied')
  })
})

describe('an app whose SDK knows a nonce', () => {
  test('is refused with a nonce that is not that of the token', async () => {
    const given = { ...withNonce(opened, newPerson()), raw_nonce: 'another' }
    const before = redeemed()
    expect(messageKey(await challenge(given))).toBe('errors.upstream.code_invalid')
    expect(redeemed()).toBe(before)
  })

  test('is refused with a nonce that the token does not have', async () => {
    const given = { ...withoutNonce(opened, newPerson()), raw_nonce: 'a-nonce' }
    expect(messageKey(await challenge(given))).toBe('errors.upstream.code_invalid')
  })

  test('cannot leave the nonce out, nor the token with it', async () => {
    const { raw_nonce: _, ...given } = withNonce(opened, newPerson())
    expect(toldParameter(await challenge(given))).toEqual([400, 'invalid_request', 'raw_nonce'])
    const { upstream_code } = withNonce(opened, newPerson())
    expect(messageKey(await challenge({ upstream_code }))).toBe('errors.upstream.code_invalid')
  })

  test('may have an SDK that hands the nonce on as it is', async () => {
    const nonce = 'not-hashed-by-this-sdk'
    const { code, identityToken } = opened.apple.authorizeNative(newPerson(), { clientId: phoneApp, nonce })
    const given = { identity_token: identityToken, upstream_code: code, raw_nonce: nonce }
    expect((await appLogin(opened, given)).answer.status).toBe(200)
  })
})

describe('the name that Apple tells an app once', () => {
  test('is shown while the person chooses and becomes that of the new account, cleaned and cut', async () => {
    const app = new NativeApp(opened.world)
    const nickname = `\u202e小\u0014明${'x'.repeat(300)}`
    const asked = await app.challenge({ method: 'apple', ...withoutNonce(opened, newPerson()), nickname })
    const shown = `小明${'x'.repeat(62)}`
    expect(asked.body).toMatchObject({ step: 'choose', nickname: shown })
    const { user } = await accountOf(app, await app.challenge({ choice: 'new' }))
    expect(user.profile).toEqual({ nickname: shown })
  })

  test('replaces no name that the person has chosen, and finds nobody', async () => {
    const [person, other] = [newPerson(), newPerson()]
    const first = await appLogin(opened, { ...withoutNonce(opened, person), nickname: '韩梅梅' })
    const { user } = await accountOf(first.app, first.answer)
    await opened.world.app.core.directory.rename(user.id, '我自己起的')
    const second = await appLogin(opened, { ...withoutNonce(opened, person), nickname: '韩梅梅' })
    expect((await accountOf(second.app, second.answer)).user).toMatchObject({
      id: user.id,
      profile: { nickname: '我自己起的' },
    })
    const namesake = await appLogin(opened, { ...withoutNonce(opened, other), nickname: '我自己起的' })
    expect((await accountOf(namesake.app, namesake.answer)).user.id).not.toBe(user.id)
  })
})

test('an app without any SDK of Apple goes on in the browser', async () => {
  const answer = await challenge({})
  expect(answer.body).toMatchObject({ error: 'redirect_to_web', request_uri: expect.stringContaining('urn:') })
  const query = new URLSearchParams({ client_id: 'ios', request_uri: String(answer.body['request_uri']) })
  const visitor = opened.world.visitor()
  const page = await visitor.follow(await visitor.get(`/auth?${query}`))
  expect([page.status, page.text.includes('value="apple"')]).toEqual([200, true])
})
