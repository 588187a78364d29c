import { randomSupply } from '../base/random-supply.ts'
import { type Log, logRequest, type RequestFields } from '../ops/log.ts'
import { type Metrics, statusClass } from '../ops/metrics.ts'

/** What every request has, whoever answers it. */
export interface RequestRecord {
  /** An id by which support finds a request. */
  nextId(): string
  /** What every answer says in its head. */
  headersOf(requestId: string): Readonly<Record<string, string>>
  /** Writes the one line of a request that was answered, and counts it. */
  write(fields: RequestFields): void
}

interface Dependencies {
  readonly log: Log
  readonly metrics: Pick<Metrics, 'httpRequests'>
  readonly secure: boolean
}

const idBytes = 9

/** Keeps the record of all requests. */
export function requestRecord({ log, metrics, secure }: Dependencies): RequestRecord {
  const always = {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    ...(secure ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  }
  const ids = randomSupply(idBytes)
  return {
    nextId: () => ids().toString('base64url'),
    headersOf: (requestId) => ({ 'x-request-id': requestId, ...always }),
    write(fields) {
      const { route, method, status, durationMs } = fields
      metrics.httpRequests.observe({ route, method, status: statusClass(status) }, durationMs / 1000)
      logRequest(log, fields)
    },
  }
}
