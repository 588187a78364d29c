/** One exchange, as `fetch`, `uni.request` and `wx.request` can all do it. */
export interface WireRequest {
  readonly url: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

/** What the server answered to one request. */
export interface WireAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** Every status is an answer; rejects where there was none. */
export type Transport = (request: WireRequest) => Promise<WireAnswer>

type Fetch = (
  url: string,
  options: { method: string; headers: Record<string, string>; body?: string },
) => Promise<{
  readonly status: number
  readonly headers: { forEach(each: (value: string, name: string) => void): void }
  text(): Promise<string>
}>

/** For apps with the Fetch API: `fetchTransport(fetch)`. */
export function fetchTransport(fetch: Fetch): Transport {
  return async ({ url, method, headers, body }) => {
    const options = { method, headers: { ...headers }, ...(body === undefined ? {} : { body }) }
    const answer = await fetch(url, options)
    const names: Record<string, string> = {}
    answer.headers.forEach((value, name) => {
      names[name] = value
    })
    return { status: answer.status, headers: names, text: await answer.text() }
  }
}

interface CallbackOptions {
  url: string
  method: WireRequest['method']
  header: Record<string, string>
  data?: string
  /** Anything but `json` leaves the text alone. */
  dataType: string
  success(answer: { data: unknown; statusCode: number; header: object }): void
  fail(failure: { errMsg?: string }): void
}

interface CallbackPlatform {
  request(options: CallbackOptions): unknown
}

const callbackTransport =
  (platform: CallbackPlatform): Transport =>
  ({ url, method, headers, body }) =>
    new Promise((resolve, reject) => {
      platform.request({
        ...{ url, method, header: { ...headers }, dataType: 'text' },
        ...(body === undefined ? {} : { data: body }),
        success({ data, statusCode, header }) {
          const names = Object.entries(header).map(([name, value]) => [name.toLowerCase(), String(value)])
          const text = typeof data === 'string' ? data : JSON.stringify(data ?? null)
          resolve({ status: statusCode, headers: Object.fromEntries(names), text })
        },
        fail: ({ errMsg }) => reject(new Error(errMsg ?? 'request:fail')),
      })
    })

/** For uni-app: `uniTransport(uni)`. */
export const uniTransport = callbackTransport

/** For mini programs: `wxTransport(wx)`. The `request` of both takes the same. */
export const wxTransport = callbackTransport
