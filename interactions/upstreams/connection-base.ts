import { z } from 'zod'
import { perLanguage } from '../../src/base/per-language.ts'

const shortName = /^[a-z][a-z0-9-]{0,30}$/
const reserved = new Set(['sms', 'password', 'register', 'reset', 'email'])

const labelText = z.string().min(1).max(20)

/** The icons that there are for buttons. */
export const icons = [
  'alipay',
  'apple',
  'gitee',
  'github',
  'gitlab',
  'huawei',
  'key',
  'openid',
  'qq',
  'wechat',
  'weibo',
] as const
/** The name of such an icon. */
export type IconName = (typeof icons)[number]

/** The setting that tells several accounts at one vendor apart, because each account has subjects of its own. */
export function vendorAccount(kind: string) {
  return z
    .string()
    .regex(shortName, 'expected a short name of lower-case letters, digits and hyphens')
    .optional()
    .describe(
      `Which ${kind} it is, where there are several: identities are filed under \`<type>:<account>\`. Absent, or ` +
        `\`main\`: the one they are filed under the type for.`,
    )
}

/**
 * Settings that every connection has. `id` is part of the callback address, so it is also entered in the vendor's
 * console.
 */
export function connectionBase(defaultId: string) {
  return {
    id: z
      .string()
      .regex(shortName, 'expected a short name of lower-case letters, digits and hyphens')
      .refine((id) => !reserved.has(id), 'is the name of a login method')
      .default(defaultId)
      .describe('Name of the connection: `/callback/<id>` is what the vendor must be told.'),
    label: z
      .union([labelText, perLanguage(labelText)])
      .optional()
      .describe('Text of the button, where the usual one does not fit: one for all languages, or one for each.'),
  }
}
