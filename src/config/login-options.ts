import { z } from 'zod'
import { perLanguage } from '../base/per-language.ts'
import { limitWindow, windows } from '../ops/limit-options.ts'
import type { Mode } from './process-options.ts'

const documentUrl = z
  .string()
  .refine(
    (text) => /^\/(?!\/)/.test(text) || /^https?:$/.test(URL.parse(text)?.protocol ?? ''),
    'expected an http(s) address or a path',
  )

const agreement = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,31}$/, 'expected a short name of lower-case letters')
    .describe('`terms`, `privacy`, …'),
  version: z.string().min(1).max(64).describe('A change asks everybody to agree again.'),
  url: documentUrl.describe('Where the text is read.'),
  reconfirm: z
    .boolean()
    .default(false)
    .describe('Whether apps with a login of their own have to agree to a new version before their next refresh.'),
  title: perLanguage(z.string().min(1))
    .optional()
    .describe('Name of the document in each language, `{ zh-CN: …, en: … }`, where it is not one of the known ones.'),
})

const sampleAgreements = [
  { id: 'terms', version: 'sample', url: '/sandbox/terms' },
  { id: 'privacy', version: 'sample', url: '/sandbox/privacy' },
]

/** Documents to agree to; the sandbox has samples. */
export function agreementOptions({ sandbox }: Pick<Mode, 'sandbox'>) {
  return z
    .array(agreement)
    .refine((all) => isUnique(all.map(({ id }) => id)), 'two documents have the same id')
    .prefault(sandbox ? sampleAgreements : [])
}

/** Settings of the login page. */
export const loginOptions = z.strictObject({
  methods: z
    .array(z.enum(['sms', 'password']))
    .min(1)
    .refine(isUnique, 'a method is named twice')
    .default(['sms', 'password'])
    .describe('Ways to log in, in the order they are shown.'),
  limits: z
    .strictObject({
      per_network: limitWindow
        .default({ max: 3000, seconds: 3600 })
        .describe('Logins that begin in browsers of one network, each stored for an hour. Many may share one.'),
    })
    .prefault({})
    .describe('How many logins may be under way.'),
})

/** Settings of logins on an app’s own screens. */
export const nativeLoginOptions = z.strictObject({
  limits: z
    .strictObject({
      per_ip: windows
        .default([
          { max: 600, seconds: 600 },
          { max: 10_000, seconds: 86_400 },
        ])
        .describe(
          'Logins that begin, and questions to vendors, from one address. A carrier puts many phones behind one.',
        ),
    })
    .prefault({})
    .describe('How often apps may try.'),
})

/** Who may make an account. */
export const registrationOptions = z.strictObject({
  phone: z
    .enum(['auto', 'closed'])
    .default('auto')
    .describe('`auto`: an unknown number that was proved gets an account.'),
  username: z.enum(['open', 'closed']).default('open').describe('Accounts with a user name and a password.'),
  email: z.enum(['open', 'closed']).default('open').describe('Accounts with an e-mail address and a password.'),
  upstream: z
    .enum(['ask', 'auto', 'closed'])
    .default('ask')
    .describe('Somebody an upstream vouches for and nobody knows: `ask` whether a new account or one that is there.'),
})

/** Whether no item is in a list twice. */
export function isUnique(items: readonly unknown[]): boolean {
  return new Set(items).size === items.length
}
