import type { Count } from '../store/ephemeral.ts'
import { type BrokenRule, brokenBy, type LimitedRule, type Paying, rulesFor } from './counting.ts'
import type { Payment } from './ledger.ts'
import { type Money, type Pot, type Tier, tiers } from './money.ts'
import type { NamedRule } from './rules.ts'
import type { Wanted } from './signals.ts'

/** One payment for a request, and what is said of it. */
export interface BillItem {
  readonly payment: Payment
  /** Rules that look at this part of the money. */
  readonly rules: readonly LimitedRule[]
  /** All that this part holds for such a request. */
  readonly cap: number
}

/** How much of a part of a pot was spent, in units. */
export interface Spent {
  readonly pot: Pot
  readonly tier: Tier
  readonly used: number
}

/** What the ledger says of a bill. */
export interface Owed {
  readonly rules: readonly BrokenRule[]
  /** Tiers of money that were used up. */
  readonly tiers: readonly { readonly tier: Tier; readonly waitSeconds: number }[]
  readonly spent: readonly Spent[]
}

/** More than is ever spent. */
const endless = 1_000_000_000_000

/** Turns requests into payments. */
export function billing({ rules, money }: { readonly rules: readonly NamedRule[]; readonly money: Money }) {
  const moneyRules = rules.filter((rule) => rule.money_used !== undefined)

  function itemsOf(pot: Pot, wanted: Wanted, to: string, how: Paying, nowMs: number): readonly BillItem[] {
    const { isKnownDevice, hasAccount } = wanted
    const price = how === 'now' ? money.priceOf(to) : 0
    const of = (tier: Tier, amount: number, limited: readonly LimitedRule[] = []): BillItem => {
      // Whoever gets a message later is not asked now whether there is money for those without an account.
      const cap = how === 'later' && tier !== 'total' ? endless : pot[tier]
      const max = Math.min(cap, ...limited.map((rule) => rule.max))
      return { payment: { pot, tier, max, amount }, rules: limited, cap }
    }
    const total = of('total', price)
    if (isKnownDevice) return [total]
    const limited = rulesFor(moneyRules, wanted, how, nowMs).map((rule) => ({
      ...rule,
      max: Math.floor((pot.open * (rule.money_used as number)) / 100),
    }))
    return [of('open', hasAccount ? 0 : price, limited), of('member', price), total]
  }

  return {
    /** What is paid for a request of this moment; of a message that leaves later only room is asked for. */
    of(wanted: Wanted, how: Paying, nowMs: number): readonly BillItem[] {
      const { act, channel, to } = wanted
      if (act !== 'message' || channel !== 'sms' || to === undefined) return []
      return money.potsFor(to).flatMap((pot) => itemsOf(pot, wanted, to, how, nowMs))
    },

    /** What is paid for a message that leaves later. */
    later(to: string): readonly Payment[] {
      const amount = money.priceOf(to)
      return money
        .potsFor(to)
        .flatMap((pot) => (['member', 'total'] as const).map((tier) => ({ pot, tier, max: pot[tier], amount })))
    },

    /** Looks at every pot, and pays nothing. */
    looks(): readonly Payment[] {
      return money.pots.flatMap((pot) => tiers.map((tier) => ({ pot, tier, max: pot[tier], amount: 0 })))
    },
  }
}

/** What was said of each payment of a bill: which rules are broken, and what money is used up. */
export function owed(bill: readonly BillItem[], counts: readonly Count[], isPaid: boolean): Owed {
  const each = bill.map(({ payment: { pot, tier, amount }, rules, cap }, index) => {
    const { used, waitSeconds } = counts[index] as Count
    const before = used - (isPaid ? amount : 0)
    const broken = brokenBy(rules, { before, amount }).map((rule) => ({ rule, waitSeconds }))
    return { pot, tier, used, waitSeconds, broken, isOver: before + Math.max(amount, 1) > cap }
  })
  return {
    rules: each.flatMap(({ broken }) => broken),
    tiers: each.filter(({ isOver }) => isOver),
    spent: each,
  }
}
