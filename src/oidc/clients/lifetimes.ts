import { z } from 'zod'
import { duration, durationOrNone, formatDuration } from '../../base/duration.ts'

const sliding = z.strictObject({
  idle: duration.describe('Ends after this long without use.'),
  max: durationOrNone.describe('Ends this long after the login, however much it is used; `none`: never.'),
})

/** What the setting of that name says, for clients and in general. */
export const retryMeaning =
  'How long a used refresh token still brings the same successor, while nobody has used that: an answer that was lost logs nobody out.'

/**
 * How long opaque access tokens live that slide. They are not rotated, so a thief could use a stolen one until `max`:
 * that limit cannot be left out.
 */
export const slidingAccess = z.strictObject({
  idle: duration.describe('Ends after this long without an introspection or userinfo request.'),
  max: duration.describe('Ends this long after it was issued, however much it is used.'),
})

/** How long things last for one client. Whatever is left out comes from the configuration. */
export const lifetimesSchema = z.strictObject({
  access: z
    .union([duration, slidingAccess], { error: 'expected a duration such as 10m, or { idle: 30m, max: 12h }' })
    .optional()
    .describe('Access tokens that no resource gives a time of its own; opaque ones may slide.'),
  session: sliding.optional().describe('The browser session.'),
  refresh: sliding
    .extend({ retry: duration.optional().describe(retryMeaning) })
    .optional()
    .describe('Refresh tokens, which slide with every use.'),
})

/** Seconds something lives after its last use, and at most. */
export interface Sliding {
  readonly idle: number
  readonly max: number | 'none'
}

/** One policy, in seconds, from which every lifetime of a client is derived. */
export interface Lifetimes {
  readonly access: number | Sliding
  readonly session: Sliding
  readonly refresh: Sliding & {
    /** Seconds after its use in which a refresh token still brings its one successor. */
    readonly retry?: number | undefined
  }
}

const day = 86_400
/** Stands for `max: none`: ten years, far past any idle limit, yet a number the library accepts. */
const endless = 3650 * day

/**
 * Seconds, the same for everybody. A code is used at once by a program; a person needs longer for a login or for a
 * second screen.
 */
export const fixedSeconds = {
  code: 60,
  /** A grant of an app whose code nobody exchanges is nobody's login. */
  unclaimedGrant: 600,
  interaction: 3600,
  deviceCode: 600,
  anonymousSession: 600,
  idToken: 3600,
  /** The shortest time in which a used refresh token still brings its successor: two tabs refresh at once. */
  leastRetry: 30,
  /** Seconds that the clock of a client may be ahead of ours (FAPI 2.0 Security Profile §5.3.2.1). */
  clockTolerance: 10,
} as const

/** The policy of a client: its own settings over the defaults. */
export function lifetimesOf(own: z.output<typeof lifetimesSchema> | undefined, defaults: Lifetimes): Lifetimes {
  return {
    access: own?.access ?? defaults.access,
    session: own?.session ?? defaults.session,
    refresh: own?.refresh ? { retry: defaults.refresh.retry, ...own.refresh } : defaults.refresh,
  }
}

/** Seconds after its use in which a refresh token still brings its one successor, while that is unused. */
export function retrySeconds({ refresh }: Pick<Lifetimes, 'refresh'>): number {
  return refresh.retry ?? day
}

/** The life of an access token as one that slides; a fixed life is one whose idle limit equals its absolute limit. */
export function accessLimit(access: number | Sliding): Sliding {
  return typeof access === 'number' ? { idle: access, max: access } : access
}

/** Two limits that do not fit together: something would end earlier than its setting says. */
export interface LifetimeProblem {
  /** The settings that contradict each other, for example `refresh.idle`; changing any of them repairs it. */
  readonly fields: readonly [string, ...string[]]
  readonly message: string
}

/**
 * Who holds tokens: a machine has neither session nor refresh token; an app without `offline_access` has tokens that
 * end with the browser session; an app with `offline_access` has tokens that outlive it.
 */
export type TokenHolder = 'machine' | 'session' | 'offline'

