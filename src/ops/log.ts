import pino, { type DestinationStream, type Logger } from 'pino'
import { AppError } from '../base/errors.ts'
import { maskIpInLog } from '../base/mask.ts'
import { prettyLine } from './log-pretty.ts'
import { excerpt, scrub, scrubValue } from './scrub.ts'

/** The log of the server. */
export type Log = Logger

/** The levels of the log, the most talkative first. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
/** A level of the log. */
export type LogLevel = (typeof logLevels)[number]
/** How a line of the log is written: for programs or for people. */
export type LogFormat = 'json' | 'pretty'

/** What the log writes, how and where. */
export interface LogOptions {
  readonly level: LogLevel
  readonly format: LogFormat
  /** Where lines go; standard output when absent. */
  readonly destination?: DestinationStream
}

/** How a finished line gets into a log past pino, which does more for each than the line of a request needs. */
const writers = new WeakMap<Log, (line: string) => void>()

/**
 * The log of a process: one JSON object a line, or a line for a person at a terminal. SECURITY: every finished line
 * passes the scrub, whatever part of it a value came in through; but for the line of a request that went well, whose
 * parts are clean.
 */
export function createLog({ level, format, destination }: LogOptions): Log {
  const out = destination ?? standardOutput()
  const shaped = format === 'pretty' ? prettyLine : (line: string) => line
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: withShortTexts },
      serializers: { err: describeError, error: describeError },
      hooks: { streamWrite: (line) => shaped(cleanLine(line)) },
    },
    out,
  )
  writers.set(log, (line) => out.write(shaped(line)))
  return log
}

type Output = DestinationStream & { flushSync(): void }

let shared: Output | undefined

/**
 * Standard output, to which the lines of one turn of the event loop go in one write: under load writing costs as much
 * as making the lines. When the process exits, on its own or by an error nobody caught, what waits is written, and a
 * `fatal` line at once; `kill -9` loses one turn.
 */
function standardOutput(): Output {
  if (shared) return shared
  const out = pino.destination({ fd: 1, sync: true })
  let waiting = ''
  const flush = () => {
    const lines = waiting
    waiting = ''
    if (lines !== '') out.write(lines)
  }
  process.on('exit', flush)
  shared = {
    write(line) {
      if (waiting === '') setImmediate(flush)
      waiting += line
    },
    flushSync: flush,
  }
  return shared
}

/**
 * SECURITY: what strangers send stands in members of its own (`detail`, `client_id`); errors are cut where they are
 * described.
 */
function withShortTexts(members: Record<string, unknown>): Record<string, unknown> {
  const shortened = Object.entries(members).map(([name, value]) => [
    name,
    typeof value === 'string' ? excerpt(value) : value,
  ])
  return Object.fromEntries(shortened) as Record<string, unknown>
}

/**
 * Looks at the text of the line, which is cheap and misses nothing; takes the line apart only when something was found.
 */
function cleanLine(line: string): string {
  return line.length < 16_000 && scrub(line) === line
    ? line
    : `${JSON.stringify(scrubValue(JSON.parse(line), longestStack))}\n`
}

interface ErrorDescription {
  readonly type: string
  readonly message: string
  readonly code?: string
  readonly params?: unknown
  readonly stack?: string
  readonly cause?: ErrorDescription
}

const deepestCause = 5
const longestMessage = 1000
const longestStack = 4000

/** An error for the log: its chain of causes, and the stack of whatever was not thrown on purpose. */
export function describeError(thrown: unknown, depth = 0): ErrorDescription {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: messageOf(printable(thrown)) }
  const code = thrown instanceof AppError ? thrown.code : (thrown as { code?: unknown }).code
  const cause = depth < deepestCause ? causeOf(thrown) : undefined
  return {
    type: thrown.name,
    message: messageOf(thrown.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: String(code) } : {}),
    ...(thrown instanceof AppError && Object.keys(thrown.params).length > 0 ? { params: thrown.params } : {}),
    ...(thrown instanceof AppError || thrown.stack === undefined ? {} : { stack: frames(thrown.stack) }),
    ...(cause === undefined ? {} : { cause: describeError(cause, depth + 1) }),
  }
}

function messageOf(text: string): string {
  return scrub(excerpt(text, longestMessage))
}

function causeOf(error: Error): unknown {
  return error.cause ?? (error instanceof AggregateError ? error.errors[0] : undefined)
}

/** The frames without the message above them, which is there already. */
function frames(stack: string): string {
  const first = stack.search(/^ {1,8}at /m)
  if (first === -1) return ''
  const bare = stack.slice(first, first + longestStack).replace(/^ {1,8}at /gm, '')
  return scrub(bare.replaceAll('file://', ''))
}

function printable(thrown: unknown): string {
  try {
    return typeof thrown === 'string' ? thrown : (JSON.stringify(thrown) ?? String(thrown))
  } catch {
    return 'a value that cannot be printed'
  }
}

/** What the log says of each request. */
export interface RequestFields {
  readonly requestId: string
  readonly method: string
  /** Template of the matched route, never the path with its query. */
  readonly route: string
  readonly status: number
  readonly durationMs: number
  readonly ip: string
  readonly clientId?: string | undefined
  /** What the request failed with, when it did. */
  readonly error?: unknown
}

/**
 * Writes the one line a request leaves: `error` when we failed, `info` otherwise. A probe that hears no is a `warn`,
 * because it was asked to find that out: a server that drains says no with every probe, and nothing is wrong. The cause
 * is told only where there is one.
 */
export function logRequest(log: Log, fields: RequestFields): void {
  const line = {
    request_id: fields.requestId,
    method: fields.method,
    route: fields.route,
    status: fields.status,
    duration_ms: Math.round(fields.durationMs * 10) / 10,
    ip: maskIpInLog(fields.ip),
    ...(fields.clientId === undefined ? {} : { client_id: scrub(excerpt(fields.clientId)) }),
    ...(fields.error === undefined ? {} : { err: fields.error }),
  }
  const isAnsweredNo = fields.status === 503 && fields.route.startsWith('readyz')
  const level = isAnsweredNo ? 'warn' : fields.status >= 500 ? 'error' : 'info'
  const write = fields.error === undefined ? writers.get(log) : undefined
  if (write === undefined) log[level](line, 'request')
  // SECURITY: method, route and status are of closed sets, the id and the times are our own, the address is
  // cut off, the client scrubbed above.
  else if (log.isLevelEnabled(level)) {
    const members = JSON.stringify({ ...line, msg: 'request' }).slice(1)
    write(`{"level":"${level}"${pino.stdTimeFunctions.isoTime()},${members}\n`)
  }
}
