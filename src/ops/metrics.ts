import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { errorCode } from '../store/unavailable.ts'

/** All metrics of the product. */
export type Metrics = ReturnType<typeof createMetrics>

/**
 * Every metric of the product. Labels come from closed sets only: a value a stranger chooses would grow the registry
 * without end.
 */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  return {
    registry,
    httpRequests: new Histogram({
      name: 'menshen_http_request_seconds',
      help: 'Time to answer a request, by route template, method and class of status (2xx …).',
      labelNames: ['route', 'method', 'status'] as const,
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    logins: new Counter({
      name: 'menshen_logins_total',
      help: 'Login attempts that ended, by method and outcome (succeeded, or the error code).',
      labelNames: ['method', 'outcome'] as const,
      registers,
    }),
    registrations: new Counter({
      name: 'menshen_registrations_total',
      help: 'Accounts made, by identity provider.',
      labelNames: ['provider'] as const,
      registers,
    }),
    tokens: new Counter({
      name: 'menshen_token_requests_total',
      help: 'Answers of the token endpoint, by grant type and outcome (issued, or the OAuth error).',
      labelNames: ['grant_type', 'outcome'] as const,
      registers,
    }),
    smsSent: new Counter({
      name: 'menshen_sms_total',
      help: 'Messages handed to an SMS vendor, by vendor and outcome (sent, or the error code).',
      labelNames: ['vendor', 'outcome'] as const,
      registers,
    }),
    mailSent: new Counter({
      name: 'menshen_mails_total',
      help: 'Messages handed to the mail server, by outcome (sent, or the error code).',
      labelNames: ['outcome'] as const,
      registers,
    }),
    challenges: new Counter({
      name: 'menshen_challenges_total',
      help: 'Answers to a challenge (altcha, question, or the captcha of a vendor), by verdict (human, refused, degraded, unavailable).',
      labelNames: ['challenge', 'verdict'] as const,
      registers,
    }),
    limited: new Counter({
      name: 'menshen_limit_refusals_total',
      help: 'Requests refused by a limit, by its name.',
      labelNames: ['limit'] as const,
      registers,
    }),
    decisions: new Counter({
      name: 'menshen_abuse_decisions_total',
      help: 'Decisions before something costly, by act (message, password, registration, upstream) and verdict (allow, challenge, delay, refuse, limited).',
      labelNames: ['act', 'verdict'] as const,
      registers,
    }),
    rulesBroken: new Counter({
      name: 'menshen_abuse_rules_broken_total',
      help: 'Requests that were not let through at once, by the name of the rule.',
      labelNames: ['rule'] as const,
      registers,
    }),
    codes: new Counter({
      name: 'menshen_codes_total',
      help: 'One-time codes, by channel (sms, email) and event (issued, entered): of a flood hardly one is entered.',
      labelNames: ['channel', 'event'] as const,
      registers,
    }),
    moneySpent: new Gauge({
      name: 'menshen_abuse_money_spent',
      help: 'Money for messages of the last hour or 24 hours, in the currency of the settings, by where they went, hour or day, and the part of the budget (open, member, total).',
      labelNames: ['country', 'per', 'part'] as const,
      aggregator: 'max',
      registers,
    }),
    moneyCap: new Gauge({
      name: 'menshen_abuse_money_cap',
      help: 'The most that may be spent, by the same labels.',
      labelNames: ['country', 'per', 'part'] as const,
      aggregator: 'max',
      registers,
    }),
    limitUsed: new Gauge({
      name: 'menshen_limit_used_ratio',
      help: 'How much is used of the messages of the last 24 hours, or of the money of an hour or day, by the name of the limit.',
      labelNames: ['limit'] as const,
      aggregator: 'max',
      registers,
    }),
    alarms: new Counter({
      name: 'menshen_alarms_total',
      help: 'Attempts to tell `abuse.alarm_webhook` that a budget is used up by half or four fifths, by outcome (delivered, failed, given_up).',
      labelNames: ['outcome'] as const,
      registers,
    }),
    countersLost: new Counter({
      name: 'menshen_counters_lost_total',
      help: 'How often Redis, or the table in its place, came back without what it had counted: limits begin anew then, money does not.',
      registers,
    }),
    hashQueue: new Gauge({
      name: 'menshen_hash_queue_jobs',
      help: 'Passwords waiting for a hashing process.',
      registers,
    }),
    signingKeyAge: new Gauge({
      name: 'menshen_signing_key_age_seconds',
      help: 'How long the key that signs tokens has done so, by algorithm.',
      labelNames: ['alg'] as const,
      aggregator: 'max',
      registers,
    }),
    storeRoundTrips: new Histogram({
      name: 'menshen_request_round_trips',
      help: 'Waits for a store in one request, by route template.',
      labelNames: ['route'] as const,
      buckets: [0, 1, 2, 3, 4, 6, 8, 12, 16],
      registers,
    }),
    logoutNotices: new Counter({
      name: 'menshen_logout_notices_total',
      help: 'Attempts to tell a client that a session has ended, by outcome (delivered, failed, given_up, gone).',
      labelNames: ['outcome'] as const,
      registers,
    }),
    accountDeletions: new Counter({
      name: 'menshen_account_deletions_total',
      help: 'Accounts whose time has come, by outcome (done, undone, failed).',
      labelNames: ['outcome'] as const,
      registers,
    }),
    accountMerges: new Counter({
      name: 'menshen_account_merges_total',
      help: 'Merges of accounts by their owners, by act (merge, undo) and outcome (done, or the error code).',
      labelNames: ['act', 'outcome'] as const,
      registers,
    }),
    clientEvents: new Counter({
      name: 'menshen_client_events_total',
      help: 'Attempts to tell a client what became of an account, by event and outcome (delivered, failed, given_up, gone).',
      labelNames: ['event', 'outcome'] as const,
      registers,
    }),
    upstreamNotices: new Counter({
      name: 'menshen_upstream_notices_total',
      help: 'What upstreams told us by themselves, by outcome (done, again, nothing, refused).',
      labelNames: ['outcome'] as const,
      registers,
    }),
    upstreamRevocations: new Counter({
      name: 'menshen_upstream_revocations_total',
      help: 'Attempts to give back what an upstream gave us to keep, by outcome (revoked, failed, given_up).',
      labelNames: ['outcome'] as const,
      registers,
    }),
    leakedPasswords: new Counter({
      name: 'menshen_leaked_passwords_total',
      help: 'Questions whether the whole set of leaked passwords holds one, by outcome (found, clear, unavailable: it was accepted).',
      labelNames: ['outcome'] as const,
      registers,
    }),
    ownerMessages: new Counter({
      name: 'menshen_owner_messages_total',
      help: 'Attempts to tell the owner of an account something, by event, channel and outcome (sent, unclear, no_template, limited, refused, failed, given_up).',
      labelNames: ['event', 'channel', 'outcome'] as const,
      registers,
    }),
    auditEvents: new Counter({
      name: 'menshen_audit_events_total',
      help: 'Security events, by name and outcome (stored, failed).',
      labelNames: ['event', 'outcome'] as const,
      registers,
    }),
  }
}

/** `2xx` for 204: the label a status is counted under. */
export function statusClass(status: number): string {
  return `${Math.floor(status / 100)}xx`
}

/** Lets the process above this worker ask for its numbers; without it the sum of all workers is empty. */
export function shareMetrics(registry: Registry): void {
  AggregatorRegistry.setRegistries([registry])
  new AggregatorRegistry()
}

/** The HTTP server that shows the metrics. */
export interface MetricsListener {
  readonly address: string
  close(): Promise<void>
}

interface MetricsListenerDeps {
  /** `host:port`; port 0 takes a free one. `off`: nothing listens. */
  readonly address: string
  /** Whether an address that another process has is a reason to go on without, as in the sandbox. */
  readonly isOptional: boolean
  readonly registry: { readonly contentType: string; metrics(): Promise<string> }
}

/**
 * Answers `GET /metrics` on a port of its own, never on the public one. Answers undefined when it does without one, and
 * throws when the address cannot be had, naming the setting.
 */
export async function startMetricsListener({
  address,
  registry,
  isOptional,
}: MetricsListenerDeps): Promise<MetricsListener | undefined> {
  if (address === 'off') return undefined
  const { host, port } = splitAddress(address)
  const server = createServer(
    { requestTimeout: 5000, headersTimeout: 5000, maxHeaderSize: 8192 },
    async (request, response) => {
      if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
        response.writeHead(404).end()
        return
      }
      try {
        const text = await registry.metrics()
        response.writeHead(200, { 'content-type': registry.contentType, 'cache-control': 'no-store' }).end(text)
      } catch {
        response.writeHead(500).end()
      }
    },
  )
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (error) {
    if (isOptional && errorCode(error) === 'EADDRINUSE') return undefined
    throw listenError(address, error)
  }
  const bound = server.address() as AddressInfo
  return {
    address: `${host.includes(':') ? `[${host}]` : host}:${bound.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Host and port of `127.0.0.1:9464` or `[::1]:9464`. */
function splitAddress(address: string): { host: string; port: number } {
  const separator = address.lastIndexOf(':')
  return { host: address.slice(0, separator).replace(/^\[|\]$/g, ''), port: Number(address.slice(separator + 1)) }
}

function listenError(address: string, error: unknown): Error {
  const code = errorCode(error)
  const why = code === 'EADDRINUSE' ? 'is in use by another process' : `cannot be listened on (${code})`
  const remedy = 'set ops.metrics (MENSHEN_OPS__METRICS) to another address, or to off'
  return new Error(`ops.metrics: ${address} ${why}; ${remedy}`, { cause: error })
}
