import type { Locale } from '../src/base/i18n.ts'

/** What the first middleware finds out about every request. */
export interface RequestState {
  requestId: string
  ip: string
  clientName?: string | undefined
  /** Whether the client under way lets nobody in without a phone number. */
  requiresPhone?: boolean
  /** What the authorization request under way asks for. */
  uiLocales?: string
  /** What the protocol library failed with, when it was no refusal. */
  failure?: unknown
  locale?: Locale
}
