import { webcrypto } from 'node:crypto'
import { setImmediate as nextTick } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import argon2 from 'argon2'
import { afterEach, describe, expect, test } from 'vitest'
import { type Hasher, type HasherOptions, hasher } from '../../src/accounts/hashing.ts'

const parameters = { memory_kib: 19_456, time_cost: 2, parallelism: 1 }
const inNpm = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const open: Hasher[] = []

function start(options: Partial<HasherOptions> = {}): Hasher {
  const made = hasher({ parameters, workers: 1, maxQueue: 64, ...options })
  open.push(made)
  return made
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

const statusOf = (result: PromiseSettledResult<unknown>) =>
  result.status === 'fulfilled' ? 'done' : (result.reason as { code: string }).code

describe('a hash', () => {
  test('is a PHC string that npm argon2 verifies', async () => {
    const hash = await start().hash('correct horse 密码')
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
    expect(await argon2.verify(hash, 'correct horse 密码')).toBe(true)
    expect(await argon2.verify(hash, 'correct horse')).toBe(false)
  })

  test.each([[inNpm], [{ memoryCost: 8192, timeCost: 5, parallelism: 4, hashLength: 48 }]])(
    'made by npm argon2 with %o is verified',
    async (options) => {
      const theirs = await argon2.hash('correct horse 密码', options)
      const ours = start()
      expect(await ours.verify(theirs, 'correct horse 密码')).toBe(true)
      expect(await ours.verify(theirs, 'correct horse 密碼')).toBe(false)
    },
  )

  test('of one password is another each time', async () => {
    const ours = start()
    expect(await ours.hash('same')).not.toBe(await ours.hash('same'))
  })

  test('takes every byte of a long password into account', async () => {
    const ours = start()
    const long = '长'.repeat(255)
    const hash = await ours.hash(`${long}a`)
    expect(await ours.verify(hash, `${long}b`)).toBe(false)
    expect(await ours.verify(hash, `${long}a`)).toBe(true)
  })

  test('is of the normalised password', async () => {
    const ours = start()
    const hash = await ours.hash('ｐａｓｓ cafe\u0301')
    expect(await ours.verify(hash, 'pass café')).toBe(true)
  })

  test.each([
    ['$2b$12$WApznUPhDubN0oeveSXHp.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL'],
    ['$P$B12345678abcdefghijklmnopqrstu'],
    ['$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['$argon2id$v=16$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['$argon2id$v=19$m=1,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['$argon2id$v=19$m=19456,t=0,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['$argon2id$v=19$m=19456,t=2,t=2$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['$argon2id$v=19$m=19456,t=2,p=1$$'],
    ['plain'],
    [''],
    [undefined],
  ])('that reads %s is answered with false and kills no thread', async (foreign) => {
    const ours = start()
    expect(await ours.verify(foreign, 'plain')).toBe(false)
    expect(foreign === undefined || ours.needsRehash(foreign)).toBe(true)
  })

  test('asks for a stronger one when the cost was raised, not when it was lowered', async () => {
    const hash = await argon2.hash('x', inNpm)
    const needs = (changed: Partial<typeof parameters>) =>
      start({ parameters: { ...parameters, ...changed } }).needsRehash(hash)
    expect(needs({})).toBe(false)
    expect(needs({ memory_kib: 20_000 })).toBe(true)
    expect(needs({ time_cost: 3 })).toBe(true)
    expect(needs({ parallelism: 2 })).toBe(true)
    expect(needs({ memory_kib: 12_288, time_cost: 2 })).toBe(false)
  })
})

describe('the hashing threads', () => {
  test('refuse at once what the queue has no room for', async () => {
    const ours = start({ maxQueue: 2 })
    await ours.hash('warm')
    const accepted = [1, 2, 3].map((n) => ours.hash(`${n}`))
    expect(ours.waiting()).toBe(2)
    const refusal = ours.hash('4').catch((error) => error)
    // It waits for none of the hashes in front of it.
    const first = await Promise.race([...accepted.map((hash) => hash.then(() => 'hashed')), refusal])
    expect(first).toMatchObject({ code: 'password.busy', status: 429, params: { retryAfterSeconds: 1 } })
    expect(() => ours.refuseWhenFull()).toThrow('password.busy')
    expect((await Promise.allSettled(accepted)).map(statusOf)).toEqual(['done', 'done', 'done'])
    ours.refuseWhenFull()
  })

  test('have places for known devices that no crowd of strangers takes, in front of theirs', async () => {
    const ours = start({ maxQueue: 4 })
    const stored = await ours.hash('warm')
    const order: string[] = []
    const ask = (name: string, guest: 'known' | 'anybody') =>
      ours.verify(stored, 'warm', guest).then(() => order.push(name))
    const crowd = [1, 2, 3, 4, 5].map((n) => ask(`stranger ${n}`, 'anybody'))
    expect(() => ours.refuseWhenFull()).toThrow('password.busy')
    ours.refuseWhenFull('known')
    const known = ask('owner', 'known')
    expect(() => ours.refuseWhenFull('known')).toThrow('password.busy')
    await Promise.all([...crowd, known])
    expect(order.slice(0, 2)).toEqual(['stranger 1', 'owner'])
  })

  test('are replaced when one dies, and only its own job fails', async () => {
    const started: Worker[] = []
    const watch = (worker: Worker) => started.push(worker)
    process.on('worker', watch)
    const ours = start({ workers: 2 })
    const jobs = [1, 2, 3, 4, 5].map((n) => ours.hash(`${n}`))
    const settling = Promise.allSettled(jobs)
    await nextTick()
    await started[0]?.terminate()
    const settled = (await settling).map(statusOf)
    process.off('worker', watch)
    expect(settled.filter((status) => status === 'server.unavailable')).toHaveLength(1)
    expect(settled.filter((status) => status === 'done')).toHaveLength(4)
    expect(started).toHaveLength(3)
  })

  test('leave token signing alone while 64 passwords are hashed', async () => {
    const { privateKey } = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])
    const ours = start()
    await ours.hash('warm')
    let left = 64
    const storm = Promise.all(Array.from({ length: left }, () => ours.hash('storm').finally(() => left--)))
    let signatures = 0
    while (left > 0) {
      await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, Buffer.alloc(250))
      signatures += 1
    }
    await storm
    // Hashing in the shared pool would let one signature through for each hash or two.
    expect(signatures).toBeGreaterThan(64 * 4)
  })

  test('fail what is waiting when they are closed', async () => {
    const ours = start()
    const jobs = [1, 2, 3].map((n) => ours.hash(`${n}`))
    const settled = Promise.allSettled(jobs)
    await ours.close()
    expect((await settled).map(statusOf)).toEqual(Array.from({ length: 3 }, () => 'server.unavailable'))
    await expect(ours.hash('late')).rejects.toMatchObject({ code: 'server.unavailable' })
  })
})
