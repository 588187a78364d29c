import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import { afterAll, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { type Hasher, hasher } from '../../src/accounts/hashing.ts'
import { type Device, KnownDevices, knownDeviceMs } from '../../src/accounts/known-devices.ts'
import { passwordOptions, passwords } from '../../src/accounts/passwords.ts'
import type { UserId } from '../../src/base/ids.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase, untilLocked } from '../support/database.ts'
import { limitsAlone } from '../support/guards.ts'

// What each clause of the statements about passwords and known devices does to single rows.

const { database, drop } = await createDatabase()
const { knex } = database
let now = Date.parse('2026-11-20T08:00:00.400Z')
const clock = () => now
const directory = new AccountDirectory({ database, clock })
const devices = new KnownDevices({ database, clock, seal: (text) => text, open: (sealed) => sealed })
const policy = passwordOptions.parse({})
const hashing = hasher({ parameters: policy.argon2, workers: 1, maxQueue: 10 })
afterAll(async () => {
  await hashing.close()
  await drop()
})

const use = { ip: '203.0.113.7' }
const hour = 3_600_000
const unique = () => randomBytes(6).toString('hex')

async function person(passwordHash?: string) {
  const subject = unique()
  const options = passwordHash === undefined ? {} : { passwordHash }
  const { user } = await directory.register({ provider: 'username', subjects: [subject], profile: {} }, use, options)
  return { userId: user.id, identifier: { provider: 'username', subject } as const }
}

/** What another request does and has not committed while `work` runs into it. */
async function besides(change: (trx: Knex.Transaction) => Promise<unknown>, work: () => Promise<unknown>) {
  const other = await knex.transaction()
  try {
    await change(other)
    const settled = Promise.allSettled([work()])
    await untilLocked(knex)
    await other.commit()
    return (await settled)[0]
  } finally {
    if (!other.isCompleted()) await other.rollback()
  }
}

describe('the key of an app', () => {
  const app = (key: string): Device => ({ marks: [], key })
  const login = (userId: UserId, at = now) => ({ userId, authTime: Math.floor(at / 1000) })
  const remember = (key: string, userId: UserId) => devices.rememberApp(app(key), login(userId))
  const rows = (userId: UserId) => knex('known_devices').where({ user_id: userId }).orderBy('key')
  const keys = async (userId: UserId) => (await rows(userId)).map(({ key }) => key)
  const nameOf = async ({ identifier }: Awaited<ReturnType<typeof person>>, key: string) =>
    (await directory.findByIdentifier(identifier, app(key)))?.knownDevice

  test('is known to the account that somebody logged in to with it, and to no other', async () => {
    const [mine, theirs] = [await person(), await person()]
    const [key, other] = [unique(), unique()]
    await remember(key, mine.userId)
    await remember(other, theirs.userId)
    expect([await nameOf(mine, key), await nameOf(theirs, key)]).toEqual([`key ${key}`, undefined])
    expect([await nameOf(mine, other), await nameOf(theirs, other)]).toEqual([undefined, `key ${other}`])
    expect((await directory.findByIdentifier(mine.identifier, { marks: [] }))?.knownDevice).toBeUndefined()
  })

  test('is known for half a year, and its use is noted once a day', async () => {
    const somebody = await person()
    const key = unique()
    const usedAt = async () => (await rows(somebody.userId))[0]?.used_at.getTime()
    const first = now
    await remember(key, somebody.userId)
    now = first + 23 * hour
    await remember(key, somebody.userId)
    expect(await usedAt()).toBe(first)
    now = first + 25 * hour
    await remember(key, somebody.userId)
    expect(await usedAt()).toBe(now)
    now += knownDeviceMs - 1
    expect(await nameOf(somebody, key)).toBe(`key ${key}`)
    now += 1
    expect(await nameOf(somebody, key)).toBeUndefined()
  })

  test('takes along, at the next login, the keys of this account that are known no more, and of no other', async () => {
    const [mine, theirs] = [await person(), await person()]
    await remember('old', mine.userId)
    await remember('old', theirs.userId)
    now += hour
    await remember('young', mine.userId)
    now += knownDeviceMs - hour
    await remember('new', mine.userId)
    expect([await keys(mine.userId), await keys(theirs.userId)]).toEqual([['new', 'young'], ['old']])
  })

  test('takes the place of the one that was used longest ago, not of the oldest', async () => {
    const { userId } = await person()
    const names = Array.from({ length: 20 }, (_, n) => `key${String(n).padStart(2, '0')}`)
    for (const name of names) {
      await remember(name, userId)
      now += 1000
    }
    now += 25 * hour
    await remember('key00', userId)
    await remember('key05', userId)
    expect(await keys(userId)).toEqual(names)
    await remember('late', userId)
    expect(await keys(userId)).toEqual([...names.filter((name) => name !== 'key01'), 'late'])
  })

  test('that is known no more is known again after another login', async () => {
    const somebody = await person()
    await remember('back', somebody.userId)
    now += knownDeviceMs
    await remember('back', somebody.userId)
    expect(await nameOf(somebody, 'back')).toBe('key back')
  })

  test('stays, however many another account has', async () => {
    const [mine, theirs] = [await person(), await person()]
    await remember('old', mine.userId)
    for (let n = 0; n < 20; n++) await remember(`key${n}`, theirs.userId)
    await remember('new', mine.userId)
    expect(await keys(mine.userId)).toEqual(['new', 'old'])
  })

  test('is remembered of a login in the very second in which devices were forgotten, and of none before', async () => {
    const { userId } = await person()
    const second = Math.floor(now / 1000) * 1000
    const forgotten = `${new Date(second).toISOString().slice(0, -5)}.999700Z`
    await knex('users').where({ id: userId }).update({ devices_forgotten_at: forgotten })
    await devices.rememberApp(app('before'), login(userId, second - 1000))
    expect(await devices.rememberBrowser({ marks: [] }, login(userId, second - 1000))).toBeUndefined()
    await devices.rememberApp(app('then'), login(userId, second))
    expect(await devices.rememberBrowser({ marks: [] }, login(userId, second))).toBeDefined()
    expect(await keys(userId)).toEqual(['then'])
  })

  test('is remembered for no account that is deleted', async () => {
    const { userId } = await person()
    await directory.setStatus(userId, 'deleted')
    await remember('late', userId)
    expect(await devices.rememberBrowser({ marks: [] }, login(userId))).toBeUndefined()
    expect(await keys(userId)).toEqual([])
  })

  test('goes with the account, and no other account loses its own', async () => {
    const [mine, theirs] = [await person('x'), await person('y')]
    for (const { userId } of [mine, theirs]) await remember('same', userId)
    await directory.setStatus(mine.userId, 'deleted')
    expect([await keys(mine.userId), await keys(theirs.userId)]).toEqual([[], ['same']])
    expect(await directory.findByIdentifier(theirs.identifier)).toMatchObject({ passwordHash: 'y' })
  })

  test('waits for who forgets all devices, and is then not remembered', async () => {
    const { userId } = await person()
    const at = new Date(now + 5000)
    await besides(
      (trx) => trx('users').where({ id: userId }).update({ devices_forgotten_at: at }),
      () => remember('late', userId),
    )
    expect(await keys(userId)).toEqual([])
  })
})

describe('a password', () => {
  const build = (ours: Hasher = hashing) =>
    passwords({
      ...{ database, directory, clock, policy, hasher: ours, store: tableStore({ database, clock }) },
      guard: limitsAlone({ tryAll: unlimited } as never),
    })
  const unlimited = async () => ({ isTaken: true, refusedBy: [], waitSeconds: 0, counts: [] })
  const hashOf = async (userId: UserId) => (await knex('passwords').where({ user_id: userId }).first())?.hash

  test('is set by no proof that began before proofs were ended or a password chosen, and by one that began then', async () => {
    const { userId } = await person()
    const end = (endedAt: Date | null) => knex('users').where({ id: userId }).update({ proofs_ended_at: endedAt })
    const set = (hash: string, begunAt: number) => build().store(userId, hash, { begunAt })
    await end(new Date(now))
    await expect(set('late', now - 1)).rejects.toMatchObject({ code: 'attempt.expired' })
    await set('first', now)
    await end(null)
    await expect(set('late', now - 1)).rejects.toMatchObject({ code: 'attempt.expired' })
    expect(await hashOf(userId)).toBe('first')
    const begunAt = now
    now += 1000
    await set('second', begunAt)
    expect(await hashOf(userId)).toBe('second')
    // It counts from when it was set, and not from when its proof began.
    await expect(set('late', now - 1)).rejects.toMatchObject({ code: 'attempt.expired' })
  })

  test('that is set waits for a deletion, and is then not kept', async () => {
    const { userId } = await person()
    const outcome = await besides(
      (trx) => trx('users').where({ id: userId }).update({ status: 'deleted' }),
      () => build().store(userId, 'late', { begunAt: now }),
    )
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'attempt.expired' } })
    expect(await hashOf(userId)).toBeUndefined()
  })

  test('that is changed is told of with its moment, which ends proofs, and nobody else’s is', async () => {
    const right = 'blue kettle 蓝色'
    const hash = await hashing.hash(right)
    const [mine, theirs] = [await person(hash), await person(hash)]
    const endedAt = async ({ userId }: { readonly userId: UserId }) =>
      (await directory.find(userId))?.user.proofsEndedAt
    now += hour
    await build().change(mine.userId, right, 'green kettle 绿色')
    expect(await endedAt(mine)).toEqual(new Date(now))
    expect((await endedAt(theirs))?.getTime()).toBeLessThan(now)
    expect(await hashOf(theirs.userId)).toBe(hash)
    expect(await hashOf(mine.userId)).not.toBe(hash)
  })

  test('that a login hashes anew is that of nobody else, and not one that was chosen meanwhile', async () => {
    const weak = hasher({ parameters: { memory_kib: 7168, time_cost: 5, parallelism: 1 }, workers: 1, maxQueue: 10 })
    const right = 'blue kettle 蓝色'
    const weakHash = await weak.hash(right).finally(() => weak.close())
    const [{ userId, identifier }, theirs] = [await person(weakHash), await person(weakHash)]
    await build().verify({ identifier, password: right, ip: use.ip })
    expect(await hashOf(userId)).not.toBe(weakHash)
    expect(await hashOf(theirs.userId)).toBe(weakHash)
    await knex('passwords').where({ user_id: userId }).update({ hash: weakHash })
    const hash: Hasher['hash'] = async (password) => {
      await knex('passwords').where({ user_id: userId }).update({ hash: 'chosen' })
      return hashing.hash(password)
    }
    await build({ ...hashing, hash }).verify({ identifier, password: right, ip: use.ip })
    expect(await hashOf(userId)).toBe('chosen')
  })
})

