import type { Provider } from 'oidc-provider'
import type { Clock } from '../../base/clock.ts'
import { isId } from '../../base/ids.ts'
import type { Audit } from '../../ops/audit.ts'
import type { Log } from '../../ops/log.ts'
import type { Metrics } from '../../ops/metrics.ts'
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

interface Notice {
  readonly id: number
  readonly client_id: string
  readonly user_id: string
  readonly sid: string | null
  readonly attempts: number
}

/** Seconds before the second attempt, the third …; after the last one it is given up. */
const pausesSeconds = [10, 60, 600, 3600]
/** Seconds for which a process reserves the notices it has taken; should it die, another one tries after that. */
const leaseSeconds = 60
const batch = 20

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
export async function deliverLogouts(dependencies: Dependencies): Promise<number> {
  const { database, clock } = dependencies
  const now = clock()
  const { rows } = await database.knex.raw<{ rows: readonly Notice[] }>(takeText, {
    now: new Date(now),
    until: new Date(now + leaseSeconds * 1000),
  })
  await Promise.all(rows.map((notice) => deliver(notice, now, dependencies)))
  return rows.length
}

const takeText = `
  update logout_notices set due_at = :until, attempts = attempts + 1
  where id in (select id from logout_notices where due_at <= :now order by due_at limit ${batch} for update skip locked)
  returning id, client_id, user_id, sid, attempts`

async function deliver(notice: Notice, startedMs: number, dependencies: Dependencies): Promise<void> {
  const { database, metrics } = dependencies
  const row = database.knex('logout_notices').where({ id: notice.id })
  const outcome = await send(notice, dependencies)
  metrics.logoutNotices.inc({ outcome })
  if (outcome !== 'failed') {
    await row.delete()
    return
  }
  const pause = pausesSeconds[notice.attempts - 1] ?? 0
  await row.update({ due_at: new Date(startedMs + pause * 1000) })
}

async function send(
  { client_id, user_id, sid, attempts }: Notice,
  { provider, log, audit }: Dependencies,
): Promise<'delivered' | 'failed' | 'given_up' | 'gone'> {
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
    if (attempts <= pausesSeconds.length) return 'failed'
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
