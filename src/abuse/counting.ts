import type { NamedCounter, NetworkFactors, Verdict } from '../ops/limits.ts'
import type { Count } from '../store/ephemeral.ts'
import { endless, enteredKey, counterName as name } from './entered-codes.ts'
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

/** One thing that is counted for a request, and what is said of its number. */
interface Counted {
  readonly counter: NamedCounter
  /** Whether this very number was counted before, where each counts once. */
  readonly single?: NamedCounter | undefined
  /** The codes of it that were entered; always beside it where a rule asks for them. */
  readonly entered: NamedCounter | undefined
  readonly rules: readonly LimitedRule[]
}

/** Everything that is counted for one request. */
export interface Tally {
  readonly counted: readonly Counted[]
  /** Rules that refuse without counting. */
  readonly standing: readonly NamedRule[]
}

/** A rule that has something to say about a request, and how much is not yet too much for it. */
export type LimitedRule = NamedRule & { readonly max: number }

/** A rule that was broken, and the seconds until it no longer is. */
export interface BrokenRule {
  readonly rule: NamedRule
  readonly waitSeconds: number
}

/** How a message is paid for: at once, or later, so that only room for it is asked for. */
export type Paying = 'now' | 'later'

interface Dependencies {
  readonly rules: readonly NamedRule[]
  readonly mac: (text: string) => string
  readonly factors: NetworkFactors
  readonly isFreeHere: boolean
}

/** A code may still be on its way, or before the eyes of a person who types. */
const newSeconds = 180

/** Turns rules and a request into counters, and what the counters say into the rules that were broken. */
export function counting({ rules, mac, factors, isFreeHere }: Dependencies) {
  const groups = groupsOf(rules)
  const standing = rules.filter(({ by, money_used }) => by === undefined && money_used === undefined)
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

  function countedIn(group: Group, wanted: Wanted, how: Paying, nowMs: number): readonly Counted[] {
    if (!group.rules.some((rule) => isFor(rule, wanted))) return []
    const inForce = rulesFor(group.rules, wanted, how, nowMs)
    const amount = group.of === 'asked' ? 1 : 0
    const isPaired = group.rules.some((rule) => rule.entered_below !== undefined)
    return keysOf(group.by, wanted, { factors, isFreeHere }).map((counted) => {
      const { single, counter: own } = counterOf(group, wanted, counted, amount)
      const counter = isPaired ? { ...own, newSeconds } : own
      const limited = inForce.map((rule) => ({ ...rule, max: (rule.more_than as number) * counted.factor }))
      const entered = isPaired ? { ...counter, key: enteredKey(counter.key), max: endless, amount: 0 } : undefined
      return { single, counter: { ...counter, ...roomOf(limited, entered) }, entered, rules: limited }
    })
  }

  return {
    /** What is counted for a request that is made at this moment. */
    tally(wanted: Wanted, how: Paying, nowMs: number): Tally {
      return {
        counted: groups.flatMap((group) => countedIn(group, wanted, how, nowMs)),
        standing: rulesFor(standing, wanted, how, nowMs),
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
            { ...look, key, newSeconds },
            { ...look, key: enteredKey(key) },
          ],
        }
      })
    },
  }
}

function isFor(rule: Pick<NamedRule, 'act' | 'channel' | 'for'>, { act, channel, isKnownDevice }: Wanted): boolean {
  return (
    rule.act === act &&
    (rule.channel === undefined || rule.channel === channel) &&
    (rule.for === 'everybody' || !isKnownDevice)
  )
}

/** Rules that a request has neither satisfied nor is exempt from. */
export function rulesFor(
  rules: readonly NamedRule[],
  wanted: Wanted,
  how: Paying,
  nowMs: number,
): readonly NamedRule[] {
  return rules.filter(
    (rule) =>
      isFor(rule, wanted) &&
      isAbout(rule, wanted, nowMs) &&
      !(rule.verdict === 'challenge' && rule.level <= (wanted.proven ?? 0)) &&
      // A message that only those get who have an account is what a refusal leaves.
      !(rule.verdict === 'refuse' && how === 'later'),
  )
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

interface Figures {
  /** What was counted before this request. */
  readonly before: number
  /** How much of that may still be entered. */
  readonly pending?: number
  readonly amount: number
  readonly entered?: number
}

/** The rules that are broken by so much more, after what was counted before. */
export function brokenBy(
  rules: readonly LimitedRule[],
  { before, pending = 0, amount, entered = 0 }: Figures,
): readonly NamedRule[] {
  return rules.filter(({ max, entered_below: percent }) => {
    if (before + Math.max(amount, 1) <= max) return false
    return percent === undefined || entered * 100 < percent * (before - pending)
  })
}

/** Which rules are broken, by what the store said of each counter of a tally. */
export function brokenRules(
  tally: Tally,
  { isTaken, counts }: Pick<Verdict, 'isTaken' | 'counts'>,
): readonly BrokenRule[] {
  const said = counts.slice(counts.length - countersOf(tally).length)
  let next = 0
  return [
    ...tally.standing.map((rule) => ({ rule, waitSeconds: 0 })),
    ...tally.counted.flatMap(({ single, counter: { amount = 1 }, entered, rules }) => {
      const alone = single && (said[next++] as Count)
      const { used, recent = 0, waitSeconds } = said[next++] as Count
      const beside = entered && (said[next++] as Count)
      const isAgain = alone !== undefined && alone.used - (isTaken ? amount : 0) > 0
      if (isAgain) return []
      const own = isTaken ? amount : 0
      const pending = Math.min(Math.max(recent - own, 0), beside?.recent ?? 0)
      const figures = { before: used - own, pending, amount, entered: beside?.used ?? 0 }
      return brokenBy(rules, figures).map((rule) => ({ rule, waitSeconds }))
    }),
  ]
}
