import type { Locale } from '../base/languages.ts'
import type { Demand } from './demand.ts'

/** What the first middleware finds out about every request. */
export interface RequestState {
  requestId: string
  ip: string
  clientName?: string | undefined
  /** The client whose login, consent or logout this is, where the library does not say. */
  clientId?: string
  /** What the authorization request under way demands of its login. */
  demand?: Demand
  /** Where the request under way ends: an address of the client, which may lead on. */
  leadsTo?: string
  /** What the authorization request under way asks for. */
  uiLocales?: string
  /** The error of the protocol library, where it failed instead of refusing. */
  failure?: unknown
  locale?: Locale
}
