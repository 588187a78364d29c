import { setTimeout as delay } from 'node:timers/promises'
import { inspector } from './clientele.ts'
import { accessEnd, bury, due, prolong, ranOut, refreshEnd, type Stay } from './ledger.ts'
import { attempt, find, note, type Outcome, type Scene, type TokenBody, tokensIn } from './scene.ts'

/** Asks for new tokens. */
export function askToRefresh(scene: Scene, stay: Stay, token: string, more: { readonly goneAfterMs?: number } = {}) {
  const form = { grant_type: 'refresh_token', client_id: stay.client.id, refresh_token: token }
  const headers = { 'x-forwarded-for': stay.person.ip }
  return scene.fleet.ask({ path: '/token', form, headers, ...more }, scene.lots.share())
}

/** Refreshes as an app does. True when it has new tokens. */
export async function refresh(scene: Scene, stay: Stay): Promise<boolean> {
  const before = refreshEnd(stay)
  const { refreshToken } = stay
  if (refreshToken === undefined) return renew(scene, stay)
  const told = await attempt(scene, `refresh of ${stay.client.id}`, () => askToRefresh(scene, stay, refreshToken))
  return takeRefreshed(scene, stay, before, told)
}

/** What cannot be refreshed is used instead, and slides. */
async function renew(scene: Scene, stay: Stay): Promise<false> {
  await use(scene, stay, 'introspect')
  return false
}

async function takeRefreshed(
  scene: Scene,
  stay: Stay,
  end: ReturnType<typeof refreshEnd>,
  told: Outcome,
): Promise<boolean> {
  const { tallies } = scene
  if (told.kind === 'limited') return false
  if (told.kind === 'doubt') {
    stay.doubtUntilMs = Math.max(stay.doubtUntilMs, told.span.toMs)
    return false
  }
  const { answer } = told
  const expected = due(end, answer, fateOf(stay))
  if (answer.status === 200) {
    if (expected === 'refused') find(scene, `a refresh token of ${stay.client.id} lived beyond its limit`)
    const tokens = await tokensIn(scene, stay.client, answer, {
      familyEndMs: stay.begun.toMs + stay.client.refresh.max * 1000,
    })
    if (!tokens) return false
    tallies.count('refreshed')
    settleAlive(stay)
    stay.issued = { fromMs: answer.fromMs, toMs: answer.toMs }
    stay.doubtUntilMs = 0
    Object.assign(stay, tokens)
    return true
  }
  const { error } = JSON.parse(answer.text) as TokenBody
  if (error !== 'invalid_grant') find(scene, `a refresh was refused with ${error}`)
  if (expected === 'works') find(scene, `an acknowledged refresh token of ${stay.client.id} was lost`)
  tallies.count(expected === 'refused' ? 'refused past its limit' : 'refused in doubt')
  bury(stay, ranOut)
  return false
}

/** What is known of a login, and of the browser session that it hangs on. */
function fateOf({ fate, visit }: Stay): Stay['fate'] {
  return fate === 'doubtful' || visit?.fate === 'doubtful' ? 'doubtful' : 'alive'
}

function settleAlive(stay: Stay): void {
  stay.fate = 'alive'
  if (stay.visit) stay.visit.fate = 'alive'
}

/** The answer does not arrive. The token that is still known is asked with again, at once or by whatever comes next. */
export async function lose(scene: Scene, stay: Stay): Promise<void> {
  const { refreshToken } = stay
  if (refreshToken === undefined) return void (await renew(scene, stay))
  const goneAfterMs = scene.lots.below(40)
  try {
    const answer = await askToRefresh(scene, stay, refreshToken, { goneAfterMs })
    note(scene, `refresh of ${stay.client.id} was to be lost, and was answered ${answer.status}`)
    stay.doubtUntilMs = Math.max(stay.doubtUntilMs, answer.toMs)
  } catch {
    note(scene, `refresh of ${stay.client.id} was lost`)
    // The server may still be at it when its client has gone.
    stay.doubtUntilMs = Math.max(stay.doubtUntilMs, Date.now() + lingersMs)
  }
  scene.tallies.count('answers lost')
  if (scene.lots.share() < 0.5 && (await refresh(scene, stay))) scene.tallies.count('asked again at once')
  // What was lost may lie in a server that has much to do. After the successor's use it would look like a theft.
  do await delay(lingersMs)
  while (scene.weather.current !== undefined)
}

