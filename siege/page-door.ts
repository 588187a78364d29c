import { codeChallenge, codeVerifier } from '../bench/fixture.ts'
import { type Answer, errorIn, Visitor } from '../test/support/visitor.ts'
import { type Door, type Fields, type Reply, refused } from './door.ts'
import { issuer, pageId, redirectUri, scope } from './shop.ts'
import type { AltchaChallenge } from './solver.ts'

interface Place {
  readonly port: number
  readonly ip: string
}

/** A browser's device, as its cookie holds it. */
export type DeviceCookie = string

const deviceName = 'menshen_device'
const authorization = `/auth?${new URLSearchParams({
  client_id: pageId,
  response_type: 'code',
  scope,
  redirect_uri: redirectUri,
  code_challenge: codeChallenge,
  code_challenge_method: 'S256',
})}`

/** The login pages, in a browser of their own; what it keeps of the device can be taken to the next. */
export function pageDoor({ port, ip }: Place, device?: DeviceCookie): Door & { device(): DeviceCookie | undefined } {
  const from = { 'x-forwarded-for': ip }
  const visitor = new Visitor(issuer, port)
  if (device !== undefined) visitor.setCookie(deviceName, device)
  let page: URL | undefined

  /** Follows redirects from this address; the one that leaves for the app is answered. */
  async function follow(answer: Answer): Promise<Answer> {
    let current = answer
    while (current.location !== undefined && !current.location.startsWith(redirectUri)) {
      current = await visitor.get(new URL(current.location, current.url), from)
    }
    return current
  }

  async function post(form: Fields): Promise<Reply> {
    if (!page) throw new Error('the page has not been opened')
    const answer = await follow(await visitor.post(page, form, from))
    const code = answer.location && new URL(answer.location).searchParams.get('code')
    if (code) return exchange(code)
    const challenge = workIn(answer)
    if (challenge) return { kind: 'challenge', challenge }
    const error = errorIn(answer)
    const wait = Number(answer.headers['retry-after'] ?? 0)
    if (error !== undefined) return refused(error, wait)
    if (answer.status !== 200) return refused(`status ${answer.status}`, wait)
    return /name="otp"/.test(answer.text) ? { kind: 'code' } : refused('another page', undefined)
  }

  async function exchange(code: string): Promise<Reply> {
    const grant = { grant_type: 'authorization_code', client_id: pageId, code, code_verifier: codeVerifier }
    const body = new URLSearchParams({ ...grant, redirect_uri: redirectUri })
    const response = await fetch(`http://127.0.0.1:${port}/token`, { method: 'POST', headers: from, body })
    const { refresh_token: refreshToken, error } = (await response.json()) as Record<string, string | undefined>
    return refreshToken === undefined ? refused(error ?? 'no token', undefined) : { kind: 'in', refreshToken }
  }

  return {
    async open() {
      const answer = await follow(await visitor.get(authorization, from))
      if (answer.status === 200) page = answer.url
      const wait = Number(answer.headers['retry-after'] ?? 0)
      return page ? undefined : refused(errorIn(answer) ?? `status ${answer.status}`, wait)
    },
    askForCode: (phone, more = {}) => post({ method: 'sms', phone, agreement: 'on', ...more }),
    askAgain: (more = {}) => post({ method: 'sms', resend: '1', ...more }),
    // What was entered waits on the server for a solution.
    enterCode: (otp, more) => post(more === undefined ? { method: 'sms', otp } : { choice: 'new', ...more }),
    enterPassword: (identifier, password, more = {}) =>
      post({ method: 'password', identifier, password, agreement: 'on', ...more }),
    device() {
      const kept = visitor.cookieHeader('/').split('; ')
      return kept.find((each) => each.startsWith(`${deviceName}=`))?.slice(deviceName.length + 1)
    },
  }
}

const entities: Readonly<Record<string, string>> = { quot: '"', '#34': '"', '#39': "'", lt: '<', gt: '>', amp: '&' }

/** What the script of a page would solve, of its form's own accord. */
function workIn({ text }: Answer): AltchaChallenge | undefined {
  const written = /<form[^>]* data-work="([^"]+)"/.exec(text)?.[1]
  if (written === undefined) return undefined
  return JSON.parse(written.replace(/&(#?\w+);/g, (_, name: string) => entities[name] ?? '')) as AltchaChallenge
}
