import { z } from 'zod'

/** The window of a limit. */
export const limitWindow = z.strictObject({
  max: z.int().min(1).describe('How many are allowed.'),
  seconds: z.int().min(1).max(2_592_000).describe('Length of the window.'),
})

/** Rolling windows of a limit. */
export const windows = z.array(limitWindow)

/** Limits of a day, for messages of every kind. */
export const dayLimits = {
  per_day_total: z.int().min(1).default(10_000).describe('Messages a day in all: the most a flood can cost.'),
  reserved_percent: z
    .int()
    .min(0)
    .max(90)
    .default(30)
    .describe('Part of the messages of a day that is kept for numbers and addresses that have an account.'),
}

const factor = z.int().min(1).max(256)

/** Settings of limits that belong to no part alone. */
export const limitOptions = z.strictObject({
  networks: z
    .strictObject({
      ipv4_24: factor.default(16).describe('A /24 of IPv4.'),
      ipv6_56: factor.default(4).describe('A /56 of IPv6, the usual home line.'),
      ipv6_48: factor.default(16).describe('A /48 of IPv6.'),
    })
    .prefault({})
    .describe('How many times the limit of one address (IPv6: one /64) a whole network has.'),
  mail: z
    .strictObject(dayLimits)
    .prefault({})
    .describe('Mails with codes. How many to one mailbox, and for one address, is said in `sms.limits`.'),
})
