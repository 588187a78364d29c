import { randomFillSync } from 'node:crypto'
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

/** Keeps the record of all requests. */
export function requestRecord({ log, metrics, secure }: Dependencies): RequestRecord {
  const always = {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    ...(secure ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  }
  return {
    nextId: requestIds(),
    headersOf: (requestId) => ({ 'x-request-id': requestId, ...always }),
    write(fields) {
      const { route, method, status, durationMs } = fields
      metrics.httpRequests.observe({ route, method, status: statusClass(status) }, durationMs / 1000)
      logRequest(log, fields)
    },
  }
}

const idBytes = 9

/**
 * Gives random ids from a supply that is filled for many ids at once, because a few random bytes cost as much as many.
 */
function requestIds(): () => string {
  const supply = Buffer.alloc(idBytes * 256)
  let used = supply.length
  return () => {
    if (used === supply.length) {
      randomFillSync(supply)
      used = 0
    }
    used += idBytes
    return supply.toString('base64url', used - idBytes, used)
  }
}
