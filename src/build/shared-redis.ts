import type { Clock } from '../base/clock.ts'
import type { Log } from '../ops/log.ts'
import type { EphemeralStore } from '../store/ephemeral.ts'
import { redisStore } from '../store/redis.ts'
import type { RedisPlace } from '../store/redis-connection.ts'
import { evictingNodes, lookAtRedis } from '../store/redis-look.ts'
import { redisRemedy } from '../store/redis-remedies.ts'

interface Dependencies {
  readonly clock: Clock
  readonly log: Log
  /** True for the server, which is told of what its Redis would lose. */
  readonly serve: boolean
}

/** The store in the Redis that is configured. Its connections are logged when they are lost, with what helps. */
export function openSharedRedis(place: RedisPlace, { clock, log, serve }: Dependencies): EphemeralStore {
  if (serve) void warnOfEviction(place, log)
  return redisStore({
    ...place,
    clock,
    onError(error) {
      const advice = redisRemedy(error)
      log.warn({ err: error, ...(advice === undefined ? {} : { advice }) }, 'a store connection was lost')
    },
  })
}

/** Warns of nodes that throw values away when they are full. Who cannot be asked now is told of by readiness. */
async function warnOfEviction(place: RedisPlace, log: Log): Promise<void> {
  const look = await lookAtRedis(place).catch(() => undefined)
  const nodes = look === undefined ? [] : evictingNodes(look)
  if (nodes.length === 0) return
  const advice = 'set maxmemory-policy noeviction on every node, replicas too'
  log.warn({ nodes, advice }, 'Redis throws limits, locks and marks of what was used away when it is full')
}
