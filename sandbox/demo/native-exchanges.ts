import type { WireAnswer, WireRequest } from '../../clients/native/transports.ts'

/** A request of the app and its answer, in a form that may be shown. */
export interface Exchange {
  readonly request: string
  readonly headers: Readonly<Record<string, string>>
  readonly form: readonly (readonly [string, string])[]
  readonly status: number
  readonly answer: string
}

const hidden = '••••••'
/** Tokens are shown decoded elsewhere; here only their beginning and end are shown. */
const longestShown = 120

/**
 * A request and its answer as the page tells them. SECURITY: the screen of a sandbox may be shared, so it must not show
 * a password or a token in use.
 */
export function shown({ url, method, headers, body = '' }: WireRequest, { status, text }: WireAnswer): Exchange {
  const { authorization, ...others } = headers
  const form = [...new URLSearchParams(body)].map(([name, value]) => {
    return [name, name === 'password' ? hidden : shortened(value)] as const
  })
  return {
    request: `${method} ${new URL(url).pathname}`,
    headers: { ...others, ...(authorization === undefined ? {} : { authorization: `Bearer ${hidden}` }) },
    form,
    status,
    answer: text === '' ? '' : readable(text),
  }
}

function readable(text: string): string {
  try {
    const short = (_: string, value: unknown) => (typeof value === 'string' ? shortened(value) : value)
    return JSON.stringify(JSON.parse(text), short, 2)
  } catch {
    return shortened(text)
  }
}

function shortened(text: string): string {
  return text.length <= longestShown ? text : `${text.slice(0, 40)}…${text.slice(-12)}`
}
