import { z } from 'zod'
import { senderPrice } from '../abuse/money.ts'
import { ownerEventNames } from '../accounts/owner-events.ts'
import { addressOfVendor, vendorAddress } from '../base/vendor-address.ts'
import { destinationKeys } from './destinations.ts'
import { noticeValues, smsTemplates } from './sms-sender.ts'
import { checkTencentKeys, tencentKeyOptions } from './vendor-keys.ts'

const publicEndpoint = 'https://sms.tencentcloudapi.com'

/** What every level may say. */
const level = {
  sign_name: z
    .string()
    .min(1)
    .optional()
    .describe('Approved signature, as text; outside the mainland it can be left out.'),
  sender_id: z.string().min(1).optional().describe('Sender ID, outside the mainland only, where one was applied for.'),
  sdk_app_id: z.string().min(1).optional().describe('Id of the SMS application.'),
  endpoint: addressOfVendor(publicEndpoint).optional().describe('Address of the service.'),
  region: z.string().min(1).optional().describe('Region of the service.'),
}

const template = z.strictObject({
  id: z.string().min(1).describe('Approved template id'),
  params: z.array(z.enum(['otp', 'ttl_minutes'])).describe('What the approved text takes, by position'),
  ...level,
})

const notices = z
  .partialRecord(
    z.enum(ownerEventNames),
    z.strictObject({
      id: z.string().min(1).describe('Approved template id'),
      params: z
        .array(z.enum(noticeValues))
        .describe(
          'What the approved text takes, by position: `time` when it happened, `what` a masked number, address or device, `until` a date.',
        ),
      ...level,
    }),
  )
  .optional()
  .describe(
    'Approved template for messages to the owner of an account, by event. An event without one is told by mail only.',
  )

const destination = z.strictObject({
  to: destinationKeys,
  ...level,
  templates: z
    .partialRecord(z.enum(smsTemplates), template)
    .optional()
    .describe('Approved template for each purpose; it may also have settings for that purpose alone.'),
  notices,
})

/** Settings of the Tencent Cloud sender. */
export const tencentSmsOptions = z
  .strictObject({
    type: z.literal('tencent').describe('Tencent Cloud SendSms.'),
    ...tencentKeyOptions,
    price: senderPrice,
    region: z.string().min(1).default('ap-guangzhou').describe('Region of the service.'),
    sdk_app_id: z.string().min(1).describe('Id of the SMS application, 1400…'),
    sign_name: level.sign_name.describe('Approved signature, as text; needed with `templates` for the mainland.'),
    sender_id: level.sender_id,
    templates: z
      .record(z.enum(smsTemplates), template)
      .optional()
      .describe('Approved template for each purpose, for the mainland (without `86` in `sms.countries`: for all).'),
    notices,
    endpoint: vendorAddress(publicEndpoint).describe('Address of the service.'),
    destinations: z
      .array(destination)
      .prefault([])
      .describe('What differs where: templates, signature, sender ID, application, address for some of the numbers.'),
  })
  .superRefine(checkTencentKeys)

/** The settings of Tencent's messages, after they were checked. */
export type TencentSmsOptions = z.output<typeof tencentSmsOptions>
