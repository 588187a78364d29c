import { solved } from './solving.ts'
import type { Answer } from './visitor.ts'

/** Rules by which every stranger is asked to show that a person is there. */
export const everybodyAsked = JSON.stringify({
  rules: Object.fromEntries(
    ['message', 'password', 'registration'].map((act) => [`asked_${act}`, { act, verdict: 'challenge', level: 1 }]),
  ),
})

/** The fields that a page holds, by name, as the browser sends them again. */
export function hiddenFields({ text }: Pick<Answer, 'text'>): Record<string, string> {
  const inputs = [...text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)]
  return Object.fromEntries(inputs.map(([, name = '', value = '']) => [name, unescaped(value)]))
}

/** The form of the page with its challenge solved, as the script of the page sends it. */
export async function solvedForm(page: Pick<Answer, 'text'>): Promise<Record<string, string>> {
  const [, work = ''] = /data-work="([^"]*)"/.exec(page.text) ?? []
  return { ...hiddenFields(page), question_answer: '', altcha: await solved(JSON.parse(unescaped(work))) }
}

/** The form of the page with its question answered, as somebody without script sends it. */
export function answeredForm(page: Pick<Answer, 'text'>, off = 0): Record<string, string> {
  const [, label = ''] = /<label for="f-question_answer">([^<]*)</.exec(page.text) ?? []
  const { altcha: _, ...fields } = hiddenFields(page)
  return { ...fields, altcha: '', question_answer: String(answerTo(label) + off) }
}

const words = '零|一|二|三|四|五|六|七|八|九|十|十一|十二|十三|十四|十五|十六|十七|十八'.split('|')

/** What a person answers to a question of the Chinese page. */
export function answerTo(question: string): number {
  const [, one = '', sign, two = ''] = /^(.+)(加|减)(.+)等于几/.exec(question.replace(/[\u2068\u2069]/g, '')) ?? []
  return sign === '加' ? words.indexOf(one) + words.indexOf(two) : words.indexOf(one) - words.indexOf(two)
}

function unescaped(text: string): string {
  return text
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&')
}
