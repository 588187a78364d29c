import type { Provider } from 'oidc-provider'
import type { Clock } from '../../base/clock.ts'
import { isId } from '../../base/ids.ts'
import type { Audit } from '../../ops/audit.ts'
import type { Log } from '../../ops/log.ts'
import type { Metrics } from '../../ops/metrics.ts'
import { type DueRow, type DueTable, isLastAttempt, sendDue } from '../../store/due-rows.ts'
import type { Database } from '../../store/postgres.ts'
import { holdLogouts, type SendLogout } from '../library/models.ts'
import type { UnitOfWork } from '../records/unit-of-work.ts'

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
  readonly provider: () => Provider
  readonly log: Pick<Log, 'warn'>
  readonly metrics: Pick<Metrics, 'logoutNotices'>
  readonly audit: Pick<Audit, 'write'>
}

interface Notice extends DueRow {
  readonly client_id: string
  readonly user_id: string
  readonly sid: string | null
}

const notices: DueTable = {
  table: 'logout_notices',
  columns: ['client_id', 'user_id', 'sid'],
  pausesSeconds: [10, 60, 600, 3600],
}

const senders = new WeakMap<Provider, SendLogout>()

/**
 * Logout tokens (OIDC Back-Channel Logout) are not sent while a person waits. They wait in the database as notices: a
 * client that is away is tried again for more than an hour, whoever ended the session and whichever process was stopped
 * since. A notice is written in the same statement as the ending.
 */
export function queueLogouts(provider: Provider, units: UnitOfWork): void {
  const send = holdLogouts(provider, (notice) => units.current()?.leaveNotice(notice))
  senders.set(provider, send)
}

/** Sends what is due, each notice by one process. Answers how many it has tried. */
export function deliverLogouts(dependencies: Dependencies): Promise<number> {
  return sendDue<Notice>(dependencies, notices, async (notice) => {
    const outcome = await send(notice, dependencies)
    dependencies.metrics.logoutNotices.inc({ outcome })
    return outcome === 'failed' ? 'failed' : 'over'
  })
}

async function send(
  notice: Notice,
  { provider, log, audit }: Dependencies,
): Promise<'delivered' | 'failed' | 'given_up' | 'gone'> {
  const { client_id, user_id, sid, attempts } = notice
  const current = provider()
  const client = await current.Client.find(client_id)
  const post = senders.get(current)
  // Removed since, or no longer to be told.
  if (!client?.backchannelLogoutUri || !post) return 'gone'
  try {
    await post(client, user_id, sid ?? '')
    return 'delivered'
  } catch (error) {
    log.warn({ client_id, attempts, err: error }, 'a back-channel logout was not delivered')
    if (!isLastAttempt(notice, notices)) return 'failed'
    const userId = isId('usr', user_id) ? user_id : undefined
    const message = error instanceof Error ? error.message : String(error)
    await audit.write({
      event: 'logout.undelivered',
      userId,
      clientId: client_id,
      detail: { attempts, error: message },
    })
    return 'given_up'
  }
}
