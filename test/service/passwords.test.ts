import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { AccountDirectory } from '../../src/accounts/directory.ts'
import { type Hasher, hasher } from '../../src/accounts/hashing.ts'
import type { ParsedIdentifier } from '../../src/accounts/identifier.ts'
import { KnownDevices } from '../../src/accounts/known-devices.ts'
import { TriesUsedUp } from '../../src/accounts/password-lock.ts'
import { type Passwords, passwordOptions, passwords } from '../../src/accounts/passwords.ts'
import type { UserId } from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secret.ts'
import { limits } from '../../src/ops/limits.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import { redisStore } from '../../src/store/redis.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { limitsAlone } from '../support/guards.ts'
import { redisPrefix, redisUrl } from '../support/redis.ts'

const policy = passwordOptions.parse({ blocked_words: ['menshen'] })
const right = 'blue kettle 蓝色'
let now = Date.parse('2026-11-20T08:00:00Z')
let home: TestDatabase
let directory: AccountDirectory
let hashing: Hasher
let stores: { redis: EphemeralStore; tables: EphemeralStore }
const opened: Hasher[] = []

beforeAll(async () => {
  home = await createDatabase()
  const clock = () => now
  directory = new AccountDirectory({ database: home.database, clock })
  hashing = hasher({ parameters: policy.argon2, workers: 1, maxQueue: 200 })
  stores = {
    redis: redisStore({ url: new Secret(redisUrl()), clock, prefix: redisPrefix() }),
    tables: tableStore({ database: home.database, clock }),
  }
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()))
})
afterAll(async () => {
  await Promise.all([stores.redis.close(), stores.tables.close(), hashing.close()])
  await home.drop()
})

function build(changes: { hasher?: Hasher; store?: EphemeralStore; policy?: object } = {}): Passwords {
  const store = changes.store ?? stores.redis
  return passwords({
    database: home.database,
    directory,
    hasher: changes.hasher ?? hashing,
    store,
    guard: limitsAlone(
      limits({
        store,
        rules: {
          'password.ip': { windows: policy.lock.per_ip, perNetwork: 'growing' },
          'password.proven': { windows: [{ max: 1, seconds: 3600 }], perNetwork: 'growing' },
        },
        mac: (text) => text,
        factors: { ipv4_24: 16, ipv6_56: 4, ipv6_48: 16 },
      }),
    ),
    clock: () => now,
    policy: { ...policy, ...changes.policy },
  })
}

/** A hasher that also tells how many derivations were asked of it. */
function counting(): { hasher: Hasher; count: () => number } {
  let count = 0
  const verify: Hasher['verify'] = (hash, password) => {
    count += 1
    return hashing.verify(hash, password)
  }
  return { hasher: { ...hashing, verify }, count: () => count }
}

async function person(name: string, password?: string): Promise<{ userId: UserId; identifier: ParsedIdentifier }> {
  const claim = { provider: 'username', subjects: [name] as const, profile: {} }
  const options = password === undefined ? {} : { passwordHash: await hashing.hash(password) }
  const { user } = await directory.register(claim, { ip: '203.0.113.1' }, options)
  return { userId: user.id, identifier: { provider: 'username', subject: name } }
}

let addresses = 0
/** Each time in another network. */
const ip = () => {
  addresses += 1
  return `10.${(addresses >> 8) & 255}.${addresses & 255}.7`
}

async function outcome(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'right',
    (error) =>
      error.code === undefined ? Promise.reject(error) : `${error.code} ${error.params.retryAfterSeconds ?? ''}`.trim(),
  )
}

const guess = (subject: Passwords, identifier: ParsedIdentifier, password = 'wrong kettle 1') =>
  outcome(subject.verify({ identifier, password, ip: ip() }))

