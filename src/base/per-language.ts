import { z } from 'zod'
import { locales } from './languages.ts'

/**
 * Schema of a setting that is a text for each of some languages: `{ zh-CN: …, en: … }`. Which there are is read when
 * the schema is used.
 */
export function perLanguage<Text extends z.ZodType<string>>(text: Text, empty = 'names no language') {
  return z.lazy(() => {
    const names = new Intl.DisplayNames('en', { type: 'language' })
    const texts = locales().map((tag) => [tag, text.optional().describe(`In ${names.of(tag)}.`)] as const)
    return z
      .strictObject(Object.fromEntries(texts))
      .refine((given) => Object.values(given).some((each) => each !== undefined), empty)
  })
}
