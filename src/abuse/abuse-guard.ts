import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { LimitEvent, Limits, NamedCounter, NetworkFactors, Verdict } from '../ops/limits.ts'
import type { Count } from '../store/ephemeral.ts'
import { countersOf, counting, type Found, findings, type Payment, type Spent } from './counting.ts'
import { enteredCounters, type Mark, marksIn } from './entered-codes.ts'
import type { Money } from './money.ts'
import type { NamedRule } from './rules.ts'
import type { Wanted } from './signals.ts'

/** What is decided about one request. */
export interface Decision {
  /** By the rules alone; what the limits say stands beside it. */
  readonly verdict: 'allow' | NamedRule['verdict']
  /** How hard the challenge is that would do; 0 for none. */
  readonly level: number
  /** Names of the rules that were broken, and `money` with the part of it that is used up. */
  readonly reasons: readonly string[]
  /** Seconds until the same may be asked again; 0: at once, or nobody knows. */
  readonly waitSeconds: number
  readonly limits: Verdict
  /** Whether all was counted: nothing was, where anything refused. */
  readonly isTaken: boolean
  /** Whether there is no money left for anybody. */
  readonly isBroke: boolean
  /** What was counted beside the limits, to be given back. */
  readonly taken: readonly NamedCounter[]
  /** To be told when the code was entered. */
  readonly marks: readonly Mark[]
}

/** What became of the codes that strangers were sent in an hour. */
export interface Conversion {
  readonly channel: 'sms' | 'mail'
  readonly sent: number
  readonly entered: number
}

/** The one place that decides before anything costly. */
export interface Guard<Name extends string> {
  /**
   * Decides about a request, and counts it together with limits, in one round trip: all or, where one rule or limit
   * refuses, none. Throws `server.unavailable` when the store cannot say: what costs money fails closed.
   */
  decide(wanted: Wanted, events?: readonly LimitEvent<Name>[], how?: Payment): Promise<Decision>
  /** Tells operators of a decision that is final: a metric, and a line in the audit when it is no `allow`. */
  record(wanted: Wanted, decision: Decision): Promise<void>
  /** Throws what a person is told who is not let through. */
  refuse(decision: Decision): never
  /** Decides, records and refuses, for whoever has no other way. */
  require(wanted: Wanted, events?: readonly LimitEvent<Name>[]): Promise<void>
  /** Gives back what was counted for something that did not come about. */
  giveBack(decision: Decision, events?: readonly LimitEvent<Name>[]): Promise<void>
  /** Pays for a message that leaves later. Throws `message.paused` when the money has been used up since. */
  pay(wanted: Wanted, events: readonly LimitEvent<Name>[]): Promise<Pick<Decision, 'limits' | 'taken'>>
  /** How many codes strangers were sent in the last hour, and how many of them were entered; nothing is counted. */
  conversion(): Promise<readonly Conversion[]>
  /** Looks how much money was spent, without spending any. */
  spent(): Promise<readonly Spent[]>
  /** A code of such a decision was entered. It never throws: the person is in, whoever counts. */
  entered(marks: readonly Mark[]): Promise<void>
  /**
   * Counts how something came out, for rules that look at that, together with limits if there is room in them. Throws
   * `server.unavailable`.
   */
  told(wanted: Wanted, outcome: 'failed' | 'done', events?: readonly LimitEvent<Name>[]): Promise<void>
}

interface Dependencies<Name extends string> {
  readonly limits: Pick<Limits<Name>, 'tryAll' | 'giveBack' | 'refuse'>
  readonly rules: readonly NamedRule[]
  readonly money: Money
  /** Keyed, so that a look into the store shows no number, and none can be found by trying them all. */
  readonly mac: (text: string) => string
  readonly factors: NetworkFactors
  /** Whether rules do not count requests of this machine. */
  readonly isFreeHere: boolean
  readonly clock: Clock
  readonly onDecision?: (wanted: Wanted, decision: Decision) => Promise<void>
  readonly onError?: (error: unknown) => void
  /** Told what was spent, whenever that is known. */
  readonly onSpent?: (spent: readonly Spent[]) => void
}

const harshness = { allow: 0, challenge: 1, delay: 2, refuse: 3 } as const
/** What people are told to wait where the end of it cannot be known. */
const someSeconds = 600

