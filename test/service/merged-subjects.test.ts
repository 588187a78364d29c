import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { identityLimit } from '../../src/accounts/identity-limit.ts'
import type { UserId } from '../../src/base/ids.ts'
import { merging } from '../../src/oidc/endings/merging.ts'
import { clients, redirectUri, resources } from '../support/clients.ts'
import { exchange, introspect, loginBySms, startLogin, subjectOf, token } from '../support/login.ts'
import type { Visitor } from '../support/visitor.ts'
import { openWorld, type World } from '../support/world.ts'

// What becomes of the `sub` of an account that has become part of another.

let world: World
let people = 0

const common = { token_endpoint_auth_method: 'none', redirect_uris: [redirectUri], default_resource: undefined }

beforeAll(async () => {
  world = await openWorld()
  await world.register({
    clients: [
      ...clients,
      { ...common, client_id: 'ours', first_party: true, logout_without_question: true },
      { ...common, client_id: 'theirs', first_party: false },
    ],
    resources,
  })
})
afterAll(() => world.close())

interface Person {
  readonly visitor: Visitor
  readonly userId: UserId
  readonly tokens: Readonly<Record<string, string>>
}

async function signsIn(more: Readonly<Record<string, string>> = {}, phone?: string): Promise<Person> {
  const visitor = world.visitor()
  people++
  const url = startLogin(world, 'ours', redirectUri, { scope: 'openid offline_access', ...more })
  const answer = await loginBySms(world, visitor, url, phone ?? `1350000${1000 + people}`)
  const tokens = await exchange(world, 'ours', redirectUri, answer.location)
  return { visitor, userId: subjectOf(tokens), tokens }
}

async function mergedPair(): Promise<{ readonly into: Person; readonly from: Person }> {
  const [into, from] = [await signsIn(), await signsIn()]
  const { database, clock, config, queueOwnerMessage: tell } = world.app.core
  const limitOf = identityLimit(config.identities_per_provider)
  const merges = merging({ database, clock, limitOf, tell })
  const request = { into: into.userId, from: from.userId, choices: {} }
  await merges.merge(request, { operator: 'alice', evidence: 'ticket' })
  return { into, from }
}

test('the tokens of the one that went are over, those of the one that stayed go on', async () => {
  const { into, from } = await mergedPair()
  const refresh = ({ tokens }: Person) =>
    token(world, { grant_type: 'refresh_token', client_id: 'ours', refresh_token: tokens['refresh_token'] ?? '' })
  expect(await refresh(from)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
  expect(await refresh(into)).toMatchObject({ status: 200 })
  const userinfo = await fetch(`${world.issuer}/me`, {
    headers: { authorization: `Bearer ${from.tokens['access_token']}` },
  })
  expect(userinfo.status).toBe(401)
})

test('an old ID token as a hint means the one that stayed', async () => {
  const { into, from } = await mergedPair()
  const hint = { prompt: 'none', id_token_hint: from.tokens['id_token'] ?? '' }
  const answer = await into.visitor.follow(await into.visitor.get(startLogin(world, 'ours', redirectUri, hint)))
  expect(new URL(answer.location ?? '').searchParams.get('error')).toBeNull()
  const tokens = await exchange(world, 'ours', redirectUri, answer.location)
  expect(subjectOf(tokens)).toBe(into.userId)
  const other = await signsIn()
  const refused = await other.visitor.follow(await other.visitor.get(startLogin(world, 'ours', redirectUri, hint)))
  expect(new URL(refused.location ?? '').searchParams.get('error')).toBe('login_required')
})

test('so does an old sub in the parameter claims, in a browser that has to log in too', async () => {
  const { into, from } = await mergedPair()
  const claims = JSON.stringify({ id_token: { sub: { value: from.userId } } })
  const url = startLogin(world, 'ours', redirectUri, { prompt: 'none', claims })
  const answer = await into.visitor.follow(await into.visitor.get(url))
  expect(new URL(answer.location ?? '').searchParams.get('error')).toBeNull()
  const phone = `1350000${1000 + people}`
  const fresh = await signsIn({ claims }, phone)
  expect(fresh.userId).toBe(into.userId)
})

test('an app of others does not learn by claims which two of the people it knows are one', async () => {
  const { into, from } = await mergedPair()
  const page = await into.visitor.follow(await into.visitor.get(startLogin(world, 'theirs', redirectUri)))
  await into.visitor.follow(await into.visitor.post(page.url, { choice: 'allow' }))
  const asked = async (value: string) => {
    const claims = JSON.stringify({ id_token: { sub: { value } } })
    const url = startLogin(world, 'theirs', redirectUri, { prompt: 'none', claims })
    const { location } = await into.visitor.follow(await into.visitor.get(url))
    return new URL(location ?? '').searchParams.get('error')
  }
  expect(await asked(into.userId)).toBeNull()
  expect(await asked(from.userId)).toBe('login_required')
})

test('a logout with an old ID token signs out without a question where it names no session', async () => {
  const { into, from } = await mergedPair()
  const page = await into.visitor.get(
    `/session/end?${new URLSearchParams({ id_token_hint: from.tokens['id_token'] ?? '' })}`,
  )
  expect(page.status).toBe(200)
})

test('an app of ours learns the former ones where it asks, and an app of others never', async () => {
  const { into, from } = await mergedPair()
  const named = JSON.stringify({ id_token: { former_subs: null }, userinfo: { former_subs: null } })
  const told = async (clientId: string, more: Readonly<Record<string, string>>) => {
    const url = startLogin(world, clientId, redirectUri, more)
    const page = await into.visitor.follow(await into.visitor.get(url))
    const allowed = page.location
      ? page
      : await into.visitor.follow(await into.visitor.post(page.url, { choice: 'allow' }))
    const tokens = await exchange(world, clientId, redirectUri, allowed.location)
    const headers = { authorization: `Bearer ${tokens['access_token']}` }
    const response = await fetch(`${world.issuer}/me`, { headers })
    const userinfo = (await response.json()) as { readonly former_subs?: unknown }
    return [decodeJwt(tokens['id_token'] ?? '')['former_subs'], userinfo.former_subs]
  }
  expect(await told('ours', { scope: 'openid', claims: named })).toEqual([[from.userId], [from.userId]])
  expect((await told('ours', { scope: 'openid former_subs' }))[1]).toEqual([from.userId])
  expect(await told('ours', { scope: 'openid profile' })).toEqual([undefined, undefined])
  expect(await told('theirs', { scope: 'openid', claims: named })).toEqual([undefined, undefined])
  const url = startLogin(world, 'theirs', redirectUri, { scope: 'openid former_subs' })
  const refused = await into.visitor.follow(await into.visitor.get(url))
  expect(new URL(refused.location ?? '').searchParams.get('error')).toBe('invalid_scope')
})

test('introspection knows the tokens of the one that went no more', async () => {
  const { into, from } = await mergedPair()
  expect(await introspect(world, from.tokens['access_token'], 'ours')).toMatchObject({ active: false })
  expect(into.userId).not.toBe(from.userId)
})
