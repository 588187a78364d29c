import { z } from 'zod'
import { parseDuration } from '../base/duration.ts'
import { secret } from '../base/secret.ts'
import { wholeAddress } from '../base/vendor-address.ts'

/** SECURITY: whoever could answer in between would let a deletion through. */
function isHttpsOrOwn(text: string): boolean {
  return /^https:|^http:\/\/(localhost|127\.0\.0\.1|\[::1\])([:/?]|$)/i.test(text)
}

const longestDays = 15
const expected = `expected none, or a duration of at most ${longestDays}d such as 12h or 7d`

/** Fifteen days at most, because the rules of the mainland want a deletion done within fifteen working days. */
const wait = z
  .string({ error: expected })
  .refine((text) => text === 'none' || (parseDuration(text) ?? Number.POSITIVE_INFINITY) <= longestDays * 86_400, {
    error: expected,
  })
  .transform((text) => (text === 'none' ? 0 : (parseDuration(text) ?? 0)))
  .meta({ duration: true })

/** Settings of the deletion of accounts by their owners. */
export const deletionOptions = z.strictObject({
  wait: wait
    .prefault('7d')
    .describe('How long a deletion that was asked for may be taken back, `none` to `15d`; `none`: it is done at once.'),
  hook: z
    .strictObject({
      url: wholeAddress()
        .refine(isHttpsOrOwn, 'must be https; http is only for this machine')
        .describe(
          'Asked before a deletion begins whether anything stands in its way, such as an open order; https, or this machine.',
        ),
      secret: secret(16).describe('Key of the signature of the question, at least 16 characters.'),
    })
    .optional()
    .describe('Absent: nothing stands in the way of a deletion. See docs/accounts.md.'),
})

/** The settings of deletions, after they were checked. */
export type DeletionOptions = z.output<typeof deletionOptions>
