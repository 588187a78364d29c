import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { newId, type UserId } from '../../src/base/ids.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'

let home: TestDatabase
let directory: AccountDirectory
let next = 0

beforeAll(async () => {
  home = await createDatabase()
  directory = new AccountDirectory({ database: home.database, clock: () => Date.now(), limitOf: () => 1 })
})
afterAll(() => home.drop())

const use = { ip: '192.0.2.1' }
const claimTo = (provider: string, subject: string) => ({ provider, subjects: [subject], profile: {} }) as const
const number = () => `+861380013${String(8000 + next++)}`

interface Way {
  readonly provider: string
  readonly subject: string
  readonly isProved: boolean
}

/** An account as it may come from another system, where people named numbers that nobody asked them to prove. */
async function movedIn(ways: readonly Way[], hash?: string): Promise<UserId> {
  const { knex } = home.database
  const at = new Date('2020-01-01T00:00:00Z')
  const userId = newId('usr')
  await knex('users').insert({ id: userId, status: 'active', created_at: at, updated_at: at })
  for (const { provider, subject, isProved } of ways) {
    const id = newId('idn')
    const used = { created_at: at, created_ip: '', last_used_at: at, last_used_ip: '' }
    await knex('identities').insert({ id, user_id: userId, provider, verified_at: isProved ? at : null, ...used })
    await knex('identity_subjects').insert({ provider, subject, identity_id: id, position: 0, created_at: at })
  }
  if (hash) await knex('passwords').insert({ user_id: userId, hash, updated_at: at })
  return userId
}

const ways = async (userId: UserId) =>
  ((await directory.find(userId))?.identities ?? []).map(({ provider, verifiedAt }) => [
    provider,
    verifiedAt !== undefined,
  ])
const passwords = (userId: UserId) => home.database.knex('passwords').where({ user_id: userId }).select('hash')

describe('a number that an account only claims', () => {
  test('leads its owner to an account of their own, not to that of whoever named it', async () => {
    const phone = number()
    const theirs = await movedIn(
      [
        { provider: 'username', subject: `planter${next}`, isProved: true },
        { provider: 'phone', subject: phone, isProved: false },
      ],
      'hash',
    )
    const claim = claimTo('phone', phone)
    expect(await directory.resolve(claim, use)).toEqual({ kind: 'unknown' })
    expect(await directory.ownerOf(claim)).toBeUndefined()
    const { user } = await directory.register(claim, use, { mustBeNew: true })
    expect(user.id).not.toBe(theirs)
    expect(await ways(theirs)).toEqual([['username', true]])
    expect(await passwords(theirs)).toHaveLength(1)
  })

  test('becomes a way in when somebody who is signed in to the account proves it', async () => {
    const phone = number()
    const mine = await movedIn(
      [
        { provider: 'wechat', subject: `unionid:${next}`, isProved: true },
        { provider: 'phone', subject: phone, isProved: false },
      ],
      'hash',
    )
    expect(await directory.bind(mine, claimTo('phone', phone), use)).toMatchObject({ isNew: true })
    expect(await ways(mine)).toEqual([
      ['wechat', true],
      ['phone', true],
    ])
    expect(await passwords(mine)).toHaveLength(1)
  })

  test('is bound to another account when that one proves it', async () => {
    const phone = number()
    const claiming = await movedIn([
      { provider: 'wechat', subject: `unionid:${next}`, isProved: true },
      { provider: 'phone', subject: phone, isProved: false },
    ])
    const { user } = await directory.register(claimTo('email', `a${next}@example.com`), use)
    expect(await directory.bind(user.id, claimTo('phone', phone), use)).toMatchObject({ isNew: true })
    expect(await ways(claiming)).toEqual([['wechat', true]])
  })

  test('opens the account that has no other way in, and the password that nobody vouches for goes', async () => {
    const phone = number()
    const only = await movedIn([{ provider: 'phone', subject: phone, isProved: false }], 'hash')
    const claim = claimTo('phone', phone)
    expect(await directory.findByIdentifier({ provider: 'phone', subject: phone })).toBeUndefined()
    expect(await directory.resolve(claim, use)).toMatchObject({ kind: 'known', account: { user: { id: only } } })
    expect(await ways(only)).toEqual([['phone', true]])
    expect(await passwords(only)).toEqual([])
  })

  test('goes to one account when two prove it at once', async () => {
    const phone = number()
    const claiming = await movedIn([
      { provider: 'wechat', subject: `unionid:${next}`, isProved: true },
      { provider: 'phone', subject: phone, isProved: false },
    ])
    const claim = claimTo('phone', phone)
    const made = await Promise.all([1, 2, 3].map(() => directory.register(claim, use)))
    expect(new Set(made.map(({ user }) => user.id)).size).toBe(1)
    expect(made[0]?.user.id).not.toBe(claiming)
  })

  test('is nobody’s password name: a name with a password is a way in, a name alone is none', async () => {
    const phone = number()
    const nameless = await movedIn([
      { provider: 'username', subject: `bare${next}`, isProved: true },
      { provider: 'phone', subject: phone, isProved: false },
    ])
    expect(await directory.resolve(claimTo('phone', phone), use)).toMatchObject({
      account: { user: { id: nameless } },
    })
  })
})
