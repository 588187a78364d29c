import { AppError } from '../../src/base/errors.ts'
import type { Locale } from '../../src/base/languages.ts'
import type { Limits } from '../../src/ops/limits.ts'
import type { Level } from '../challenges/human-challenge.ts'
import { type HumanChecks, isCaptchaAway, levelOf, wantedBy } from '../challenges/human-checks.ts'
import type { Input } from '../methods/method.ts'
import type { NextStep } from './answers.ts'

interface Dependencies {
  readonly limits: Limits<'native.ip' | 'native.device'>
  readonly checks: HumanChecks
  /** Whether the first message of a login waits for a proof, whatever the rules say. */
  readonly asksAlways: boolean
}

/** A request that goes on with a login. */
export interface Asking {
  readonly fields: Input
  readonly ip: string
  readonly attemptId: string
  /** Id of the method it is for. */
  readonly method: string | undefined
  readonly locale: Locale
  /** Whether a genuine app of the client sent it. */
  readonly isGenuine: boolean
}

/** What a request brings along. */
interface Passed {
  /** Messages the session may still ask for. */
  readonly sendsLeft: number
  /** What it has proved; undefined: nothing. */
  readonly proven: Level | undefined
}

/** Messages one solved captcha is good for: the first code, and two more for whoever waits in vain. */
const sendsPerCaptcha = 3

/** What stands before a login of an app: limits, a captcha before a message is sent, and what a decision asks for. */
export class Gate {
  readonly #limits: Dependencies['limits']
  readonly #checks: HumanChecks
  readonly #asksAlways: boolean

  constructor({ limits, checks, asksAlways }: Dependencies) {
    this.#limits = limits
    this.#checks = checks
    this.#asksAlways = asksAlways
  }

  /** What an app shows after `challenge.required`, or after `captcha.required`. */
  async step(asking: Asking, error: AppError): Promise<NextStep | undefined> {
    const asked = { ...wantedOf(asking), ip: asking.ip, locale: asking.locale, level: levelOf(error) ?? 1 }
    const shown = await this.#checks.forApp(asked, { isAway: isCaptchaAway(error) })
    return { step: 'captcha', ...shown } as NextStep
  }

  /**
   * A login that begins counts for its network. SECURITY: before its proofs are looked at, each of which leaves a mark.
   */
  async begin({ ip }: Pick<Asking, 'ip'>): Promise<void> {
    await this.#limits.take('native.ip', ip)
  }

  /** A login also counts for its key, where it has one. */
  async know(jkt: string | undefined): Promise<void> {
    if (jkt !== undefined) await this.#limits.take('native.device', jkt)
  }

  /**
   * Before a method goes on, or a choice is taken. SECURITY: a message costs money and can be a nuisance to whoever
   * gets it. Throws `captcha.required` for a missing or wrong answer, and what `HumanChecks.given` throws.
   */
  async pass(asking: Asking, { sendsLeft }: Pick<Passed, 'sendsLeft'>, method: string | undefined): Promise<Passed> {
    const { fields, ip, isGenuine } = asking
    // What a genuine app sends, no program of others has made up.
    if (isGenuine) return { sendsLeft, proven: 3 }
    const wanted = wantedOf(asking)
    const { level: proven } = await this.#checks.given({ ...wanted, fields, ip })
    const takes = fields['phone'] !== undefined || fields['resend'] !== undefined
    const sends = method === 'sms' && (takes || fields['choice'] === 'login_existing')
    if (!sends || !this.#checks.captcha) return { sendsLeft, proven }
    if (proven !== undefined) return { sendsLeft: sendsPerCaptcha - 1, proven }
    if (sendsLeft > 0) return { sendsLeft: sendsLeft - 1, proven: 1 }
    if (this.#asksAlways) throw new AppError('captcha.required')
    return { sendsLeft, proven }
  }
}

function wantedOf({ fields, attemptId, method }: Asking) {
  return wantedBy(attemptId, method === undefined ? undefined : { id: method }, fields)
}
