import type { NamedCounter, NetworkFactors, Verdict } from '../ops/limits.ts'
import type { Count } from '../store/ephemeral.ts'
import { endless, enteredKey, counterName as name } from './entered-codes.ts'
import type { Money, Pot } from './money.ts'
import type { NamedRule, Signal } from './rules.ts'
import { isAbout, type Key, keysOf, type Wanted } from './signals.ts'

/** Requests that are counted together, and the rules that look at their number. */
interface Group {
  readonly id: string
  readonly by: Signal
  readonly of: NamedRule['of']
  readonly seconds: number
  readonly rules: readonly NamedRule[]
}

/** The parts of a pot, the smallest first: what strangers may use is also part of what all may use. */
export const tiers = ['open', 'member', 'total'] as const
/** One of them. */
export type Tier = (typeof tiers)[number]

/** One thing that is counted for a request, and what is said of its number. */
interface Counted {
  readonly counter: NamedCounter
  /** Whether this very number was counted before, where each counts once. */
  readonly single?: NamedCounter | undefined
  /** The codes of it that were entered; always beside it where a rule asks for them. */
  readonly entered: NamedCounter | undefined
  /** Rules that have something to say about this request, and more than how much is too much for each. */
  readonly rules: readonly (NamedRule & { readonly max: number })[]
  /** The tier of a pot that this is, where it is one, and how much money that is. */
  readonly spent?: { readonly pot: Pot; readonly tier: Tier; readonly cap: number }
}

/** Everything that is counted for one request. */
export interface Tally {
  readonly counted: readonly Counted[]
  /** Rules that refuse without counting. */
  readonly standing: readonly NamedRule[]
}

/** How much of a part of a pot was spent, in units. */
export interface Spent {
  readonly pot: Pot
  readonly tier: Tier
  readonly used: number
}

/** What came of counting. */
export interface Found {
  readonly rules: readonly { readonly rule: NamedRule; readonly waitSeconds: number }[]
  /** Tiers of money that were used up. */
  readonly tiers: readonly { readonly tier: Tier; readonly waitSeconds: number }[]
  /** What was spent of every tier that was asked. */
  readonly spent: readonly Spent[]
}

/** How a message is paid for: at once, later (only asked whether there is money), or not at all. */
export type Payment = 'now' | 'later'

interface Dependencies {
  readonly rules: readonly NamedRule[]
  readonly money: Money
  readonly mac: (text: string) => string
  readonly factors: NetworkFactors
  readonly isFreeHere: boolean
}

