import { z } from 'zod'
import { budgetOptions, priceOptions, usualPrices } from '../abuse/money.ts'
import { dayLimits, windows } from '../ops/limit-options.ts'
import { smsSenderOptions } from './sms-senders.ts'

/** Settings of messages with one-time codes. */
export const smsOptions = z.strictObject({
  senders: z
    .array(smsSenderOptions)
    .prefault([])
    .describe('Vendors in the order they are tried. Empty in the sandbox: codes appear in the outbox.'),
  countries: z
    .array(z.string().regex(/^[1-9]\d{0,6}$/, 'expected a calling code such as 86, in quotes'))
    .min(1)
    .default(['86'])
    .describe(
      'Calling codes that are served, or the digits that numbers begin with (`"1809"`). Each needs a sender with templates for it.',
    ),
  price: priceOptions
    .default(usualPrices)
    .describe(
      'What one message costs, by where it goes: `mainland`, `hmt` (Hong Kong, Macau, Taiwan), `international`, or a ' +
        'calling code such as `"44"`; the narrowest counts. A sender may have its own `price`.',
    ),
  budget: budgetOptions.prefault({}).describe('How much money messages with codes may cost.'),
  limits: z
    .strictObject({
      per_number: windows
        .default([
          { max: 1, seconds: 60 },
          { max: 5, seconds: 3600 },
          { max: 10, seconds: 86_400 },
        ])
        .describe(
          'Messages to one number or mailbox that one network (/24, /48) may ask for; all networks together may ' +
            'ask for twice as many, and a device that has logged in to its account before has as many of its own.',
        ),
      per_ip: windows
        .default([
          { max: 20, seconds: 3600 },
          { max: 100, seconds: 86_400 },
        ])
        .describe(
          'Messages asked for from one address (IPv6: one /64); `limits.networks` says how many from wider ' +
            'networks. Many people can share one.',
        ),
      ...dayLimits,
    })
    .prefault({})
    .describe('How many messages may be sent.'),
})
