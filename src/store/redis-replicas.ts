import { Cluster, type Redis } from 'ioredis'
import { onceMore } from '../base/one-at-a-time.ts'

/** How long a replica may take to say that it has what its master was told. */
const confirmationMs = 50
/** A master whose replicas have said nothing in time, or that has none, is asked again after this. */
const doubtMs = 1000

/**
 * Has what was just used up confirmed by a replica, so that the one that takes over after a failover knows it too.
 * Those who ask at the same time share one question. A replica that is slow or absent stops nobody: whoever runs Redis
 * decides whether a master without one takes anything (`min-replicas-to-write`). SECURITY: throws where a connection
 * was lost meanwhile, because then nobody knows which master will go on.
 */
export function replicaConfirmation(redis: Redis | Cluster, waitMs = confirmationMs): () => Promise<void> {
  const doubtedUntilMs = new WeakMap<Redis, number>()
  const nodes = (role: 'master' | 'all') => (redis instanceof Cluster ? redis.nodes(role) : [redis])
  const connected = (role: 'master' | 'all') =>
    nodes(role)
      .filter(({ status }) => status === 'ready')
      .map(({ stream }) => stream)

  async function ask(master: Redis): Promise<void> {
    if (master.status !== 'ready' || performance.now() < (doubtedUntilMs.get(master) ?? 0)) return
    const confirmations = await master.wait(1, waitMs).catch((error: Error) => {
      // A role without the right to ask, or something between us and Redis that does not know the question.
      if (/^(NOPERM|ERR unknown command)/.test(error.message)) return 0
      throw new Error('Redis did not say whether a replica has it', { cause: error })
    })
    if (confirmations === 0) doubtedUntilMs.set(master, performance.now() + doubtMs)
  }
  const askAll = onceMore(async () => {
    await Promise.all(nodes('master').map(ask))
  })

  return async () => {
    const before = connected('master')
    await askAll()
    const after = new Set(connected('all'))
    if (!before.every((stream) => after.has(stream))) throw new Error('Redis was lost before a replica had confirmed')
  }
}
