import { oneAtATime } from '../base/one-at-a-time.ts'
import { deleteDueAccounts } from '../oidc/endings/account-leaving.ts'
import { deliverClientEvents } from '../oidc/endings/client-event-delivery.ts'
import { deliverLogouts } from '../oidc/endings/logout-notices.ts'
import type { OidcRuntime } from '../oidc/runtime.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { TimeCheck } from '../ops/time-check.ts'
import type { OwnDataExports } from '../own-data/exports.ts'
import type { Core } from './core.ts'
import type { Logins } from './logins.ts'
import type { Pictures } from './pictures.ts'
import type { UpstreamDuties } from './upstream-duties.ts'

interface Dependencies {
  readonly core: Core
  readonly runtime: OidcRuntime
  readonly metrics: Metrics
  readonly time: Pick<TimeCheck, 'isTrusted'>
  readonly logins: Pick<Logins, 'hashing' | 'measure' | 'tellOwners' | 'deliverAlarms' | 'applyDue'>
  readonly exports: Pick<OwnDataExports, 'make'>
  readonly pictures: Pick<Pictures, 'copy'>
  readonly upstreams: Pick<UpstreamDuties, 'giveBack' | 'paceMs'>
}

const sweepMs = 60_000
/** How long a client or the owner of an account waits at most to be told of something, and a picture to be copied. */
const noticesMs = 1000

/**
 * Starts what a server does by itself, from time to time. What cannot be undone, and what others are told, waits while
 * the clock of this process cannot be gone by.
 */
export function startDuties({ core, runtime, metrics, time, logins, exports, pictures, upstreams }: Dependencies): {
  stop(): void
} {
  const { config, log, clock, database, audit } = core
  const { issuer } = config
  const common = { database, clock, log, metrics, audit, provider: () => runtime.provider() }
  const events = {
    ...{ ...common, issuer, keys: () => runtime.keys() },
    privateAddresses: config.outbound.private_addresses,
  }

  function gauge(): void {
    metrics.hashQueue.set(logins.hashing.waiting())
    for (const { use, alg, activatedAt, state } of runtime.keys().infos) {
      if (use !== 'sig' || state !== 'current' || !activatedAt) continue
      metrics.signingKeyAge.set({ alg }, (clock() - activatedAt.getTime()) / 1000)
    }
  }

  const every = (ms: number, work: () => Promise<unknown>) =>
    setInterval(() => {
      work().catch((error: unknown) => log.error({ err: error }, 'work in the background failed'))
    }, ms).unref()
  const trusted = (work: () => Promise<unknown>) => async () => (time.isTrusted() ? work() : undefined)

  const timers = [
    // One that has much to delete takes longer than the time to the next.
    every(sweepMs, trusted(oneAtATime(core.sweep))),
    every(
      noticesMs,
      trusted(() => exports.make()),
    ),
    every(sweepMs, logins.measure),
    every(
      noticesMs,
      trusted(() => deliverLogouts(common)),
    ),
    every(
      noticesMs,
      trusted(() => deliverClientEvents(events)),
    ),
    every(noticesMs, trusted(logins.tellOwners)),
    ...(logins.deliverAlarms ? [every(noticesMs, trusted(logins.deliverAlarms))] : []),
    every(noticesMs, trusted(logins.applyDue)),
    every(
      noticesMs,
      trusted(() => deleteDueAccounts({ ...common, queueOwnerMessage: core.queueOwnerMessage })),
    ),
    every(noticesMs, pictures.copy),
    every(upstreams.paceMs, trusted(upstreams.giveBack)),
    setInterval(gauge, 1000).unref(),
  ]
  return {
    stop() {
      for (const timer of timers) clearInterval(timer)
    },
  }
}
