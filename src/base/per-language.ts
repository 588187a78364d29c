import { z } from 'zod'
import { locales } from './languages.ts'

/**
 * Schema of a setting that is a text, or anything else, for each of some languages: `{ zh-CN: …, en: … }`. Which there
 * are is read when the schema is used.
 */
export function perLanguage<Said extends z.ZodType>(said: Said, empty = 'names no language') {
  return z.lazy(() => {
    const names = new Intl.DisplayNames('en', { type: 'language' })
    const members = locales().map((tag) => [tag, said.optional().describe(`In ${names.of(tag)}.`)] as const)
    return z
      .strictObject(Object.fromEntries(members))
      .refine((given) => Object.values(given).some((each) => each !== undefined), empty)
  })
}