/** Decides by rules, over the counters of the limits. */
export function guard<Name extends string>(deps: Dependencies<Name>): Guard<Name> {
  const { limits, clock, onDecision = async () => {}, onError = () => {}, onSpent = () => {} } = deps
  const counts = counting(deps)

  async function decide(
    wanted: Wanted,
    events: readonly LimitEvent<Name>[] = [],
    how: Payment = 'now',
  ): Promise<Decision> {
    const tally = counts.tally(wanted, how, clock())
    const counters = countersOf(tally)
    const isLook = tally.standing.length > 0
    const verdict = isLook
      ? await limits.tryAll(
          events.map(([name, key]) => [name, key, 'look'] as const),
          counters.map(looked),
        )
      : await limits.tryAll(events, counters)
    const found = findings(isLook ? lookedAt(tally) : tally, verdict)
    onSpent(found.spent)
    const taken = isLook ? [] : counters.filter(({ amount = 1 }) => amount > 0)
    const isBroken = found.rules.length > 0 || found.tiers.length > 0
    // A rule that the store did not watch itself.
    if (verdict.isTaken && !isLook && isBroken) await limits.giveBack(events, taken)
    return {
      ...decided(found),
      limits: verdict,
      isTaken: verdict.isTaken && !isBroken,
      taken,
      marks: marksIn(counters),
    }
  }

  function refuse({ verdict, level, waitSeconds, limits: said, isBroke }: Decision): never {
    if (said.refusedBy.length > 0) return limits.refuse(said)
    const retryAfterSeconds = waitSeconds || someSeconds
    if (verdict === 'challenge' && !isBroke) throw new AppError('challenge.required', { params: { level } })
    throw new AppError(isBroke ? 'message.paused' : 'request.too_many', { params: { retryAfterSeconds } })
  }

  return {
    decide,
    record: onDecision,
    refuse,

    async require(wanted, events = []) {
      const decision = await decide(wanted, events)
      await onDecision(wanted, decision)
      if (!decision.isTaken) refuse(decision)
    },

    giveBack: ({ taken }, events = []) => limits.giveBack(events, taken),

    async pay(wanted, events) {
      const { to } = wanted
      const counters = wanted.channel === 'sms' && to !== undefined ? counts.laterPaid({ ...wanted, to }) : []
      const said = await limits.tryAll(events, counters)
      if (said.isTaken) return { limits: said, taken: counters }
      if (said.refusedBy.length > 0) return limits.refuse(said)
      throw new AppError('message.paused', { params: { retryAfterSeconds: someSeconds } })
    },

    async conversion() {
      const whole = counts.whole()
      const { counts: said } = await limits.tryAll(
        [],
        whole.flatMap(({ counters }) => counters),
      )
      const usedAt = (index: number) => (said[index] as Count).used
      return whole.map(({ channel }, index) => ({ channel, sent: usedAt(2 * index), entered: usedAt(2 * index + 1) }))
    },

    async spent() {
      const pots = counts.pots()
      const { counts: said } = await limits.tryAll(
        [],
        pots.map(({ counter }) => counter),
      )
      const spent = pots.map(({ pot, tier }, index) => ({ pot, tier, used: (said[index] as Count).used }))
      onSpent(spent)
      return spent
    },

    async entered(marks) {
      const counters = enteredCounters(marks)
      if (counters.length > 0) await limits.tryAll([], counters).catch(onError)
    },

    async told(wanted, outcome, events = []) {
      const verdict = await limits.tryAll(events, counts.outcome(wanted, outcome))
      // A limit that is full already does not keep the rest from being counted.
      if (!verdict.isTaken && events.length > 0) await limits.tryAll([], counts.outcome(wanted, outcome))
    },
  }
}

function looked(counter: NamedCounter): NamedCounter {
  return { ...counter, amount: 0 }
}

function lookedAt(tally: Parameters<typeof countersOf>[0]): Parameters<typeof countersOf>[0] {
  return { ...tally, counted: tally.counted.map((one) => ({ ...one, counter: looked(one.counter) })) }
}

/** The harshest of all rules decides; money that strangers have used up refuses them. */
function decided({ rules, tiers }: Found): Omit<Decision, 'limits' | 'isTaken' | 'taken' | 'marks'> {
  const refusals = tiers.map(() => 'refuse' as const)
  const verdicts = [...rules.map(({ rule }) => rule.verdict), ...refusals]
  const verdict = verdicts.toSorted((one, other) => harshness[other] - harshness[one])[0] ?? 'allow'
  const challenges = rules.filter(({ rule }) => rule.verdict === 'challenge')
  return {
    verdict,
    level: Math.max(0, ...challenges.map(({ rule }) => rule.level)),
    reasons: [...new Set([...rules.map(({ rule }) => rule.name), ...tiers.map(({ tier }) => `money_${tier}`)])],
    waitSeconds: Math.max(0, ...[...rules, ...tiers].map((each) => each.waitSeconds)),
    isBroke: tiers.some(({ tier }) => tier === 'total'),
  }
}
