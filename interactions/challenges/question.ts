import { randomBytes, randomInt } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../../src/base/clock.ts'
import type { Locale } from '../../src/base/languages.ts'
import type { Limits } from '../../src/ops/limits.ts'
import type { EphemeralStore } from '../../src/store/ephemeral.ts'
import type { Sealing } from '../../src/store/seal.ts'
import type { HumanChallenge, Proved, Wanted } from './human-challenge.ts'

/** The field of a page with what was asked, sealed. */
export const questionField = 'question'
/** The field with what was answered. */
export const answerField = 'question_answer'

interface Dependencies extends Pick<Sealing, 'seal' | 'open'> {
  readonly store: Pick<EphemeralStore, 'add'>
  readonly limits: Pick<Limits<'question.ip' | 'question.all'>, 'takeAll'>
  readonly clock: Clock
  readonly translate: (locale: Locale, key: string, params?: Readonly<Record<string, string>>) => string
}

const lifeMs = 300_000

const asked = z.strictObject({
  id: z.string(),
  purpose: z.string(),
  attemptId: z.string(),
  to: z.string(),
  level: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  /** What is right, as a number and in the words of the language it was asked in. */
  right: z.int(),
  word: z.string(),
  /** Milliseconds since the epoch. */
  until: z.int(),
})

type Asked = z.output<typeof asked>

/**
 * A question that a person can answer, drawn by the server: for browsers without script, or that cannot solve a proof
 * of work. It is text with a label, so that it can be heard and typed. SECURITY: a program that was written for it can
 * answer it, so that it is not the question that holds one back but how few of them a network may answer.
 */
export function question({ store, limits, clock, seal, open, translate }: Dependencies): HumanChallenge {
  /** A sum or a difference below twenty, in words. */
  function draw(locale: Locale): { readonly text: string; readonly right: number; readonly word: string } {
    const words = translate(locale, 'human.numbers').split('|')
    const word = (number: number) => words[number] ?? String(number)
    const [left, right] = [randomInt(2, 10), randomInt(2, 10)]
    const isSum = randomInt(2) === 0
    const [one, result] = isSum ? [left, left + right] : [left + right, left]
    const text = translate(locale, isSum ? 'human.sum' : 'human.difference', { one: word(one), two: word(right) })
    return { text, right: result, word: word(result) }
  }

  function readAsked(sealed: string | undefined): Asked | undefined {
    if (sealed === undefined) return undefined
    try {
      return asked.safeParse(JSON.parse(open(sealed))).data
    } catch {
      return undefined
    }
  }

  async function judge(wanted: Wanted & { readonly ip: string }, { token, given }: Given): Promise<Proved> {
    const found = readAsked(token)
    if (!found) return { verdict: 'refused', vendorCode: 'unreadable' }
    const { id, purpose, attemptId, to, level, right, word, until } = found
    if (clock() > until) return { verdict: 'refused', vendorCode: 'expired' }
    const isFor = purpose === wanted.purpose && attemptId === wanted.attemptId && to === wanted.to
    if (!isFor) return { verdict: 'refused', vendorCode: 'for_something_else' }
    await limits.takeAll([
      ['question.ip', wanted.ip],
      ['question.all', 'all'],
    ])
    // SECURITY: used up before it is compared, so that each question has one answer, and of two at once one is heard.
    const isFirst = await store.add(`question:${id}`, 1, Math.ceil((until - clock()) / 1000) + 1)
    if (!isFirst) return { verdict: 'refused', vendorCode: 'used' }
    const isRight = numberIn(given) === right || given.trim().toLowerCase() === word.toLowerCase()
    return isRight ? { verdict: 'human', level } : { verdict: 'refused', vendorCode: 'wrong' }
  }

  return {
    name: 'question',
    fields: [questionField, answerField],

    async shown({ locale, purpose, attemptId, to, level }) {
      const { text, right, word } = draw(locale)
      const id = randomBytes(12).toString('base64url')
      const kept: Asked = { id, purpose, attemptId, to, level, right, word, until: clock() + lifeMs }
      return { text, [questionField]: seal(JSON.stringify(kept)) }
    },

    async verify({ fields, ...wanted }) {
      const { [questionField]: token, [answerField]: given = '' } = fields
      if (given.trim() === '') return { verdict: 'refused', vendorCode: 'missing' }
      return judge(wanted, { token, given })
    },
  }
}

interface Given {
  readonly token: string | undefined
  readonly given: string
}

/** The number in what was typed, in the digits of any language; undefined if there is none. */
function numberIn(given: string): number | undefined {
  const text = given.normalize('NFKC').replace(/[٠-٩۰-۹]/g, (digit) => String(digit.charCodeAt(0) & 15))
  const [found, other] = text.match(/\d+/g) ?? []
  return found === undefined || other !== undefined ? undefined : Number(found)
}
