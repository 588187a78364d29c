import { AsyncLocalStorage } from 'node:async_hooks'
import { isUtf8 } from 'node:buffer'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { AppError } from './errors.ts'

/** A request to another server. */
export interface HttpRequest {
  readonly method?: 'GET' | 'POST' | 'PUT'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Ends the request, if that comes before its own time limit. */
  readonly signal?: AbortSignal
}

/** What another server answered. */
export interface HttpResponse {
  readonly status: number
  readonly headers: Headers
  /** Read as UTF-8 where it is that: several vendors mislabel what they send. What cannot be read is U+FFFD. */
  readonly text: string
}

/**
 * The one way out to other servers. Every status below 300 and above 399 is an answer for the caller to judge. No
 * answer is `upstream.busy`, because the next request may get one; a redirect, an answer that is too large and an
 * address that cannot be asked are `upstream.refused`. Both have an `UpstreamFailure` as cause. Nothing is ever tried
 * twice.
 */
export interface HttpClient {
  request(url: URL | string, request?: HttpRequest): Promise<HttpResponse>
}

/** The bounds of a request to another server. */
export interface HttpClientOptions {
  /** From the call to the last byte of the answer. */
  readonly timeoutMs: number
  readonly maxBytes?: number
  /** Lets `http:` addresses through; for simulators on this machine. */
  readonly allowInsecure?: boolean
}

/** `unreachable`: the request certainly never left this machine. `unclear`: the other side may have acted on it. */
export type UpstreamFailureKind = 'unreachable' | 'unclear'

/** Why there is no answer. Names the address without its query, where vendors want secrets and phone numbers. */
export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure'
  readonly kind: UpstreamFailureKind
  readonly where: string
  readonly reason: string

  constructor(kind: UpstreamFailureKind, where: string, reason: string) {
    super(`${where}: ${kind}, ${reason}`)
    this.kind = kind
    this.where = where
    this.reason = reason
  }
}

/** Builds an `HttpClient` over the global fetch. Redirects are refused: they would carry secrets to another host. */
export function httpClient({ timeoutMs, maxBytes = 65_536, allowInsecure = false }: HttpClientOptions): HttpClient {
  watchDispatch()
  return {
    async request(address, { method = 'GET', headers = {}, body, signal: ending } = {}) {
      const url = URL.parse(String(address))
      const where = `${method} ${url === null ? 'an unreadable address' : url.origin + url.pathname}`
      const refuse = (kind: UpstreamFailureKind, reason: string, code: NoAnswer = 'upstream.refused') =>
        new AppError(code, { cause: new UpstreamFailure(kind, where, reason) })

      if (url === null) throw refuse('unreachable', 'not a URL')
      if (url.protocol !== 'https:' && !(allowInsecure && url.protocol === 'http:')) {
        throw refuse('unreachable', 'not an https address')
      }
      if (url.username !== '' || url.password !== '') throw refuse('unreachable', 'credentials in the address')

      const dispatch: Dispatch = { created: false, headersSent: false }
      const limit = AbortSignal.timeout(timeoutMs)
      const signal = ending === undefined ? limit : AbortSignal.any([limit, ending])
      try {
        const response = await dispatches.run(dispatch, () =>
          fetch(url, { method, headers, signal, redirect: 'manual', ...(body === undefined ? {} : { body }) }),
        )
        if (response.status >= 300 && response.status < 400) {
          await response.body?.cancel()
          throw new Unanswered('redirected')
        }
        return { status: response.status, headers: response.headers, text: await readText(response, maxBytes) }
      } catch (thrown) {
        const kind = dispatch.created && !dispatch.headersSent ? 'unreachable' : 'unclear'
        throw refuse(kind, reasonOf(thrown), thrown instanceof Unanswered ? 'upstream.refused' : 'upstream.busy')
      }
    },
  }
}

type NoAnswer = 'upstream.refused' | 'upstream.busy'

/** An answer that we do not take, in our own words, which may be shown. */
class Unanswered extends Error {}

async function readText(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw new Unanswered(`answer larger than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return decoded(Buffer.concat(chunks), response.headers.get('content-type') ?? '')
}

/** A label is believed only where the bytes are not UTF-8. Of the others, vendors use GBK alone. */
function decoded(bytes: Buffer, contentType: string): string {
  const isGbk = /charset="?(?:gbk|gb2312|gb18030)\b/i.test(contentType) && !isUtf8(bytes)
  return new TextDecoder(isGbk ? 'gb18030' : 'utf-8').decode(bytes)
}

/** Codes and names only: the messages of fetch may quote header values and addresses. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof Unanswered) return thrown.message
  if (!(thrown instanceof Error)) return 'unknown'
  const cause = thrown.cause
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return thrown.name
}

interface Dispatch {
  created: boolean
  headersSent: boolean
}

const dispatches = new AsyncLocalStorage<Dispatch>()
const byRequest = new WeakMap<object, Dispatch>()

function onCreate(message: unknown): void {
  const dispatch = dispatches.getStore()
  if (dispatch === undefined) return
  dispatch.created = true
  byRequest.set((message as { request: object }).request, dispatch)
}

function onSendHeaders(message: unknown): void {
  const dispatch = byRequest.get((message as { request: object }).request)
  if (dispatch !== undefined) dispatch.headersSent = true
}

/**
 * fetch reports a timeout in the same words whether it struck while connecting or while waiting for the answer; only
 * Node's diagnostics channels tell whether the request had left. Without their word the failure counts as unclear.
 */
function watchDispatch(): void {
  for (const [channel, listener] of [
    ['undici:request:create', onCreate],
    ['undici:client:sendHeaders', onSendHeaders],
  ] as const) {
    unsubscribe(channel, listener)
    subscribe(channel, listener)
  }
}
