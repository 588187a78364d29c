import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { giveBack } from '../../interactions/upstream-revocations.ts'
import { buildConnectors } from '../../interactions/upstreams/connections.ts'
import { keptCredentials } from '../../src/accounts/kept-credentials.ts'
import { httpClient } from '../../src/base/http.ts'
import type { UserId } from '../../src/base/ids.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import { formToken, signedIn } from '../support/account.ts'
import {
  type AppleWorld,
  appLogin,
  bindAtAccountPage,
  openAppleWorld,
  phoneApp,
  web,
  webLogin,
  withoutNonce,
} from '../support/apple-world.ts'
import { redirectUri } from '../support/clients.ts'
import { NativeApp, nativeSms } from '../support/native-app.ts'
import { patienceMs } from '../support/patience.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { unshared } from '../support/unshared.ts'
import type { Visitor } from '../support/visitor.ts'

let opened: AppleWorld
let people = 0
let phones = 13_700_150_000
const patient = { timeout: patienceMs, interval: 50 }

beforeAll(async () => {
  opened = await openAppleWorld()
})
afterEach(async () => {
  resetClock()
  opened.apple.faults.length = 0
  await knex()('upstream_revocations').delete()
})
afterAll(() => opened?.close())

const newPerson = () => `p${people++}`
const newPhone = () => String(++phones)
const knex = () => opened.world.database.database.knex
const waiting = () => knex()('upstream_revocations').orderBy('created_at')
const asked = () =>
  opened.apple.requests.filter(({ path }) => path === '/auth/revoke').map(({ body }) => new URLSearchParams(body))
const askedFor = (...tokens: readonly string[]) => asked().filter((form) => tokens.includes(form.get('token') ?? ''))
const audited = (event: string, userId: string) => knex()('audit_events').where({ event, user_id: userId })
const identityOf = (userId: string) => knex()('identities').where({ user_id: userId, provider: 'apple' }).first()
const userOf = async (subject: string): Promise<UserId> =>
  (
    await knex()('identity_subjects')
      .join('identities', 'identities.id', 'identity_id')
      .where({ subject })
      .first('user_id')
  ).user_id
const credentials = () =>
  keptCredentials({ database: opened.world.database.database, sealer: opened.world.app.core.sealer })

/** The tokens that are kept, by client. */
async function kept(userId: string): Promise<Record<string, string>> {
  const { upstream_credential } = await identityOf(userId)
  return Object.fromEntries(
    credentials()
      .open(upstream_credential)
      .map(({ client, secret }) => [client, secret]),
  )
}

/** Somebody with a phone number who has bound Apple at the account page. */
async function bound(person = newPerson()): Promise<{ visitor: Visitor; userId: UserId; token: string }> {
  const phone = newPhone()
  const visitor = await signedIn(opened.world, redirectUri, phone)
  await bindAtAccountPage(opened, visitor, person)
  const userId = await userOf(`+86${phone}`)
  return { visitor, userId, token: (await kept(userId))[web] ?? '' }
}

async function unbind(visitor: Visitor, userId: string): Promise<void> {
  const { id: identity } = await identityOf(userId)
  const form_token = formToken(await visitor.get(`/account/identities/unbind?identity=${identity}`))
  const answer = await visitor.post('/account/identities/unbind', { identity, form_token })
  expect([answer.status, answer.location]).toEqual([303, expect.stringContaining('done=unbound')])
}

const isOver = (token: string) => vi.waitFor(() => expect(opened.apple.isLive(token)).toBe(false), patient)
/** Apple refuses this many calls. */
function away(times: number): void {
  for (let n = 0; n < times; n++) opened.apple.faults.push({ kind: 'server_error', path: '/auth/revoke' })
}

describe('Apple is given back its refresh token', () => {
  test('for the Services ID, when somebody removes Apple at the account page', async () => {
    const { visitor, userId, token } = await bound()
    expect(opened.apple.isLive(token)).toBe(true)
    await unbind(visitor, userId)
    await isOver(token)
    expect(askedFor(token).map((form) => [form.get('client_id'), form.get('token_type_hint')])).toEqual([
      [web, 'refresh_token'],
    ])
    await vi.waitFor(async () => expect(await waiting()).toEqual([]), patient)
    expect(await audited('upstream.revoked', userId)).toMatchObject([
      { identity_provider: 'apple', detail: { clients: [web] } },
    ])
  })

  test('for the bundle id, when an app removes what an app has bound', async () => {
    const app = new NativeApp(opened.world)
    const phone = newPhone()
    const scope = 'openid identities offline_access'
    const tokens = await app.exchange(await nativeSms(opened.world, app, phone, { scope }))
    const own = await app.refresh(tokens, { scope: 'openid identities' })
    const headers = { authorization: `Bearer ${own.access_token}` }
    const added = await app.send(
      'POST',
      '/identities',
      { method: 'apple', ...withoutNonce(opened, newPerson()) },
      headers,
    )
    expect(added.body).toMatchObject({ bound: true })
    const userId = await userOf(`+86${phone}`)
    const { [phoneApp]: token = '' } = await kept(userId)
    expect(opened.apple.isLive(token)).toBe(true)
    const { id } = await identityOf(userId)
    expect((await app.send('DELETE', `/identities/${id}`, undefined, headers)).status).toBe(204)
    await isOver(token)
    expect(askedFor(token).map((form) => form.get('client_id'))).toEqual([phoneApp])
  })

  test('for each client that somebody has logged in by, of each the newest', async () => {
    const person = newPerson()
    const { visitor, userId } = await bound(person)
    await appLogin(opened, withoutNonce(opened, person))
    await webLogin(opened, person)
    const held = await kept(userId)
    expect(Object.keys(held).sort()).toEqual([web, phoneApp].sort())
    await unbind(visitor, userId)
    await Promise.all(Object.values(held).map(isOver))
    const sent = askedFor(...Object.values(held)).map((form) => [form.get('client_id'), form.get('token')])
    expect(Object.fromEntries(sent)).toEqual(held)
  })

  test('for every client there is, where it was not noted which', async () => {
    const { visitor, userId, token } = await bound()
    const { sealer } = opened.world.app.core
    await knex()('identities')
      .where({ user_id: userId, provider: 'apple' })
      .update({ upstream_credential: sealer.seal(token, 'upstream_credential') })
    await unbind(visitor, userId)
    await isOver(token)
    await vi.waitFor(
      () =>
        expect(
          askedFor(token)
            .map((form) => form.get('client_id'))
            .sort(),
        ).toEqual([web, phoneApp].sort()),
      patient,
    )
  })

  test('when an account is deleted', async () => {
    const { userId, token } = await bound()
    await opened.world.app.core.directory.setStatus(userId, 'deleted')
    await isOver(token)
  })

  test('and not when the last way in stays', async () => {
    const person = newPerson()
    const [visitor] = await webLogin(opened, person)
    const userId = await userOf(opened.apple.subject(person, 'TEAM123456'))
    const { id: identity } = await identityOf(userId)
    const form_token = formToken(await visitor.get('/account/identities'))
    const refused = await visitor.post('/account/identities/unbind', { identity, form_token })
    expect(refused.status).toBe(409)
    expect([await waiting(), opened.apple.isLive((await kept(userId))[web] ?? '')]).toEqual([[], true])
  })
})

