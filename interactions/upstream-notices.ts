import type { AccountDirectory } from '../src/accounts/directory.ts'
import { withdrawIdentity } from '../src/accounts/identity-withdrawal.ts'
import type { QueueOwnerMessage } from '../src/accounts/owner-messages.ts'
import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { EndRecords } from '../src/oidc/endings/endings.ts'
import type { Audit } from '../src/ops/audit.ts'
import type { Log } from '../src/ops/log.ts'
import type { Metrics } from '../src/ops/metrics.ts'
import type { EphemeralStore } from '../src/store/ephemeral.ts'
import type { Database } from '../src/store/postgres.ts'
import { type Connector, UpstreamAnswer, type UpstreamNotice } from './upstreams/connector.ts'

interface Dependencies {
  readonly connectors: readonly Connector[]
  readonly database: Database
  readonly directory: Pick<AccountDirectory, 'ownerOf'>
  readonly store: Pick<EphemeralStore, 'add' | 'get' | 'set' | 'delete'>
  readonly clock: Clock
  readonly end: EndRecords
  readonly tell: QueueOwnerMessage
  readonly audit: Pick<Audit, 'write'>
  readonly log: Pick<Log, 'warn'>
  readonly metrics: Pick<Metrics, 'upstreamNotices'>
  readonly mac: (text: string) => string
}

/** Longer than a connector takes an old notice. */
const rememberedSeconds = 90_000
/** A process that works on a notice and dies leaves it to the next time the upstream sends it. */
const workingSeconds = 60

type Outcome = 'done' | 'again' | 'nothing'

/**
 * What upstreams tell us by themselves. Each notice is worked on once, however often it comes. Throws what
 * `Connector.notice` throws, `request.not_found` for a connection that is told nothing, and `server.unavailable` while
 * another request works on the same one; nothing has changed then.
 */
export function upstreamNotices(dependencies: Dependencies) {
  const { connectors, store, log, metrics, mac } = dependencies

  return async (connection: string, body: string, requestId: string): Promise<void> => {
    const connector = connectors.find(({ id }) => id === connection)
    if (!connector?.notice) throw new AppError('request.not_found')
    const notice = await connector.notice(body).catch((error: unknown) => {
      metrics.upstreamNotices.inc({ outcome: 'refused' })
      const answer = error instanceof AppError && error.cause instanceof UpstreamAnswer ? error.cause : undefined
      log.warn(
        { connection, vendor_code: answer?.vendorCode, request_id: requestId },
        'a notice of an upstream was refused',
      )
      throw error
    })
    const key = `notice:${mac(`${connector.provider} ${notice.id}`)}`
    if (!(await store.add(key, 'working', workingSeconds))) {
      if ((await store.get(key)) !== 'done') throw new AppError('server.unavailable')
      return metrics.upstreamNotices.inc({ outcome: 'again' })
    }
    try {
      const outcome = await workOn(notice, connector, requestId, dependencies)
      await store.set(key, 'done', rememberedSeconds)
      metrics.upstreamNotices.inc({ outcome })
    } catch (error) {
      await store.delete(key).catch(() => {})
      throw error
    }
  }
}

async function workOn(
  notice: UpstreamNotice,
  { provider }: Connector,
  requestId: string,
  dependencies: Dependencies,
): Promise<Outcome> {
  const { kind, subject, word: type } = notice
  const { audit, directory } = dependencies
  const event = { identityProvider: provider, requestId }
  if (kind === 'other') return 'nothing'
  if (kind === 'mail_relay') {
    // No address of an upstream is stored, so there is nothing to change; support finds here why mail does not arrive.
    const userId = await directory.ownerOf({ provider, subjects: [subject], profile: {} })
    if (!userId) return 'nothing'
    await audit.write({ event: 'upstream.notified', userId, ...event, detail: { type } })
    return 'done'
  }
  const withdrawal = await withdraw(notice, provider, requestId, dependencies)
  if (withdrawal.kind === 'nothing') return 'nothing'
  const { userId, kind: outcome } = withdrawal
  await audit.write({ event: 'upstream.notified', userId, ...event, detail: { type, outcome } })
  if (outcome === 'again') return 'again'
  if (withdrawal.kind === 'removed') {
    await audit.write({ event: 'identity.unbound', userId, ...event, detail: { identity: withdrawal.identityId } })
  }
  return 'done'
}

/** SECURITY: whoever came by the identity is out in the same moment, as when its owner removes it. */
function withdraw(notice: UpstreamNotice, provider: string, requestId: string, dependencies: Dependencies) {
  const { clock, end } = dependencies
  const { subject, happenedAt } = notice
  const word = { provider, subject, happenedAt, at: new Date(clock()) }
  return withdrawIdentity(dependencies, word, (transaction, { userId, identityId }) =>
    end(userId, { kind: 'by', by: identityId }, { reason: 'upstream_ended', requestId }, transaction),
  )
}
