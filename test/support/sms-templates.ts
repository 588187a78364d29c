import { type SmsTemplate, smsTemplates } from '../../src/sms/sms-sender.ts'

/** Settings in which every purpose has the same template. */
export function forEachPurpose<Template>(template: Template): Record<SmsTemplate, Template> {
  return Object.fromEntries(smsTemplates.map((purpose) => [purpose, template])) as Record<SmsTemplate, Template>
}
