import type { Clock } from '../../src/base/clock.ts'
import { refusalPage, type VendorLook } from './consent-page.ts'
import type { Issued } from './issued.ts'
import { type Answer, type Fault, type ReceivedRequest, type Simulator, startSimulator } from './simulator.ts'

/** The vendor's own refusal of a call in good order. */
export type Refusal = Extract<Fault, { kind: 'refuse' }>

type Handle = (request: ReceivedRequest, refuse: Refusal | undefined) => Answer

/** By method and path, such as `GET /user`. */
export type Routes = Readonly<Record<string, Handle>>

interface WebVendorOptions {
  readonly clock: Clock
  readonly port?: number | undefined
  /** What `url` calls this machine. `localhost` and `127.0.0.1` are different sites to a browser. */
  readonly hostname?: string | undefined
  /** The pages that people visit. */
  readonly pages: Routes
  /** The calls that servers make. */
  readonly calls: Routes
}

/** A vendor with pages for people and calls for servers; faults without a path strike the calls only. */
export async function startWebVendor(options: WebVendorOptions): Promise<Simulator> {
  const { clock, port, hostname = '127.0.0.1', pages, calls } = options
  const handlers = new Map(Object.entries({ ...calls, ...pages }))
  const simulator = await startSimulator({
    clock,
    port,
    pages: Object.keys(pages).map((name) => name.split(' ')[1] ?? ''),
    handle(request, refuse) {
      const handle = handlers.get(`${request.method} ${request.path}`)
      return handle?.(request, refuse) ?? jsonAnswer(404, { message: 'Not Found' })
    },
  })
  return { ...simulator, url: simulator.url.replace('127.0.0.1', hostname) }
}

/** An answer that nobody may cache. */
export function jsonAnswer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { 'cache-control': 'no-store', ...headers }, body }
}

/** A document that says the same to everybody, such as a key set. */
export function documentAnswer(content: () => unknown): Handle {
  return (_, refuse) => (refuse === undefined ? jsonAnswer(200, content()) : jsonAnswer(400, { error: refuse.code }))
}

/** Sends the browser to another address, always with a GET. */
export function redirectAnswer(location: string): Answer {
  return { status: 303, headers: { location, 'cache-control': 'no-store' }, body: '' }
}

/** Why a vendor shows a page of its own and sends nobody back. */
export interface Refused {
  readonly status: number
  readonly code: string
  readonly reason: string
}

/** The page of a vendor that refuses a request. */
export function refusedAnswer(request: ReceivedRequest, look: VendorLook, { status, code, reason }: Refused): Answer {
  return { ...refusalPage(request, { look, code, reason: { 'zh-CN': `无法继续：${reason}`, en: reason } }), status }
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

/** The life of something that ends only when somebody ends it. */
export const foreverSeconds = Number.POSITIVE_INFINITY

/** What a code or token stands for while it is good. */
export function liveOf<T>(issued: Issued<T>, value: string): T | undefined {
  const found = issued.find(value)
  return found?.state === 'live' ? found.about : undefined
}
