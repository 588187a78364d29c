const han = '\\p{Script=Han}'
const latin = '\\p{Script=Latin}\\p{N}'
/** `{s}` stands for digits that the script of a page fills in. */
const startsLatin = new RegExp(`^[${latin}{]`, 'u')
const endsLatin = new RegExp(`[${latin}}]$`, 'u')
const parameter = new RegExp(`(${han} ?)?\\{\\{(\\w+)\\}\\}(?= ?(${han})?)`, 'gu')

/** What a parameter may be followed by in a sentence: `{{brand, han_before}}`. */
export const chineseFormats: Readonly<Record<string, (value: string) => string>> = {
  han_before: (value) => (startsLatin.test(value) ? ` ${value}` : value),
  han_after: (value) => (endsLatin.test(value) ? `${value} ` : value),
}

/**
 * In Chinese one space stands between a Chinese character and a Latin letter or a digit, and none between two Chinese
 * characters. What a parameter brings is not known before, so that each parameter is marked with what it touches:
 * `登录{{brand}}` becomes `登录 Example` and `登录门神`. A space that was written beside it makes no difference.
 */
export function markSeams(sentence: string): string {
  return sentence
    .replace(parameter, (_, before: string | undefined, name: string, after: string | undefined) => {
      const formats = [before === undefined ? '' : ', han_before', after === undefined ? '' : ', han_after'].join('')
      return `${before?.trimEnd() ?? ''}{{${name}${formats}}}`
    })
    .replace(new RegExp(`\\}\\} (?=${han})`, 'gu'), '}}')
}

/** The same for a text that is all there: `60秒` becomes `60 秒`. */
export function spaced(text: string): string {
  return text
    .replace(new RegExp(`(?<=${han})(?=[${latin}])`, 'gu'), ' ')
    .replace(new RegExp(`(?<=[${latin}])(?=${han})`, 'gu'), ' ')
}
