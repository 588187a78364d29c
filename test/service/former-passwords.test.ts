import { randomBytes } from 'node:crypto'
import argon2 from 'argon2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { type Hasher, hasher } from '../../src/accounts/hashing.ts'
import { type Passwords, passwordOptions, passwords } from '../../src/accounts/passwords.ts'
import { formatPbkdf2, formatScrypt, formatWrapped } from '../../src/accounts/stored-password.ts'
import { newId, type UserId } from '../../src/base/ids.ts'
import { type PasswordEntry, readPassword } from '../../src/moving/password-entry.ts'
import { limits } from '../../src/ops/limits.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { limitsAlone } from '../support/guards.ts'

const password = '测试Pass1'
const secrets: Record<string, string> = {
  uni_id_1: 'passwordSecret-demo',
  firebase: 'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==',
}
const names = new Set(Object.keys(secrets))
const policy = passwordOptions.parse({})

let own: TestDatabase
let hashing: Hasher
let subject: Passwords

beforeAll(async () => {
  own = await createDatabase()
  hashing = hasher({ parameters: policy.argon2, workers: 1, maxQueue: 100, secretOf: (name) => secrets[name] })
  subject = build(hashing)
})
afterAll(async () => {
  await hashing.close()
  await own.drop()
})

function build(hasher: Hasher): Passwords {
  const { database } = own
  const clock = () => Date.now()
  const store = tableStore({ database, clock })
  const directory = new AccountDirectory({ database, clock })
  const rules = { 'password.ip': { windows: [{ max: 1000, seconds: 60 }], perNetwork: 'growing' } } as const
  const factors = { ipv4_24: 16, ipv6_56: 4, ipv6_48: 16 }
  const guard = limitsAlone(limits({ store, rules, mac: (text) => text, factors }))
  return passwords({ database, directory, hasher, store, guard, clock, policy })
}

/** What is stored of an entry, as an import would leave it. */
async function stored(entry: PasswordEntry): Promise<string> {
  const read = readPassword(entry, names)
  if (read.kind === 'ready') return read.hash
  const hash = await hashing.hash(read.digest)
  return read.former ? formatWrapped(read.former, hash) : hash
}

async function userWith(hash: string | undefined): Promise<{ userId: UserId; name: string }> {
  const { knex } = own.database
  const [userId, identityId] = [newId('usr'), newId('idn')]
  const name = `n${randomBytes(8).toString('hex')}`
  const at = new Date(0)
  await knex('users').insert({ id: userId, status: 'active', created_at: at, updated_at: at })
  const used = { verified_at: at, created_at: at, created_ip: '', last_used_at: at, last_used_ip: '' }
  await knex('identities').insert({ id: identityId, user_id: userId, provider: 'username', ...used })
  const row = { provider: 'username', subject: name, identity_id: identityId, position: 0, created_at: at }
  await knex('identity_subjects').insert(row)
  if (hash) await knex('passwords').insert({ user_id: userId, hash, updated_at: at })
  return { userId, name }
}

const login = (name: string, typed: string) =>
  subject.verify({ identifier: { provider: 'username', subject: name }, password: typed, ip: '192.0.2.1' })
const hashOf = async (userId: UserId) =>
  (await own.database.knex('passwords').where({ user_id: userId }).first<{ hash: string }>('hash')).hash

const kinds: readonly (readonly [string, PasswordEntry])[] = [
  ['MD5', { algorithm: 'md5', hash: 'bca034aa9ecbeedd573fac73e98eaac1' }],
  ['UCenter', { algorithm: 'discuz', salt: 'a1b2c3', hash: '873d756e61fdda6994f6957d21da6e84' }],
  ['uni-id', { algorithm: 'uni_id', secret: 'uni_id_1', hash: '721889bb5d8c29e5e2e91f6ce8a61dc4824d4de4' }],
  ['older WordPress', { algorithm: 'phpass', hash: '$P$Bsalt1234MOW51EbTJaEHLoNGqXZkm/' }],
  ['WordPress 6.8', { algorithm: 'bcrypt', hash: '$wp$2y$10$abcdefghijklmnopqrstuu2RRISaFFsMay99U/VeFeGqbiIynCieq' }],
  ['Django', { algorithm: 'pbkdf2', hash: 'pbkdf2_sha256$1000$saltsalt$9YpCs9lA3k4n358JenJdGgYZwbtzdtd3wchAXnwlQzU=' }],
  [
    'Casdoor, PBKDF2',
    {
      ...{ algorithm: 'pbkdf2', digest: 'sha256', iterations: 27_500, salt: 'c2FsdHNhbHRzYWx0c2FsdA==' },
      hash: 'Vh/ZUqBxXNfB/cw5S/KumdMCgH4JV0tP4crOqnkv/bmdUlVQZX3d/TyM8LWt0iWDisXy78o6F0akXKFaI2CBIQ==',
    },
  ],
  [
    'Keycloak, argon2',
    {
      algorithm: 'argon2',
      hash: '$argon2id$v=19$m=7168,t=5,p=1$MDEyMzQ1Njc4OWFiY2RlZg$TGHGVr3G/yESAK+2MX7fBVmOlHtLGyo/YbvZTfJ/HA4',
    },
  ],
  ['JeecgBoot', { algorithm: 'jeecgboot', salt: 'a1b2c3d4', username: 'lisi', hash: '9eceba40baebcc55' }],
  [
    'Firebase',
    {
      ...{
        algorithm: 'firebase_scrypt',
        secret: 'firebase',
        salt: '42xEC+ixf3L2lw==',
        separator: 'Bw==',
        N: 16_384,
        r: 8,
      },
      hash: 'aGwR3sCkH8CG0EV360f5/fdkCCzwggXH7d+U++o7dVuPsCCRClDzqzCIcYFiE1Nqd95AIj4jpEmOdiU9l0gh3w==',
    },
  ],
  ['a file with the password itself', { algorithm: 'plain', hash: password }],
]

