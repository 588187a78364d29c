import { z } from 'zod'

const shortName = /^[a-z][a-z0-9-]{0,30}$/
const reserved = new Set(['sms', 'password', 'register', 'reset', 'email'])

/** Tells several accounts at one vendor apart, whose subjects are not of one kind. */
export function vendorAccount(kind: string) {
  return z
    .string()
    .regex(shortName, 'expected a short name of lower-case letters, digits and hyphens')
    .optional()
    .describe(
      `Which ${kind} it is, where there are several: identities are filed under \`<type>:<account>\`. Absent, or \`main\`: the one they are filed under the type for.`,
    )
}

/** Settings every connection has. `id` is part of the callback address, so vendors' consoles know it. */
export function connectionBase(defaultId: string) {
  return {
    id: z
      .string()
      .regex(shortName, 'expected a short name of lower-case letters, digits and hyphens')
      .refine((id) => !reserved.has(id), 'is the name of a login method')
      .default(defaultId)
      .describe('Name of the connection: `/callback/<id>` is what the vendor must be told.'),
    label: z.string().min(1).max(20).optional().describe('Text of the button, where the usual one does not fit.'),
  }
}
