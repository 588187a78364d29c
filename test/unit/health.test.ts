import { expect, test } from 'vitest'
import { AppError } from '../../src/base/errors.ts'
import { type HealthCheck, health as partlyHealthy } from '../../src/ops/health.ts'

interface Given {
  readonly checks: Readonly<Record<string, HealthCheck>>
  readonly timeoutMs: number
  readonly onFailure?: (name: string, error: unknown) => void
}

/** A process whose tokens and logins need everything, and whose keys need nothing. */
function health(given: Given) {
  const all = Object.keys(given.checks)
  return partlyHealthy({ ...given, needs: { keys: [], tokens: all, logins: all } })
}

const ready = { keys: true, tokens: true, logins: true }
const onlyKeys = { keys: true, tokens: false, logins: false }

const fine = async () => {}
const hanging = () => new Promise<void>(() => {})

test('a process whose parts answer is ready', async () => {
  const state = health({ checks: { database: fine, redis: fine }, timeoutMs: 1000 })
  expect(await state.ready()).toEqual({ parts: ready, checks: { database: 'ok', redis: 'ok' } })
})

test('each part that does not answer is named, without what it failed with', async () => {
  const failures: unknown[] = []
  const checks = {
    database: () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.5:5432')),
    redis: () => Promise.reject(new AppError('server.unavailable')),
    schema: () => Promise.reject(new AppError('server.unavailable', { params: { reason: 'run menshen migrate up' } })),
    thrower: () => {
      throw new Error('before it began')
    },
    other: fine,
  }
  const state = health({ checks, timeoutMs: 1000, onFailure: (name) => failures.push(name) })
  expect(await state.ready()).toEqual({
    parts: onlyKeys,
    checks: {
      database: 'failed',
      redis: 'server.unavailable',
      schema: 'run menshen migrate up',
      thrower: 'failed',
      other: 'ok',
    },
  })
  expect(failures.toSorted()).toEqual(['database', 'redis', 'schema', 'thrower'])
})

test('a part that hangs is given up in time, and probes do not pile up on it', async () => {
  let started = 0
  const state = health({
    checks: {
      database: () => {
        started += 1
        return hanging()
      },
    },
    timeoutMs: 20,
  })
  const answers = await Promise.all([state.ready(), state.ready()])
  expect(answers[1]).toEqual({ parts: onlyKeys, checks: { database: 'no answer within 20 ms' } })
  await state.ready()
  expect(started).toBe(1)
})

test('a part that recovers is asked again', async () => {
  let isDown = true
  const state = health({
    checks: { database: () => (isDown ? Promise.reject(new Error('down')) : fine()) },
    timeoutMs: 1000,
  })
  expect((await state.ready()).parts).toEqual(onlyKeys)
  isDown = false
  expect((await state.ready()).parts).toEqual(ready)
})

test('a process that is stopping is not ready', async () => {
  const state = health({ checks: { database: fine }, timeoutMs: 1000 })
  state.drain()
  expect(await state.ready()).toEqual({
    parts: { keys: false, tokens: false, logins: false },
    checks: { database: 'ok', server: 'stopping' },
  })
})

test('a part is served while what it needs answers, and is asked for without waiting for the rest', async () => {
  const state = partlyHealthy({
    checks: { memory: fine, database: fine, redis: hanging },
    needs: { keys: ['memory'], tokens: ['memory', 'database'], logins: ['memory', 'database', 'redis'] },
    timeoutMs: 20,
  })
  expect(await state.ready()).toEqual({
    parts: { keys: true, tokens: true, logins: false },
    checks: { memory: 'ok', database: 'ok', redis: 'no answer within 20 ms' },
  })
  expect(await state.ready(['keys'])).toEqual({ parts: { keys: true }, checks: { memory: 'ok' } })
})
