import { setTimeout as delay } from 'node:timers/promises'
import { codeChallenge, codeVerifier } from '../bench/fixture.ts'
import { usualPassword } from '../siege/attack.ts'
import { errorIn } from '../test/support/visitor.ts'
import { type Client, clientele, issuer, redirectUri, scopeOf } from './clientele.ts'
import { type Answer, Browser } from './fleet.ts'
import { due, type Person, type Span, type Stay, type Visit, visitEnd } from './ledger.ts'
import { attempt, find, note, type Outcome, type Scene, type TokenBody, tokensIn } from './scene.ts'

/** What the people have agreed to. */
export const agreements = [
  { id: 'terms', version: '1', url: 'https://shop.example/terms' },
  { id: 'privacy', version: '1', url: 'https://shop.example/privacy' },
]

const agreed = agreements.map(({ id, version }) => `${id}@${version}`).join(' ')
/** A vendor sends one message a minute and five an hour to a number. */
const codes = { betweenMs: 65_000, anHour: 4 }
const messagePatienceMs = 30_000

/** How somebody can prove who they are now; nothing when they have to wait. */
export function wayIn(person: Person, share: number): 'password' | 'sms' | undefined {
  const now = Date.now()
  person.codesAskedMs = person.codesAskedMs.filter((atMs) => now - atMs < 3_600_000)
  const last = person.codesAskedMs.at(-1) ?? 0
  const canAsk = now - last > codes.betweenMs && person.codesAskedMs.length < codes.anHour
  // Whoever came by a file has an account with a password before they ever prove their number.
  if (person.hasPassword && (share < 0.5 || !canAsk)) return 'password'
  return canAsk ? 'sms' : undefined
}

type Authorized = { readonly code: string; readonly begun: Span }

interface ChallengeBody {
  readonly auth_session?: string
  readonly authorization_code?: string
  readonly step?: string
  readonly message_key?: string
  readonly retry_after?: number
  readonly error?: string
}

/** Logs in on the screens of an app. */
export async function loginInApp(scene: Scene, client: Client, way: 'password' | 'sms'): Promise<Stay | undefined> {
  const { person, fleet, lots } = scene
  let session: string | undefined
  const challenge = async (form: Readonly<Record<string, string>>) => {
    const begins = {
      ...{ response_type: 'code', scope: scopeOf(client) },
      ...{ code_challenge: codeChallenge, code_challenge_method: 'S256' },
    }
    const fields = {
      ...{ client_id: client.id, agreements: agreed },
      ...(session === undefined ? begins : { auth_session: session }),
      ...form,
    }
    const ask = { path: '/authorize-challenge', form: fields, headers: { 'x-forwarded-for': person.ip } }
    const told = await attempt(scene, `login in ${client.id}`, () => fleet.ask(ask, lots.share()))
    if (told.kind !== 'answer') return told
    const body = JSON.parse(told.answer.text) as ChallengeBody
    session = body.auth_session ?? session
    return { ...told, body }
  }
  const first =
    way === 'password'
      ? { method: 'password', identifier: person.phone, password: usualPassword }
      : { method: 'sms', phone: person.phone }
  const askedMs = Date.now()
  if (way === 'sms') person.codesAskedMs.push(askedMs)
  let told = await challenge(first)
  if (told.kind === 'answer' && way === 'sms' && told.body.step === 'otp') {
    const otp = await received(scene, askedMs)
    if (otp === undefined) return undefined
    told = await challenge({ otp })
  }
  if (told.kind !== 'answer') {
    person.logins.doubtful += told.kind === 'doubt' ? 1 : 0
    return undefined
  }
  const { authorization_code: code } = told.body
  if (code === undefined) {
    explain(scene, `login in ${client.id}`, told.answer, told.body.message_key ?? told.body.step ?? told.body.error)
    return undefined
  }
  person.logins.known += 1
  return exchange(scene, client, { code, begun: told.answer }, undefined)
}