describe('checking a password', () => {
  test('answers the user, whatever way the characters were typed', async () => {
    const { userId, identifier } = await person('right', 'ｂｌｕｅ cafe\u0301 kettle')
    expect(await build().verify({ identifier, password: 'blue café kettle', ip: ip() })).toBe(userId)
  })

  test('works with every proved identifier of the user, and with no unproved one', async () => {
    const { userId } = await person('many', right)
    const email = { provider: 'email', subjects: ['many@example.com'] as const, profile: {} }
    const { identityId } = await directory.bind(userId, email, { ip: ip() })
    const identifier = { provider: 'email', subject: 'many@example.com' } as const
    expect(await build().verify({ identifier, password: right, ip: ip() })).toBe(userId)
    await home.database.knex('identities').where({ id: identityId }).update({ verified_at: null })
    expect(await guess(build(), identifier, right)).toBe('password.wrong')
  })

  test('refuses a nobody, a user without password, a foreign hash and a wrong password alike, after one derivation each', async () => {
    const known = await person('alike', right)
    const without = await person('alike-without')
    const foreign = await person('alike-foreign', right)
    await home.database
      .knex('passwords')
      .where({ user_id: foreign.userId })
      .update({ hash: '$2b$12$WApznUPhDubN0oeveSXHp.' })
    const nobody = { provider: 'username', subject: 'alike-nobody' } as const
    const { hasher, count } = counting()
    const subject = build({ hasher })
    for (const identifier of [nobody, without.identifier, foreign.identifier, known.identifier]) {
      const before = count()
      const error = await subject.verify({ identifier, password: 'wrong kettle 1', ip: ip() }).catch((thrown) => thrown)
      expect(error).toMatchObject({ code: 'password.wrong', field: 'password', params: {} })
      expect(count()).toBe(before + 1)
    }
    const before = count()
    expect(await guess(subject, known.identifier, 'x'.repeat(100_000))).toBe('password.wrong')
    expect(count()).toBe(before + 1)
  })

  test('tells only who knows the password that the user is locked', async () => {
    const { userId, identifier } = await person('barred', right)
    await directory.setStatus(userId, 'locked')
    expect(await guess(build(), identifier)).toBe('password.wrong')
    expect(await guess(build(), identifier, right)).toBe('user.locked')
  })

  test('strengthens the hash when the cost was raised, once, and leaves the date of the password', async () => {
    const { userId, identifier } = await person('stronger', right)
    const read = () => home.database.knex('passwords').where({ user_id: userId }).first()
    const before = await read()
    const raised = hasher({ parameters: { ...policy.argon2, time_cost: 3 }, workers: 1, maxQueue: 9 })
    opened.push(raised)
    now += 1000
    await build({ hasher: raised }).verify({ identifier, password: right, ip: ip() })
    const after = await read()
    expect(after.hash).toContain('m=19456,t=3,p=1')
    expect(after.updated_at).toEqual(before.updated_at)
    await build({ hasher: raised }).verify({ identifier, password: right, ip: ip() })
    expect(await read()).toEqual(after)
  })

  test('is refused at once when too many wait, and not counted as a try', async () => {
    const { identifier } = await person('crowded', right)
    const small = hasher({ parameters: policy.argon2, workers: 1, maxQueue: 1 })
    opened.push(small)
    await small.hash('warm')
    const subject = build({ hasher: small })
    const crowd = [small.hash('a'), small.hash('b')]
    const refusal = guess(subject, identifier)
    // The refusal waits for none of the hashes in front of it.
    expect(await Promise.race([...crowd.map((hash) => hash.then(() => 'hashed')), refusal])).toBe('password.busy 1')
    await Promise.all(crowd)
    expect(await guess(subject, identifier, right)).toBe('right')
  })
})

