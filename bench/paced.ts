import { setTimeout as delay } from 'node:timers/promises'

type Work = () => Promise<void>

interface Paced {
  readonly latencies: readonly number[]
  readonly failures: Readonly<Record<string, number>>
}

/**
 * Starts something at a fixed rate, whatever becomes of it. Each lane does one thing at a time; what finds no lane free waits, and
 * its time counts from when it was due.
 */
export async function paced(lanes: readonly Work[], perSecond: number, ms: number): Promise<Paced> {
  const free = [...lanes]
  const latencies: number[] = []
  const failures: Record<string, number> = {}
  const waiting: number[] = []
  const open = new Set<Promise<void>>()

  async function carryOut(work: Work, dueMs: number): Promise<void> {
    try {
      await work()
      latencies.push(performance.now() - dueMs)
    } catch (error) {
      const { message } = error as Error
      failures[message] = (failures[message] ?? 0) + 1
    }
    free.push(work)
    const next = waiting.shift()
    if (next !== undefined) start(next)
  }

  function start(dueMs: number): void {
    const work = free.shift()
    if (work === undefined) {
      waiting.push(dueMs)
      return
    }
    const done = carryOut(work, dueMs).finally(() => open.delete(done))
    open.add(done)
  }

  const startedMs = performance.now()
  const count = Math.floor((ms * perSecond) / 1000)
  for (let index = 0; index < count; index++) {
    const waitMs = startedMs + (index * 1000) / perSecond - performance.now()
    if (waitMs > 0) await delay(waitMs)
    start(performance.now())
  }
  while (open.size > 0) await Promise.all(open)
  return { latencies, failures }
}
