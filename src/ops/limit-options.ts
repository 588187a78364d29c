import { z } from 'zod'

const factor = z.int().min(1).max(256)

/** Settings that all limits share. */
export const limitOptions = z.strictObject({
  networks: z
    .strictObject({
      ipv4_24: factor.default(16).describe('A /24 of IPv4.'),
      ipv6_56: factor.default(4).describe('A /56 of IPv6, the usual home line.'),
      ipv6_48: factor.default(16).describe('A /48 of IPv6.'),
    })
    .prefault({})
    .describe('How many times the limit of one address (IPv6: one /64) a whole network has.'),
})
