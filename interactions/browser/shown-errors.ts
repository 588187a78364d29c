import { type AppError, asAppError } from '../../src/base/errors.ts'

/** Failures of vendors about which a person can do something: they are shown on the page where they happened. */
const shownFailures = /^((sms|mail)\.undeliverable|message\.paused|deletion\.unanswered|(upstream|one_tap)\.\w+)$/

/** The error to show on the page where it happened. Throws everything that only we can repair. */
export function shown(thrown: unknown): AppError {
  const error = asAppError(thrown)
  if (error.status >= 500 && !shownFailures.test(error.code)) throw thrown
  return error
}
