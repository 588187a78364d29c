import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { LimitEvent, Limits, NamedCounter, NetworkFactors, Verdict } from '../ops/limits.ts'
import type { Count } from '../store/ephemeral.ts'
import { billing, owed, type Spent } from './billing.ts'
import { type BrokenRule, brokenRules, countersOf, counting, type Paying } from './counting.ts'
import { enteredCounters, type Mark, marksIn } from './entered-codes.ts'
import { hadRoom, type Ledger, momentMs, type Paid, type Payment } from './ledger.ts'
import type { Money, Tier } from './money.ts'
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
  /** What was paid, to be given back too. */
  readonly paid: readonly Payment[]
  /** To be told when the code was entered. */
  readonly marks: readonly Mark[]
}

/** What became of the codes that strangers were sent in an hour. */
export interface Conversion {
  readonly channel: 'sms' | 'mail'
  readonly sent: number
  /** Of them those of the last minutes, which may still be entered. */
  readonly justSent: number
  readonly entered: number
}

/** The one place that decides before anything costly. */
export interface Guard<Name extends string> {
  /**
   * Decides about a request, and counts it together with limits, in one round trip: all or, where one rule or limit
   * refuses, none. What is about to be sent is then paid for, in a second one, or counts nowhere. Throws
   * `server.unavailable` when a store cannot say: what costs money fails closed.
   */
  decide(wanted: Wanted, events?: readonly LimitEvent<Name>[], how?: Paying): Promise<Decision>
  /** Tells operators of a decision that is final: a metric, and a line in the audit when it is no `allow`. */
  record(wanted: Wanted, decision: Decision): Promise<void>
  /** Throws what a person is told who is not let through. */
  refuse(decision: Decision): never
  /** Decides, records and refuses, for whoever has no other way. */
  require(wanted: Wanted, events?: readonly LimitEvent<Name>[]): Promise<void>
  /** Gives back what was counted for something that did not come about. */
  giveBack(what: Pick<Decision, 'taken' | 'paid'>, events?: readonly LimitEvent<Name>[]): Promise<void>
  /** Pays for a message that leaves later. Throws `message.paused` when the money has been used up since. */
  pay(wanted: Wanted, events: readonly LimitEvent<Name>[]): Promise<Pick<Decision, 'limits' | 'taken' | 'paid'>>
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
  readonly ledger: Ledger
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
/** For how long a figure is good enough to say how hard a challenge is that is asked for in any case. */
const whileMs = 60_000

/** Decides by rules, over the counters of the limits. */
export function guard<Name extends string>(deps: Dependencies<Name>): Guard<Name> {
  const { limits, ledger, clock, onDecision = async () => {}, onError = () => {}, onSpent = () => {} } = deps
  const counts = counting(deps)
  const bills = billing(deps)

  /** Pays, or gives back what was counted for it already. */
  async function payOr(payments: readonly Payment[], giveBack: () => Promise<void>): Promise<Paid> {
    if (payments.length === 0) return { isPaid: true, counts: [] }
    const known = ledger.recent(payments, momentMs)
    if (known && payments.every(({ amount }) => amount === 0)) return { isPaid: true, counts: known }
    try {
      const paid = await ledger.pay(payments)
      if (!paid.isPaid) await giveBack()
      return paid
    } catch (error) {
      await giveBack().catch(onError)
      throw error
    }
  }

  async function decide(
    wanted: Wanted,
    events: readonly LimitEvent<Name>[] = [],
    how: Paying = 'now',
  ): Promise<Decision> {
    const tally = counts.tally(wanted, how, clock())
    const counters = countersOf(tally)
    const bill = bills.of(wanted, how, clock())
    const payments = bill.map(({ payment }) => payment)
    const known = ledger.recent(payments, momentMs)
    const isLook = tally.standing.length > 0 || (known !== undefined && !hadRoom(payments, known))
    const verdict = isLook
      ? await limits.tryAll(
          events.map(([name, key]) => [name, key, 'look'] as const),
          counters.map(looked),
        )
      : await limits.tryAll(events, counters)
    const broken = brokenRules(isLook ? lookedAt(tally) : tally, verdict)
    const taken = isLook ? [] : counters.filter(({ amount = 1 }) => amount > 0)
    const giveBack = () => limits.giveBack(events, taken)
    const isWanted = verdict.isTaken && !isLook && broken.length === 0
    const paid = isWanted ? await payOr(payments, giveBack) : undefined
    // A rule that the store did not watch itself.
    if (verdict.isTaken && !isLook && !isWanted) await giveBack()
    const sure = paid?.counts ?? known
    const figures = sure ?? ledger.recent(payments, whileMs)
    const money = figures && owed(bill, figures, paid?.isPaid ?? false)
    if (sure && money) onSpent(money.spent)
    return {
      ...decided([...broken, ...(money?.rules ?? [])], sure ? (money?.tiers ?? []) : []),
      limits: verdict,
      isTaken: paid?.isPaid ?? false,
      taken,
      paid: paid?.isPaid ? payments.filter(({ amount }) => amount > 0) : [],
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

    async giveBack({ taken, paid }, events = []) {
      const back = paid.map((each) => ({ ...each, amount: -each.amount }))
      await Promise.all([limits.giveBack(events, taken), ...(back.length > 0 ? [ledger.pay(back)] : [])])
    },

    async pay({ channel, to }, events) {
      const payments = channel === 'sms' && to !== undefined ? bills.later(to) : []
      const said = await limits.tryAll(events)
      if (!said.isTaken) return limits.refuse(said)
      const { isPaid } = await payOr(payments, () => limits.giveBack(events))
      if (isPaid) return { limits: said, taken: [], paid: payments }
      throw new AppError('message.paused', { params: { retryAfterSeconds: someSeconds } })
    },

    async conversion() {
      const whole = counts.whole()
      const { counts: said } = await limits.tryAll(
        [],
        whole.flatMap(({ counters }) => counters),
      )
      return whole.map(({ channel }, index) => {
        const [sent, entered] = [said[2 * index], said[2 * index + 1]] as [Count, Count]
        return { channel, sent: sent.used, justSent: sent.recent ?? 0, entered: entered.used }
      })
    },

    async spent() {
      const looks = bills.looks()
      const { counts: said } = await ledger.pay(looks)
      const spent = looks.map(({ pot, tier }, index) => ({ pot, tier, used: (said[index] as Count).used }))
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
function decided(
  rules: readonly BrokenRule[],
  tiers: readonly { readonly tier: Tier; readonly waitSeconds: number }[],
): Pick<Decision, 'verdict' | 'level' | 'reasons' | 'waitSeconds' | 'isBroke'> {
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