describe('somebody who was moved in', () => {
  test.each(kinds)('from %s logs in with the same password, which is argon2id from then on', async (_, entry) => {
    const hash = await stored(entry)
    const { userId, name } = await userWith(hash)
    await expect(login(name, '测试Pass2')).rejects.toMatchObject({ code: 'password.wrong' })
    expect(await hashOf(userId)).toBe(hash)
    expect(await login(name, password)).toBe(userId)
    expect(await hashOf(userId)).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(await login(name, password)).toBe(userId)
  })

  test.each(['argon2i', 'argon2d'] as const)('with %s is known, and has argon2id from then on', async (type) => {
    const { [type]: number } = argon2
    const hash = await argon2.hash(password, { type: number, memoryCost: 8192, timeCost: 2, parallelism: 1 })
    const { userId, name } = await userWith(hash)
    expect(await login(name, password)).toBe(userId)
    expect(await hashOf(userId)).toMatch(/^\$argon2id\$/)
  })

  test('with scrypt or PBKDF2 is known by what those make of it', async () => {
    const { scryptSync, pbkdf2Sync } = await import('node:crypto')
    const cost = { N: 1024, r: 8, p: 1 }
    const salt = randomBytes(16)
    const scrypt = formatScrypt({ cost, salt, tag: scryptSync(password, salt, 32, cost) })
    const tag = pbkdf2Sync(password, salt, 1000, 64, 'sha512')
    const pbkdf2 = formatPbkdf2({ digest: 'sha512', iterations: 1000, salt, tag })
    for (const hash of [scrypt, pbkdf2]) {
      const { userId, name } = await userWith(hash)
      expect(await login(name, password)).toBe(userId)
    }
  })

  test('with bcrypt may have a long password, of which it knows 72 bytes, and one with a NUL, which ends it', async () => {
    const { default: bcrypt } = await import('bcryptjs')
    const long = 'x'.repeat(72)
    const { userId, name } = await userWith(bcrypt.hashSync(long, 4))
    expect(await login(name, `${long}y`)).toBe(userId)
    const other = await userWith(bcrypt.hashSync('before', 4))
    expect(await hashing.verify(await hashOf(other.userId), 'before\0after')).toBe(true)
  })

  test('with a password that Unicode writes in two ways is known by the one that was typed then', async () => {
    const hash = await argon2.hash('ｐａｓｓ cafe\u0301', { memoryCost: 8192, timeCost: 2, parallelism: 1 })
    expect(await hashing.verify(hash, 'ｐａｓｓ cafe\u0301')).toBe(true)
    expect(await hashing.verify(hash, 'pass café')).toBe(false)
  })

  test('is not let in when the secret of that site is no longer in the settings', async () => {
    const hash = await stored({
      algorithm: 'uni_id',
      secret: 'uni_id_1',
      hash: '721889bb5d8c29e5e2e91f6ce8a61dc4824d4de4',
    })
    const without = hasher({ parameters: policy.argon2, workers: 1, maxQueue: 10 })
    expect(await without.verify(hash, password)).toBe(false)
    await without.close()
  })

  test('does not have a new hash put over the password they set meanwhile', async () => {
    const { userId, name } = await userWith(
      await stored({ algorithm: 'md5', hash: 'bca034aa9ecbeedd573fac73e98eaac1' }),
    )
    const next = await hashing.hash('another password')
    const racing = login(name, password)
    await own.database.knex('passwords').where({ user_id: userId }).update({ hash: next })
    await racing.catch(() => {})
    expect(await hashOf(userId)).toBe(next)
  })
})

describe('a name that nobody has', () => {
  test('costs what an account of another costs, and its password lets nobody in', async () => {
    await own.database.knex('passwords').delete()
    const { default: bcrypt } = await import('bcryptjs')
    const hash = bcrypt.hashSync(password, 4)
    await userWith(hash)
    const asked: (string | undefined)[] = []
    const watched: Hasher = {
      ...hashing,
      verify(own, typed, guest, like) {
        asked.push(like)
        return hashing.verify(own, typed, guest, like)
      },
    }
    const listening = build(watched)
    for (const name of ['nobody', 'no.one', (await userWith(undefined)).name]) {
      const attempt = { identifier: { provider: 'username', subject: name } as const, password, ip: '192.0.2.1' }
      await expect(listening.verify(attempt)).rejects.toMatchObject({ code: 'password.wrong' })
    }
    expect(asked).toEqual([hash, hash, hash])
  })
})
