import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PasswordLock, passwordLock } from '../../src/accounts/password-lock.ts'
import type { UserId } from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secret.ts'
import { loadConfig } from '../../src/config/config.ts'
import { rules } from '../../src/config/limit-rules.ts'
import { limits } from '../../src/ops/limits.ts'
import { keyedStore } from '../../src/store/keyed-store.ts'
import { redisStore } from '../../src/store/redis.ts'
import { sealer } from '../../src/store/seal.ts'
import { guardOf } from '../support/guards.ts'
import { redisPrefix, redisUrl } from '../support/redis.ts'

// Passwords that are tried at many names, from many networks.

const hour = 3_600_000
const { config } = loadConfig({ env: {}, cwd: '/tmp' })
const seals = sealer({ keys: [new Secret(Buffer.alloc(32, 5).toString('base64url'))] })
let now = Date.parse('2026-11-30T08:00:00Z')
let store: ReturnType<typeof redisStore>
let lock: PasswordLock

beforeAll(() => {
  const clock = () => now
  store = redisStore({ url: new Secret(redisUrl()), clock, prefix: redisPrefix() })
  const mac = (text: string) => seals.mac('limit', text)
  const all = limits({ store, rules: rules(config), mac, factors: config.limits.networks })
  const locks = keyedStore(store, (key) => `password:${seals.mac('password_lock', key)}`)
  const guard = guardOf(config, { limits: all, mac, clock })
  lock = passwordLock({ store: locks, guard, clock, rules: config.password.lock })
})
afterAll(() => store.close())

let networks = 0
const elsewhere = () => {
  networks += 1
  return `10.${networks >> 8}.${networks & 255}.7`
}
const somebody = () => `username:${randomUUID()}`

interface Try {
  readonly who?: string
  readonly ip?: string
  readonly isRight?: boolean
  readonly knownDevice?: string
  readonly userId?: UserId
  readonly proven?: number
}

/** What a try answers: `right`, `wrong`, or the code of the refusal. */
async function type(password: string, { isRight = false, ...more }: Try = {}): Promise<string> {
  const guarded = { who: somebody(), ip: elsewhere(), userId: undefined, knownDevice: undefined, ...more, password }
  const judged = lock.guard(guarded, async () => (isRight ? 'right' : undefined))
  return judged.then(
    (answer) => answer ?? 'wrong',
    (error) => error.code,
  )
}

async function spray(password: string, names: number): Promise<void> {
  for (let name = 0; name < names; name++) expect(await type(password)).toBe('wrong')
}

describe('one password at many names', () => {
  test('is asked for a challenge after thirty, whoever it belongs to; a proof, a known device and another password are not', async () => {
    const password = randomUUID()
    await spray(password, 30)
    expect(await type(password)).toBe('challenge.required')
    expect(await type(password, { isRight: true })).toBe('challenge.required')
    expect(await type(password, { isRight: true, proven: 2 })).toBe('right')
    const owner = { userId: 'usr_1' as UserId, knownDevice: 'mark 1' }
    expect(await type(password, { ...owner, isRight: true })).toBe('right')
    expect(await type(randomUUID(), { isRight: true })).toBe('right')
    now += hour + 1000
    expect(await type(password)).toBe('wrong')
  })

  test('is counted once for each name, so that nobody is taken for an attack who forgot theirs', async () => {
    const password = randomUUID()
    for (let round = 0; round < 12; round++) {
      const who = somebody()
      // Four are free.
      for (let time = 0; time < 4; time++) expect(await type(password, { who })).toBe('wrong')
    }
    expect(await type(password)).toBe('wrong')
  })

  test('is counted for names that nobody has as for those that somebody has, and alike in what is told', async () => {
    const password = randomUUID()
    for (let name = 0; name < 15; name++) {
      expect(await type(password, { userId: `usr_${name}` as UserId })).toBe('wrong')
      expect(await type(password)).toBe('wrong')
    }
    expect(await type(password)).toBe('challenge.required')
    expect(await type(password, { userId: 'usr_1' as UserId })).toBe('challenge.required')
  })

  test('many at once are no way around it', async () => {
    const password = randomUUID()
    await Promise.all(Array.from({ length: 60 }, () => type(password)))
    expect(await type(password)).toBe('challenge.required')
  })
})

describe('many names from one network', () => {
  test('are asked for a challenge after sixty wrong passwords, also spread over the addresses around', async () => {
    const ip = '198.51.100.7'
    for (let name = 0; name < 60; name++) {
      // The limit of a minute is another matter.
      now += 10_000
      expect(await type(randomUUID(), { ip })).toBe('wrong')
    }
    now += 61_000
    expect(await type(randomUUID(), { ip })).toBe('challenge.required')
    expect(await type(randomUUID(), { ip, isRight: true, proven: 2 })).toBe('right')
    const owner = { userId: 'usr_2' as UserId, knownDevice: 'mark 2' }
    expect(await type(randomUUID(), { ip, ...owner, isRight: true })).toBe('right')
  })

  test('with the right passwords are as many as there are people behind it', async () => {
    const ip = '198.51.101.7'
    for (let name = 0; name < 300; name++) expect(await type(randomUUID(), { ip, isRight: true })).toBe('right')
  })

  test('are tried no more without a proof, with one thirty times an hour, and a right one is no such time', async () => {
    const ip = '198.51.102.7'
    now += hour
    for (let name = 0; name < 150; name++) {
      now += 10_000
      expect(await type(randomUUID(), { ip, proven: 2 })).toBe('wrong')
    }
    const right = (proven?: number) => type(randomUUID(), { ip, isRight: true, ...(proven && { proven }) })
    expect([await right(), await right(2)]).toEqual(['challenge.required', 'challenge.required'])
    for (let person = 0; person < 40; person++) expect(await right(3)).toBe('right')
    const guesses = await Promise.all(Array.from({ length: 60 }, () => type(randomUUID(), { ip, proven: 3 })))
    expect(guesses.filter((each) => each === 'wrong')).toHaveLength(30)
    expect(guesses.filter((each) => each === 'request.too_many')).toHaveLength(30)
    expect(await right(3)).toBe('request.too_many')
    const owner = { userId: 'usr_3' as UserId, knownDevice: 'mark 3' }
    expect(await type(randomUUID(), { ip, ...owner, isRight: true })).toBe('right')
    now += hour
    expect(await right()).toBe('right')
  })
})
