import { z } from 'zod'
import { durationOrZero } from '../base/duration.ts'

const perDay = z.int().min(1).default(10_000)

/** Settings of messages to the owners of accounts. */
const ownerMessageOptions = z.strictObject({
  of_one_kind: z
    .int()
    .min(1)
    .default(5)
    .describe('Messages of one kind a day, of one account to one number or address: more tell nothing new.'),
  sms_per_day: perDay.describe('Text messages to owners a day in all. They do not count as messages with codes.'),
  mails_per_day: perDay.describe('Mails to owners a day in all.'),
})

const longestWaitSeconds = 30 * 86_400

/**
 * The proof of the new number is as old as the wait when the change is done. SECURITY: so the wait stays shorter than
 * carriers keep a number that was given back.
 */
const changeWait = durationOrZero.refine((seconds) => seconds <= longestWaitSeconds, 'is longer than 30d')

/** Settings of accounts. */
export const accountOptions = z.strictObject({
  change_wait: changeWait
    .prefault('3d')
    .describe(
      'How long a change of phone number or mail address waits for which the old one was not proved; `0s` to `30d`. Everybody who can be reached at the account is told at once and can stop it.',
    ),
  messages: ownerMessageOptions
    .prefault({})
    .describe(
      'What owners are told of by text message and mail: a way in, a password, a device that is new. Text messages need `notices` in a sender of `sms.senders`.',
    ),
})