const lingersMs = 10_000

/** Two tabs refresh at once: both get the same successor. */
export async function double(scene: Scene, stay: Stay): Promise<void> {
  const token = stay.refreshToken
  if (token === undefined) return void (await renew(scene, stay))
  const before = refreshEnd(stay)
  const what = `one of two refreshes of ${stay.client.id}`
  const ask = () => attempt(scene, what, () => askToRefresh(scene, stay, token))
  const [one, other] = await Promise.all([ask(), ask()])
  for (const told of [one, other]) {
    // The first of two that were refused has taken the login off the books.
    if (stay.person.stays.includes(stay)) await takeRefreshed(scene, stay, before, told)
  }
  const bodies = [one, other].flatMap((told) =>
    told.kind === 'answer' && told.answer.status === 200 ? [JSON.parse(told.answer.text) as TokenBody] : [],
  )
  if (new Set(bodies.map(({ refresh_token }) => refresh_token)).size > 1) find(scene, 'a family has forked')
  if (bodies.length === 2) scene.tallies.count('refreshed twice at once')
}

/** Asks what a token is worth, as its API or its client does; `undefined` where nobody can say. */
export async function look(
  scene: Scene,
  {
    client,
    value,
    way,
  }: { readonly client: Stay['client']; readonly value: string; readonly way: 'introspect' | 'me' },
): Promise<
  { readonly isActive: boolean; readonly exp: number; readonly fromMs: number; readonly toMs: number } | Outcome
> {
  const headers = { 'x-forwarded-for': scene.person.ip }
  const basic = Buffer.from(`${inspector.id}:${inspector.secret}`).toString('base64')
  const told = await attempt(scene, `${way} of ${client.id}`, () =>
    scene.fleet.ask(
      way === 'me'
        ? { path: '/me', headers: { ...headers, authorization: `Bearer ${value}` } }
        : {
            path: '/token/introspection',
            form: { token: value, ...(client.isJwt ? {} : { client_id: client.id }) },
            headers: client.isJwt ? { ...headers, authorization: `Basic ${basic}` } : headers,
          },
      scene.lots.share(),
    ),
  )
  if (told.kind !== 'answer') return told
  const { status, text, fromMs, toMs } = told.answer
  if (way === 'me') return { isActive: status === 200, exp: 0, fromMs, toMs }
  const { active = false, exp = 0 } = JSON.parse(text) as { readonly active?: boolean; readonly exp?: number }
  return { isActive: active, exp, fromMs, toMs }
}

/** Uses the access token of a login. */
export async function use(scene: Scene, stay: Stay, way: 'introspect' | 'me'): Promise<void> {
  const before = accessEnd(stay)
  const told = await look(scene, { client: stay.client, value: stay.access.value, way })
  const { access, visit, client } = stay
  if ('kind' in told) {
    if (told.kind !== 'doubt') return
    access.used = prolong(access.used, told.span, false)
    if (visit && client.isBound) visit.used = prolong(visit.used, told.span, false)
    return
  }
  const expected = due(before, told, fateOf(stay))
  if (!told.isActive) {
    if (expected === 'works') find(scene, `an acknowledged access token of ${client.id} was refused (${way})`)
    scene.tallies.count('access tokens refused')
    if (client.isBound) bury(stay, ranOut)
    return
  }
  if (expected === 'refused') find(scene, `an access token of ${client.id} lived beyond its limit (${way})`)
  const latestMs = Math.min(told.toMs + client.access.idle * 1000, access.toMs + client.access.max * 1000) + 3000
  if (told.exp * 1000 > latestMs) find(scene, `an introspection of ${client.id} tells an exp beyond its limit`)
  scene.tallies.count('access tokens used')
  access.used = prolong(access.used, told, true)
  if (visit && client.isBound) visit.used = prolong(visit.used, told, true)
}
