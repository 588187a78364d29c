import { afterAll, beforeAll, expect, test } from 'vitest'
import { identityLimit } from '../../src/accounts/identity-limit.ts'
import { formerIdsOf, survivorOf } from '../../src/accounts/merged-users.ts'
import type { UserId } from '../../src/base/ids.ts'
import { askToLeave, deleteAccount } from '../../src/oidc/endings/account-leaving.ts'
import { type Merging, merging } from '../../src/oidc/endings/merging.ts'
import { redirectUri } from '../support/clients.ts'
import { codeVerifier, loginBySms, reachLogin, startLogin, subjectOf, token } from '../support/login.ts'
import { claimOf } from '../support/several.ts'
import { openWorld, type World } from '../support/world.ts'

// A merge beside everything else that happens to the account that goes. Whoever is first, afterwards one account is
// left, the other id stands for it, and nothing works for the other one.

const rounds = [1, 2, 3] as const
const operator = { operator: 'alice', evidence: 'ticket' } as const
let world: World
let merges: Merging
let phones = 13_517_000_000

beforeAll(async () => {
  world = await openWorld({ stores: 'tables' })
  const common = { token_endpoint_auth_method: 'none', redirect_uris: [redirectUri] }
  await world.register({ clients: [{ ...common, client_id: 'ours', first_party: true }] })
  const { database, clock, config, queueOwnerMessage: tell } = world.app.core
  merges = merging({ database, clock, limitOf: identityLimit(config.identities_per_provider), tell })
})
afterAll(() => world.close())

interface Pair {
  readonly into: UserId
  readonly from: UserId
  /** The number of the one that goes. */
  readonly phone: string
}

async function pair(): Promise<Pair> {
  const { directory } = world.app.core
  const [into, from] = await Promise.all(
    [++phones, ++phones].map(async (phone) => {
      const { user } = await directory.register(claimOf('phone', [`+86${phone}`]), { ip: '203.0.113.7' })
      return { id: user.id, phone: String(phone) }
    }),
  )
  if (!into || !from) throw new Error('no accounts')
  return { into: into.id, from: from.id, phone: from.phone }
}

const merge = ({ into, from }: Pair) => merges.merge({ into, from, choices: {} }, operator)
const offline = { scope: 'openid offline_access' }
const login = () => startLogin(world, 'ours', redirectUri, offline)

async function signsIn(phone: string): Promise<string> {
  const { location } = await loginBySms(world, world.visitor(), login(), phone)
  return codeIn(location) ?? ''
}

function codeIn(location: string | undefined): string | undefined {
  return (location === undefined ? undefined : new URL(location).searchParams.get('code')) ?? undefined
}

const exchange = (code: string) =>
  token(world, {
    ...{ grant_type: 'authorization_code', client_id: 'ours', code },
    ...{ code_verifier: codeVerifier, redirect_uri: redirectUri },
  })
const refresh = (tokens: Readonly<Record<string, string>>) =>
  token(world, { grant_type: 'refresh_token', client_id: 'ours', refresh_token: tokens['refresh_token'] ?? '' })
const userinfo = async (tokens: Readonly<Record<string, string>>) => {
  const headers = { authorization: `Bearer ${tokens['access_token']}` }
  return (await fetch(`${world.issuer}/me`, { headers })).status
}

/** What is true however it went: one account, the other id stands for it, and no record is of nobody. */
async function holds({ into, from, phone }: Pair): Promise<void> {
  const { directory, database } = world.app.core
  const [staying, gone] = [await directory.find(into), await directory.find(from)]
  expect([staying?.user.status, gone?.user.status]).toEqual(['active', 'deleted'])
  expect(staying?.identities.flatMap(({ subjects }) => subjects)).toContain(`+86${phone}`)
  expect(gone?.identities).toEqual([])
  expect(await survivorOf(database, from)).toBe(into)
  expect(await formerIdsOf(database, into)).toEqual([from])
  expect(await database.knex('oidc_records').where({ user_id: from })).toEqual([])
}

/** Tokens of the account that went work for nothing, those of the one that stayed for everything. */
async function counts(tokens: Readonly<Record<string, string>>, { into, from }: Pair): Promise<void> {
  const sub = subjectOf(tokens)
  expect([into, from]).toContain(sub)
  expect(await userinfo(tokens)).toBe(sub === into ? 200 : 401)
  const again = await refresh(tokens)
  expect(again.body['error']).toBe(sub === into ? undefined : 'invalid_grant')
}

