import { setTimeout as delay } from 'node:timers/promises'

/** How long a test waits for what has to come: long enough for a machine whose processors are all at work. */
export const patienceMs = 60_000

/** Tries again until it does not throw; throws what it threw last when patience is over. */
export async function eventually<T>(attempt: () => T | Promise<T>): Promise<T> {
  const startedAt = performance.now()
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() - startedAt > patienceMs) throw error
      await delay(25)
    }
  }
}

/** The least processor time of several rounds in milliseconds, which other work on the machine does not lengthen as it does a wall clock. */
export function leastCpuMs(work: () => unknown, rounds = 15): number {
  const measured = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  return Math.min(...measured)
}