/** The code that was sent; it may take as long as a vendor takes. */
async function received(scene: Scene, sinceMs: number): Promise<string | undefined> {
  const { vendor, person, weather, tallies } = scene
  const giveUpMs = Date.now() + messagePatienceMs
  for (;;) {
    const code = vendor.codeOf(person.phone, sinceMs)
    if (code !== undefined) return code
    if (Date.now() > giveUpMs) break
    await delay(100)
  }
  tallies.count('no message came')
  if (weather.wasCalm(sinceMs, Date.now())) note(scene, 'no message came although nothing went wrong')
  return undefined
}

const limits = /limit|challenge|wait|captcha|too_many|paused|queue|rate/

/** Somebody was not let in: limits may do that, and what was forgotten in a fault; nothing else may. */
function explain(scene: Scene, what: string, answer: Answer, error: string | undefined): void {
  const { tallies, weather } = scene
  const calm = weather.wasCalm(answer.fromMs - givenUpAfterMs, answer.toMs)
  tallies.count(`not let in: ${error ?? answer.status}`)
  if (calm && !limits.test(error ?? '')) find(scene, `${what} was refused: ${error ?? answer.text.slice(0, 300)}`)
}

/** What a login began with may have been forgotten in a fault of the last while. */
const givenUpAfterMs = 60_000

/** How long a code lives. */
export const codeLifeMs = 60_000

/** Exchanges a code. */
async function exchange(
  scene: Scene,
  client: Client,
  { code, begun }: Authorized,
  visit: Visit | undefined,
): Promise<Stay | undefined> {
  const { person, fleet, lots } = scene
  const redirect = client.isApp ? {} : { redirect_uri: redirectUri }
  const form = {
    grant_type: 'authorization_code',
    client_id: client.id,
    code,
    code_verifier: codeVerifier,
    ...redirect,
  }
  const ask = { path: '/token', form, headers: { 'x-forwarded-for': person.ip } }
  const told = await attempt(scene, `code of ${client.id}`, () => fleet.ask(ask, lots.share()))
  if (told.kind !== 'answer') return undefined
  const { answer } = told
  if (answer.status !== 200) {
    const { error } = JSON.parse(answer.text) as TokenBody
    const isWorth = !visit || due(visitEnd(visit), answer, visit.fate) === 'works'
    const isInTime = answer.toMs < begun.fromMs + codeLifeMs - 5000
    if (isWorth && isInTime) find(scene, `a code of ${client.id} was refused: ${error}`)
    return undefined
  }
  const tokens = await tokensIn(scene, client, answer, { familyEndMs: answer.toMs + client.refresh.max * 1000 })
  if (!tokens) return undefined
  const issued = { fromMs: answer.fromMs, toMs: answer.toMs }
  const stay: Stay = {
    ...{ client, person, visit, begun: { fromMs: begun.fromMs, toMs: answer.toMs } },
    ...{ ...tokens, issued, doubtUntilMs: 0, fate: 'alive', code },
  }
  const sub = subjectIn(tokens.idToken)
  if (person.userId !== undefined && person.userId !== sub)
    find(scene, `somebody is ${sub} now, and not ${person.userId}`)
  person.userId = sub
  person.stays.push(stay)
  visit?.stays.push(stay)
  scene.tallies.count(`login of ${client.id}`)
  return stay
}

function subjectIn(jwt: string): string {
  const payload = Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()
  return (JSON.parse(payload) as { readonly sub: string }).sub
}

/** Where a login in a browser begins. */
function authorization(client: Client): URL {
  const url = new URL('/auth', issuer)
  url.search = new URLSearchParams({
    ...{ client_id: client.id, response_type: 'code', scope: scopeOf(client), redirect_uri: redirectUri },
    ...{ code_challenge: codeChallenge, code_challenge_method: 'S256' },
  }).toString()
  return url
}

type Page = Answer & { readonly url: URL }

