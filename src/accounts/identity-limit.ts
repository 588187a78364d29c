import { z } from 'zod'

const count = z.int().min(1)

/** How many identities of one provider a user may bind. */
export const identityLimitOptions = z
  .union([count, z.record(z.string(), count)])
  .default({})
  .describe(
    'How many identities of one provider a user may bind: one number for all, or ' +
      '`{ phone: 1, github: 2, "github:ghe.example.com": 1 }`. A kind speaks for its servers and accounts that ' +
      'are not named. Without a ' +
      'number, any.',
  )

/** The limit of a provider; undefined: any number. */
export function identityLimit(
  options: z.output<typeof identityLimitOptions>,
): (provider: string) => number | undefined {
  if (typeof options === 'number') return () => options
  const limits = new Map(Object.entries(options))
  return (provider) => limits.get(provider) ?? limits.get(provider.replace(/:.*/s, ''))
}
