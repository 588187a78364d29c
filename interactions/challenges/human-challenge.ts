import type { Locale } from '../../src/base/languages.ts'
import type { Question } from '../upstreams/connector.ts'

/** What a proof is asked for; one that was given for anything else counts for nothing. */
export type Purpose = 'message' | 'password' | 'registration' | 'upstream'

/** How much is asked of whoever sends a request: 1 of somebody unknown, 3 while an attack goes on. */
export type Level = 1 | 2 | 3

/** What somebody wants to do, before which a proof is asked for. */
export interface Wanted {
  readonly purpose: Purpose
  /** The attempt of the page or app. */
  readonly attemptId: string
  /** What it is about, as it was entered: a number, an address, a name, a button. */
  readonly to: string
}

/** Who is asked for a proof, and how much. */
export interface AskedFor extends Wanted {
  readonly level: Level
  readonly ip: string
  readonly locale: Locale
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
export type Proved =
  | {
      /** It was right, and counts this once. */
      readonly verdict: 'human'
      /** How much was asked; absent: as much as can be. */
      readonly level?: Level
    }
  | {
      /**
       * `refused`: it was wrong, used, or is missing. `degraded`: nobody could be asked there, so that another
       * challenge takes its place. `unavailable`: nobody can say.
       */
      readonly verdict: 'refused' | 'degraded' | 'unavailable'
      /** The vendor's own word, or ours, for the log. */
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
  /** Throws `request.too_many` where a network asks for too many. */
  shown(asked: AskedFor): Promise<Shown>
  /**
   * Throws `request.too_many` where a network answers too many; never for what an answer is.
   */
  verify(answer: Answer): Promise<Proved>
  /** What `menshen doctor` asks a vendor. */
  questions?(): readonly Question[]
}
