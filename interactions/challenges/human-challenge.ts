import type { Locale } from '../../src/base/languages.ts'
import type { Question } from '../upstreams/connector.ts'

/** What a proof is asked for; one that was given for anything else counts for nothing. */
export type Purpose = 'message' | 'password' | 'registration' | 'upstream'

/** How much is asked of whoever sends a request: 1 for somebody unknown, 3 while an attack goes on. */
export type Level = 1 | 2 | 3

/** What somebody wants to do that waits for a proof. */
export interface Wanted {
  readonly purpose: Purpose
  /** The attempt of the page or app. */
  readonly attemptId: string
  /** Whom it is about, as it was entered: a number, an address, a name. */
  readonly to: string
  readonly level: Level
}

/** What a page or an app shows, by the name of each member. */
export type Shown = Readonly<Record<string, unknown>>

/** An answer that came back with the same request. */
export interface Answer extends Wanted {
  /** All that was entered, by field name. */
  readonly fields: Readonly<Record<string, string>>
  readonly ip: string
}

/** What an answer is worth. */
export interface Proved {
  /**
   * `human`: it was right, and counts this once. `refused`: it was wrong, used, or is missing. `degraded`: nobody could
   * be asked there, so that another challenge takes its place. `unavailable`: nobody can say.
   */
  readonly verdict: 'human' | 'refused' | 'degraded' | 'unavailable'
  /** The vendor's own word, for the log. */
  readonly vendorCode?: string | number | undefined
  /** For the log only. */
  readonly cause?: unknown
}

/** One way to tell people from programs. It knows neither pages nor apps, and does not decide who is asked. */
export interface HumanChallenge {
  /** As settings, logs and apps call it. */
  readonly name: string
  /** The fields an answer consists of; no method gets them to see. */
  readonly fields: readonly string[]
  shown(wanted: Wanted & { readonly ip: string; readonly locale: Locale }): Promise<Shown>
  /** Never throws for an answer, whatever it is. */
  verify(answer: Answer): Promise<Proved>
  /** What `menshen doctor` asks a vendor. */
  questions?(): readonly Question[]
}