describe('when proofs of an account end', () => {
  const endedAt = async (userId: UserId) => (await directory.find(userId))?.user.proofsEndedAt
  const at = (ms: number) => new Date(now + ms)

  test('is the later of two moments: of its own password, or of what ended them otherwise', async () => {
    const [mine, theirs] = [await person('x'), await person('y')]
    await knex('passwords')
      .where({ user_id: theirs.userId })
      .update({ updated_at: at(900) })
    await knex('passwords')
      .where({ user_id: mine.userId })
      .update({ updated_at: at(300) })
    expect(await endedAt(mine.userId)).toEqual(at(300))
    await knex('users')
      .where({ id: mine.userId })
      .update({ proofs_ended_at: at(200) })
    expect(await endedAt(mine.userId)).toEqual(at(300))
    await knex('users')
      .where({ id: mine.userId })
      .update({ proofs_ended_at: at(400) })
    expect(await endedAt(mine.userId)).toEqual(at(400))
  })

  test('does not move back with a way in that is removed, and moves for that account only', async () => {
    const [mine, theirs] = [await person(), await person()]
    for (const { userId } of [mine, theirs]) {
      await directory.bind(userId, { provider: 'github', subjects: [unique()], profile: {} }, use)
      await directory.bind(userId, { provider: 'qq', subjects: [unique()], profile: {} }, use)
      await directory.bind(userId, { provider: 'weibo', subjects: [unique()], profile: {} }, use)
    }
    const remove = async (provider: string) => {
      const identity = (await directory.find(mine.userId))?.identities.find((each) => each.provider === provider)
      if (identity) await directory.unbind(mine.userId, identity.id, async () => {})
    }
    await remove('github')
    expect([await endedAt(mine.userId), await endedAt(theirs.userId)]).toEqual([at(0), undefined])
    await knex('users')
      .where({ id: mine.userId })
      .update({ proofs_ended_at: at(500) })
    await remove('qq')
    expect(await endedAt(mine.userId)).toEqual(at(500))
  })
  test('does not move back with a lock either', async () => {
    const { userId } = await person()
    const later = new Date('2100-01-01T00:00:00Z')
    await knex('users').where({ id: userId }).update({ proofs_ended_at: later })
    await directory.setStatus(userId, 'locked')
    expect(await endedAt(userId)).toEqual(later)
  })
})