describe.each(['redis', 'tables'] as const)('wrong passwords, counted in %s', (kind) => {
  const named = (name: string) => `${kind}-${name}`

  test('lock for a growing time that always ends, for names nobody has just as well', async () => {
    const { identifier } = await person(named('grow'), right)
    const nobody = { provider: 'username', subject: named('grow-nobody') } as const
    for (const target of [identifier, nobody]) {
      const subject = build({ store: stores[kind] })
      for (let n = 0; n < 5; n++) expect(await guess(subject, target)).toBe('password.wrong')
      for (const seconds of [30, 60, 120, 240, 480, 900, 900, 900]) {
        expect(await guess(subject, target, right)).toBe(`password.locked ${seconds}`)
        now += seconds * 1000 - 1
        expect(await guess(subject, target, right)).toBe('password.locked 1')
        now += 1
        expect(await guess(subject, target)).toBe('password.wrong')
      }
    }
  })

  test('are forgotten after the right one, and after a day', async () => {
    const { identifier } = await person(named('forget'), right)
    const subject = build({ store: stores[kind] })
    const wrongTries = async () => {
      for (let n = 0; n < 4; n++) expect(await guess(subject, identifier)).toBe('password.wrong')
    }
    await wrongTries()
    expect(await guess(subject, identifier, right)).toBe('right')
    await wrongTries()
    now += 86_400_000
    await wrongTries()
    expect(await guess(subject, identifier)).toBe('password.wrong')
    now += 30_000
    expect(await guess(subject, identifier, right)).toBe('right')
    await wrongTries()
    expect(await guess(subject, identifier)).toBe('password.wrong')
    expect(await guess(subject, identifier)).toBe('password.locked 30')
  })

  test('cannot outrun the lock in parallel: of fifty at once five are judged', async () => {
    const { identifier } = await person(named('parallel'), right)
    const { hasher, count } = counting()
    const subject = build({ hasher, store: stores[kind] })
    const answers = await Promise.all(Array.from({ length: 50 }, () => guess(subject, identifier)))
    expect(answers.filter((answer) => answer === 'password.wrong')).toHaveLength(5)
    expect(answers.filter((answer) => answer.startsWith('password.locked'))).toHaveLength(45)
    expect(count()).toBe(5)
    now += 30_000
    const more = await Promise.all(Array.from({ length: 50 }, () => guess(subject, identifier)))
    expect(more.filter((answer) => answer === 'password.wrong')).toHaveLength(1)
  })

  test('in a row by unknown devices are counted for the account, by whichever name: then its password does only on a known one', async () => {
    const name = named('row')
    const { userId, identifier } = await person(name, right)
    const others = [
      { provider: 'email', subject: `${name}@example.com` },
      { provider: 'phone', subject: kind === 'redis' ? '+8613800138061' : '+8613800138062' },
    ] as const
    for (const { provider, subject } of others) {
      await directory.bind(userId, { provider, subjects: [subject], profile: {} }, { ip: ip() })
    }
    const [email, phone] = others
    const { hasher, count } = counting()
    const subject = build({ store: stores[kind], hasher, policy: { lock: { ...policy.lock, in_a_row: 10 } } })
    for (const each of [identifier, email, phone, identifier, email, phone, identifier, email, phone, identifier])
      expect(await guess(subject, each)).toBe('password.wrong')

    const before = count()
    const refused = await subject.verify({ identifier: email, password: right, ip: ip() }).catch((error) => error)
    expect(refused).toMatchObject({ code: 'password.wrong', params: {}, cause: expect.any(TriesUsedUp) })
    expect(count()).toBe(before + 1)

    const device = { marks: [], key: 'thumbprint' }
    const devices = new KnownDevices({ ...home, clock: () => now, seal: (text) => text, open: (text) => text })
    await devices.rememberApp(device, { userId, authTime: now / 1000 })
    const known = { identifier, ip: ip(), device }
    expect(await outcome(subject.verify({ ...known, password: 'wrong kettle 1' }))).toBe('password.wrong')
    expect(await guess(subject, phone, right)).toBe('password.wrong')
    expect(await outcome(subject.verify({ ...known, password: right }))).toBe('right')
    now += policy.lock.first * 1000
    expect(await guess(subject, phone, right)).toBe('right')
  })

  test('in a row are forgotten with the password they were guesses of, and after thirty days', async () => {
    const { userId, identifier } = await person(named('anew'), right)
    const subject = build({ store: stores[kind], policy: { lock: { ...policy.lock, tries: 20, in_a_row: 10 } } })
    const useUp = async () => {
      for (let n = 0; n < 10; n++) await guess(subject, identifier)
      expect(await guess(subject, identifier, right)).toBe('password.wrong')
    }
    await useUp()
    await subject.set(userId, right, { begunAt: now })
    expect(await guess(subject, identifier, right)).toBe('right')
    await useUp()
    now += 30 * 86_400_000
    expect(await guess(subject, identifier, right)).toBe('right')
  })

  test('in a row on a known device make it an unknown one', async () => {
    const { userId, identifier } = await person(named('spent'), right)
    const subject = build({ store: stores[kind], policy: { lock: { ...policy.lock, tries: 15, in_a_row: 10 } } })
    const device = { marks: [], key: `spent-${kind}` }
    const devices = new KnownDevices({ ...home, clock: () => now, seal: (text) => text, open: (text) => text })
    await devices.rememberApp(device, { userId, authTime: now / 1000 })
    const tryIt = (password: string) => outcome(subject.verify({ identifier, password, ip: ip(), device }))
    for (let n = 0; n < 10; n++) expect(await tryIt('wrong kettle 1')).toBe('password.wrong')
    for (let n = 0; n < 10; n++) await guess(subject, identifier)
    expect(await tryIt(right)).toBe('password.wrong')
  })

  test('from one address are limited, however many names are tried, and it ends', async () => {
    const subject = build({ store: stores[kind] })
    const from = (address: string, name: string) => {
      const identifier = { provider: 'username', subject: named(name) } as const
      return outcome(subject.verify({ identifier, password: 'wrong kettle 1', ip: address }))
    }
    for (let n = 0; n < 15; n++) expect(await from('2001:db8:0:7::1', `spray-${n}`)).toBe('password.wrong')
    expect(await from('2001:db8::7:0:0:0:2', 'spray-x')).toBe('challenge.required')
    expect(await from('2001:db8:0:8::1', 'spray-x')).toBe('password.wrong')
    now += 60_000
    expect(await from('2001:db8:0:7::1', 'spray-y')).toBe('password.wrong')
  })

  test('from a home line or a /24 are limited too, from however many of its addresses', async () => {
    const subject = build({ store: stores[kind] })
    const judged = async (count: number, ip: (n: number) => string) => {
      const outcomes: string[] = []
      for (let n = 0; n < count; n++) {
        const identifier = { provider: 'username', subject: named(`wide-${n}`) } as const
        outcomes.push(await outcome(subject.verify({ identifier, password: 'wrong kettle 1', ip: ip(n) })))
      }
      return outcomes.filter((each) => each === 'password.wrong').length
    }
    const block = kind === 'redis' ? 1 : 2
    // Four times, and sixteen times, the 15 of a minute.
    expect(await judged(80, (n) => `2001:db8:${block}:1${n.toString(16).padStart(2, '0')}::1`)).toBe(60)
    expect(await judged(250, (n) => `198.18.${block}.${n}`)).toBe(240)
  })
})