/** Turns rules and a request into counters, and what the counters say into the rules that were broken. */
export function counting({ rules, money, mac, factors, isFreeHere }: Dependencies) {
  const groups = groupsOf(rules)
  const standing = rules.filter(({ by, money_used }) => by === undefined && money_used === undefined)
  const moneyRules = rules.filter((rule) => rule.money_used !== undefined)
  const isFor = (rule: Pick<NamedRule, 'act' | 'channel' | 'for'>, { act, channel, isKnownDevice }: Wanted) =>
    rule.act === act &&
    (rule.channel === undefined || rule.channel === channel) &&
    (rule.for === 'everybody' || !isKnownDevice)

  /** Rules that this request has neither satisfied nor is exempt from. */
  function inForce(all: readonly NamedRule[], wanted: Wanted, how: Payment, nowMs: number): readonly NamedRule[] {
    return all.filter(
      (rule) =>
        isFor(rule, wanted) &&
        isAbout(rule, wanted, nowMs) &&
        !(rule.verdict === 'challenge' && rule.level <= (wanted.proven ?? 0)) &&
        // A message that only those get who have an account is what a refusal leaves.
        !(rule.verdict === 'refuse' && how === 'later'),
    )
  }

  /** The counter of what was spent of a part of a pot. */
  function moneyKey({ country, per }: Pot, tier: Tier): string {
    return `abuse:money:${mac(`abuse:money:${country}:${per}:${tier}`)}`
  }

  function keyOf({ id }: Group, { channel }: Wanted, text: string): string {
    const counted = `abuse:${id}:${channel ?? ''}`
    return `${counted}:${mac(`${counted}:${text}`)}`
  }

  /** The counter under a key, and where it counts each thing once that of the very thing. */
  function counterOf(group: Group, wanted: Wanted, { text, once }: Key, amount = 1) {
    const named = { name, key: keyOf(group, wanted, text), seconds: group.seconds, amount }
    if (once === undefined) return { single: undefined, counter: named }
    const key = keyOf(group, wanted, JSON.stringify([text, once]))
    return { single: { ...named, key, max: endless, once: key }, counter: { ...named, once: key } }
  }

  function countedIn(group: Group, wanted: Wanted, how: Payment, nowMs: number): readonly Counted[] {
    if (!group.rules.some((rule) => isFor(rule, wanted))) return []
    const own = inForce(group.rules, wanted, how, nowMs)
    const amount = group.of === 'asked' ? 1 : 0
    const isPaired = group.rules.some((rule) => rule.entered_below !== undefined)
    return keysOf(group.by, wanted, { factors, isFreeHere }).map((counted) => {
      const { single, counter } = counterOf(group, wanted, counted, amount)
      const limited = own.map((rule) => ({ ...rule, max: (rule.more_than as number) * counted.factor }))
      const entered = isPaired ? { ...counter, key: enteredKey(counter.key), max: endless, amount: 0 } : undefined
      return { single, counter: { ...counter, ...roomOf(limited, entered) }, entered, rules: limited }
    })
  }

  function paidFrom(
    pot: Pot,
    wanted: Wanted & { readonly to: string },
    how: Payment,
    nowMs: number,
  ): readonly Counted[] {
    const { isKnownDevice, hasAccount } = wanted
    const price = how === 'now' ? money.priceOf(wanted.to) : 0
    const own = inForce(moneyRules, wanted, how, nowMs)
    const of = (tier: Tier, amount: number, limited: Counted['rules'] = []): Counted => {
      const key = moneyKey(pot, tier)
      // Whoever gets a message later is not asked now whether there is money for those without an account.
      const cap = how === 'later' && tier !== 'total' ? endless : pot[tier]
      const max = Math.min(cap, ...limited.map((rule) => rule.max))
      const counter = { name, key, max, seconds: pot.seconds, amount }
      return { counter, entered: undefined, rules: limited, spent: { pot, tier, cap } }
    }
    const total = of('total', price)
    if (isKnownDevice) return [total]
    const limited = own.map((rule) => ({ ...rule, max: Math.floor((pot.open * (rule.money_used as number)) / 100) }))
    return [of('open', hasAccount ? 0 : price, limited), of('member', price), total]
  }

  return {
    /** What is counted for a request that is made at this moment. */
    tally(wanted: Wanted, how: Payment, nowMs: number): Tally {
      const { to } = wanted
      const pots = wanted.act === 'message' && wanted.channel === 'sms' && to !== undefined ? money.potsFor(to) : []
      return {
        counted: [
          ...groups.flatMap((group) => countedIn(group, wanted, how, nowMs)),
          ...pots.flatMap((pot) => paidFrom(pot, { ...wanted, to: to as string }, how, nowMs)),
        ],
        standing: inForce(standing, wanted, how, nowMs),
      }
    },

    /** What is counted when such a request came out one way or the other. */
    outcome(wanted: Wanted, of: 'failed' | 'done'): readonly NamedCounter[] {
      return groups
        .filter((group) => group.of === of && group.rules.some((rule) => isFor(rule, wanted)))
        .flatMap((group) =>
          keysOf(group.by, wanted, { factors, isFreeHere }).flatMap((counted) => {
            const { single, counter } = counterOf(group, wanted, counted)
            return [...(single ? [single] : []), { ...counter, max: endless }]
          }),
        )
    },

    /** Counters of what strangers were sent in all, with those of what they have entered. */
    whole(): readonly {
      readonly channel: 'sms' | 'mail'
      readonly seconds: number
      readonly counters: readonly NamedCounter[]
    }[] {
      const all = groups.find(({ id }) => id === 'message:any:strangers:all:asked:3600')
      if (all === undefined) return []
      return (['sms', 'mail'] as const).map((channel) => {
        const key = keyOf(all, { act: 'message', channel, ip: '', isKnownDevice: false }, '')
        const look = { name, max: endless, seconds: all.seconds, amount: 0 }
        return {
          channel,
          seconds: all.seconds,
          counters: [
            { ...look, key },
            { ...look, key: enteredKey(key) },
          ],
        }
      })
    },

    /** Looks at every pot, and counts nothing. */
    pots(): readonly (Omit<Spent, 'used'> & { readonly counter: NamedCounter })[] {
      return money.pots.flatMap((pot) =>
        tiers.map((tier) => {
          const counter = { name, key: moneyKey(pot, tier), max: pot[tier], seconds: pot.seconds, amount: 0 }
          return { pot, tier, counter }
        }),
      )
    },

    /** The counters that a message which leaves later is paid from. */
    laterPaid(wanted: Wanted & { readonly to: string }): readonly NamedCounter[] {
      const amount = money.priceOf(wanted.to)
      return money.potsFor(wanted.to).flatMap((pot) =>
        (['member', 'total'] as const).map((tier) => ({
          ...{ name, key: moneyKey(pot, tier), max: pot[tier], seconds: pot.seconds, amount },
        })),
      )
    },
  }
}

