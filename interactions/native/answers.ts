import { z } from 'zod'
import { captchaStep } from './captcha-step.ts'

const text = z.string()
const seconds = z.int().nonnegative()

const agreement = z.object({
  id: text,
  version: text,
  url: text,
  title: text,
  required: z.literal(true),
})

const method = z.object({
  method: text.describe('Value of the parameter `method`.'),
  fields: z.array(text).describe('Parameters it begins with.'),
})

/** Methods by which something may be proved. */
export const waysToProve = z.array(method)

/** What may be answered to a conflict. */
export const conflictOptions = ['login_existing', 'use_other_phone', 'without_phone', 'join', 'one_account'] as const

/** What may be answered to the question whether what waits becomes part of the account that is in. */
export const bindingOptions = ['without_binding', 'bind'] as const

/** What may be answered to the question which of several accounts it is to be. */
export const accountOptions = ['account', 'one_account'] as const

/** What may be answered to the question whether two accounts become one. */
export const mergeOptions = ['merge', 'apart'] as const

/** What may be answered to the question whether the account of a number is theirs. */
export const ownerOptions = ['not_mine', 'mine'] as const

/** What may be answered to the question whether an account on its way out is to stay. */
export const leavingOptions = ['keep_deletion', 'undo_deletion'] as const

/** What an app has to show or do next, told by `step`. */
export const step = z.discriminatedUnion('step', [
  z
    .object({ step: z.literal('login'), methods: waysToProve, acr_values: text.optional() })
    .describe('The person has to prove who they are by one of the methods, the first of them being the most likely.'),
  z
    .object({
      step: z.literal('otp'),
      method: text,
      channel: z.enum(['sms', 'email']),
      masked: text,
      code_length: z.literal(6),
      expires_in: seconds.describe('Seconds a code is good for from when it was sent.'),
      resend_after: seconds.describe('Seconds until `resend=1` may be sent.'),
      attempts_left: seconds.optional(),
      delivery: z
        .enum(['unclear', 'scarce'])
        .optional()
        .describe(
          '`unclear`: nobody knows whether the code was sent; it may arrive, and is good if it does. `scarce`: codes ' +
            'are short, and only who has an account is sent one; offer other ways to log in. `message` says so.',
        ),
    })
    .describe('A code is on its way: send `otp`, or `resend=1`.'),
  captchaStep,
  z
    .object({ step: z.literal('agreement'), agreements: z.array(agreement) })
    .describe('Send the same again with `agreements`: `id@version` of each, separated by spaces.'),
  z
    .object({ step: z.literal('bind_phone'), reason: z.enum(['policy', 'conflict']), methods: waysToProve })
    .describe('A phone number has to be proved.'),
  z
    .object({
      step: z.literal('choose'),
      provider: text,
      nickname: text.optional(),
      options: z.array(z.enum(['new', 'existing'])),
      needs_invite: z.literal(true).optional().describe('With `choice=new` goes `invite`.'),
    })
    .describe('Nobody has this identity: send `choice`; after `existing`, a login binds it.'),
  z
    .object({
      step: z.literal('conflict'),
      provider: text,
      accounts: z.array(z.object({ label: text })).describe('Masked: enough for their owner to know them by.'),
      options: z.array(z.enum(conflictOptions)),
    })
    .describe('What was proved belongs to another account. Nothing has changed: send `choice`.'),
  z
    .object({
      step: z.literal('choose_account'),
      provider: text,
      accounts: z.array(
        z.object({
          account: text.describe('Value of the parameter `account`.'),
          label: text.describe('Masked: the phone number where there is one.'),
          nickname: text.optional(),
          created_at: z.iso.datetime(),
          last_used_at: z.iso.datetime(),
          keeps: z
            .boolean()
            .describe('It has no other way in: it keeps its part of the identity when another account is chosen.'),
        }),
      ),
      options: z.array(z.enum(accountOptions)),
    })
    .describe(
      'What was proved is one person’s and leads to several accounts: send `choice=account` and `account`. What leads to the others leads there from then on.',
    ),
  z
    .object({
      step: z.literal('confirm_owner'),
      provider: z.literal('phone'),
      account: z
        .object({ name: text.optional(), year: z.int() })
        .describe('The first letter of its nickname and the year it was made: whoever asks may be a stranger to it.'),
      options: z.array(z.enum(ownerOptions)),
    })
    .describe(
      'The account of the number has not proved it for long, and does not know this device. Send `choice`; after `mine`, a login by anything else shows it, and with `not_mine` the number leaves that account.',
    ),
  z
    .object({
      step: z.literal('merge'),
      accounts: z.array(
        z.object({
          account: text.describe('Value of `into` and of the parameters `keep_…`.'),
          label: text.describe('Masked: the phone number where there is one.'),
          nickname: text.optional(),
          created_at: z.iso.datetime(),
          last_used_at: z.iso.datetime(),
        }),
      ),
      into: text.describe('The account that stays unless `into` names the other one.'),
      keep: z
        .array(z.enum(['keep_password', 'keep_nickname', 'keep_picture']))
        .describe('Parameters by which the person says whose stays; without one, that of the account that stays.'),
      too_many: z
        .array(
          z.object({
            provider: text,
            limit: seconds.describe('How many stay at most.'),
            identities: z.array(z.object({ id: text, label: text })),
          }),
        )
        .describe('Of these the person says which stay: `stays_<id>` for each.'),
      options: z.array(z.enum(mergeOptions)),
    })
    .describe(
      'Both accounts were proved: show them, and send `choice=merge` with what stays, or `choice=apart`. It can be taken back for seven days.',
    ),
  z
    .object({
      step: z.literal('bind_identity'),
      identity: z
        .object({ provider: text, label: text, nickname: text.optional() })
        .describe('What waits: an identity that was proved before the login, or the phone number that was asked for.'),
      account: z.object({ label: text, nickname: text.optional() }).describe('Who is in.'),
      options: z.array(z.enum(bindingOptions)),
    })
    .describe('Both may be different people’s: show both, with no as the default, and send `choice`.'),
  z
    .object({
      step: z.literal('leaving'),
      account: z.object({ label: text, nickname: text.optional() }),
      deletion_at: z.iso.datetime().describe('When the account will be gone.'),
      options: z.array(z.enum(leavingOptions)),
    })
    .describe(
      'Deletion of the account was asked for. Show the date and ask: `choice=undo_deletion` lets in, `choice=keep_deletion` changes nothing and ends the login with `access_denied`.',
    ),
])