describe('while Apple is away', () => {
  test('nobody waits, and it is asked again until it answers', async () => {
    const { visitor, userId, token } = await bound()
    away(2)
    await unbind(visitor, userId)
    for (const [attempts, walkedMs] of [
      [1, 11_000],
      [2, 72_000],
    ] as const) {
      await vi.waitFor(async () => expect(await waiting()).toMatchObject([{ attempts }]), patient)
      await vi.waitFor(() => expect(askedFor(token)).toHaveLength(attempts), patient)
      expect(opened.apple.isLive(token)).toBe(true)
      walkTo(walkedMs)
    }
    await isOver(token)
    expect(opened.world.log.filter((line) => line.includes('an upstream did not take back'))).not.toEqual([])
    expect(opened.world.log.join('')).not.toContain(token)
  })

  test('it is given up after eight times, which the audit tells', async () => {
    const { visitor, userId } = await bound()
    away(1)
    await unbind(visitor, userId)
    await vi.waitFor(async () => expect(await waiting()).toMatchObject([{ attempts: 1 }]), patient)
    away(1)
    await knex()('upstream_revocations').update({ attempts: 7, due_at: new Date(0) })
    await vi.waitFor(async () => expect(await audited('upstream.unrevoked', userId)).toHaveLength(1), patient)
    expect((await audited('upstream.unrevoked', userId))[0]).toMatchObject({
      detail: { attempts: 8, error: 'upstream.busy', vendor_code: '500' },
    })
    expect(await waiting()).toEqual([])
  })

  test('what waits is taken back when the same Apple account is bound again, and given back with it later', async () => {
    const person = newPerson()
    const { visitor, userId, token } = await bound(person)
    away(1)
    await unbind(visitor, userId)
    await vi.waitFor(async () => expect(await waiting()).toMatchObject([{ attempts: 1 }]), patient)
    await bindAtAccountPage(opened, visitor, person)
    expect(await waiting()).toEqual([])
    expect(askedFor(token)).toHaveLength(1)
    const { [web]: next = '' } = await kept(userId)
    expect(opened.apple.isLive(next)).toBe(true)
    await unbind(visitor, userId)
    await isOver(next)
  })
})

describe('of several processes', () => {
  /** The work of one process, without its timer. */
  async function work(): Promise<number> {
    const { config, database, clock, log, audit } = opened.world.app.core
    const http = httpClient({ timeoutMs: 10_000, allowInsecure: true })
    const connectors = buildConnectors(config.connections, { http, clock, shared: unshared, allowInsecure: true })
    return giveBack({ database, clock, connectors, open: credentials().open, log, metrics: createMetrics(), audit })
  }

  test('one asks at a time', async () => {
    const { visitor, userId, token } = await bound()
    away(1)
    await unbind(visitor, userId)
    await vi.waitFor(async () => expect(await waiting()).toMatchObject([{ attempts: 1 }]), patient)
    await vi.waitFor(() => expect(askedFor(token)).toHaveLength(1), patient)
    let working: Promise<number[]> | undefined
    await knex().transaction(async (transaction) => {
      // All of them find the row due while somebody holds it, and look at it together when it is free.
      await transaction('upstream_revocations').forUpdate()
      walkTo(11_000)
      working = Promise.all(Array.from({ length: 8 }, work))
      await delay(500)
    })
    const tried = (await working) ?? []
    expect(tried.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(1)
    await isOver(token)
    expect(askedFor(token)).toHaveLength(2)
  })

  test('another one goes on a minute after the first has died', async () => {
    const { visitor, userId, token } = await bound()
    away(1)
    await unbind(visitor, userId)
    await vi.waitFor(() => expect(askedFor(token)).toHaveLength(1), patient)
    // As it stands when a process has taken it and sends no more.
    await knex()('upstream_revocations').update({ attempts: 1, due_at: new Date(Date.now() + 60_000) })
    expect(await work()).toBe(0)
    walkTo(61_000)
    await isOver(token)
  })
})
