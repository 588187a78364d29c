import { z } from 'zod'
import { duration, durationOrNone } from '../base/duration.ts'

const sliding = z.strictObject({
  idle: duration.describe('Ends after this long without use.'),
  max: durationOrNone.describe('Ends this long after the login, however much it is used; `none`: never.'),
})

/** How long things last for one client. Whatever is left out comes from the configuration. */
export const lifetimesSchema = z.strictObject({
  access: duration.optional().describe('Access tokens that no resource gives a time of its own.'),
  session: sliding.optional().describe('The browser session.'),
  refresh: sliding.optional().describe('Refresh tokens, which slide with every use.'),
})

export interface Sliding {
  readonly idle: number
  readonly max: number | 'none'
}

/** One policy, in seconds, from which every lifetime of a client is derived. */
export interface Lifetimes {
  readonly access: number
  readonly session: Sliding
  readonly refresh: Sliding
}

const day = 86_400
/** Stands for `max: none`: ten years, far past any idle limit, yet a number the library accepts. */
const endless = 3650 * day

/** The policy of a client: its own settings over the defaults. */
export function lifetimesOf(own: z.output<typeof lifetimesSchema> | undefined, defaults: Lifetimes): Lifetimes {
  return {
    access: own?.access ?? defaults.access,
    session: own?.session ?? defaults.session,
    refresh: own?.refresh ?? defaults.refresh,
  }
}

/** What is wrong with a policy: an idle limit past the absolute one would never be reached. */
export function lifetimeProblems(lifetimes: Lifetimes): string[] {
  return (['session', 'refresh'] as const).flatMap((name) => {
    const { idle, max } = lifetimes[name]
    return max !== 'none' && idle > max ? [`lifetimes.${name}: idle is longer than max`] : []
  })
}

/** The absolute limit in seconds. */
export function maxSeconds(limit: Sliding): number {
  return limit.max === 'none' ? endless : limit.max
}

/** Seconds until something that has lived for `ageSeconds` ends, if it is not used again. At least 1: the library refuses 0. */
export function remainingSeconds(limit: Sliding, ageSeconds: number): number {
  return Math.max(1, Math.min(limit.idle, maxSeconds(limit) - ageSeconds))
}

/**
 * Seconds a grant must still live from now. A refresh token dies with its grant, so the grant outlives both the token family
 * that starts now and the browser session, by a day.
 */
export function grantSeconds(lifetimes: Lifetimes): number {
  return Math.max(maxSeconds(lifetimes.refresh), maxSeconds(lifetimes.session)) + day
}
