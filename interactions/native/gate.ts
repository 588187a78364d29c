import type { Limits } from '../../src/ops/limits.ts'
import type { Input } from '../methods/method.ts'
import type { Captcha } from './captcha.ts'

interface Dependencies {
  readonly limits: Limits<'native.ip' | 'native.device'>
  readonly captcha: Captcha | undefined
}

interface Request {
  readonly fields: Input
  readonly ip: string
}

/** Messages one solved captcha is good for: the first code, and two more for whoever waits in vain. */
const sendsPerCaptcha = 3

/** What stands before a login of an app: limits, and a captcha before a message is sent. */
export class Gate {
  readonly #limits: Dependencies['limits']
  readonly #captcha: Captcha | undefined

  constructor({ limits, captcha }: Dependencies) {
    this.#limits = limits
    this.#captcha = captcha
  }

  /** What an app shows for the step `captcha`. */
  get captcha(): Captcha['shown'] | undefined {
    return this.#captcha?.shown
  }

  /**
   * A login that begins counts for its network. SECURITY: before its proofs are looked at, each of which leaves a mark.
   */
  async begin({ ip }: Request): Promise<void> {
    await this.#limits.take('native.ip', ip)
  }

  /** A login also counts for its key, where it has one. */
  async know(jkt: string | undefined): Promise<void> {
    if (jkt !== undefined) await this.#limits.take('native.device', jkt)
  }

  /**
   * Before a method goes on. SECURITY: a message costs money and can be a nuisance to whoever gets it. Answers how many
   * messages the session may still ask for. Throws `captcha.required`, `request.too_many`.
   */
  async pass(
    { fields, ip }: Request,
    { sendsLeft }: { readonly sendsLeft: number },
    { method, attested }: { readonly method: string; readonly attested: boolean },
  ): Promise<number> {
    const takes = fields['phone'] !== undefined || fields['resend'] !== undefined
    const sends = method === 'sms' && (takes || fields['choice'] === 'login_existing')
    if (!this.#captcha || !sends || attested) return sendsLeft
    if (sendsLeft > 0) return sendsLeft - 1
    await this.#captcha.verify(fields['captcha_token'], ip)
    return sendsPerCaptcha - 1
  }
}
