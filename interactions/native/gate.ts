import { AppError } from '../../src/base/errors.ts'
import type { Locale } from '../../src/base/languages.ts'
import type { Limits } from '../../src/ops/limits.ts'
import type { HumanChallenge, Shown, Wanted } from '../challenges/human-challenge.ts'
import type { Input } from '../methods/method.ts'

interface Dependencies {
  readonly limits: Limits<'native.ip' | 'native.device'>
  readonly captcha: HumanChallenge | undefined
}

interface Request {
  readonly fields: Input
  readonly ip: string
}

interface Session {
  readonly attemptId: string
}

/** Messages one solved captcha is good for: the first code, and two more for whoever waits in vain. */
const sendsPerCaptcha = 3

/** What stands before a login of an app: limits, and a captcha before a message is sent. */
export class Gate {
  readonly #limits: Dependencies['limits']
  readonly #captcha: HumanChallenge | undefined

  constructor({ limits, captcha }: Dependencies) {
    this.#limits = limits
    this.#captcha = captcha
  }

  /** What an app shows for the step `captcha`; undefined where nothing is asked. */
  async shown({ fields, ip }: Request, session: Session, locale: Locale): Promise<Shown | undefined> {
    return this.#captcha?.shown({ ...wantedBy(fields, session), ip, locale })
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
   * messages the session may still ask for. Throws `captcha.required` for a missing or wrong answer and
   * `server.unavailable` when nobody can say.
   */
  async pass(
    { fields, ip }: Request,
    session: Session & { readonly sendsLeft: number },
    { method, attested }: { readonly method: string; readonly attested: boolean },
  ): Promise<number> {
    const takes = fields['phone'] !== undefined || fields['resend'] !== undefined
    const sends = method === 'sms' && (takes || fields['choice'] === 'login_existing')
    const { sendsLeft } = session
    if (!this.#captcha || !sends || attested) return sendsLeft
    if (sendsLeft > 0) return sendsLeft - 1
    const { verdict, cause } = await this.#captcha.verify({ ...wantedBy(fields, session), fields, ip })
    if (verdict === 'unavailable') throw new AppError('server.unavailable', { cause })
    if (verdict !== 'human') throw new AppError('captcha.required')
    return sendsPerCaptcha - 1
  }
}

function wantedBy(fields: Input, { attemptId }: Session): Wanted {
  return { purpose: 'message', attemptId, to: fields['phone'] ?? '', level: 1 }
}
