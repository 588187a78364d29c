import { AppError } from '../../src/base/errors.ts'
import type { Answer, AskedFor, HumanChallenge, Level, Purpose, Shown, Wanted } from './human-challenge.ts'

type Fields = Answer['fields']

/** What became of an answer: `human`, or why it is none. */
export type CheckOutcome = 'human' | 'refused' | 'degraded' | 'unavailable'

interface Dependencies {
  /** The one that asks nobody anything, for browsers and apps. */
  readonly work: HumanChallenge
  /** The one for browsers without script. */
  readonly question: HumanChallenge
  /** Told of each answer. */
  readonly onAnswer: (challenge: string, outcome: CheckOutcome) => void
}

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

/**
 * What a request wants to be done. The same fields give the same, so that the request that comes again with a proof is
 * the one that was asked for it.
 */
export function wantedBy(attemptId: string, way: Way | undefined, fields: Fields): Wanted {
  const named = naming.map((name) => fields[name] ?? null)
  return { purpose: purposeOf(way), attemptId, to: JSON.stringify([way?.id ?? null, ...named]) }
}

/** How much a decision asks for; undefined for every other refusal. */
export function levelOf({ code, params }: AppError): Level | undefined {
  const { level } = params
  return code === 'challenge.required' && (level === 1 || level === 2 || level === 3) ? level : undefined
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

  /** What an app gets, whose client solves it. Throws `request.too_many`. */
  async forApp(asked: AskedFor): Promise<Shown> {
    const { work } = this.#deps
    return { provider: work.name, ...(await work.shown(asked)) }
  }

  /**
   * What a request has proved. A wrong answer is no reason to refuse it: it is decided as if there were none. Throws
   * `request.too_many` for who answers too many questions, and `server.unavailable` where nobody can say.
   */
  async given(answer: Answer): Promise<ProofGiven> {
    const { work, question } = this.#deps
    let isRefused = false
    for (const challenge of [work, question]) {
      // The answer comes last: a question that a page holds is none yet.
      if (!answer.fields[challenge.fields.at(-1) ?? '']) continue
      const proved = await challenge.verify(answer)
      this.#deps.onAnswer(challenge.name, proved.verdict)
      if (proved.verdict === 'human') return { level: proved.level ?? 3, isRefused: false }
      if (proved.verdict === 'unavailable') throw new AppError('server.unavailable', { cause: proved.cause })
      isRefused = true
    }
    return { level: undefined, isRefused }
  }
}
