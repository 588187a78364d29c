import { reachLogin } from './login.ts'
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
