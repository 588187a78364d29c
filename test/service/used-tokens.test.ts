import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { durableModels } from '../../src/oidc/library/stored-models.ts'
import { familyIn, familyTokens } from '../../src/oidc/records/family-tokens.ts'
import { recordId } from '../../src/oidc/records/records.ts'
import { sealer } from '../../src/store/seal.ts'
import { clients, redirectUri } from '../support/clients.ts'
import { type CopyFamilies, familyToCopy } from '../support/families.ts'
import { exchange, introspect, loginBySms, startLogin, token } from '../support/login.ts'
import { NativeApp, nativeClients } from '../support/native-app.ts'
import { resetClock, walkTo } from '../support/time.ts'
import { openWorld, type World } from '../support/world.ts'

const hour = 3_600_000

describe('a used refresh token', () => {
  let world: World
  let copyFamilies: CopyFamilies
  beforeAll(async () => {
    world = await openWorld()
    await world.register({ clients: [...clients, ...nativeClients.filter(({ client_id }) => client_id === 'mp')] })
    const request = startLogin(world, 'plain', redirectUri, { scope: 'openid offline_access' })
    const { location } = await loginBySms(world, world.visitor(), request, '13500000002')
    const tokens = await exchange(world, 'plain', redirectUri, location)
    copyFamilies = await familyToCopy(world, tokens['refresh_token'] ?? '')
  })
  afterEach(() => resetClock())
  afterAll(() => world.close())

  const newFamily = async () => (await copyFamilies(1))[0] ?? ''
  const knex = () => world.database.database.knex
  async function refresh(refresh_token: string, headers = {}) {
    const answer = await token(world, { grant_type: 'refresh_token', client_id: 'plain', refresh_token }, headers)
    return { status: answer.status, token: answer.body['refresh_token'] ?? '' }
  }
  /** Refreshes so often and answers every token, the live one last. */
  async function chain(times: number, first?: string): Promise<[string, string, ...string[]]> {
    const tokens = [first ?? (await newFamily())]
    for (let n = 0; n < times; n++) tokens.push((await refresh(tokens[n] ?? '')).token)
    return tokens as [string, string, ...string[]]
  }
  const rowsOf = (value: string) =>
    knex()('oidc_records').where({ grant_id: familyIn(value)?.grantId ?? '', model: durableModels.RefreshToken })
  const isAlive = async (value: string) => (await refresh(value)).status === 200

  test('leaves no row: a family has one, however often it was refreshed', async () => {
    const tokens = await chain(5)
    expect(await rowsOf(tokens[0])).toEqual([
      expect.objectContaining({
        id: recordId('RefreshToken', tokens.at(-1) ?? ''),
        consumed_at: null,
        successor: null,
      }),
    ])
  })

  test.each([2, 5])('ends the family when it comes back after %i more refreshes, also weeks later', async (times) => {
    const tokens = await chain(times)
    walkTo(25 * 24 * hour)
    const [oldest] = tokens
    const last = await refresh(tokens.at(-1) ?? '')
    walkTo(49 * 24 * hour)
    expect(await refresh(oldest)).toMatchObject({ status: 400 })
    expect(await isAlive(last.token)).toBe(false)
    const reused = () => knex()('audit_events').where({ event: 'token.reused' }).orderBy('id', 'desc').first()
    await expect.poll(async () => (await reused())?.detail.grant).toBe(familyIn(oldest)?.grantId)
  })

  test('whose answer was lost brings a successor that lives from then on, not from the answer that was lost', async () => {
    const [first, successor] = await chain(1)
    walkTo(23 * hour)
    expect((await refresh(first)).token).toBe(successor)
    walkTo((30 * 24 + 22) * hour)
    expect(await isAlive(successor)).toBe(true)
  })

  test('ends another family of the same grant only where it belongs to it, and nothing once its own ran out', async () => {
    const visitor = world.visitor()
    const request = startLogin(world, 'plain', redirectUri, { scope: 'openid offline_access' })
    const { location } = await loginBySms(world, visitor, request, '13500000003')
    const [old, newer] = await chain(1, (await exchange(world, 'plain', redirectUri, location))['refresh_token'])
    const again = await visitor.get(request)
    const other = (await exchange(world, 'plain', redirectUri, again.location))['refresh_token'] ?? ''
    expect(familyIn(other)?.grantId).toBe(familyIn(old)?.grantId)
    expect(familyIn(other)?.family).not.toBe(familyIn(old)?.family)
    walkTo(20 * 24 * hour)
    const kept = await refresh(other)
    walkTo(33 * 24 * hour)
    await world.app.core.sweep()
    for (const value of [old, newer]) expect((await refresh(value)).status).toBe(400)
    expect(await isAlive(kept.token)).toBe(true)
  })

  test('is nothing that can be made up: whoever knows a grant, a family or a token of it ends nothing', async () => {
    const [old, live] = await chain(1)
    const changed = (at: number) => `${old.slice(0, at)}${old[at] === 'A' ? 'B' : 'A'}${old.slice(at + 1)}`
    const stranger = familyTokens(sealer({ keys: [new Secret(randomBytes(32).toString('base64url'))] }))
    const grantId = familyIn(old)?.grantId
    const forged = [
      ...[0, 21, 22, 27, 28, 45, 46, 63].map(changed),
      stranger.make({ grantId }, old) ?? '',
      `${grantId}${'A'.repeat(42)}`,
      `${old.slice(0, -18)}${live.slice(-18)}`,
      `${old}A`,
      old.slice(1),
      `${grantId}\0${'A'.repeat(41)}`,
    ]
    for (const value of forged) expect(await refresh(value), value).toMatchObject({ status: 400 })
    expect(await isAlive(live)).toBe(true)
  })

  test('that the database does not know yet, after a failover or a restore, is refused and ends nothing', async () => {
    const [first] = await chain(0)
    const before = await rowsOf(first)
    const [, second, third] = await chain(2, first)
    await rowsOf(first).delete()
    await knex()('oidc_records').insert(before)
    for (const value of [second, third ?? '']) expect(await refresh(value), value).toMatchObject({ status: 400 })
    expect(await isAlive(first)).toBe(true)
  })

  test('that was bound to a key ends its family with that key alone', async () => {
    const app = await new NativeApp(world, 'mp').withKey()
    await app.challenge({ method: 'sms', phone: '13500000004' })
    const signedIn = await app.challenge({ otp: await world.otp('+8613500000004') })
    const first = await app.exchange(signedIn)
    const bound = async (value: string, key: NativeApp | undefined = app) => {
      const form = { grant_type: 'refresh_token', client_id: 'mp', refresh_token: value }
      return token(world, form, key ? await key.proof('POST', '/token') : {})
    }
    const second = (await bound(first.refresh_token)).body['refresh_token'] ?? ''
    const third = (await bound(second)).body['refresh_token'] ?? ''
    const thief = await new NativeApp(world, 'mp').withKey()
    for (const value of [first.refresh_token, second])
      expect(await bound(value, thief), value).toMatchObject({ status: 400 })
    expect(await token(world, { grant_type: 'refresh_token', client_id: 'mp', refresh_token: second })).toMatchObject({
      status: 400,
    })
    expect((await bound(second)).body['refresh_token']).toBe(third)
    expect((await bound(first.refresh_token)).status).toBe(400)
    expect((await bound(third)).status).toBe(400)
  })

  test('is inactive for whoever asks, and its client can still end the login with it', async () => {
    const [old, newer, live] = (await chain(2)) as [string, string, string]
    for (const value of [old, newer]) expect(await introspect(world, value, 'plain')).toEqual({ active: false })
    expect(await introspect(world, live, 'plain')).toMatchObject({ active: true })
    const body = new URLSearchParams({ token: old, client_id: 'web' })
    await fetch(`${world.issuer}/token/revocation`, { method: 'POST', body })
    expect(await introspect(world, live, 'plain')).toMatchObject({ active: true })
    body.set('client_id', 'plain')
    await fetch(`${world.issuer}/token/revocation`, { method: 'POST', body })
    expect(await isAlive(live)).toBe(false)
  })

  test('keeps its row while a server of an earlier version lives, and leaves none once that has gone', async () => {
    const isOlder = async (has: boolean) => {
      if (has)
        await knex().raw(
          `insert into servers (id, name, catalog_version, seen_at) values ('older', 'older', 1, clock_timestamp())`,
        )
      else await knex()('servers').where({ id: 'older' }).delete()
      // A server says which version of the catalog it runs, and hears who else lives.
      await world.register({})
      await expect.poll(async () => (await chain(1))[1].length, { timeout: 30_000 }).toBe(has ? 43 : 64)
    }
    await isOlder(true)
    const [first, second, third] = (await chain(2)) as [string, string, string]
    expect((await rowsOf(first).whereNotNull('consumed_at').pluck('id')).sort()).toEqual(
      [first, second].map((value) => recordId('RefreshToken', value)).sort(),
    )
    expect((await refresh(second)).token).toBe(third)
    await isOlder(false)
    expect((await refresh(second)).token).toBe(third)
    const [, fourth, fifth] = (await chain(2, third)) as [string, string, string]
    expect([third, fourth, fifth].map(({ length }) => length)).toEqual([43, 64, 64])
    expect((await refresh(fourth)).token).toBe(fifth)
    expect(await rowsOf(first).whereNull('consumed_at')).toHaveLength(1)
    expect((await refresh(third)).status).toBe(400)
    expect(await isAlive(fifth)).toBe(false)
  })

  test('at the same instant as the live one, or twice, leaves one live token or none, never two', async () => {
    const families = await copyFamilies(12)
    const tokens = await Promise.all(families.map((first) => chain(2, first)))
    const ends = await Promise.all(
      tokens.map(async ([old, newer, live], n) => {
        const presented =
          [
            [live, live, newer],
            [live, old],
            [newer, newer, live],
          ][n % 3] ?? []
        const answers = await Promise.all(presented.map((value) => refresh(value ?? '')))
        return [...new Set(answers.flatMap(({ status, token: next }) => (status === 200 ? [next] : [])))]
      }),
    )
    for (const [n, given] of ends.entries()) {
      const rows = await rowsOf(tokens[n]?.[0] ?? '').whereNull('consumed_at')
      const isOver = (await knex()('oidc_records').where({ id: familyIn(tokens[n]?.[0] ?? '')?.grantId })).length === 0
      const alive = given.filter((value) => rows.some(({ id }) => id === recordId('RefreshToken', value)))
      expect(isOver || (rows.length === 1 && alive.length === 1), JSON.stringify({ n, isOver })).toBe(true)
    }
  })

  test('comes and goes while the sweep deletes what has run out, and no family is lost', async () => {
    const families = await copyFamilies(60)
    await knex()('oidc_records')
      .whereIn(
        'id',
        families.slice(30).map((value) => recordId('RefreshToken', value)),
      )
      .update({ expires_at: new Date(Date.now() - 72 * hour) })
    const refreshed = Promise.all(families.slice(0, 30).map((first) => chain(3, first)))
    for (let n = 0; n < 5; n++) await world.app.core.sweep()
    for (const tokens of await refreshed) expect(await isAlive(tokens.at(-1) ?? '')).toBe(true)
    expect(await rowsOf(families[40] ?? '')).toEqual([])
  })

  test('is not the only thing that goes: so do codes and access tokens that have ended, and the grant of a code that nobody exchanged', async () => {
    const left = async (id: string) =>
      (await knex()('oidc_records').where({ user_id: id }).orderBy('model').pluck('model')) as readonly number[]
    const login = async (phone: string) => {
      const app = new NativeApp(world, 'mp')
      await app.challenge({ method: 'sms', phone })
      const answer = await app.challenge({ otp: await world.otp(`+86${phone}`) })
      const { user_id: id } = await knex()('oidc_records').orderBy('expires_at').where({ model: 3 }).first()
      return { app, answer, id }
    }
    const { Grant, AuthorizationCode, RefreshToken, AccessToken } = durableModels
    const abandoned = await login('13500000005')
    expect(await left(abandoned.id)).toEqual([Grant, AuthorizationCode])
    walkTo(3 * 60_000)
    await world.app.core.sweep()
    expect(await left(abandoned.id)).toEqual([Grant])
    const kept = await login('13500000006')
    let tokens = await kept.app.exchange(kept.answer)
    expect(await left(kept.id)).toEqual([Grant, AuthorizationCode, RefreshToken, AccessToken])
    walkTo(2 * hour)
    await world.app.core.sweep()
    expect(await left(abandoned.id)).toEqual([])
    expect(await left(kept.id)).toEqual([Grant, RefreshToken])
    tokens = await kept.app.refresh(tokens)
    const ends = await knex()('oidc_records').where({ user_id: kept.id, model: Grant }).pluck('expires_at')
    expect(ends[0].getTime()).toBeGreaterThan(Date.now() + 100 * 24 * hour)
    expect(tokens.refresh_token).toHaveLength(64)
  })
})
