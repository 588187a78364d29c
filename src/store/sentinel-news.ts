import type { Redis } from 'ioredis'

interface Followed {
  /** What the Sentinels call the Redis that is meant. */
  readonly master: string
  /** Connections of which each comes back by itself. */
  readonly sentinels: readonly Redis[]
}

const channel = '+switch-master'

/**
 * Cuts the connection as soon as any Sentinel says that another Redis has become the master. SECURITY: a former one
 * that froze and goes on, or that only the Sentinels have lost, still takes commands, and knows nothing of what was
 * used up elsewhere.
 */
export function followSentinels(redis: Redis, { master, sentinels }: Followed): void {
  for (const sentinel of sentinels) {
    // A Sentinel that is away is told of where it is asked for the master.
    sentinel.on('error', () => {})
    sentinel.on('ready', () => void sentinel.subscribe(channel).catch(() => {}))
    sentinel.on('message', (_, text: string) => {
      if (text.startsWith(`${master} `)) redis.stream?.destroy(new Error('Sentinel names another master'))
    })
  }
  redis.once('connecting', () => {
    for (const sentinel of sentinels) sentinel.connect().catch(() => {})
  })
  redis.once('end', () => {
    for (const sentinel of sentinels) sentinel.disconnect()
  })
}
