import { z } from 'zod'

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

/** Settings of accounts. */
export const accountOptions = z.strictObject({
  messages: ownerMessageOptions
    .prefault({})
    .describe(
      'What owners are told of by text message and mail: a way in, a password, a device that is new. Text messages need `notices` in a sender of `sms.senders`.',
    ),
})
