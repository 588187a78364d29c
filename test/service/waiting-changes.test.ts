import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ownerMessages } from '../../src/accounts/owner-messages.ts'
import { type Settled, WaitingChanges } from '../../src/accounts/waiting-changes.ts'
import type { IdentityId, UserId } from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secret.ts'
import { sealer } from '../../src/store/seal.ts'
import { secretKey } from '../support/cli.ts'
import { type MergeHome, openMergeHome, waysOf } from '../support/merging.ts'

// Changes of a number that wait, when several servers look at once, and beside everything else that happens to accounts.

let place: MergeHome
let numbers = 0
const seals = sealer({ keys: [new Secret(secretKey)] })
const { queue: tell } = ownerMessages({ sealer: seals })

beforeAll(async () => {
  place = await openMergeHome()
})
afterAll(() => place?.close())
beforeEach(async () => {
  await knex()('identity_changes').delete()
  await knex()('owner_messages').delete()
})

const knex = () => place.home.database.knex
const clock = () => Date.now()

/** One server. */
function server(end: ConstructorParameters<typeof WaitingChanges>[0]['end'] = async () => undefined): WaitingChanges {
  return new WaitingChanges({ database: place.home.database, clock, sealer: seals, tell, end })
}

interface Waiter {
  readonly userId: UserId
  readonly identityId: IdentityId
  /** The number to come. */
  readonly to: string
}

/** Somebody with a WeChat and a number, whose other number is due to take its place. */
async function waiter(): Promise<Waiter> {
  const userId = await place.person()
  const identity = (await place.directory.find(userId))?.identities.find(({ provider }) => provider === 'phone')
  if (!identity) throw new Error('no number')
  const to = `+86135${20_000_000 + ++numbers}`
  const at = new Date(clock() - 1000)
  const about = { userId, identityId: identity.id, provider: 'phone', subject: to, ip: '::1', locale: 'en' } as const
  await server().ask({ ...about, provedAt: at, at }, at)
  await knex()('owner_messages').delete()
  return { userId, identityId: identity.id, to }
}

async function waiters(count: number): Promise<Waiter[]> {
  const made: Waiter[] = []
  while (made.length < count) made.push(await waiter())
  return made
}

async function look(by = server()): Promise<Settled[]> {
  const settled: Settled[] = []
  await by.applyDue(async (each) => void settled.push(each))
  return settled
}

const ownerOf = (phone: string) => place.directory.ownerOf({ provider: 'phone', subjects: [phone], profile: {} })
const waiting = () => knex()('identity_changes').select('identity_id')
const told = async (userId: UserId) =>
  (await knex()('owner_messages').where({ user_id: userId }).orderBy('event')).map(({ event }) => event)

test('of many servers that look at once one does each change, and each owner is told once', async () => {
  const people = await waiters(6)
  const settled = (await Promise.all(Array.from({ length: 5 }, () => look()))).flat()
  expect(settled.map(({ userId }) => userId).sort()).toEqual(people.map(({ userId }) => userId).sort())
  for (const { userId, to } of people) {
    expect(await ownerOf(to)).toBe(userId)
    // At the old number and at the new one.
    expect(await told(userId)).toEqual(['number_changed', 'number_changed'])
  }
  expect(await look()).toEqual([])
  expect(await waiting()).toEqual([])
})

test('a server that fails half way leaves the change whole, and it holds up no other', async () => {
  const [unlucky, other] = await waiters(2)
  await knex()('identity_changes')
    .where({ identity_id: unlucky?.identityId })
    .update({ due_at: new Date(0) })
  const failing = server(async (_, userId) => {
    if (userId === unlucky?.userId) throw new Error('the database went away')
  })
  await expect(look(failing)).rejects.toThrow('went away')
  expect(await ownerOf(unlucky?.to ?? '')).toBeUndefined()
  expect(await told(unlucky?.userId as UserId)).toEqual([])
  expect(await ownerOf(other?.to ?? '')).toBe(other?.userId)
  await knex()('identity_changes').update({ due_at: new Date(0) })
  expect(await look()).toMatchObject([{ userId: unlucky?.userId }])
  expect(await ownerOf(unlucky?.to ?? '')).toBe(unlucky?.userId)
})

describe('beside', () => {
  const times = 6

  test('its owner who stops it, a change is done or stopped, and never both', async () => {
    for (let time = 0; time < times; time += 1) {
      const { userId, identityId, to } = await waiter()
      const [settled, isStopped] = await Promise.all([look(), server().cancel(userId, identityId)])
      expect(settled).toHaveLength(isStopped ? 0 : 1)
      expect(await ownerOf(to)).toBe(isStopped ? undefined : userId)
      const event = isStopped ? 'number_kept' : 'number_changed'
      expect(new Set(await told(userId))).toEqual(new Set([event]))
    }
    expect(await waiting()).toEqual([])
  })

  test('its owner who removes the old number, the account has the new one or none', async () => {
    for (let time = 0; time < times; time += 1) {
      const { userId, identityId, to } = await waiter()
      const removal = place.directory
        .unbind(userId, identityId, async () => {})
        .then(
          () => true,
          () => false,
        )
      const [settled, isRemoved] = await Promise.all([look(), removal])
      expect(settled.filter(({ nowAs }) => nowAs)).toHaveLength(isRemoved ? 0 : 1)
      expect(await ownerOf(to)).toBe(isRemoved ? undefined : userId)
    }
    expect(await waiting()).toEqual([])
  })

  test('a deletion, nothing leads anywhere, and no number waits', async () => {
    for (let time = 0; time < times; time += 1) {
      const { userId, to } = await waiter()
      await Promise.all([look(), place.directory.setStatus(userId, 'deleted')])
      expect(await ownerOf(to)).toBeUndefined()
      expect(await knex()('identities').where({ user_id: userId })).toEqual([])
    }
    expect(await look()).toEqual([])
    expect(await waiting()).toEqual([])
  })

  test('a merge, the account that stays has one of both numbers, and no number waits', async () => {
    for (let time = 0; time < times; time += 1) {
      const { userId: from, to } = await waiter()
      const into = await place.person()
      const merge = place.merges.merge({ into, from, choices: {} }, { operator: 'alice', evidence: 'x' })
      const [settled] = await Promise.all([look(), merge])
      const ways = await waysOf(place, into)
      expect(ways.filter((way) => way.startsWith('+86'))).toHaveLength(2)
      expect(await ownerOf(to)).toBe(settled.some(({ nowAs }) => nowAs) ? into : undefined)
    }
    expect(await look()).toEqual([])
    expect(await waiting()).toEqual([])
  })

  test('a login that proves the new number, it is one account’s', async () => {
    for (let time = 0; time < times; time += 1) {
      const { userId, to } = await waiter()
      const claim = { provider: 'phone', subjects: [to], profile: {} } as const
      const [settled] = await Promise.all([look(), place.directory.register(claim, { ip: '::1' })])
      const isDone = settled.some(({ nowAs }) => nowAs)
      expect((await ownerOf(to)) === userId).toBe(isDone)
      expect(settled).toHaveLength(1)
    }
    expect(await waiting()).toEqual([])
  })
})
