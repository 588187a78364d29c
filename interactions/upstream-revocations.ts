import type { KeptCredentials, UpstreamCredential } from '../src/accounts/kept-credentials.ts'
import { AppError } from '../src/base/errors.ts'
import type { UserId } from '../src/base/ids.ts'
import type { Audit } from '../src/ops/audit.ts'
import type { Log } from '../src/ops/log.ts'
import type { Metrics } from '../src/ops/metrics.ts'
import { type DueRow, type DueTable, isLastAttempt, sendDue } from '../src/store/due-rows.ts'
import { type Connector, UpstreamAnswer } from './upstreams/connector.ts'

type DueDependencies = Parameters<typeof sendDue>[0]

interface Dependencies extends DueDependencies {
  readonly connectors: readonly Connector[]
  readonly open: KeptCredentials['open']
  readonly log: Pick<Log, 'warn'>
  readonly metrics: Pick<Metrics, 'upstreamRevocations'>
  readonly audit: Pick<Audit, 'write'>
}

interface Revocation extends DueRow {
  readonly provider: string
  readonly user_id: UserId
  readonly credential: string
}

/** Three days in all: a key that Apple does not know any more takes an operator some time. */
const revocations: DueTable = {
  table: 'upstream_revocations',
  columns: ['provider', 'user_id', 'credential'],
  pausesSeconds: [10, 60, 600, 3600, 21_600, 86_400, 86_400],
}

/**
 * Gives back to upstreams what was kept for identities that have gone: what is due, each row by one process. Answers
 * how many rows were tried.
 */
export function giveBack(dependencies: Dependencies): Promise<number> {
  const { log, metrics, audit } = dependencies
  return sendDue<Revocation>(dependencies, revocations, async (row) => {
    const { provider, user_id: userId, attempts } = row
    const event = { userId, identityProvider: provider }
    try {
      const clients = await revoke(row, dependencies)
      metrics.upstreamRevocations.inc({ outcome: 'revoked' })
      await audit.write({ event: 'upstream.revoked', ...event, detail: { clients } })
      return 'over'
    } catch (error) {
      const isOver = isLastAttempt(row, revocations)
      const outcome = isOver ? 'given_up' : 'failed'
      metrics.upstreamRevocations.inc({ outcome })
      log.warn({ provider, user_id: userId, attempts, outcome, ...told(error) }, 'an upstream did not take back')
      if (!isOver) return 'failed'
      await audit.write({ event: 'upstream.unrevoked', ...event, detail: { attempts, ...told(error) } })
      return 'over'
    }
  })
}

/** Answers the clients it asked for. Throws the first failure after all were asked. */
async function revoke({ provider, credential }: Revocation, { connectors, open }: Dependencies): Promise<string[]> {
  const able = connectors.flatMap(({ provider: own, keeping }) => (keeping && own === provider ? [keeping] : []))
  const [any] = able
  if (!any) throw new Error('no connection of this upstream is configured')
  const asked = open(credential).flatMap((each) => {
    if (each.client === '') return able.flatMap((own) => own.clients.map((client) => asking(own, { ...each, client })))
    // A client that was taken out of the settings is one of the same account still.
    return [asking(able.find(({ clients }) => clients.includes(each.client)) ?? any, each)]
  })
  const outcomes = await Promise.allSettled(asked.map(({ ask }) => ask()))
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed) throw failed.reason
  return asked.map(({ client }) => client)
}

function asking(keeping: NonNullable<Connector['keeping']>, credential: UpstreamCredential) {
  return { client: credential.client, ask: () => keeping.revoke(credential) }
}

function told(error: unknown): { readonly error: string; readonly vendor_code?: string } {
  if (!(error instanceof AppError)) return { error: error instanceof Error ? error.message : String(error) }
  const { code, cause } = error
  return { error: code, ...(cause instanceof UpstreamAnswer ? { vendor_code: cause.vendorCode } : {}) }
}
