import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Callbacks } from '../../interactions/callbacks.ts'
import { Secret } from '../../src/base/secret.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import { redisStore } from '../../src/store/redis.ts'
import { sealer, sealing } from '../../src/store/seal.ts'
import { tableStore } from '../../src/store/tables.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { redisPrefix, redisUrl } from '../support/redis.ts'
import { resetClock, walkTo } from '../support/time.ts'

const clock = () => Date.now()

describe.each(['redis', 'tables'] as const)('an answer of an upstream, kept in %s', (stores) => {
  let db: TestDatabase
  let store: EphemeralStore
  let commands: string[]
  let callbacks: Callbacks

  beforeAll(async () => {
    db = await createDatabase()
    const real =
      stores === 'redis'
        ? redisStore({ url: new Secret(redisUrl()), clock, prefix: redisPrefix() })
        : tableStore({ database: db.database, clock })
    store = new Proxy(real, {
      get: (target, name: keyof EphemeralStore) => {
        const own = target[name] as (...given: unknown[]) => unknown
        return (...given: unknown[]) => {
          commands.push(name)
          return own.apply(target, given)
        }
      },
    })
    commands = []
    const seals = sealer({ keys: [new Secret(randomBytes(32).toString('base64url'))] })
    callbacks = new Callbacks({ store, ...sealing(seals, 'callback') })
  })
  afterEach(resetClock)
  afterAll(async () => {
    await store.close()
    await db.drop()
  })

  /** An answer that somebody is at work on. */
  async function taken(attemptId: string): Promise<string> {
    const state = randomBytes(12).toString('hex')
    await callbacks.expect(state, { connection: 'github', attemptId })
    const { handle } = await callbacks.receive('github', { state, code: 'x' })
    await callbacks.take(attemptId, handle)
    commands.length = 0
    return handle
  }

  test('whoever waits for it in vain costs fewer than ten commands, and twenty who wait together no more', async () => {
    const handle = await taken('one')
    const startedAt = performance.now()
    const answers = await Promise.all(Array.from({ length: 20 }, () => callbacks.keptLocation('one', handle)))
    expect(answers).toEqual(Array.from({ length: 20 }, () => undefined))
    expect(performance.now() - startedAt).toBeGreaterThan(4000)
    expect(commands.length).toBeLessThan(8)
  })

  test('whoever waits is told as soon as it is settled, and nobody else', async () => {
    const handle = await taken('two')
    const waiting = [callbacks.keptLocation('two', handle), callbacks.keptLocation('another', handle)]
    await delay(150)
    await callbacks.keepLocation('two', handle, '/there')
    expect(await Promise.all(waiting)).toEqual(['/there', undefined])
  })

  test('where it led is known for as long as that it came, so that a late look waits for nothing', async () => {
    const handle = await taken('three')
    await callbacks.keepLocation('three', handle, '/there')
    walkTo(590_000)
    commands.length = 0
    expect(await callbacks.keptLocation('three', handle)).toBe('/there')
    expect(commands).toEqual(['get'])
    walkTo(1_300_000)
    commands.length = 0
    expect(await callbacks.keptLocation('three', handle)).toBeUndefined()
    expect(commands).toEqual(['get'])
  })

  test('a button that is pressed again takes the place of the press before', async () => {
    await callbacks.expect('first', { connection: 'github', attemptId: 'four' })
    await callbacks.expect('second', { connection: 'github', attemptId: 'four' }, 'first')
    await expect(callbacks.receive('github', { state: 'first' })).rejects.toMatchObject({ code: 'attempt.expired' })
    expect((await callbacks.receive('github', { state: 'second' })).attemptId).toBe('four')
  })

  test('what came for the press before is forgotten, and of two answers to one attempt the last is kept', async () => {
    const expected = (connection: string) => ({ connection, attemptId: 'six' })
    await callbacks.expect('a', expected('github'))
    const { handle } = await callbacks.receive('github', { state: 'a', code: 'x' })
    await callbacks.end('six', handle, { method: 'github', code: 'upstream.cancelled', params: {} })
    await callbacks.expect('b', expected('github'), 'a')
    expect(await callbacks.ending('six', handle)).toBeUndefined()
    await callbacks.expect('c', expected('weibo'))
    const later = await callbacks.receive('github', { state: 'b', code: 'y' })
    const last = await callbacks.receive('weibo', { state: 'c', code: 'z' })
    expect(await callbacks.take('six', handle)).toBeUndefined()
    expect(await callbacks.take('six', later.handle)).toBeUndefined()
    expect(await callbacks.take('seven', last.handle)).toBeUndefined()
    expect((await callbacks.take('six', last.handle))?.response['code']).toBe('z')
    expect(await callbacks.take('six', last.handle)).toBeUndefined()
  })

  test('more than any vendor sends is not kept', async () => {
    await callbacks.expect('long', { connection: 'apple', attemptId: 'five' })
    const response = { state: 'long', code: 'c'.repeat(3000), id_token: 't'.repeat(3000) }
    await expect(callbacks.receive('apple', response)).rejects.toMatchObject({ code: 'request.too_large' })
    const sent = { state: 'long', code: 'c'.repeat(1500), id_token: 't'.repeat(2000) }
    const { handle } = await callbacks.receive('apple', sent)
    expect((await callbacks.take('five', handle))?.response).toEqual(sent)
  })
})
