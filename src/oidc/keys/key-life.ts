import { z } from 'zod'
import { duration, durationOrNone } from '../../base/duration.ts'
import type { Catalog } from '../clients/catalog.ts'
import { accessLimit, fixedSeconds, type Lifetimes, lifetimesOf, maxSeconds } from '../clients/lifetimes.ts'

/** What a key does: it signs tokens or cookies. */
export type KeyUse = 'sig' | 'cookie'
/** Where a key is in its life: it waits, signs, or only verifies. */
export type KeyState = 'next' | 'current' | 'previous'

/** A key as an operator sees it. */
export interface KeyInfo {
  readonly id: string
  readonly use: KeyUse
  readonly alg: string
  readonly state: KeyState
  /** A key for tokens is published from here on, one for cookies accepted. */
  readonly createdAt: Date
  /** When it began to sign. */
  readonly activatedAt: Date | undefined
  /** When it ceased to sign. */
  readonly retiredAt: Date | undefined
  /** When nothing it signed is valid any more. */
  readonly removeAt: Date | undefined
}

const day = 86_400

/** Settings of the keys that the server makes and replaces by itself. */
export const keyOptions = z.strictObject({
  rotate_every: durationOrNone
    .refine((seconds) => seconds === 'none' || seconds >= day, 'expected at least 1d, or none')
    .prefault('90d')
    .describe('How long a key signs until the next one takes over, or `none`: only by `menshen keys rotate`.'),
  keep_previous: duration
    .prefault('30d')
    .describe(
      'How long a key stays published after it ceased to sign, for the sake of `id_token_hint`. What it signed is ' +
        'waited for in any case.',
    ),
})

/** The settings and facts that decide how long keys live. */
export interface KeyRules {
  readonly options: z.output<typeof keyOptions>
  readonly lifetimes: Lifetimes
}

/** Seconds for which others may keep the keys or the metadata after fetching them. */
export const jwksCacheSeconds = 300

/** Seconds after which a process that could not ask the database stops: it publishes no keys and signs nothing. */
export const silenceSeconds = 3600

/**
 * Seconds a key is published, or accepted, before it signs. The slowest process publishes it within `silenceSeconds`,
 * whoever asked just before keeps the older set for `jwksCacheSeconds`; as long again is for a second cache in the way,
 * and for clocks that differ.
 */
export const signsAfterSeconds = silenceSeconds + 2 * jwksCacheSeconds

/** No browser keeps a cookie longer than this (RFC 6265bis §5.5). */
const cookieLimitSeconds = 400 * day

/** A change in the life of a key that no operator asks for. */
export interface KeyStep {
  readonly step: 'publish_successor' | 'stop_signing' | 'sign' | 'remove'
  readonly at: Date
}

/** The next step in the life of a key; undefined when it stays as it is until somebody acts. */
export function nextStep(key: KeyInfo, keys: readonly KeyInfo[], { options }: KeyRules): KeyStep | undefined {
  const after = (from: Date, seconds: number) => new Date(from.getTime() + seconds * 1000)
  switch (key.state) {
    case 'next':
      return { step: 'sign', at: after(key.createdAt, signsAfterSeconds) }
    case 'previous':
      return key.removeAt && { step: 'remove', at: key.removeAt }
    case 'current': {
      const next = keys.find((each) => each.state === 'next' && each.use === key.use && each.alg === key.alg)
      if (next) return { step: 'stop_signing', at: after(next.createdAt, signsAfterSeconds) }
      if (options.rotate_every === 'none') return undefined
      return {
        step: 'publish_successor',
        at: after(key.activatedAt ?? key.createdAt, options.rotate_every - signsAfterSeconds),
      }
    }
  }
}

/** When the next step of any key is due, in milliseconds since the epoch; `Infinity` when there is none. */
export function dueAtMs(keys: readonly KeyInfo[], rules: KeyRules): number {
  return Math.min(...keys.map((key) => nextStep(key, keys, rules)?.at.getTime() ?? Number.POSITIVE_INFINITY))
}

/**
 * Seconds a key must stay after the next one has taken over. A process that has not heard of it signs with the old key
 * for a while, and what it signed last is valid as long as clients and resources say. A session that is used through
 * its tokens alone gets no new cookie before its absolute limit, and until then an app may send the ID token of its
 * first login (`id_token_hint`).
 */
export function keepSeconds(use: KeyUse, { clients, resources }: Catalog, { options, lifetimes }: KeyRules): number {
  const policies = [lifetimes, ...[...clients.values()].map(({ seed }) => lifetimesOf(seed.lifetimes, lifetimes))]
  const ofTokens = [...resources.values()].map(({ seed }) => seed.access_token.ttl ?? 0)
  const ofSessions = policies.map(({ session }) => Math.min(maxSeconds(session), cookieLimitSeconds))
  const ofSigned = [fixedSeconds.idToken, ...policies.map(({ access }) => accessLimit(access).idle), ...ofTokens]
  const lives = use === 'cookie' ? ofSessions : [...ofSessions, ...ofSigned]
  return Math.max(options.keep_previous, signsAfterSeconds + Math.max(...lives))
}
