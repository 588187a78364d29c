import { z } from 'zod'
import { type CountryClass, countryClasses, destinationName, destinationNames } from '../base/destination-names.ts'
import { countryOf } from './signals.ts'

/** What is counted is the ten-thousandth part of the currency, so that no fraction is lost. */
export const unitsOfMoney = 10_000
const day = 86_400
const hour = 3600

const amount = z.number().min(0).max(1_000_000)
const caps = z.partialRecord(z.enum(countryClasses), amount.positive())

/** Prices of messages: of all vendors, or of one. */
export const priceOptions = z.record(
  z.string().regex(destinationName, 'expected mainland, hmt, international or a calling code such as 852, in quotes'),
  amount,
)

/** What one vendor asks for a message. */
export const senderPrice = priceOptions
  .optional()
  .describe('What this vendor asks for one message, where that is not the `price` of all, by the same names.')

const mainlandPrice = 0.05

/** What a message costs where the settings do not say. */
export const usualPrices: z.input<typeof priceOptions> = { mainland: mainlandPrice, hmt: 0.4, international: 0.6 }

/** Settings of what messages may cost. */
export const budgetOptions = z.strictObject({
  currency: z.string().min(1).max(8).default('CNY').describe('What the prices are in; it is only shown.'),
  per_hour: caps
    .default({})
    .describe(
      'The most that messages of an hour may cost, by where they go (`mainland`, `hmt`, `international`). By default a ' +
        'quarter of the day, or 200 messages if that is more.',
    ),
  per_day: caps
    .default({})
    .describe(
      'The most that messages of 24 hours may cost, by where they go. By default what `limits.per_day_total` messages ' +
        'to the mainland cost, and a quarter more; everywhere else the same money.',
    ),
  reserved_percent: z
    .int()
    .min(0)
    .max(90)
    .optional()
    .describe(
      'Part of the money that strangers without an account cannot use up: half of it is for numbers with an account, ' +
        'the other half for devices that have logged in before. By default `limits.reserved_percent`.',
    ),
})

interface MoneySettings {
  readonly price: z.output<typeof priceOptions>
  readonly budget: z.output<typeof budgetOptions>
  readonly limits: { readonly per_day_total: number; readonly reserved_percent: number }
  /** Prices of single vendors, of those that are in use. */
  readonly vendors: readonly { readonly price?: z.output<typeof priceOptions> | undefined }[]
}

/** The parts of a pot, the smallest first: what strangers may use is also part of what all may use. */
export const tiers = ['open', 'member', 'total'] as const
/** One of them. */
export type Tier = (typeof tiers)[number]

/** Money for messages to one part of the world, in one hour or day. */
export interface Pot {
  readonly country: CountryClass
  readonly per: 'hour' | 'day'
  readonly seconds: number
  /** What may be spent, in units: by strangers without an account, with those who have one, and in all. */
  readonly open: number
  readonly member: number
  readonly total: number
}

/** What messages cost, and what they may cost. */
export interface Money {
  readonly currency: string
  readonly pots: readonly Pot[]
  /** In units; the dearest of the vendors that may be asked, so that nothing is spent that was not counted. */
  priceOf(to: string): number
  /** The pots a message is paid from; none where it costs nothing. */
  potsFor(to: string): readonly Pot[]
}

/** Reads the settings of money. */
export function moneyOf({ price, budget, limits, vendors }: MoneySettings): Money {
  const common = { ...usualPrices, ...price }
  const lists = vendors.length === 0 ? [common] : vendors.map((each) => ({ ...common, ...each.price }))
  const priceOf = (destination: string) => Math.max(...lists.map((prices) => priceIn(prices, destination)))
  const reserved = budget.reserved_percent ?? limits.reserved_percent
  const usualDay = limits.per_day_total * (priceOf('mainland') || mainlandPrice) * 1.25
  const pots = countryClasses.flatMap((country): Pot[] => {
    const ofDay = budget.per_day[country] ?? usualDay
    const ofHour = budget.per_hour[country] ?? Math.min(ofDay, Math.max(ofDay / 4, 200 * priceOf(country)))
    const pot = (per: Pot['per'], seconds: number, cap: number): Pot => {
      const share = (percent: number) => Math.floor((cap * unitsOfMoney * percent) / 100)
      return {
        country,
        per,
        seconds,
        open: share(100 - reserved),
        member: share(100 - reserved / 2),
        total: share(100),
      }
    }
    return [pot('hour', hour, ofHour), pot('day', day, ofDay)]
  })
  return {
    currency: budget.currency,
    pots,
    priceOf: (to) => Math.ceil(priceOf(to.slice(1)) * unitsOfMoney),
    potsFor: (to) => (priceOf(to.slice(1)) === 0 ? [] : pots.filter(({ country }) => country === countryOf(to))),
  }
}

function priceIn(prices: Readonly<Record<string, number>>, destination: string): number {
  const name = destinationNames(destination).find((each) => Object.hasOwn(prices, each))
  return name === undefined ? 0 : (prices[name] as number)
}
