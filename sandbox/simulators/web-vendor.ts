import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../../src/base/clock.ts'
import type { Fault, ReceivedRequest, Simulator } from './simulator.ts'

/** Trouble for one call of a server; with `path`, for the first call of that path, otherwise for the first call of any. */
export type WebFault = { readonly path?: string } & (
  | Fault
  /** Accepted; a page with status 200 comes instead of the answer. */
  | { readonly kind: 'html_instead' }
  /** Accepted; the length announced is more than what comes. */
  | { readonly kind: 'wrong_length' }
)

/** The vendor's own refusal of a call in good order. */
export type Refusal = Extract<Fault, { kind: 'refuse' }>

export interface WebReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

type Handle = (request: ReceivedRequest, refuse: Refusal | undefined) => WebReply

/** By method and path, such as `GET /user`. */
export type Routes = Readonly<Record<string, Handle>>

export interface WebVendor extends Omit<Simulator, 'faults'> {
  /** Each call of a server takes the first fault off this list that fits its path; pages for people take none. */
  readonly faults: WebFault[]
}

interface WebVendorOptions {
  readonly clock: Clock
  readonly port?: number | undefined
  /** What `url` calls this machine. `localhost` and `127.0.0.1` are different sites to a browser. */
  readonly hostname?: string | undefined
  readonly routes: (url: string) => { readonly pages: Routes; readonly calls: Routes }
}

const maxRequestBytes = 64 * 1024

/** A vendor on 127.0.0.1 with pages for people and calls for servers; faults strike the calls only. */
export async function startWebVendor(options: WebVendorOptions): Promise<WebVendor> {
  const { clock, port = 0, hostname = '127.0.0.1' } = options
  const requests: ReceivedRequest[] = []
  const faults: WebFault[] = []
  const closing = new AbortController()
  let routes: ReturnType<WebVendorOptions['routes']> = { pages: {}, calls: {} }

  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const request = await receive(incoming, clock())
    requests.push(request)
    const name = `${request.method} ${request.path}`
    const page = Object.hasOwn(routes.pages, name) ? routes.pages[name] : undefined
    if (page !== undefined) return send(outgoing, page(request, undefined))

    const at = faults.findIndex(({ path }) => path === undefined || path === request.path)
    const [fault] = at < 0 ? [] : faults.splice(at, 1)
    if (fault?.kind === 'latency') await pause(fault.ms, undefined, { signal: closing.signal })
    if (fault?.kind === 'reset_before_accept') return incoming.socket.destroy()
    if (fault?.kind === 'server_error') return outgoing.writeHead(500).end('Internal Server Error')
    if (fault?.kind === 'bad_gateway_html') return send(outgoing, htmlReply(502, '<h1>502 Bad Gateway</h1>'))

    const call = Object.hasOwn(routes.calls, name) ? routes.calls[name] : undefined
    const reply =
      call?.(request, fault?.kind === 'refuse' ? fault : undefined) ?? jsonReply(404, { message: 'Not Found' })
    if (fault?.kind === 'reset_after_accept') return incoming.socket.destroy()
    if (fault?.kind === 'html_instead') return send(outgoing, htmlReply(200, '<h1>Please log in to this network</h1>'))
    const body = Buffer.from(reply.body ?? '')
    const half = body.length >> 1
    if (fault?.kind === 'truncated_json') return send(outgoing, { ...reply, body: body.subarray(0, half) })
    if (fault?.kind === 'wrong_length') {
      outgoing.writeHead(reply.status, { ...reply.headers, 'content-length': body.length + 100 }).write(body)
      return incoming.socket.end()
    }
    if (fault?.kind === 'slow_body') {
      outgoing
        .writeHead(reply.status, { ...reply.headers, 'content-length': body.length })
        .write(body.subarray(0, half))
      await pause(fault.ms, undefined, { signal: closing.signal })
      return outgoing.end(body.subarray(half))
    }
    return send(outgoing, reply)
  }

  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => incoming.socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  })
  const url = `http://${hostname}:${(server.address() as AddressInfo).port}`
  routes = options.routes(url)

  return {
    url,
    requests,
    faults,
    close: () =>
      new Promise((resolve) => {
        closing.abort()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
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
  const body = Buffer.concat(chunks).toString('utf8')
  return { at, method: incoming.method ?? '', path, rawQuery, headers: incoming.headers, body }
}

function send(outgoing: ServerResponse, { status, headers, body = '' }: WebReply): void {
  outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
}

/** An answer for a server. */
export function jsonReply(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): WebReply {
  const type = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }
  return { status, headers: { ...type, ...headers }, body: JSON.stringify(body) }
}

/** An answer for a person. */
export function htmlReply(status: number, body: string): WebReply {
  return { status, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }, body }
}

/** Sends the browser on, with a GET whatever came before. */
export function redirectReply(location: string): WebReply {
  return { status: 303, headers: { location, 'cache-control': 'no-store' } }
}

/** The fields of a form-encoded body; undefined for another content type and for a field that comes twice. */
export function formOf({ headers, body }: ReceivedRequest): ReadonlyMap<string, string> | undefined {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(headers['content-type'] ?? '')) return undefined
  return singleFields(body)
}

/** The fields of a query or form; undefined when one comes twice. */
export function singleFields(encoded: string): ReadonlyMap<string, string> | undefined {
  const pairs = [...new URLSearchParams(encoded)]
  const fields = new Map(pairs)
  return fields.size === pairs.length ? fields : undefined
}

/** Adds parameters to an address, leaving out those without a value. */
export function withParams(address: string, params: Readonly<Record<string, string | undefined>>): string {
  const url = new URL(address)
  for (const [name, value] of Object.entries(params)) if (value !== undefined) url.searchParams.append(name, value)
  return url.href
}

interface Issued<Grant> {
  readonly grant: Grant
  readonly expiresAt: number
  isUsed: boolean
}

/** Codes or tokens a vendor has handed out, each with what it stands for. */
export class Issue<Grant> {
  readonly #issued = new Map<string, Issued<Grant>>()
  readonly #clock: Clock
  readonly #ttlMs: number

  /** Without a lifetime they never end by themselves. */
  constructor(clock: Clock, ttlSeconds = Number.POSITIVE_INFINITY) {
    this.#clock = clock
    this.#ttlMs = ttlSeconds * 1000
  }

  issue(grant: Grant, prefix = ''): string {
    const value = prefix + randomBytes(18).toString('hex')
    this.#issued.set(value, { grant, expiresAt: this.#clock() + this.#ttlMs, isUsed: false })
    return value
  }

  /** What it stands for, used, expired or not; undefined when it was never handed out or was taken back. */
  find(value: string): (Issued<Grant> & { readonly isExpired: boolean }) | undefined {
    const found = this.#issued.get(value)
    return found && { ...found, isExpired: this.#clock() >= found.expiresAt }
  }

  /** What it stands for while it is good. */
  live(value: string): Grant | undefined {
    const found = this.find(value)
    return found === undefined || found.isUsed || found.isExpired ? undefined : found.grant
  }

  use(value: string): void {
    const found = this.#issued.get(value)
    if (found !== undefined) found.isUsed = true
  }

  takeBack(matches: (grant: Grant) => boolean): void {
    for (const [value, { grant }] of this.#issued) if (matches(grant)) this.#issued.delete(value)
  }
}
