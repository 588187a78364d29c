import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { AppleNoticeBent } from '../../sandbox/simulators/apple-notices.ts'
import { signedIn } from '../support/account.ts'
import {
  type AppleWorld,
  appLogin,
  bindAtAccountPage,
  openAppleWorld,
  otherApp,
  phoneApp,
  web,
  webLogin,
  withoutNonce,
} from '../support/apple-world.ts'
import { redirectUri } from '../support/clients.ts'
import { resetClock, walkTo } from '../support/time.ts'
import type { Visitor } from '../support/visitor.ts'

describe.each(['redis', 'tables'] as const)('what Apple tells by itself, short-lived values in %s', (stores) => {
  let opened: AppleWorld
  let people = 0
  let phones = stores === 'redis' ? 13_700_160_000 : 13_700_170_000

  beforeAll(async () => {
    opened = await openAppleWorld({ stores })
  })
  afterEach(resetClock)
  afterAll(() => opened?.close())

  const newPerson = () => `p${people++}`
  const knex = () => opened.world.database.database.knex
  const endpoint = () => `http://localhost:${opened.world.port}/notifications/apple`
  const tell = (body: string, address = endpoint()) => opened.apple.notify(address, body)
  const notice = (person: string, type: string, bent: AppleNoticeBent & { clientId?: string } = {}) =>
    opened.apple.notice(person, { clientId: phoneApp, type, ...bent })
  const subjectOf = (person: string) => opened.apple.subject(person, 'TEAM123456')
  const identityOf = (person: string) =>
    knex()('identities')
      .join('identity_subjects', 'identity_id', 'identities.id')
      .where({ subject: subjectOf(person) })
      .first()
  const audited = (event: string, userId: string) =>
    knex()('audit_events').where({ event, user_id: userId }).orderBy('id')
  const sessions = (userId: string) =>
    knex()('audit_events')
      .where({ event: 'session.ended', user_id: userId })
      .whereRaw(`detail ->> 'reason' = 'upstream_ended'`)
  const isSignedIn = async (visitor: Visitor) => (await visitor.get('/account')).status === 200
  const everything = async () =>
    JSON.stringify(
      await Promise.all(
        ['identities', 'users', 'audit_events', 'oidc_records', 'upstream_revocations'].map((table) =>
          knex()(table).orderByRaw('1'),
        ),
      ),
    )

  /** Somebody who has a phone number too, and logged in by Apple. */
  async function withPhone(): Promise<{ person: string; userId: string; byPhone: Visitor; byApple: Visitor }> {
    const person = newPerson()
    const byPhone = await signedIn(opened.world, redirectUri, String(++phones))
    await bindAtAccountPage(opened, byPhone, person)
    const [byApple] = await webLogin(opened, person)
    return { person, userId: (await identityOf(person)).user_id, byPhone, byApple }
  }

  test.each(['consent-revoked', 'account-delete', 'account-deleted'])(
    '%s ends what came by Apple and removes it where there is another way in',
    async (type) => {
      const { person, userId, byPhone, byApple } = await withPhone()
      expect([await isSignedIn(byPhone), await isSignedIn(byApple)]).toEqual([true, true])
      const revoked = opened.apple.requests.filter(({ path }) => path === '/auth/revoke').length
      expect(await tell(notice(person, type))).toBe(200)
      expect([await isSignedIn(byPhone), await isSignedIn(byApple)]).toEqual([true, false])
      expect(await identityOf(person)).toBeUndefined()
      expect(await knex()('upstream_revocations')).toEqual([])
      expect(opened.apple.requests.filter(({ path }) => path === '/auth/revoke')).toHaveLength(revoked)
      expect((await audited('upstream.notified', userId)).at(-1)).toMatchObject({
        identity_provider: 'apple',
        detail: { type, outcome: 'removed' },
      })
      expect(await audited('identity.unbound', userId)).toHaveLength(1)
      expect(await sessions(userId)).not.toEqual([])
    },
  )

  test.each(['consent-revoked', 'account-delete'])(
    '%s locks nobody out: the last way in stays, and lets its owner back in',
    async (type) => {
      const person = newPerson()
      const [visitor] = await webLogin(opened, person)
      const { app, answer } = await appLogin(opened, withoutNonce(opened, person))
      const tokens = await app.exchange(answer)
      const before = await identityOf(person)
      expect(before.upstream_credential).not.toBeNull()
      expect(await tell(notice(person, type))).toBe(200)
      expect(await isSignedIn(visitor)).toBe(false)
      expect((await app.tryToken({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })).status).toBe(
        400,
      )
      expect(await identityOf(person)).toMatchObject({
        user_id: before.user_id,
        verified_at: null,
        upstream_credential: null,
      })
      opened.apple.forget(person, 'TEAM123456')
      walkTo(1000)
      const again = await appLogin(opened, withoutNonce(opened, person))
      const claims = await again.app.claims(await again.app.exchange(again.answer))
      expect(claims.sub).toBe(before.user_id)
      expect((await identityOf(person)).verified_at).not.toBeNull()
    },
  )

  test('the same notice a second time, and others about the same at once, change nothing more', async () => {
    const { person, userId } = await withPhone()
    const body = notice(person, 'consent-revoked')
    const statuses = await Promise.all(Array.from({ length: 8 }, () => tell(body)))
    expect(new Set(statuses).size).toBeLessThanOrEqual(2)
    expect(statuses.every((status) => status === 200 || status === 503)).toBe(true)
    const after = await everything()
    expect([await tell(body), await tell(notice(person, 'consent-revoked'))]).toEqual([200, 200])
    expect(await everything()).toBe(after)
    expect(await audited('upstream.notified', userId)).toHaveLength(1)
  })

  test('a notice that comes late does not end what the person has allowed since', async () => {
    const person = newPerson()
    const late = notice(person, 'consent-revoked')
    await webLogin(opened, person)
    walkTo(600_000)
    const [visitor] = await webLogin(opened, person)
    expect(await tell(late)).toBe(200)
    expect(await isSignedIn(visitor)).toBe(true)
    const { user_id: userId, upstream_credential } = await identityOf(person)
    expect(upstream_credential).not.toBeNull()
    expect((await audited('upstream.notified', userId)).at(-1)).toMatchObject({ detail: { outcome: 'again' } })
  })

  test.each(['email-disabled', 'email-enabled'])('%s is noted for support and changes nothing', async (type) => {
    const { person, userId, byApple } = await withPhone()
    expect(await tell(notice(person, type))).toBe(200)
    expect(await isSignedIn(byApple)).toBe(true)
    const [line] = await audited('upstream.notified', userId)
    expect(line).toMatchObject({ detail: { type } })
    expect(JSON.stringify(line)).not.toContain('@')
  })

  test('somebody nobody knows, and an event nobody knows, are taken and change nothing', async () => {
    const { person } = await withPhone()
    const before = await everything()
    expect(await tell(notice('p39', 'consent-revoked'))).toBe(200)
    expect(await tell(notice(person, 'something-new'))).toBe(200)
    expect(await everything()).toBe(before)
  })

  test.each<[string, AppleNoticeBent & { clientId?: string }]>([
    ['the Services ID as audience', { clientId: web }],
    ['the event as an object', { isObject: true }],
    ['the time in seconds', { event: { event_time: Math.floor(Date.now() / 1000) } }],
    ['the time as a text', { event: { event_time: String(Date.now()) } }],
    ['an issue some hours ago', { claims: { iat: Math.floor(Date.now() / 1000) - 6 * 3600 } }],
    ['an end that is to come', { claims: { exp: Math.floor(Date.now() / 1000) + 600 } }],
  ])('is taken with %s', async (_, bent) => {
    const { person } = await withPhone()
    expect(await tell(notice(person, 'consent-revoked', bent))).toBe(200)
    expect(await identityOf(person)).toBeUndefined()
  })

  test.each<[string, AppleNoticeBent & { clientId?: string }]>([
    ['a key that Apple does not publish', { key: 'unpublished' }],
    ['such a key under the name of a published one', { key: 'false' }],
    ['an app of the team that is not ours', { clientId: otherApp }],
    ['no audience', { claims: { aud: undefined } }],
    ['another issuer', { claims: { iss: 'https://appleid.example.com' } }],
    ['no name of its own', { claims: { jti: undefined } }],
    ['no time of issue', { claims: { iat: undefined } }],
    ['a time of issue two days ago', { claims: { iat: Math.floor(Date.now() / 1000) - 172_800 } }],
    ['a time of issue to come', { claims: { iat: Math.floor(Date.now() / 1000) + 600 } }],
    ['an end in the past', { claims: { exp: Math.floor(Date.now() / 1000) - 600 } }],
    ['no event', { claims: { events: undefined } }],
    ['half an event', { claims: { events: '{"type":"consent-revoked"' } }],
    ['nobody', { event: { sub: undefined } }],
  ])('is refused with %s, and nothing is stored', async (_, bent) => {
    const { person } = await withPhone()
    const before = await everything()
    expect(await tell(notice(person, 'consent-revoked', bent))).toBe(400)
    expect(await everything()).toBe(before)
    expect(opened.world.log.join('')).toContain('a notice of an upstream was refused')
  })

  test('is refused as an identity token, without a signature, as something else and where nobody listens', async () => {
    const { identity_token } = withoutNonce(opened, newPerson())
    const signed = (JSON.parse(notice('p0', 'consent-revoked')) as { payload: string }).payload
    const [header = '', payload = ''] = signed.split('.')
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    const bodies = ['', 'null', '[]', '{"payload":7}', '{"payload":""}', 'payload=x', `\u0000`, signed]
    const forged = [identity_token, `${none}.${payload}.`, `${header}.${payload}.AAAA`].map((each) =>
      JSON.stringify({ payload: each }),
    )
    for (const body of [...bodies, ...forged]) expect([body, await tell(body)]).toEqual([body, 400])
    expect(await tell(JSON.stringify({ payload: 'x'.repeat(20_000) }))).toBe(413)
    expect(await tell(notice('p0', 'consent-revoked'), `${endpoint()}-other`)).toBe(404)
    expect((await fetch(endpoint())).status).toBe(405)
  })

  test('is asked for again while Apple’s keys cannot be had', async () => {
    const { person } = await withPhone()
    for (let turn = 0; turn < 3; turn += 1) opened.apple.rotateKeys()
    opened.apple.faults.push({ kind: 'server_error', path: '/auth/keys' })
    const body = notice(person, 'consent-revoked')
    expect(await tell(body)).toBe(503)
    expect(await identityOf(person)).toBeDefined()
    expect(await tell(body)).toBe(200)
    expect(await identityOf(person)).toBeUndefined()
  })
})