test('beside a login whose code is on its way: it is the account that stays, or begins again', async () => {
  for (const _ of rounds) {
    const two = await pair()
    const visitor = world.visitor()
    const page = await reachLogin(visitor, login())
    await visitor.post(page.url, { method: 'sms', phone: two.phone, agreement: 'on' })
    const otp = await world.otp(`+86${two.phone}`)
    const enter = async () => visitor.follow(await visitor.post(page.url, { method: 'sms', otp }))
    const [answer] = await Promise.all([enter(), merge(two)])
    await holds(two)
    const code = codeIn(answer.location)
    const { status, body } = code === undefined ? { status: 400, body: {} } : await exchange(code)
    if (status === 200) await counts(body, two)
    const next = await exchange(await signsIn(two.phone))
    expect(subjectOf(next.body)).toBe(two.into)
  }
})

test('beside the exchange of a code, and beside a refresh', async () => {
  for (const _ of rounds) {
    const two = await pair()
    const tokens = (await exchange(await signsIn(two.phone))).body
    const code = await signsIn(two.phone)
    const [exchanged, refreshed] = await Promise.all([exchange(code), refresh(tokens), merge(two)])
    await holds(two)
    for (const { status, body } of [exchanged, refreshed]) {
      if (status === 200) await counts(body, two)
      else expect(body['error']).toBe('invalid_grant')
    }
    expect(await userinfo(tokens)).toBe(401)
  }
})

test('beside the wish to leave: one of both is refused, and nothing is lost', async () => {
  for (const who of ['into', 'from'] as const) {
    const two = await pair()
    const leaver = two[who]
    const parts = world.app.core
    const [merged, asked] = await Promise.allSettled([merge(two), askToLeave(parts, leaver, { waitSeconds: 60 })])
    const statuses = (await Promise.all([two.into, two.from].map((id) => parts.directory.find(id)))).map(
      (account) => account?.user.status,
    )
    if (merged.status === 'rejected') {
      expect(merged.reason).toMatchObject({ code: 'merge.unfit' })
      expect(statuses).toEqual(who === 'into' ? ['leaving', 'active'] : ['active', 'leaving'])
    } else if (who === 'from') {
      expect(asked).toMatchObject({ status: 'rejected', reason: { code: 'login.required' } })
      await holds(two)
    } else {
      // Both may be: whoever has made one account of two may want it gone. Then the deletion is of all of it.
      expect(statuses).toEqual(['leaving', 'deleted'])
      expect(await deleteAccount(parts, two.into, {})).toBe(true)
      expect(await parts.database.knex('merges').where({ from_user: two.from }).select('kept')).toEqual([
        { kept: null },
      ])
    }
    expect(await parts.database.knex('oidc_records').whereIn('user_id', [two.from, leaver])).toEqual([])
  }
})

test('an account that is locked or on its way out becomes part of none, and none of it, also by an operator', async () => {
  const parts = world.app.core
  for (const who of ['into', 'from'] as const) {
    const two = await pair()
    await parts.directory.setStatus(two[who], 'locked')
    await expect(merge(two)).rejects.toMatchObject({ code: 'merge.unfit' })
    await parts.directory.setStatus(two[who], 'active')
    await askToLeave(parts, two[who], { waitSeconds: 60 })
    await expect(merge(two)).rejects.toMatchObject({ code: 'merge.unfit' })
  }
})

test('a merge is taken back beside a refresh and the wish to leave, and both accounts are whole', async () => {
  const parts = world.app.core
  const two = await pair()
  const merged = await merge(two)
  if (merged === 'already') throw new Error('merged before')
  const tokens = (await exchange(await signsIn(two.phone))).body
  const [refreshed, undone, asked] = await Promise.allSettled([
    refresh(tokens),
    merges.unmerge(merged.id, operator),
    askToLeave(parts, two.into, { waitSeconds: 60 }),
  ])
  if (refreshed.status === 'fulfilled' && refreshed.value.status === 200) {
    expect(await userinfo(refreshed.value.body)).toBe(401)
  }
  expect(asked.status).toBe('fulfilled')
  const isUndone = undone.status === 'fulfilled'
  if (!isUndone) expect(undone.reason).toMatchObject({ code: 'merge.unfit' })
  expect(await survivorOf(parts.database, two.from)).toBe(isUndone ? two.from : two.into)
  expect((await parts.directory.find(two.into))?.user.status).toBe('leaving')
  expect((await parts.directory.find(two.from))?.user.status).toBe(isUndone ? 'active' : 'deleted')
})
