import { reachLogin } from './login.ts'
import type { ConnectionName, Upstreams } from './upstreams.ts'
import type { Answer, Visitor } from './visitor.ts'

/** Presses the button of a connection on the login page; the answer is the address of the upstream. */
export async function leaveFor(visitor: Visitor, page: Answer, connection: string): Promise<URL> {
  const left = await visitor.post(page.url, { method: connection, agreement: 'on' })
  if (left.status !== 303 || !left.location)
    throw new Error(`not sent to ${connection}: ${left.status} ${left.text.slice(0, 1500)}`)
  return new URL(left.location)
}

/** Goes to an upstream from an authorization request, lets `answer` decide there, and comes back. */
export async function loginThrough(
  visitor: Visitor,
  url: URL,
  connection: string,
  answer: (upstream: URL) => string,
): Promise<Answer> {
  const page = await reachLogin(visitor, url)
  const upstream = await leaveFor(visitor, page, connection)
  return visitor.follow(await visitor.get(answer(upstream)))
}

interface Consent {
  readonly connection: ConnectionName
  readonly person: string
  /** Where the login page sent the browser. */
  readonly location: string
  readonly headers: Readonly<Record<string, string>>
}

/** Agrees at an upstream as this person; the answer is that of our callback. */
export async function agreeAt(
  upstreams: Upstreams,
  visitor: Visitor,
  { connection, person, location, headers }: Consent,
): Promise<Answer> {
  if (connection === 'apple') {
    const { fields } = upstreams.apple.authorize(person, location)
    return visitor.post('/callback/apple', fields, { ...headers, 'sec-fetch-site': 'cross-site' })
  }
  if (connection === 'silent') {
    upstreams.wechat.signIn(person)
    const silent = await fetch(location, { redirect: 'manual', headers })
    return visitor.get(silent.headers.get('location') ?? '', headers)
  }
  const body = new URLSearchParams({ person, decision: 'accept' })
  const agreed = await fetch(location, { method: 'POST', body, redirect: 'manual', headers })
  return visitor.get(agreed.headers.get('location') ?? '', headers)
}
