import { browserSession, type Client } from './clientele.ts'
import type { Browser } from './fleet.ts'
import type { Resident } from './plan.ts'

/** Something happened between two moments: it was asked for at one and answered at the other. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** A token as its client knows it. */
export interface AccessToken extends Span {
  readonly value: string
  readonly expiresInMs: number
  /** When it was last used, as far as is known: a use that was cut may or may not have counted. */
  used: Span
}

/** A login of one client, as the client knows it. */
export interface Stay {
  readonly client: Client
  readonly person: Person
  /** Of an app there is none. */
  readonly visit: Visit | undefined
  /** When its family of refresh tokens began. */
  readonly begun: Span
  /** There is none where tokens end with the browser session. */
  refreshToken: string | undefined
  /** When that was issued. */
  issued: Span
  /** Refreshes that were cut since may have prolonged it, until then. */
  doubtUntilMs: number
  access: AccessToken
  idToken: string
  /** What it was exchanged for. */
  readonly code: string
  /** Somebody ended it, or may have: `doubtful` is settled by the next answer. */
  fate: 'alive' | 'doubtful'
}

/** A browser session, as the browser knows it. */
export interface Visit {
  readonly browser: Browser
  readonly begun: Span
  /** Uses that count for it, as far as is known. */
  used: Span
  readonly stays: Stay[]
  fate: 'alive' | 'doubtful'
}

/** What has ended, and must not come back. */
export interface Grave {
  readonly client: Client
  readonly refreshToken: string | undefined
  readonly accessToken: string
  readonly why: string
}

/** Somebody, and everything that was acknowledged to them. */
export interface Person extends Resident {
  readonly index: number
  stays: Stay[]
  visit: Visit | undefined
  readonly graves: Grave[]
  userId: string | undefined
  /** Of logins: those that were acknowledged, and those that may have been done. */
  readonly logins: { known: number; doubtful: number }
  readonly thefts: { known: number; doubtful: number }
  /** Moments at which codes were asked for. */
  codesAskedMs: number[]
  isBusy: boolean
  /** What they did last. */
  readonly diary: string[]
}

/** Somebody who has done nothing yet. */
export function newcomer(resident: Resident, index: number): Person {
  return {
    ...resident,
    index,
    stays: [],
    visit: undefined,
    graves: [],
    userId: undefined,
    logins: { known: 0, doubtful: 0 },
    thefts: { known: 0, doubtful: 0 },
    codesAskedMs: [],
    isBusy: false,
    diary: [],
  }
}

/** Moments before something can be over, and after which it must be. */
export interface End {
  readonly earliestMs: number
  readonly latestMs: number
}

/** Processes round to seconds, and time passes between a decision and what is written of it. */
const slackMs = 3000

/** When the refresh token of a login ends, if it is not used again. */
export function refreshEnd({ client, issued, begun, doubtUntilMs }: Stay): End {
  const [idleMs, maxMs] = [client.refresh.idle * 1000, client.refresh.max * 1000]
  return {
    earliestMs: Math.min(issued.fromMs + idleMs, begun.fromMs + maxMs) - slackMs,
    latestMs: Math.min(Math.max(issued.toMs, doubtUntilMs) + idleMs, begun.toMs + maxMs) + slackMs,
  }
}

/** When an access token ends, if it is not used again. */
export function accessEnd({ client, access, begun, visit }: Stay): End {
  const { fromMs, toMs, expiresInMs, used } = access
  const maxMs = client.access.max * 1000
  const isSliding = client.access.idle !== client.access.max
  const familyMs = client.refresh.max * 1000
  if (!isSliding) {
    return { earliestMs: fromMs + expiresInMs - slackMs, latestMs: toMs + expiresInMs + slackMs }
  }
  const idleMs = client.access.idle * 1000
  return within(
    {
      earliestMs: Math.min(used.fromMs + idleMs - gainMs(idleMs), fromMs + maxMs, begun.fromMs + familyMs) - slackMs,
      latestMs: Math.min(used.toMs + idleMs, toMs + maxMs, begun.toMs + familyMs) + slackMs,
    },
    client.isBound ? visit : undefined,
  )
}

/** When a browser session ends, if it is not used again. */
export function visitEnd({ begun, used }: Pick<Visit, 'begun' | 'used'>): End {
  const [idleMs, maxMs] = [browserSession.idle * 1000, browserSession.max * 1000]
  return {
    earliestMs: Math.min(used.fromMs + idleMs - gainMs(idleMs), begun.fromMs + maxMs) - slackMs,
    latestMs: Math.min(used.toMs + idleMs, begun.toMs + maxMs) + slackMs,
  }
}

/** What is bound to a browser session ends with it, used or not. */
function within(end: End, visit: Visit | undefined): End {
  if (!visit) return end
  const around = visitEnd(visit)
  return {
    earliestMs: Math.min(end.earliestMs, around.earliestMs),
    latestMs: Math.min(end.latestMs, around.latestMs),
  }
}

/** What slides is written only when it gains a minute, or a hundredth of a short life. */
function gainMs(lifeMs: number): number {
  return Math.max(1000, Math.min(60_000, lifeMs / 100))
}

/** What an answer between two moments has to be. */
export type Due = 'works' | 'refused' | 'either'

/** What has to come of a use between two moments. */
export function due({ earliestMs, latestMs }: End, { fromMs, toMs }: Span, fate: Stay['fate']): Due {
  if (fromMs > latestMs) return 'refused'
  return toMs < earliestMs && fate === 'alive' ? 'works' : 'either'
}

/** A use that counted, or one that may have. */
export function prolong(used: Span, by: Span, isKnown: boolean): Span {
  return { fromMs: isKnown ? Math.max(used.fromMs, by.fromMs) : used.fromMs, toMs: Math.max(used.toMs, by.toMs) }
}

/** Takes a login off the books: its tokens must be refused from now on. */
export function bury(stay: Stay, why: string): void {
  const { person, client, refreshToken, access, visit } = stay
  person.stays = person.stays.filter((each) => each !== stay)
  visit?.stays.splice(visit.stays.indexOf(stay), 1)
  person.graves.push({ client, refreshToken, accessToken: access.value, why })
  if (person.graves.length > mostGraves) person.graves.shift()
}

const mostGraves = 12

/** Why a login is off the books whose access token may still be good. */
export const ranOut = 'its refresh token was refused'
