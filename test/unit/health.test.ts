import { expect, test } from 'vitest'
import { AppError } from '../../src/base/errors.ts'
import { health } from '../../src/ops/health.ts'

const fine = async () => {}
const hanging = () => new Promise<void>(() => {})

test('a process whose parts answer is ready', async () => {
  const state = health({ checks: { database: fine, redis: fine }, timeoutMs: 1000 })
  expect(await state.ready()).toEqual({ ok: true, checks: { database: 'ok', redis: 'ok' } })
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
    ok: false,
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
  expect(answers[1]).toEqual({ ok: false, checks: { database: 'no answer within 20 ms' } })
  await state.ready()
  expect(started).toBe(1)
})

test('a part that recovers is asked again', async () => {
  let isDown = true
  const state = health({
    checks: { database: () => (isDown ? Promise.reject(new Error('down')) : fine()) },
    timeoutMs: 1000,
  })
  expect((await state.ready()).ok).toBe(false)
  isDown = false
  expect((await state.ready()).ok).toBe(true)
})

test('a process that is stopping is not ready', async () => {
  const state = health({ checks: { database: fine }, timeoutMs: 1000 })
  state.drain()
  expect(await state.ready()).toEqual({ ok: false, checks: { database: 'ok', server: 'stopping' } })
})
