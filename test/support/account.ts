import { loginBySms, startLogin } from './login.ts'
import type { Answer, Visitor } from './visitor.ts'
import type { World } from './world.ts'

/** A browser signed in with this number; the account is made where there is none. */
export async function signedIn(world: World, redirectUri: string, phone: string): Promise<Visitor> {
  const visitor = world.visitor()
  await loginBySms(world, visitor, startLogin(world, 'plain', redirectUri), phone)
  return visitor
}

/** The token in the forms of a page. */
export function formToken(page: Answer): string {
  const token = /name="form_token" value="([^"]+)"/.exec(page.text)?.[1]
  if (token === undefined) throw new Error(`no form token: ${page.status} ${page.text.slice(0, 1500)}`)
  return token
}

/** Presses the button of a connection among the identities; the answer is the address of the upstream. */
export async function leaveToBind(visitor: Visitor, connection: string): Promise<URL> {
  const form_token = formToken(await visitor.get('/account/identities'))
  const left = await visitor.post('/account/identities', { method: connection, form_token })
  if (left.status !== 303 || !left.location) throw new Error(`not sent to ${connection}: ${left.status} ${left.text}`)
  return new URL(left.location)
}

/** Goes to an upstream from the account page, lets `answer` decide there, and comes back. */
export async function bindThrough(
  visitor: Visitor,
  connection: string,
  answer: (upstream: URL) => string,
): Promise<Answer> {
  const upstream = await leaveToBind(visitor, connection)
  return visitor.follow(await visitor.get(answer(upstream)))
}

/** Enters a number or address at the account page, and the code sent to it. */
export async function bindByCode(world: World, visitor: Visitor, kind: 'phone' | 'email', to: string): Promise<Answer> {
  const path = `/account/identities/${kind}`
  const form_token = formToken(await visitor.get(path))
  const asked = await visitor.post(path, { [kind === 'phone' ? 'phone' : 'identifier']: to, form_token })
  if (asked.status !== 303) throw new Error(`no code was sent: ${asked.status} ${asked.text.slice(0, 2000)}`)
  const otp = await world.otp(kind === 'phone' ? `+86${to}` : to.trim().toLowerCase())
  return visitor.follow(await visitor.post(path, { otp, form_token }))
}

/** The events that the owner of a number was told of there, by the sandbox. */
export async function noticesTo(world: World, phone: string): Promise<string[]> {
  const response = await fetch(`http://localhost:${world.port}/sandbox/outbox?to=${encodeURIComponent(phone)}`, {
    headers: { accept: 'application/json' },
  })
  const messages = (await response.json()) as { template: string; otp: string }[]
  return messages.filter(({ otp }) => otp === '').map(({ template }) => template)
}

/** The archive of somebody's own data as their browser saves it. */
export async function fetchArchive(world: World, visitor: Visitor, form_token: string) {
  const path = '/account/data/archive'
  const response = await fetch(`http://localhost:${world.port}${path}`, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: visitor.cookieHeader(path), 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams({ form_token }),
  })
  return { response, bytes: Buffer.from(await response.arrayBuffer()) }
}
