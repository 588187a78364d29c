import { AppError } from '../../src/base/errors.ts'
import type { Limits } from '../../src/ops/limits.ts'
import type { CaptchaChallenge } from './captcha.ts'
import type { Answer, AskedFor, HumanChallenge, Level, Proved, Purpose, Shown, Wanted } from './human-challenge.ts'

type Fields = Answer['fields']

/** What became of an answer: `human`, or why it is none. */
export type CheckOutcome = Proved['verdict']

interface Dependencies {
  /** The one that asks nobody anything, for browsers and apps. */
  readonly work: HumanChallenge
  /** The one for browsers without script. */
  readonly question: HumanChallenge
  /** The one of a vendor, which comes first where there is one. */
  readonly captcha: CaptchaChallenge | undefined
  readonly limits: Pick<Limits<'captcha.ip' | InsteadLimit>, 'take' | 'takeAll'>
  /** Told of each answer. */
  readonly onAnswer: (challenge: string, outcome: CheckOutcome) => void
}

/** How many messages may be sent to people who show it by our own challenge instead of the captcha. */
export type InsteadLimit = `instead.${'ip' | 'to' | 'all'}`

/** What our own challenge asks for in the place of the captcha of a vendor. */
const levelInstead = 2

/** What a request has proved. */
export interface ProofGiven {
  /** Undefined: nothing. */
  readonly level: Level | undefined
  /** Whether it brought an answer that did not do. */
  readonly isRefused: boolean
}

/** The way in that a request is for. */
interface Way {
  /** Id of the method; absent where a choice is answered. */
  readonly id: string
  readonly connection?: unknown
}

/** Fields that say what a request is about; a proof for one counts for no other. */
const naming = ['choice', 'phone', 'country', 'identifier', 'known', 'resend', 'account'] as const

/** Those of them that say who it is about, wherever it is asked. */
const saysWho = ['phone', 'identifier'] as const

/**
 * What a request wants to be done. The same fields give the same, so that the request that comes again with a proof is
 * the one that was asked for it.
 */
export function wantedBy(attemptId: string, way: Way | undefined, fields: Fields): Wanted {
  const named = naming.map((name) => fields[name] ?? null)
  // What names nobody is about whoever the attempt is about, and about nobody else.
  const whose = saysWho.some((name) => fields[name] !== undefined) ? null : attemptId
  return { purpose: purposeOf(way), attemptId, to: JSON.stringify([way?.id ?? null, ...named, whose]) }
}

/** How much a decision asks for; undefined for every other refusal. */
export function levelOf({ code, params }: AppError): Level | undefined {
  const { level } = params
  return code === 'challenge.required' && (level === 1 || level === 2 || level === 3) ? level : undefined
}

/** Whether the captcha of a vendor could not judge what came, so that our own challenge takes its place. */
export function isCaptchaAway({ params }: AppError): boolean {
  return params['isAway'] !== undefined
}

function purposeOf(way: Way | undefined): Purpose {
  if (way?.connection) return 'upstream'
  if (way?.id === 'password') return 'password'
  return way?.id === 'register' ? 'registration' : 'message'
}

/** Shows challenges of ours and judges what comes back. Who is asked, and for how much, is not decided here. */
export class HumanChecks {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** What a page shows: the work for its script, and the question for whoever has none. Throws `request.too_many`. */
  async forPage(asked: AskedFor): Promise<{ readonly work: string; readonly text: string; readonly question: string }> {
    const { work, question } = this.#deps
    const [forScript, forPeople] = await Promise.all([work.shown(asked), question.shown(asked)])
    const { text, question: sealed } = forPeople as { readonly text: string; readonly question: string }
    return { work: JSON.stringify(forScript[work.name]), text, question: sealed }
  }

  /** The captcha of a vendor, where there is one. */
  get captcha(): CaptchaChallenge | undefined {
    return this.#deps.captcha
  }

  /** How much our own challenge asks for: more, where it stands in the place of a captcha. */
  levelOfOwn(level: Level): Level {
    return this.#deps.captcha && level < levelInstead ? levelInstead : level
  }

  /**
   * What an app gets: what the widget of the captcha has to know, and always the work, which its client solves and
   * which needs nobody's eyes. Throws `request.too_many`.
   */
  async forApp(asked: AskedFor, { isAway = false } = {}): Promise<Shown> {
    const { work, captcha } = this.#deps
    if (!captcha || isAway || captcha.isResting()) return { provider: work.name, ...(await work.shown(asked)) }
    const level = this.levelOfOwn(asked.level)
    return { ...(await work.shown({ ...asked, level })), ...(await captcha.shown(asked)) }
  }

  /**
   * What a request has proved. A wrong answer is no reason to refuse it: it is decided as if there were none. Throws
   * `request.too_many` for who answers too much, `challenge.required` where the captcha of a vendor cannot judge, and
   * `server.unavailable` where nobody can say.
   */
  async given(answer: Answer): Promise<ProofGiven> {
    const { work, question } = this.#deps
    const byCaptcha = await this.#givenTo(this.#deps.captcha, answer)
    if (byCaptcha) return byCaptcha
    let isRefused = false
    for (const challenge of [work, question]) {
      // The answer comes last: a question that a page holds is none yet.
      if (!answer.fields[challenge.fields.at(-1) ?? '']) continue
      const proved = await challenge.verify(answer)
      this.#deps.onAnswer(challenge.name, proved.verdict)
      if (proved.verdict === 'human') {
        await this.#takeInstead(answer)
        return { level: proved.level ?? 3, isRefused: false }
      }
      if (proved.verdict === 'unavailable') throw new AppError('server.unavailable', { cause: proved.cause })
      isRefused = true
    }
    return { level: undefined, isRefused }
  }

  /** What the captcha says; undefined where nothing came for it. */
  async #givenTo(captcha: CaptchaChallenge | undefined, answer: Answer): Promise<ProofGiven | undefined> {
    if (!captcha?.fields.some((name) => answer.fields[name])) return undefined
    const proved = await captcha.verify(answer)
    this.#deps.onAnswer(captcha.name, proved.verdict)
    if (proved.verdict === 'human') return { level: proved.level ?? 3, isRefused: false }
    if (proved.verdict === 'refused') {
      await this.#deps.limits.take('captcha.ip', answer.ip)
      return { level: undefined, isRefused: true }
    }
    // SECURITY: nobody has shown anything: whoever switches the vendor off gets another challenge, and no way through.
    const params = { level: levelInstead, isAway: 1 }
    throw new AppError('challenge.required', { params, cause: proved.cause })
  }

  /**
   * SECURITY: our own challenge is a speed bump, and anybody may choose it, so that it opens less than the captcha of a
   * vendor beside which it stands.
   */
  async #takeInstead({ purpose, ip, to }: Answer): Promise<void> {
    const { captcha, limits } = this.#deps
    if (!captcha || (purpose !== 'message' && purpose !== 'registration')) return
    await limits.takeAll([
      ['instead.ip', ip],
      ['instead.to', to],
      ['instead.all', 'all'],
    ])
  }
}
