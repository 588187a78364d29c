import type { AppError } from '../../src/base/errors.ts'
import type { Ask } from '../methods/method.ts'

/** What the page for a code shows of the step that asks for it. */
export function codeView(
  { channel, maskedTarget, purpose, resendAt, isUnclear }: Extract<Ask, { view: 'code' }>,
  error: AppError | undefined,
  nowMs: number,
) {
  return {
    channel,
    maskedTarget,
    purpose,
    isUnclear,
    resendAfterSeconds: Math.max(0, Math.ceil((resendAt - nowMs) / 1000)),
    triesLeft: error?.params['triesLeft'] as number | undefined,
  }
}
