import { expect, test } from 'vitest'
import { countedAudit } from '../../src/build/counted-outcomes.ts'
import type { AuditEvent } from '../../src/ops/audit.ts'
import { createMetrics } from '../../src/ops/metrics.ts'

const ip = '203.0.113.7'

function open(told: (...given: unknown[]) => Promise<void>) {
  const written: string[] = []
  const write = async ({ event }: AuditEvent) => {
    written.push(event)
  }
  return { written, audit: countedAudit({ write }, createMetrics(), { told }) }
}

test('what came of registrations and upstreams is told to the rules, and nothing else', async () => {
  const said: unknown[] = []
  const { audit, written } = open(async (...given) => {
    said.push(given)
  })
  const events = ['user.registered', 'upstream.failed', 'login.succeeded', 'user.locked'] as const
  for (const event of events) await audit.write({ event, ip, clientId: 'web' })
  await audit.write({ event: 'user.registered', clientId: 'by an operator' })
  const common = { ip, clientId: 'web', isKnownDevice: false }
  expect(said).toEqual([
    [{ ...common, act: 'registration' }, 'done'],
    [{ ...common, act: 'upstream' }, 'failed'],
  ])
  expect(written).toEqual([...events, 'user.registered'])
})

test('an account that was made stays made when nobody can count it', async () => {
  const { audit, written } = open(() => Promise.reject(new Error('the store is away')))
  await audit.write({ event: 'user.registered', ip })
  expect(written).toEqual(['user.registered'])
})