/** Opens an app in the browser: who is signed in there gets through without a page, anybody else logs in. */
export async function loginInBrowser(scene: Scene, client: Client, way: 'password' | 'sms' | undefined) {
  const { person, lots } = scene
  const before = person.visit
  const browser = before?.browser ?? new Browser(scene.fleet, person.ip)
  const fromMs = Date.now()
  const opened = await attempt(scene, `opening of ${client.id}`, async () =>
    browser.follow(await browser.get(authorization(client), lots.share()), lots.share()),
  )
  if (opened.kind !== 'answer') return undefined
  const page = opened.answer
  const span = { fromMs, toMs: page.toMs }
  const code = codeIn(page)
  const expected = before ? due(visitEnd(before), span, before.fate) : 'refused'
  if (code !== undefined) {
    if (expected === 'refused') find(scene, 'a browser session lived beyond its limit')
    if (!before) return undefined
    before.used = { ...before.used, toMs: Math.max(before.used.toMs, page.toMs) }
    scene.tallies.count('opened without a login')
    return exchange(scene, client, { code, begun: span }, before)
  }
  if (page.status !== 200 || errorIn(page) !== undefined) {
    explain(scene, `opening of ${client.id}`, page, errorIn(page))
    return undefined
  }
  if (expected === 'works') find(scene, 'somebody who is signed in was asked to log in')
  if (before) {
    // The next login begins in a fresh browser: a session that is over is not taken up again.
    person.visit = undefined
    return undefined
  }
  if (way === undefined) return undefined
  const done = await proveInBrowser(scene, client, { browser, page, way })
  if (!done) return undefined
  const begun = { fromMs: done.fromMs, toMs: done.toMs }
  const visit: Visit = { browser, begun, used: begun, stays: [], fate: 'alive' }
  person.visit = visit
  return exchange(scene, client, { code: done.code, begun }, visit)
}

interface Proving {
  readonly browser: Browser
  readonly page: Page
  readonly way: 'password' | 'sms'
}

/** Fills in the forms of the login page. */
async function proveInBrowser(scene: Scene, client: Client, { browser, page, way }: Proving) {
  const { person, lots } = scene
  const what = `login at ${client.id}`
  const post = (form: Readonly<Record<string, string>>): Promise<Outcome<Page>> =>
    attempt(scene, what, async () => browser.follow(await browser.post(page.url, form, lots.share()), lots.share()))
  const askedMs = Date.now()
  let told: Outcome<Page>
  if (way === 'password') {
    told = await post({ method: 'password', identifier: person.phone, password: usualPassword, agreement: 'on' })
  } else {
    person.codesAskedMs.push(askedMs)
    told = await post({ method: 'sms', phone: person.phone, agreement: 'on' })
    if (told.kind === 'answer' && /name="otp"/.test(told.answer.text) && errorIn(told.answer) === undefined) {
      const otp = await received(scene, askedMs)
      if (otp === undefined) return undefined
      told = await post({ method: 'sms', otp })
    }
  }
  if (told.kind !== 'answer') {
    person.logins.doubtful += told.kind === 'doubt' ? 1 : 0
    return undefined
  }
  const code = codeIn(told.answer)
  if (code === undefined) {
    explain(
      scene,
      what,
      told.answer,
      errorIn(told.answer) ?? (/data-work=/.test(told.answer.text) ? 'challenge' : undefined),
    )
    return undefined
  }
  person.logins.known += 1
  return { code, fromMs: askedMs, toMs: told.answer.toMs }
}

function codeIn({ location }: Answer): string | undefined {
  if (location?.startsWith(redirectUri) !== true) return undefined
  return new URL(location).searchParams.get('code') ?? undefined
}

/** The clients that are used in a browser, and on screens of their own. */
export const [appClients, browserClients] = [
  [clientele.app, clientele['app-brief']],
  [clientele.web, clientele['web-sliding']],
] as const