describe('the lock', () => {
  test('of one identifier leaves the others of the user open', async () => {
    const { userId, identifier } = await person('others', right)
    await directory.bind(userId, { provider: 'phone', subjects: ['+8613800138001'], profile: {} }, { ip: ip() })
    const subject = build()
    for (let n = 0; n < 6; n++) await guess(subject, identifier)
    expect(await guess(subject, identifier, right)).toMatch(/^password.locked/)
    expect(await guess(subject, { provider: 'phone', subject: '+8613800138001' }, right)).toBe('right')
  })

  test('is not set by a try nobody could judge', async () => {
    const { identifier } = await person('unjudged', right)
    for (let n = 0; n < 4; n++) await guess(build(), identifier)
    const dying = hasher({ parameters: policy.argon2, workers: 1, maxQueue: 9 })
    await dying.close()
    expect(await guess(build({ hasher: dying }), identifier, right)).toBe('server.unavailable 1')
    expect(await guess(build(), identifier, right)).toBe('right')
  })

  test('fails closed when the store is away', async () => {
    const { identifier } = await person('storeless', right)
    const away = redisStore({ url: new Secret('redis://127.0.0.1:1'), clock: () => now })
    const { hasher, count } = counting()
    expect(await guess(build({ store: away, hasher }), identifier, right)).toMatch(/^server.unavailable/)
    expect(count()).toBe(0)
    await away.close()
  })
})

