import { z } from 'zod'
import { domainsIn } from '../accounts/disposable-mail.ts'
import { perLanguage } from '../base/per-language.ts'
import { registrations } from '../oidc/clients/client-schema.ts'
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
  account_pages: z
    .enum(registrations)
    .default('open')
    .describe(
      'Whether a login at the account pages may make an account: `open`, `closed`, or `invite`. For every other client ' +
        'its own field `registration` says it.',
    ),
  per_device: z
    .strictObject({
      a_day: z.int().min(1).max(1000).default(5).describe('How many in 24 hours.'),
      ever: z.int().min(1).max(10_000).default(20).describe('How many in 180 days.'),
    })
    .prefault({})
    .describe(
      'Accounts that are made with one browser or app after its first login here. It is told apart by its cookie or key, ' +
        'so this stops people and simple programs; the limits of networks stop the rest.',
    ),
  disposable_mail: z
    .strictObject({
      refuse: z.boolean().default(true).describe('Whether an account may not begin with such an address.'),
      file: z
        .string()
        .min(1)
        .refine(isReadable, 'expected a file of domains, one a line, that can be read')
        .optional()
        .describe('Domains besides those that the program brings along, one a line; read at the start.'),
      allow: z.array(z.string().min(3)).default([]).describe('Domains that are listed and may be used all the same.'),
    })
    .prefault({})
    .describe('Mail addresses that are made in passing and thrown away.'),
})

function isReadable(file: string): boolean {
  try {
    domainsIn(file)
    return true
  } catch {
    return false
  }
}

/** Whether no item is in a list twice. */
export function isUnique(items: readonly unknown[]): boolean {
  return new Set(items).size === items.length
}
