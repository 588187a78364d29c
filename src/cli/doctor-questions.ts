import { answerIn } from '../../interactions/refusal-record.ts'
import type { Question } from '../../interactions/upstreams/connector.ts'
import { AppError } from '../base/errors.ts'
import { type Finding, fail, ok, reasonOf, warn } from './doctor-checks.ts'
import { meaningOf } from './doctor-meanings.ts'
import { unreachable } from './doctor-reach.ts'

/** A question, and what the report says around its answer. */
export interface Asking {
  /** The name of the settings, as the report shows it. */
  readonly name: string
  readonly question: Question
  /** The page of the vendor's console where what is wrong can be mended. */
  readonly page: string
  /** What to do about an answer that is none of the vendor's, where there is more to say than usual. */
  readonly oddAdvice?: string
}

/** Longer than one answer may take, and the doctor asks everybody at once. */
export const longestWaitMs = 15_000

/** Asks all at once and waits for no answer longer than `longestMs`; tells of each what is to be done. */
export async function askAll(asking: readonly Asking[], longestMs = longestWaitMs): Promise<Finding[]> {
  const bound = new Bound(longestMs)
  try {
    return await Promise.all(asking.map((each) => answered(each, bound)))
  } finally {
    bound.end()
  }
}

async function answered(asking: Asking, bound: Bound): Promise<Finding> {
  const { name, question } = asking
  try {
    await bound.within(question.ask())
  } catch (error) {
    return judged(error, asking)
  }
  if (question.isAnswered)
    return ok(name, `${question.about}: answered, so id, secret and the address of this server are right`)
  const detail = `${question.about}: a code that nobody has made was accepted`
  return fail(name, detail, 'whatever answers there is not the vendor: correct the address in the settings')
}

/** One time limit for many answers. */
class Bound {
  readonly #over: Promise<never>
  readonly #timer: NodeJS.Timeout

  constructor(ms: number) {
    const { promise, reject } = Promise.withResolvers<never>()
    // Somebody may end it before anybody waits.
    promise.catch(() => undefined)
    this.#over = promise
    this.#timer = setTimeout(() => reject(new Error(`no answer within ${ms / 1000} s`)), ms)
  }

  within<T>(answer: Promise<T>): Promise<T> {
    return Promise.race([answer, this.#over])
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}

const known: ReadonlySet<string> = new Set(['upstream.code_invalid', 'one_tap.expired', 'one_tap.failed'])

function judged(error: unknown, { name, question, page, oddAdvice }: Asking): Finding {
  const { about, isOptional, shows = 'id and secret are right' } = question
  if (!(error instanceof AppError)) return unreachable(name, `${about}: ${reasonOf(error)}`)
  const { vendor_code: code = 'nothing', address_seen: address, reason, asked } = answerIn(error)
  if (reason !== undefined && !isAnswer(reason)) return unreachable(name, `${about}: ${asked}: ${code}, ${reason}`)
  const said = `${about}: ${reason ?? code}`
  const meaning = meaningOf(code)
  if (meaning) {
    const isHarmless = meaning.passes || (isOptional && meaning.isNeedless)
    return (isHarmless ? warn : fail)(name, `${said}: ${meaning.says(address)}`, meaning.advice({ page, address }))
  }
  // What is none of the vendor's codes was found here, in an answer that was no refusal.
  if (known.has(error.code) && !code.startsWith('no_')) {
    return ok(name, `${said} to what was made up, so ${shows}`)
  }
  if (error.code === 'upstream.busy' && code !== 'page') {
    return warn(name, `${said}: the vendor is busy`, 'run doctor again later; while it lasts, logins fail too')
  }
  if (error.code === 'upstream.misconfigured') {
    return fail(name, `${said}: the vendor does not accept this server`, `compare id and secret with ${page}`)
  }
  if (!isShapeless(code)) {
    return warn(name, `${said}: not known here`, 'look the code up in the documents of the vendor, and try a login')
  }
  const advice = 'correct the address in the settings, and look at what stands between this machine and the vendor'
  return fail(name, `${said}: an odd answer, as of somebody else`, oddAdvice ?? advice)
}

/** Whether there was no code in the answer: it was no JSON, or had only a status. */
function isShapeless(code: string): boolean {
  return (
    ['unparsable', 'unexpected_shape', 'page', 'nothing', 'unclear'].includes(code) || /^(no_\w+|\d{3})$/.test(code)
  )
}

/** Some answers are refused by our own client: they are there, but not what a vendor says. */
function isAnswer(reason: string): boolean {
  return reason === 'redirected' || reason.startsWith('answer larger')
}
