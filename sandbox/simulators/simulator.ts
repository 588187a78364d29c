import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../src/base/clock.ts'
import { type Oddity, writtenOddly } from './oddities.ts'

/** One request as it arrived, secrets included, so that tests can see what was sent and how often. */
export interface ReceivedRequest {
  readonly at: number
  readonly method: string
  readonly path: string
  /** Undecoded, without the question mark: signatures are made over it. */
  readonly rawQuery: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A failure for one request. */
export type Fault = Trouble & {
  /**
   * Waits for a request for this path. Without it any request takes the fault, unless a person's browser visits the
   * path.
   */
  readonly path?: string
}

/** "Accepted" says whether the vendor acted on the request before the answer went wrong. */
type Trouble =
  /**
   * The vendor's own refusal of a correctly signed call; `forNumber` where the vendor can refuse one number of several.
   */
  | { readonly kind: 'refuse'; readonly code: string; readonly message?: string; readonly forNumber?: boolean }
  | { readonly kind: 'latency'; readonly ms: number }
  | { readonly kind: 'reset_before_accept' }
  | { readonly kind: 'reset_after_accept' }
  /** Not accepted. */
  | { readonly kind: 'server_error' }
  /** Not accepted. */
  | { readonly kind: 'bad_gateway_html' }
  /** Accepted; a page with status 200 comes instead of the answer. */
  | { readonly kind: 'html_instead' }
  /** Not accepted. */
  | { readonly kind: 'too_many_requests' }
  /** Accepted. */
  | { readonly kind: 'truncated_json' }
  /** Accepted; the length announced is more than what comes. */
  | { readonly kind: 'wrong_length' }
  /** Accepted; the body begins with U+FEFF. */
  | { readonly kind: 'byte_order_mark' }
  /** Accepted; the second half of the body comes after `ms`. */
  | { readonly kind: 'slow_body'; readonly ms: number }

/** What a simulator answers to a request. */
export interface Answer {
  readonly status: number
  /** A string goes out as it is, anything else as JSON. */
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** A simulated vendor that listens on this machine. */
export interface Simulator {
  readonly url: string
  readonly requests: readonly ReceivedRequest[]
  /** Each request takes the first fault meant for it off this list. */
  readonly faults: Fault[]
  /** What each request meets that takes no fault: the first of these that is meant for it, as long as it is in here. */
  readonly troubles: Fault[]
  /** How answers to servers look while it is in here. */
  readonly oddities: Set<Oddity>
  close(): Promise<void>
}

interface SimulatorOptions {
  readonly clock: Clock
  readonly port?: number | undefined
  /** Paths that a person's browser visits: only faults that name them hit them. */
  readonly pages?: readonly string[]
  /** Judges a request; with `refuse`, a request in good order gets that refusal. */
  readonly handle: (request: ReceivedRequest, refuse: Extract<Fault, { kind: 'refuse' }> | undefined) => Answer
}

const maxRequestBytes = 64 * 1024

/** A vendor's HTTP interface on 127.0.0.1 with injectable faults. */
export async function startSimulator({ clock, port = 0, pages = [], handle }: SimulatorOptions): Promise<Simulator> {
  const requests: ReceivedRequest[] = []
  const faults: Fault[] = []
  const troubles: Fault[] = []
  const oddities = new Set<Oddity>()
  const closing = new AbortController()

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const request = await receive(incoming, clock())
    requests.push(request)
    const fault = takeFault(faults, request.path, pages) ?? troubles.find(isMeantFor(request.path, pages))
    if (fault?.kind === 'latency') await pause(fault.ms, closing.signal)
    if (closing.signal.aborted || fault?.kind === 'reset_before_accept') return incoming.socket.destroy()
    if (fault?.kind === 'server_error') return outgoing.writeHead(500).end('Internal Server Error')
    if (fault?.kind === 'bad_gateway_html') {
      return outgoing.writeHead(502, { 'content-type': 'text/html' }).end('<html><body>502 Bad Gateway</body></html>')
    }
    if (fault?.kind === 'too_many_requests') return outgoing.writeHead(429).end('Too Many Requests')

    const plain = handle(request, fault?.kind === 'refuse' ? fault : undefined)
    if (fault?.kind === 'reset_after_accept') return incoming.socket.destroy()
    if (fault?.kind === 'html_instead') {
      return outgoing
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<html><body>Service maintenance</body></html>')
    }
    const own: readonly Oddity[] = fault?.kind === 'byte_order_mark' ? ['byte_order_mark'] : []
    const { body, ...answer } = writtenOddly(plain, pages.includes(request.path) ? own : [...own, ...oddities])
    const half = body.length >> 1
    outgoing.writeHead(answer.status, {
      'content-type': 'application/json;charset=utf-8',
      ...answer.headers,
      ...(fault?.kind === 'wrong_length' && { 'content-length': body.length }),
    })
    if (fault?.kind === 'truncated_json') return outgoing.end(body.subarray(0, half))
    if (fault?.kind === 'wrong_length') {
      return outgoing.write(body.subarray(0, half), () => incoming.socket.destroy())
    }
    if (fault?.kind === 'slow_body') {
      outgoing.write(body.subarray(0, half))
      await pause(fault.ms, closing.signal)
      return outgoing.end(body.subarray(half))
    }
    return outgoing.end(body)
  }

  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => incoming.socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  })

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    faults,
    troubles,
    oddities,
    close: () =>
      new Promise((resolve) => {
        closing.abort()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function takeFault(faults: Fault[], path: string, pages: readonly string[]): Fault | undefined {
  const index = faults.findIndex(isMeantFor(path, pages))
  return index === -1 ? undefined : faults.splice(index, 1)[0]
}

function isMeantFor(path: string, pages: readonly string[]) {
  return (fault: Fault) => (fault.path === undefined ? !pages.includes(path) : fault.path === path)
}

async function receive(incoming: IncomingMessage, at: number): Promise<ReceivedRequest> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxRequestBytes) throw new Error('request too large')
    chunks.push(chunk)
  }
  const [path = '', rawQuery = ''] = (incoming.url ?? '').split(/\?(.*)/s)
  return {
    at,
    method: incoming.method ?? '',
    path,
    rawQuery,
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** A message the vendor took for delivery. */
export interface SentSms {
  readonly to: string
  readonly template: string
  readonly params: Readonly<Record<string, string>>
  readonly at: number
}

/** How many messages one key may get in a rolling window. */
export interface RollingLimit {
  readonly max: number
  readonly seconds: number
}

/** Counts accepted messages per key. */
export class MessageCounter {
  readonly #times = new Map<string, number[]>()

  count(key: string, at: number): void {
    this.#times.set(key, [...(this.#times.get(key) ?? []), at])
  }

  /** How many were counted at or after this moment. */
  since(key: string, moment: number): number {
    return (this.#times.get(key) ?? []).filter((time) => time >= moment).length
  }

  /** Says whether one more at `now` would break the limit. */
  isFull(key: string, limit: RollingLimit, now: number): boolean {
    return this.since(key, now - limit.seconds * 1000 + 1) >= limit.max
  }
}

/** The object in a JSON body; an empty one where there is none. */
export function objectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {}
  } catch {
    return {}
  }
}
