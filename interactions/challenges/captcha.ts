import { CircuitBreaker } from '../../src/base/circuit-breaker.ts'
import type { Clock } from '../../src/base/clock.ts'
import { AppError } from '../../src/base/errors.ts'
import type { Log } from '../../src/ops/log.ts'
import { madeUp, type Question, UpstreamAnswer, upstreamError } from '../upstreams/connector.ts'
import { type CaptchaPage, type CaptchaVendor, longestField } from './captcha-vendor.ts'
import type { HumanChallenge, Proved } from './human-challenge.ts'

interface Dependencies {
  readonly clock: Clock
  readonly log: Pick<Log, 'warn' | 'error'>
}

/** A vendor's captcha among the challenges. */
export interface CaptchaChallenge extends HumanChallenge {
  /** What its page loads; absent where only apps can show it. */
  readonly page: CaptchaPage | undefined
  /** What the script on the page has to know. */
  readonly widget: CaptchaVendor['widget']
  /** Whether nobody asks the vendor at the moment, so that nobody needs to solve it. */
  isResting(): boolean
}

/** Milliseconds that a vendor has for its answer: somebody waits, and there is another challenge. */
export const captchaTimeoutMs = 3000
/** So many times in half a minute without an answer, and nobody is asked for a minute. */
const breaking = { most: 5, withinMs: 30_000, restMs: 60_000 }

/**
 * The captcha of a vendor. SECURITY: where the vendor cannot be asked, nobody has shown anything: whoever asks for a
 * proof puts another challenge in its place, and never lets through. One question for each answer, and none while a
 * transaction waits.
 */
export function captcha(vendor: CaptchaVendor, { clock, log }: Dependencies): CaptchaChallenge {
  const breaker = new CircuitBreaker({ clock, ...breaking })
  const { vendor: name, fields: names, widget, page } = vendor

  async function verdictOf(given: Readonly<Record<string, string>>, ip: string): Promise<Proved> {
    const entries = names.map((each) => [each, given[each] ?? ''] as const)
    if (entries.some(([, text]) => text === '')) return { verdict: 'refused', vendorCode: 'missing' }
    if (entries.some(([, text]) => text.length > longestField)) return { verdict: 'refused', vendorCode: 'too_long' }
    if (!breaker.mayAsk()) return { verdict: 'degraded', vendorCode: 'resting' }
    try {
      const judged = await vendor.judge({ fields: Object.fromEntries(entries), ip })
      breaker.answered()
      return judged
    } catch (cause) {
      return unanswered(cause)
    }
  }

  function unanswered(cause: unknown): Proved {
    const isBusy = cause instanceof AppError && cause.code === 'upstream.busy'
    const vendorCode = cause instanceof AppError ? codeOf(cause) : 'unexpected'
    const line = { err: cause, vendor: name, vendor_code: vendorCode }
    if (!isBusy) {
      breaker.answered()
      log.error(line, 'the captcha does not judge: look at its settings, its console and its account')
    } else if (breaker.failed()) {
      log.error(line, `the captcha does not answer and is not asked for ${breaking.restMs / 1000} s`)
    } else log.warn(line, 'the captcha does not answer')
    return { verdict: 'unavailable', vendorCode, cause }
  }

  return {
    name,
    fields: names,
    page,
    widget,
    isResting: () => breaker.isResting(),
    shown: async () => ({ provider: name, fields: names, ...widget }),

    verify: ({ fields, ip }) => verdictOf(fields, ip),

    questions: () => captchaQuestions(vendor),
  }
}

/** Whether an answer that nobody gave is right. Nothing is used up by it, and nobody is charged for a wrong one. */
export function captchaQuestions(vendor: CaptchaVendor): readonly Question[] {
  const fields = Object.fromEntries(vendor.fields.map((name) => [name, madeUp()]))
  const ask = async () => {
    const { verdict, vendorCode = 'no_code' } = await vendor.judge({ fields, ip: '127.0.0.1' })
    if (verdict !== 'human') throw upstreamError('upstream.code_invalid', { vendorCode })
  }
  return [{ about: 'a solution', shows: vendor.shows, ask }]
}

function codeOf({ cause, code }: AppError): string {
  return cause instanceof UpstreamAnswer ? cause.vendorCode : code
}
