import { z } from 'zod'
import { senderPrice } from '../abuse/money.ts'
import { ownerEventNames } from '../accounts/owner-events.ts'
import { addressOfVendor, vendorAddress } from '../base/vendor-address.ts'
import { destinationKeys } from './destinations.ts'
import { noticeValues, smsTemplates } from './sms-sender.ts'
import { aliyunKeyOptions, checkAliyunKeys } from './vendor-keys.ts'

const publicEndpoint = 'https://dysmsapi.aliyuncs.com'

const variables = z
  .strictObject({
    otp: z.string().min(1).default('code').describe('Variable that takes the code.'),
    ttl_minutes: z.string().min(1).optional().describe('Variable that takes the minutes a code is good for.'),
  })
  .describe('Names of the variables in the approved templates.')

/** What every level may say. */
const level = {
  sign_name: z.string().min(1).optional().describe('Approved signature, without the brackets.'),
  sender_id: z.string().min(1).max(15).optional().describe('Sender that people see; goes with a `text` only.'),
  variables: variables.optional(),
  endpoint: addressOfVendor(publicEndpoint).optional().describe('Address of the service.'),
  region: z.string().min(1).optional().describe('Sent as RegionId when set.'),
}

const code = z.string().min(1)
const text = z
  .string()
  .refine((text) => text.includes('{otp}'), 'expected a text with {otp} where the code is to stand')
  .describe('Sent by SendMessageToGlobe.')

/** A template: its code, or an object that says more about this purpose alone. */
const template = z.union([
  code.transform((code) => ({ code })),
  z.strictObject({ code, ...level }),
  z.strictObject({ text, ...level }),
])

/** Variables of a message to the owner of an account. The vendor refuses a message in which one is missing. */
const noticeVariables = z
  .partialRecord(z.enum(noticeValues), z.string().min(1))
  .describe(
    'Names of the variables in the approved template: `time` takes when it happened, `what` a masked number, address or device, `until` a date.',
  )

const { variables: _, ...noticeLevel } = level

/** A template for one event. */
const notice = z.union([
  code.transform((code) => ({ code, variables: {} })),
  z.strictObject({ code, ...noticeLevel, variables: noticeVariables.prefault({}) }),
  z.strictObject({ text: z.string().min(1).describe('Sent by SendMessageToGlobe.'), ...noticeLevel }),
])

const notices = z
  .partialRecord(z.enum(ownerEventNames), notice)
  .optional()
  .describe(
    'Approved template code for messages to the owner of an account, by event; `{ code, variables }` where the text names something, or `{ text }` with `{time}`, `{what}`, `{until}` for an account of Alibaba Cloud International. An event without one is told by mail only.',
  )

const destination = z.strictObject({
  to: destinationKeys,
  ...level,
  templates: z
    .partialRecord(z.enum(smsTemplates), template)
    .optional()
    .describe(
      'Approved template code for each purpose. Instead of a code: `{ code, … }` with settings for that purpose alone, or `{ text: "… {otp} …", … }` for an account of Alibaba Cloud International, which sends texts (SendMessageToGlobe).',
    ),
  notices,
})

/** Settings of the Aliyun sender. */
export const aliyunSmsOptions = z
  .strictObject({
    type: z.literal('aliyun').describe('Aliyun SendSms.'),
    ...aliyunKeyOptions,
    price: senderPrice,
    sign_name: level.sign_name.describe(
      'Approved signature, without the brackets; for every destination that names no other.',
    ),
    sender_id: level.sender_id,
    templates: z
      .record(z.enum(smsTemplates), template)
      .optional()
      .describe(
        'Approved template code for each purpose, for the mainland (without `86` in `sms.countries`: for all).',
      ),
    notices,
    variables: variables.prefault({}),
    endpoint: vendorAddress(publicEndpoint).describe('Address of the service.'),
    region: level.region,
    destinations: z
      .array(destination)
      .prefault([])
      .describe('What differs where: templates, signature, sender, address for some of the numbers.'),
  })
  .superRefine(checkAliyunKeys)

/** The settings of Aliyun's messages, after they were checked. */
export type AliyunSmsOptions = z.output<typeof aliyunSmsOptions>