/** The rules that look at one number belong to one counter. */
function groupsOf(rules: readonly NamedRule[]): readonly Group[] {
  const found = new Map<string, Group>()
  for (const rule of rules) {
    if (rule.by === undefined) continue
    const { by, of, within: seconds, channel = 'any' } = rule
    const id = `${rule.act}:${channel}:${rule.for}:${by}:${of}:${seconds}`
    found.set(id, { id, by, of, seconds, rules: [...(found.get(id)?.rules ?? []), rule] })
  }
  return [...found.values()]
}

/**
 * What the store itself watches: the rule that is broken first. One that is broken sooner only in another respect is
 * found afterwards.
 */
function roomOf(limited: Counted['rules'], entered: NamedCounter | undefined): Pick<NamedCounter, 'max' | 'unless'> {
  const percentOf = (rule: NamedRule) => rule.entered_below ?? 101
  const [first] = limited.toSorted((one, other) => one.max - other.max || percentOf(other) - percentOf(one))
  if (first === undefined) return { max: endless }
  const { max, entered_below: percent } = first
  return { max, ...(percent === undefined || !entered ? {} : { unless: { key: entered.key, percent } }) }
}

/** The counters of a tally, each once, in one order. */
export function countersOf({ counted }: Tally): readonly NamedCounter[] {
  return counted.flatMap(({ single, counter, entered }) =>
    [single, counter, entered].filter((each) => each !== undefined),
  )
}

/** What the store said of each counter of a tally: which rules are broken, and what money is used up. */
export function findings(tally: Tally, { isTaken, counts }: Pick<Verdict, 'isTaken' | 'counts'>): Found {
  const said = counts.slice(counts.length - countersOf(tally).length)
  let next = 0
  const each = tally.counted.map((one) => {
    const single = one.single && (said[next++] as Count)
    const own = said[next++] as Count
    const beside = one.entered && (said[next++] as Count)
    const { amount = 1 } = one.counter
    const isAgain = single !== undefined && single.used - (isTaken ? amount : 0) > 0
    const before = own.used - (isTaken && !isAgain ? amount : 0)
    const isOver = (max: number) => !isAgain && before + Math.max(amount, 1) > max
    const broken = one.rules.filter(
      ({ max, entered_below: percent }) =>
        isOver(max) && !(percent !== undefined && (beside?.used ?? 0) * 100 >= percent * before),
    )
    return { spent: one.spent, used: own.used, waitSeconds: own.waitSeconds, broken, isOver }
  })
  return {
    rules: [
      ...tally.standing.map((rule) => ({ rule, waitSeconds: 0 })),
      ...each.flatMap(({ broken, waitSeconds }) => broken.map((rule) => ({ rule, waitSeconds }))),
    ],
    tiers: each.flatMap(({ spent, isOver, waitSeconds }) =>
      spent && isOver(spent.cap) ? [{ tier: spent.tier, waitSeconds }] : [],
    ),
    spent: each.flatMap(({ spent, used }) => (spent ? [{ pot: spent.pot, tier: spent.tier, used }] : [])),
  }
}
