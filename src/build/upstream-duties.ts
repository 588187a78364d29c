import type { Middleware } from 'koa'
import { noticeRoutes } from '../../interactions/notice-routes.ts'
import { upstreamNotices } from '../../interactions/upstream-notices.ts'
import { giveBack } from '../../interactions/upstream-revocations.ts'
import { ownRoutes } from '../http/own-routes.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { Core } from './core.ts'
import type { Logins } from './logins.ts'

/** What upstreams and this server tell each other while nobody logs in. */
export interface UpstreamDuties {
  readonly routes: Middleware
  /** Gives back what is due. */
  readonly giveBack: () => Promise<unknown>
  /** How often it is to be called, in milliseconds. */
  readonly paceMs: number
}

/** How long an upstream waits at most for what it gets back. */
const paceMs = 1000
/** Where no connection keeps anything, only what one kept that was configured once: it is given up in time. */
const idlePaceMs = 60_000

/** Builds both ends. */
export function buildUpstreamDuties(core: Core, logins: Logins, metrics: Metrics): UpstreamDuties {
  const { database, directory, store, sealer, clock, log, audit, queueOwnerMessage: tell } = core
  const { connectors, credentials, end, limits } = logins
  const common = { connectors, database, clock, log, metrics, audit }
  const mac = (text: string) => sealer.mac('notice', text)
  const receive = upstreamNotices({ ...common, directory, store, end, tell, mac })
  return {
    routes: ownRoutes(noticeRoutes({ receive, limits })),
    giveBack: () => giveBack({ ...common, open: credentials.open }),
    paceMs: connectors.some(({ keeping }) => keeping !== undefined) ? paceMs : idlePaceMs,
  }
}
