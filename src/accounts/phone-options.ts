import { z } from 'zod'
import { durationOrNone } from '../base/duration.ts'

/** What becomes of whoever says that an account is theirs which nothing but a doubted number leads to. */
export const withoutOtherWay = ['support', 'let_in'] as const

/** Settings of phone numbers that may have gone to somebody else. */
export const reverifyOptions = {
  reverify_after: z
    .preprocess((value) => (value === 0 || value === '0' ? 'none' : value), durationOrNone)
    .prefault('90d')
    .describe(
      'A number that its account has not proved for this long is not enough from a device that the account does not ' +
        'know: operators give numbers to other people again. `0` or `none`: it always is.',
    ),
  without_other_way: z
    .enum(withoutOtherWay)
    .default('support')
    .describe(
      'Somebody proves such a number, says that the account is theirs, and nothing else leads to it: `support` has ' +
        'to look, or `let_in` lets them in on their word.',
    ),
}
