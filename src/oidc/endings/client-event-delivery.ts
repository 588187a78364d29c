import { importJWK, SignJWT } from 'jose'
import type { Client, Provider } from 'oidc-provider'
import { type ClientEventName, clientEvents } from '../../accounts/client-events.ts'
import type { Clock } from '../../base/clock.ts'
import { isId } from '../../base/ids.ts'
import { postPublic } from '../../base/public-fetch.ts'
import type { Audit } from '../../ops/audit.ts'
import type { Log } from '../../ops/log.ts'
import type { Metrics } from '../../ops/metrics.ts'
import { type DueRow, type DueTable, isLastAttempt, sendDue } from '../../store/due-rows.ts'
import type { Database } from '../../store/postgres.ts'
import type { Keys } from '../keys/signing-keys.ts'

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
  readonly issuer: string
  readonly provider: () => Provider
  readonly keys: () => Pick<Keys, 'signing'>
  /** Whether clients' own addresses may be private ones. */
  readonly privateAddresses: boolean
  readonly log: Pick<Log, 'warn'>
  readonly metrics: Pick<Metrics, 'clientEvents'>
  readonly audit: Pick<Audit, 'write'>
}

interface Waiting extends DueRow {
  readonly jti: string
  readonly client_id: string
  readonly user_id: string
  readonly event: ClientEventName
  readonly detail: Readonly<Record<string, string | number>>
  readonly created_at: Date
}

const daySeconds = 86_400

/** A week in all. What is never given up goes on at the last pause. */
const events: DueTable = {
  table: 'client_events',
  columns: ['jti', 'client_id', 'user_id', 'event', 'detail', 'created_at'],
  pausesSeconds: [10, 60, 600, 3600, 21_600, ...Array.from({ length: 7 }, () => daySeconds)],
  // Whoever is told "enabled" before "disabled" has switched somebody off for good.
  inOrderOf: ['client_id', 'user_id'],
}

/** What an app must learn, however long it is away: it would keep somebody's data for ever. */
const neverGivenUp: ReadonlySet<ClientEventName> = new Set(['account-purged'])

/**
 * Pushes what is due to the apps that registered `account_events_uri` (RFC 8935), each event by one process. Answers
 * how many it has tried.
 */
export function deliverClientEvents(dependencies: Dependencies): Promise<number> {
  return sendDue<Waiting>(dependencies, events, async (waiting) => {
    const outcome = await push(waiting, dependencies)
    dependencies.metrics.clientEvents.inc({ event: waiting.event, outcome })
    return outcome === 'failed' ? 'failed' : 'over'
  })
}

async function push(
  waiting: Waiting,
  dependencies: Dependencies,
): Promise<'delivered' | 'failed' | 'given_up' | 'gone'> {
  const { client_id: clientId, user_id: userId, event, attempts } = waiting
  const { provider, privateAddresses, log, audit } = dependencies
  const client = await provider().Client.find(clientId)
  const address = client && addressOf(client)
  // Removed since, or no longer to be told.
  if (!client || address === undefined) return 'gone'
  try {
    const { status } = await postPublic(address, {
      headers: { 'content-type': 'application/secevent+jwt', accept: 'application/json' },
      body: await signed(waiting, client, dependencies),
      ...{ timeoutMs: 5000, maxBytes: 65_536, allowPrivate: privateAddresses },
    })
    if (!acknowledges.has(status)) throw new Error(`expected 202 Accepted, got ${status}`)
    return 'delivered'
  } catch (error) {
    const told = error instanceof Error ? error.message : String(error)
    log.warn({ client_id: clientId, event, attempts, error: told }, 'an event was not taken by its client')
    if (neverGivenUp.has(event) || !isLastAttempt(waiting, events)) return 'failed'
    const detail = { type: event, attempts, error: told }
    await audit.write({ event: 'event.undelivered', ...(isId('usr', userId) ? { userId } : {}), clientId, detail })
    return 'given_up'
  }
}

/** RFC 8935 wants 202; what frameworks answer by themselves means the same. */
const acknowledges: ReadonlySet<number> = new Set([200, 202, 204])

/** SECURITY: only an app of ours is told what becomes of people, whatever the row of the client said once. */
function addressOf(client: Client): string | undefined {
  const { account_events_uri: address } = client as unknown as Readonly<Record<string, unknown>>
  return client['first_party'] === true && typeof address === 'string' ? address : undefined
}

/**
 * A security event token (RFC 8417). The same `jti` at every attempt, so that a client that has it already knows it; no
 * `exp` and no `sub`, so that it never passes for an ID token.
 */
async function signed(
  { jti, client_id, user_id, event, detail, created_at }: Waiting,
  { idTokenSignedResponseAlg: alg = 'ES256' }: Client,
  { issuer, keys, clock }: Dependencies,
): Promise<string> {
  const key = keys().signing.find((each) => each.alg === alg)
  if (!key) throw new Error(`there is no key for ${alg}`)
  const seconds = (ms: number) => Math.floor(ms / 1000)
  const claims = {
    sub_id: { format: 'iss_sub', iss: issuer, sub: user_id },
    toe: seconds(created_at.getTime()),
    events: { [clientEvents[event]]: detail },
  }
  return new SignJWT(claims)
    .setProtectedHeader({ alg, typ: 'secevent+jwt', ...(key.kid === undefined ? {} : { kid: key.kid }) })
    .setIssuer(issuer)
    .setAudience(client_id)
    .setIssuedAt(seconds(clock()))
    .setJti(jti)
    .sign(await importJWK(key, alg))
}