describe('setting a password', () => {
  test('makes it the one password of the user', async () => {
    const { userId, identifier } = await person('setter')
    const subject = build()
    expect(await subject.has(userId)).toBe(false)
    await subject.set(userId, right, { begunAt: now })
    expect(await subject.has(userId)).toBe(true)
    await subject.set(userId, 'green kettle 绿色', { begunAt: now })
    expect(await guess(subject, identifier, right)).toBe('password.wrong')
    expect(await guess(subject, identifier, 'green kettle 绿色')).toBe('right')
  })

  test('keeps what was prepared before the user was known', async () => {
    const { userId, identifier } = await person('prepared')
    const subject = build()
    await subject.store(userId, await subject.prepare(right, ['prepared']), { begunAt: Date.now() })
    expect(await guess(subject, identifier, right)).toBe('right')
  })

  test('does not replace one that was chosen since whoever sets it has logged in', async () => {
    const { userId, identifier } = await person('outrun')
    const subject = build()
    const begunAt = now - 1000
    await subject.store(userId, await subject.prepare(right), { begunAt: now })
    await expect(subject.set(userId, 'thief kettle 紫色', { begunAt })).rejects.toMatchObject({
      code: 'attempt.expired',
    })
    expect(await guess(subject, identifier, right)).toBe('right')
  })

  test('refuses the names of the user and of the product', async () => {
    const { userId } = await person('kunlunshan')
    const subject = build()
    for (const password of ['Kunlunshan1', 'kunlunshan@2026', 'menshen888'])
      await expect(subject.set(userId, password, { begunAt: now })).rejects.toMatchObject({
        code: 'password.common',
        field: 'new_password',
      })
    expect(await subject.has(userId)).toBe(false)
  })

  test('is impossible for a deleted user', async () => {
    const { userId } = await person('departed')
    await directory.setStatus(userId, 'deleted')
    await expect(build().set(userId, right, { begunAt: Date.now() })).rejects.toMatchObject({ code: 'attempt.expired' })
    await expect(build().store(userId, 'x', { begunAt: Date.now() })).rejects.toMatchObject({ code: 'attempt.expired' })
    expect(await build().has(userId)).toBe(false)
  })
})

describe('changing a password', () => {
  test('needs the current one, and wrong ones lock', async () => {
    const { userId, identifier } = await person('changer', right)
    const subject = build()
    await subject.change(userId, right, 'green kettle 绿色')
    expect(await guess(subject, identifier, 'green kettle 绿色')).toBe('right')
    for (let n = 0; n < 5; n++) {
      expect(await outcome(subject.change(userId, right, 'third kettle 红色'))).toBe('password.mismatch')
    }
    expect(await outcome(subject.change(userId, 'green kettle 绿色', 'third kettle 红色'))).toBe('password.locked 30')
    now += 30_000
    await subject.change(userId, 'green kettle 绿色', 'third kettle 红色')
  })

  test('is refused to a user who has none, and for what breaks the rules', async () => {
    const { userId } = await person('changeless')
    expect(await outcome(build().change(userId, '', right))).toBe('password.mismatch')
    expect(await outcome(build().change(userId, '', 'short'))).toBe('password.too_short')
  })

  test('twice at once succeeds once', async () => {
    const { userId } = await person('twice', right)
    const subject = build()
    const answers = await Promise.all(
      ['green kettle 绿色', 'third kettle 红色'].map((next) => outcome(subject.change(userId, right, next))),
    )
    expect(answers.sort()).toEqual(['password.mismatch', 'right'])
  })
})