/** One step as the app endpoints describe it. */
export type NextStep = z.output<typeof step>

const common = {
  error_description: text.optional().describe('For developers, ASCII.'),
  message_key: text.optional().describe('Stable key of the sentence for people.'),
  message: text.optional().describe('That sentence in the language of `ui_locales` or Accept-Language.'),
  parameter: text.optional().describe('The parameter that is missing or wrong.'),
  auth_session: text.optional().describe('Replaces the one that was sent. Absent: begin again without one.'),
  retry_after: seconds.optional().describe('Seconds, as in the header Retry-After.'),
}

/** Status 200 of the challenge endpoint. */
export const success = z.object({
  authorization_code: text,
  auth_session: text.describe('To be kept: a later request with it asks the same person to prove more.'),
  new_user: z.literal(true).optional(),
})

/** Every other answer. `insufficient_authorization` is no failure: `step` says what comes next. */
export const refusal = z.object({
  error: text,
  ...common,
  request_uri: text
    .optional()
    .describe('With `redirect_to_web`: open the authorization endpoint with it in the system browser.'),
  expires_in: seconds.optional().describe('Seconds the `request_uri` is good for.'),
  reason: text.optional().describe('What stands in the way of a deletion, in the words of the operator’s system.'),
  link: text.optional().describe('Where that can be put in order; https.'),
  step: z
    .enum([
      'login',
      'otp',
      'captcha',
      'agreement',
      'bind_phone',
      'choose',
      'conflict',
      'choose_account',
      'confirm_owner',
      'bind_identity',
      'leaving',
      'merge',
    ])
    .optional(),
})

/** One way in, as its owner sees it. */
export const identity = z.object({
  id: text,
  provider: text,
  label: text.describe('Masked.'),
  verified: z.boolean(),
  created_at: z.iso.datetime(),
  last_used_at: z.iso.datetime(),
  removable: z.boolean().describe('False for the last way in.'),
  signed_in_with: z.boolean().describe('Whether this app’s login was made with it, and ends when it is removed.'),
  changing: z
    .object({ label: text.describe('The new one, masked.'), due_at: z.iso.datetime() })
    .optional()
    .describe('A number or address that waits to take its place; `DELETE /identities/{id}/change` stops it.'),
})

/** Status 200 of listing. */
export const identityList = z.object({ identities: z.array(identity) })

/** Status 200 of changing a number or address. */
export const changed = z.object({
  changed: z.boolean().describe('False: it waits, because the old one was not proved.'),
  due_at: z.iso.datetime().optional().describe('When it takes the place of the old one.'),
})

/** Status 200 of listing what somebody has allowed apps of others. */
export const consentList = z.object({
  consents: z.array(
    z.object({
      client_id: text,
      client_name: text,
      granted: z.array(
        z.object({
          scope: text,
          resource: text.optional().describe('The API it is a scope of.'),
          title: text.describe('What people read, as on the consent page.'),
          description: text.optional(),
        }),
      ),
      since: z.iso.datetime(),
      last_used_at: z.iso.datetime(),
    }),
  ),
})

/** Status 200 of what to say before a deletion. */
export const deletionFacts = z.object({
  wait_seconds: seconds.describe('How long it may be taken back; 0: not at all.'),
  audit_seconds: seconds.optional().describe('How long the law has the audit kept. Absent: without end.'),
  apps: z
    .array(z.object({ client_id: text, client_name: text }))
    .describe('Apps that the person is signed in to, or has allowed something.'),
})

/** Status 200 of asking for a deletion. */
export const deletionAsked = z.object({ deletion_at: z.iso.datetime().describe('When the account will be gone.') })

/** Status 200 of binding. */
export const bound = z.object({
  bound: z.literal(true),
  is_new: z.boolean().describe('False when it was this account’s already.'),
  identities: z.array(identity),
})
