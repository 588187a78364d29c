import { afterEach, expect, test } from 'vitest'
import { createMetrics, type MetricsListener, startMetricsListener, statusClass } from '../../src/ops/metrics.ts'

const open: MetricsListener[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close()))
})

async function listen(address = '127.0.0.1:0') {
  const metrics = createMetrics()
  const listener = await startMetricsListener({ address, registry: metrics.registry, isOptional: false })
  if (!listener) throw new Error('nothing listens')
  open.push(listener)
  return { metrics, origin: `http://${listener.address}`, address: listener.address }
}

test('GET /metrics answers what was counted, and nothing else is answered', async () => {
  const { metrics, origin } = await listen()
  metrics.logins.inc({ method: 'sms', outcome: 'succeeded' })
  const response = await fetch(`${origin}/metrics`)
  expect(response.headers.get('content-type')).toContain('text/plain')
  expect(await response.text()).toContain('menshen_logins_total{method="sms",outcome="succeeded"} 1')
  const others = [
    fetch(`${origin}/`),
    fetch(`${origin}/metrics/x`),
    fetch(`${origin}/metrics`, { method: 'POST', body: 'x' }),
  ]
  expect((await Promise.all(others)).map(({ status }) => status)).toEqual([404, 404, 404])
})

test('every metric of ours is named menshen_ and has a help text', async () => {
  const { metrics } = await listen()
  const ours = (await metrics.registry.getMetricsAsJSON()).filter(({ name }) => !/^(process|nodejs)_/.test(name))
  expect(ours.map(({ name }) => name).filter((name) => !/^menshen_[a-z_]+$/.test(name))).toEqual([])
  expect(ours.every(({ help }) => help.endsWith('.'))).toBe(true)
})

test('an address in use is refused with the setting that mends it', async () => {
  const { address } = await listen()
  const again = (isOptional: boolean) =>
    startMetricsListener({ address, registry: createMetrics().registry, isOptional })
  await expect(again(false)).rejects.toThrow(
    `ops.metrics: ${address} is in use by another process; set ops.metrics (MENSHEN_OPS__METRICS) to another address`,
  )
  expect(await again(true)).toBeUndefined()
})

test('nothing listens where nobody wants it', async () => {
  const { registry } = createMetrics()
  expect(await startMetricsListener({ address: 'off', registry, isOptional: false })).toBeUndefined()
})

test('an IPv6 address is understood', async () => {
  const { origin } = await listen('[::1]:0')
  expect((await fetch(`${origin}/metrics`)).status).toBe(200)
})

test('statuses are counted by class', () => {
  expect([200, 303, 404, 503].map(statusClass)).toEqual(['2xx', '3xx', '4xx', '5xx'])
})
