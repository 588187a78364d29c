import { type Clock, epochSeconds } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { type HttpClient, UpstreamFailure } from '../base/http.ts'
import type { Secret } from '../base/secret.ts'
import { signedHeaders } from '../base/signed-body.ts'
import { type DueRow, type DueTable, isLastAttempt, sendDue } from '../store/due-rows.ts'
import type { Database } from '../store/postgres.ts'
import type { BudgetAlarm } from './alarm.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'

interface Row extends DueRow {
  readonly about: string
  readonly used_percent: number
  readonly text: string
  readonly happened_at: Date
}

/** More than a day in all. */
const alarms: DueTable = {
  table: 'alarms',
  columns: ['about', 'used_percent', 'text', 'happened_at'],
  pausesSeconds: [10, 60, 600, 3600, 21_600, 86_400],
}

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
  readonly http: HttpClient
  readonly issuer: string
  readonly hook: { readonly url: Secret; readonly secret: Secret | undefined }
  readonly log: Pick<Log, 'warn' | 'error'>
  readonly metrics: Pick<Metrics, 'alarms'>
}

/** Keeps an alarm until the operator's system has taken it. Nobody waits for that, and a restart loses none. */
export async function queueAlarm(
  { database, clock }: Pick<Dependencies, 'database' | 'clock'>,
  { limit, usedPercent, text }: BudgetAlarm,
): Promise<void> {
  const at = new Date(clock())
  await database.knex('alarms').insert({
    ...{ about: limit, used_percent: usedPercent, text, happened_at: at },
    // A clock that is ahead must not put an alarm off.
    due_at: database.knex.raw('least(?::timestamptz, now())', [at]),
  })
}

/**
 * Posts what is due to `abuse.alarm_webhook`, each alarm by one process, again and again with growing pauses until it
 * is taken. Answers how many it has tried.
 */
export function deliverAlarms(dependencies: Dependencies): Promise<number> {
  return sendDue<Row>(dependencies, alarms, async (row) => {
    const outcome = await deliver(row, dependencies)
    dependencies.metrics.alarms.inc({ outcome })
    return outcome === 'failed' ? 'failed' : 'over'
  })
}

async function deliver(row: Row, dependencies: Dependencies): Promise<'delivered' | 'failed' | 'given_up'> {
  const { http, hook, log } = dependencies
  try {
    const body = bodyOf(row, dependencies)
    const { status } = await http.request(hook.url.reveal(), {
      method: 'POST',
      headers: headersOf(body, dependencies),
      body,
    })
    if (status >= 300) throw new Error(`expected 200, got ${status}`)
    return 'delivered'
  } catch (error) {
    const about = { limit: row.about, attempts: row.attempts, error: reasonOf(error) }
    if (!isLastAttempt(row, alarms)) {
      log.warn(about, 'abuse.alarm_webhook did not take an alarm, and is tried again')
      return 'failed'
    }
    log.error(about, 'abuse.alarm_webhook did not take an alarm, and is told no more of it')
    return 'given_up'
  }
}

/** SECURITY: without the address, which may be all that it takes to write to the operators. */
function reasonOf(error: unknown): string {
  const cause = error instanceof AppError ? error.cause : error
  if (cause instanceof UpstreamFailure) return `${cause.kind}, ${cause.reason}`
  return cause instanceof Error ? cause.message : String(cause)
}

/** `id` is the same at every attempt, so that a system that has the alarm already knows it. */
function bodyOf({ id, about, used_percent, text, happened_at }: Row, { issuer }: Dependencies): string {
  return JSON.stringify({
    ...{ type: 'budget_alarm', id, limit: about, used_percent, text, issuer },
    at: happened_at.toISOString(),
  })
}

function headersOf(body: string, { hook: { secret }, clock }: Dependencies): Readonly<Record<string, string>> {
  if (secret === undefined) return { 'content-type': 'application/json' }
  return signedHeaders(body, { secret, nowSeconds: epochSeconds(clock) })
}