/** What is wrong with a policy. */
export function lifetimeProblems(lifetimes: Lifetimes, holder: TokenHolder): LifetimeProblem[] {
  const { session, refresh } = lifetimes
  const limits = { session, refresh, access: accessLimit(lifetimes.access) }
  const found: LifetimeProblem[] = (['session', 'refresh', 'access'] as const).flatMap((name) => {
    const { idle, max } = limits[name]
    return max !== 'none' && idle > max ? [{ fields: [name], message: 'idle is longer than max' }] : []
  })
  if (holder === 'machine') return found
  if (session.idle < fixedSeconds.code) {
    const message = `is shorter than the ${fixedSeconds.code}s a code lives, and would end before the login is done`
    found.push({ fields: ['session.idle'], message })
  }
  const { leastRetry } = fixedSeconds
  if (refresh.idle <= leastRetry) {
    const message = `must be longer than the ${leastRetry}s in which a refresh may be repeated`
    found.push({ fields: ['refresh.idle'], message })
  }
  if (retrySeconds(lifetimes) < leastRetry) {
    const message = `must be at least ${leastRetry}s: two tabs that refresh at once would sign each other out`
    found.push({ fields: ['refresh.retry'], message })
  }
  return [...found, ...accessProblems(limits.access, lifetimes, { holder, name: 'access' })]
}

/**
 * Why access tokens with this life do not fit a client. A client that refreshes when its access token has ended must
 * find a refresh token that is still alive, and a sliding token must not be cut short by the session or by the family
 * of refresh tokens.
 */
export function accessProblems(
  access: Sliding,
  { session, refresh }: Pick<Lifetimes, 'session' | 'refresh'>,
  {
    holder,
    name,
  }: { readonly holder: TokenHolder /** What the access token's life is called. */; readonly name: string },
): LifetimeProblem[] {
  const around = holder === 'machine' ? {} : holder === 'offline' ? { refresh } : { refresh, session }
  return Object.entries(around).flatMap(([other, limit]) => {
    const isShorter = other === 'refresh' ? access.idle < limit.idle : access.idle <= limit.idle
    if (!isShorter) {
      const than = `${other}.idle (${formatDuration(limit.idle)})`
      const message = `${name} (${formatDuration(access.idle)}) must be shorter than ${than}, which would end first`
      return [{ fields: ['access', `${other}.idle`], message }]
    }
    if (maxSeconds(access) <= maxSeconds(limit)) return []
    const than = `${other}.max (${formatDuration(limit.max)})`
    const message = `${name} (at most ${formatDuration(access.max)}) must not be longer than ${than}, which would end first`
    return [{ fields: ['access', `${other}.max`], message }]
  })
}

/** The absolute limit in seconds. */
export function maxSeconds(limit: Sliding): number {
  return limit.max === 'none' ? endless : limit.max
}

/**
 * Seconds until something that has lived for `ageSeconds` ends, if it is not used again. At least 1: the library
 * refuses 0.
 */
export function remainingSeconds(limit: Sliding, ageSeconds: number): number {
  return Math.max(1, Math.min(limit.idle, maxSeconds(limit) - ageSeconds))
}

/**
 * Seconds until a browser session ends that is used now and began `ageSeconds` ago. Several clients share one session:
 * it lives as long as the most generous of their limits. Each client still asks for a login at its own absolute limit.
 */
export function sessionSeconds(limits: readonly Sliding[], ageSeconds: number): number {
  return Math.max(...limits.map((limit) => remainingSeconds(limit, ageSeconds)), 1)
}

/** Seconds until a session that began `ageSeconds` ago ends, however often it is used. */
export function sessionMaxSeconds(limits: readonly Sliding[], ageSeconds: number): number {
  return Math.max(...limits.map((limit) => maxSeconds(limit) - ageSeconds), 1)
}

/**
 * How many seconds later an end must become before it is written again: a minute, or a hundredth of a short life. So
 * something may end that much earlier than its idle limit says.
 */
export function worthwhileGain(lifeSeconds: number): number {
  return Math.max(1, Math.min(60, Math.floor(lifeSeconds / 100)))
}

/**
 * Seconds a grant must still live from now. A refresh token dies with its grant, so the grant outlives both the token
 * family that starts now and the browser session, by a day; access tokens are refused a longer life than those.
 */
export function grantSeconds(lifetimes: Lifetimes): number {
  return Math.max(maxSeconds(lifetimes.refresh), maxSeconds(lifetimes.session)) + grantMarginSeconds
}

/** By how many seconds a grant outlives what it carries; it is written again when less is left. */
export const grantMarginSeconds = day
