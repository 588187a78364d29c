import { codeVerifier } from '../bench/fixture.ts'
import { goodbye, issuer, redirectUri } from './clientele.ts'
import { bury, due, type Grave, ranOut, type Stay, type Visit, visitEnd } from './ledger.ts'
import { codeLifeMs } from './logins.ts'
import { askToRefresh, look, refresh } from './refreshing.ts'
import { attempt, find, note, type Outcome, type Scene, type TokenBody } from './scene.ts'

/** Ends a login, as its app does, or all of a browser's. */
export async function leave(scene: Scene, stay: Stay): Promise<void> {
  const { visit, refreshToken } = stay
  const now = Date.now()
  const isSignedIn = visit !== undefined && due(visitEnd(visit), { fromMs: now, toMs: now }, visit.fate) === 'works'
  if (isSignedIn && (refreshToken === undefined || scene.lots.share() < 0.7)) await leaveBrowser(scene, stay, visit)
  else if (refreshToken !== undefined) await giveBack(scene, stay, refreshToken)
}

/** RFC 7009. A refresh token ends its grant, and everything that came of it. */
async function giveBack(scene: Scene, stay: Stay, refreshToken: string): Promise<void> {
  const { fleet, lots, tallies, person } = scene
  const form = { token: refreshToken, client_id: stay.client.id }
  const told = await attempt(scene, `revocation at ${stay.client.id}`, () =>
    fleet.ask({ path: '/token/revocation', form, headers: { 'x-forwarded-for': person.ip } }, lots.share()),
  )
  if (told.kind === 'limited') return
  if (told.kind === 'doubt') {
    stay.fate = 'doubtful'
    return
  }
  if (told.answer.status !== 200) find(scene, `a revocation was answered ${told.answer.status}`)
  tallies.count('logouts of apps')
  await buryAll(scene, [stay], 'it was given back')
}

/** RP-initiated logout with the ID token of one of the apps. */
async function leaveBrowser(scene: Scene, stay: Stay, visit: Visit): Promise<void> {
  const { lots, person, tallies } = scene
  const query = { id_token_hint: stay.idToken, post_logout_redirect_uri: goodbye, client_id: stay.client.id }
  const told = await attempt(scene, `logout at ${stay.client.id}`, async () => {
    const page = await visit.browser.get(new URL(`/session/end?${new URLSearchParams(query)}`, issuer), lots.share())
    if (page.status !== 200) return page
    const inputs = page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)
    const fields = Object.fromEntries([...inputs].map(([, name = '', value = '']) => [name, value]))
    return visit.browser.post('/session/end/confirm', fields, lots.share())
  })
  if (told.kind === 'limited') return
  const isSure = told.kind === 'answer' && told.answer.toMs < visitEnd(visit).earliestMs
  if (isSure && told.answer.location?.startsWith(goodbye)) {
    tallies.count('logouts of browsers')
    person.visit = undefined
    await buryAll(scene, visit.stays.slice(), 'its browser was signed out')
    return
  }
  visit.fate = 'doubtful'
  // The session may have ended by itself: nobody is signed out then, and the page may ask.
  if (told.kind === 'answer') tallies.count('logouts of a browser that led nowhere')
}

/** Takes logins off the books, each of whose tokens must be refused from this moment on. */
export async function buryAll(scene: Scene, stays: readonly Stay[], why: string): Promise<void> {
  for (const stay of stays) bury(stay, why)
  for (const stay of stays) {
    const grave = { client: stay.client, refreshToken: stay.refreshToken, accessToken: stay.access.value, why }
    await haunt(scene, grave, scene.lots.share() < 0.5 ? 'refresh' : 'introspect')
  }
}

/** What has ended must be refused. */
export async function haunt(scene: Scene, grave: Grave, way: 'refresh' | 'introspect'): Promise<void> {
  const { client, refreshToken, accessToken, why } = grave
  const { person, fleet, lots, tallies } = scene
  tallies.count('ended ones tried')
  if (way === 'introspect' || refreshToken === undefined) {
    const told = await look(scene, { client, value: accessToken, way: 'introspect' })
    if (!('kind' in told) && told.isActive && why !== ranOut) find(scene, `an access token is active although ${why}`)
    return
  }
  const form = { grant_type: 'refresh_token', client_id: client.id, refresh_token: refreshToken }
  const told = await attempt(scene, `refresh of an ended ${client.id}`, () =>
    fleet.ask({ path: '/token', form, headers: { 'x-forwarded-for': person.ip } }, lots.share()),
  )
  if (told.kind === 'answer' && told.answer.status === 200) find(scene, `a refresh token works although ${why}`)
}

/** Somebody uses a refresh token that was used up long ago: the family ends, and nobody is left with anything. */
export async function steal(scene: Scene, stay: Stay): Promise<void> {
  if (!(await refresh(scene, stay))) return
  const { refreshToken: stolen, issued } = stay
  if (stolen === undefined) return
  // Its successor has to be used, else it would only be brought once more.
  if (!(await refresh(scene, stay)) || !(await refresh(scene, stay))) return
  // What has run out is no longer known for what it was.
  if (Date.now() > issued.fromMs + (stay.client.refresh.idle * 1000) / 2) return
  note(scene, `a thief uses an old refresh token of ${stay.client.id}`)
  const told = await attempt(scene, `theft at ${stay.client.id}`, () => askToRefresh(scene, stay, stolen))
  await ended(scene, stay, { told, why: 'its family was ended by a second use' })
}

/** Somebody exchanges a code for the second time, while it lives: what the first exchange brought is worth nothing. */
export async function replay(scene: Scene, stay: Stay): Promise<void> {
  if (Date.now() > stay.begun.fromMs + codeLifeMs / 2) return
  const { fleet, lots, person } = scene
  const redirect = stay.client.isApp ? {} : { redirect_uri: redirectUri }
  const form = { grant_type: 'authorization_code', client_id: stay.client.id, code: stay.code, ...redirect }
  const ask = {
    path: '/token',
    form: { ...form, code_verifier: codeVerifier },
    headers: { 'x-forwarded-for': person.ip },
  }
  const told = await attempt(scene, `second exchange at ${stay.client.id}`, () => fleet.ask(ask, lots.share()))
  const isLate = told.kind === 'answer' && told.answer.toMs > stay.begun.fromMs + codeLifeMs - 5000
  const known: Outcome = isLate ? { kind: 'doubt', span: told.answer } : told
  await ended(scene, stay, { told: known, why: 'its code was exchanged twice' })
}

async function ended(
  scene: Scene,
  stay: Stay,
  { told, why }: { readonly told: Outcome; readonly why: string },
): Promise<void> {
  const { thefts } = scene.person
  if (told.kind === 'limited') return
  if (told.kind === 'doubt') {
    stay.fate = 'doubtful'
    thefts.doubtful += 1
    return
  }
  const { error } = JSON.parse(told.answer.text) as TokenBody
  if (told.answer.status === 200) find(scene, `a value that was used up was accepted: ${why}`)
  else if (error !== 'invalid_grant') find(scene, `a second use was answered ${error}`)
  thefts.known += 1
  scene.tallies.count('thefts')
  await buryAll(scene, [stay], why)
}
