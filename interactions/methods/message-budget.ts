import type { Decision, Guard } from '../../src/abuse/abuse-guard.ts'
import type { Mark } from '../../src/abuse/entered-codes.ts'
import type { Wanted } from '../../src/abuse/signals.ts'
import type { LimitEvent, Limits, Verdict } from '../../src/ops/limits.ts'

type Channel = 'sms' | 'mail'
type Part = 'ip' | 'pair' | 'number' | 'number_day' | 'late' | 'late_pair' | 'known' | 'known_all' | 'open' | 'total'

/** Limits of messages, for each channel the same. */
export type MessageLimit = `${Channel}.${Part}`

/** Who asks for a message, to whom, and for what. */
export interface MessageRequest {
  readonly channel: Channel
  /** The number or mailbox, as it is counted. */
  readonly to: string
  readonly ip: string
  /**
   * True for a message that resets a password: the person who asks need not have an account and must not learn whether
   * they have, so strangers are sent nothing.
   */
  readonly isReset: boolean
  readonly hasAccount: boolean
  /** The browser or app that asks, when it has logged in to that account before. */
  readonly knownDevice: string | undefined
  /** What the browser or app is called by, whosever number it asks for. */
  readonly device?: string | undefined
  readonly clientId?: string | undefined
  /** Level of the challenge that was solved for this very message. */
  readonly proven?: number | undefined
}

/**
 * `awaited`: sent before the answer. `background`: after it. `none`: not sent at all; the answer is that of
 * `background`.
 */
export type Delivery = 'awaited' | 'background' | 'none'

/** The permission to send one message. */
export interface Grant {
  readonly delivery: Delivery
  /** Whether messages are short, so that at present only numbers and mailboxes with an account are sent one. */
  readonly isScarce: boolean
  /** Seconds until the next message can be asked for. */
  readonly waitSeconds: number
  /** What is told when the code was entered. */
  readonly marks: readonly Mark[]
  /**
   * Before a message leaves in the background: takes it from the day's total and pays for it. Throws when either has
   * been used up since.
   */
  takeTotal(): Promise<void>
  /** Called when no message was sent: gives back what it took of its number, of the total and of the money. */
  giveBack(): Promise<void>
}

/** Decides whether a message may be sent, and what it is taken from. */
export interface MessageBudget {
  /**
   * Throws `otp.too_soon`, `request.too_many`, `message.paused` and `server.unavailable`, with `retryAfterSeconds`, and
   * `challenge.required` with the `level`; nothing is then counted.
   */
  take(request: MessageRequest): Promise<Grant>
  /** Looks how much of the day is used, without using any. */
  measure(): Promise<void>
}

interface Dependencies {
  readonly limits: Limits<MessageLimit>
  readonly guard: Guard<MessageLimit>
  /** Called after each measurement with the used share of a total. */
  readonly onUsed: (limit: MessageLimit, share: number) => void
}

type Sending = Pick<Grant, 'delivery' | 'isScarce'>
/** What was decided first, where only those are sent a message who have an account. */
type Because = { readonly because?: Decision | undefined }
const nothing: Pick<Decision, 'taken' | 'paid'> = { taken: [], paid: [] }

function wantedBy({ channel, to, ip, hasAccount, knownDevice, device, clientId, proven }: MessageRequest): Wanted {
  const isKnownDevice = knownDevice !== undefined
  return { act: 'message', channel, to, ip, hasAccount, isKnownDevice, device, clientId, proven }
}

const totals = ['sms.open', 'sms.total', 'mail.open', 'mail.total'] as const

/**
 * What a message is taken from. The network comes with every decision, so that whoever is over their own limit takes
 * nothing from a number. A number has twice what one network may take of it, so that no network shuts its owner out;
 * and when the day of a number is used up by many, one an hour still goes through, to whoever asks first. A device that
 * has logged in to the account before has an allowance of its own, which strangers do not reach.
 *
 * SECURITY: resets are counted apart from logins, and for every number alike, sent or not. Were they one, a login
 * refused after a reset would tell that the reset was sent, and so that there is an account.
 */
export function messageBudget({ limits, guard, onUsed }: Dependencies): MessageBudget {
  type Event = LimitEvent<MessageLimit>

  function tellUsed({ counts }: Verdict): void {
    for (const { name, used, max } of counts) {
      const total = totals.find((each) => each === name)
      if (total !== undefined) onUsed(total, used / max)
    }
  }

  async function ask(wanted: Wanted, events: readonly Event[], how: 'now' | 'later' = 'now'): Promise<Decision> {
    const decision = await guard.decide(wanted, events, how)
    tellUsed(decision.limits)
    return decision
  }

  /**
   * Takes these events and one of the day's total. When messages are short for numbers without an account, the answer
   * is one for all.
   */
  async function spend(request: MessageRequest, own: readonly Event[]): Promise<Decision & Sending & Because> {
    const { channel, isReset, hasAccount, knownDevice } = request
    const wanted = wantedBy(request)
    const total: Event = [`${channel}.total`, 'all']
    const quiet = async (because?: Decision) => {
      const decision = await ask(wanted, [...own, [`${channel}.total`, 'all', 'look']], 'later')
      const isScarce = because !== undefined
      return { ...decision, because, isScarce, delivery: hasAccount ? ('background' as const) : ('none' as const) }
    }
    if (isReset) return quiet()
    const awaited = { delivery: 'awaited', isScarce: false } as const
    if (knownDevice !== undefined) return { ...(await ask(wanted, [...own, total])), ...awaited }
    const open: Event = hasAccount ? [`${channel}.open`, 'all', 'look'] : [`${channel}.open`, 'all']
    const decision = await ask(wanted, [...own, total, open])
    const isShort = decision.limits.refusedBy.includes(`${channel}.open`) || decision.verdict === 'refuse'
    // SECURITY: a refusal now would tell who has no account, and so would a sender that is waited for.
    return isShort ? quiet(decision) : { ...decision, ...awaited }
  }

  return {
    async take(request) {
      const { channel, ip, knownDevice } = request
      const of = `${request.isReset ? 'reset' : 'login'} ${request.to}`
      const pair = { ip, of }
      const near: readonly Event[] = [
        [`${channel}.ip`, ip],
        [`${channel}.pair`, pair],
        [`${channel}.number`, of],
      ]
      const day: readonly Event[] = [...near, [`${channel}.number_day`, of]]
      const late: readonly Event[] = [...near, [`${channel}.late_pair`, pair], [`${channel}.late`, of]]
      const isKnown = knownDevice !== undefined
      // Whoever can log in can make any number of devices known: all of them together have a limit too.
      const known: readonly Event[] = [
        [`${channel}.known`, `${of} ${knownDevice}`],
        [`${channel}.known_all`, of],
      ]

      let own = isKnown ? known : day
      let decision = await spend(request, own)
      if (decision.limits.refusedBy.includes(`${channel}.number_day`)) {
        const second = await spend(request, late)
        if (second.isTaken || second.limits.waitSeconds < decision.limits.waitSeconds) {
          decision = second
          own = late
        }
      }
      const wanted = wantedBy(request)
      await guard.record(wanted, decision.isTaken ? (decision.because ?? decision) : decision)
      if (!decision.isTaken) guard.refuse(decision)

      const taken = own.filter(([name]) => name !== `${channel}.ip`)
      const inTotal: readonly Event[] = [[`${channel}.total`, 'all']]
      const inOpen: readonly Event[] = request.hasAccount ? [] : [[`${channel}.open`, 'all']]
      const { delivery, isScarce, marks } = decision
      let later = nothing
      return {
        ...{ delivery, isScarce, marks },
        waitSeconds: await nextSeconds(decision.limits, channel, isKnown ? undefined : late),
        async takeTotal() {
          const payment = await guard.pay(wanted, inTotal)
          tellUsed(payment.limits)
          later = payment
        },
        async giveBack() {
          if (delivery === 'awaited') await guard.giveBack(decision, [...taken, ...inTotal, ...inOpen])
          else await guard.giveBack(later, inTotal)
        },
      }
    },

    async measure() {
      tellUsed(await limits.tryAll(totals.map((name) => [name, 'all', 'look'] as const)))
    },
  }

  /**
   * The wait that people are told must be long enough: when the day is used up, the message that is let through late
   * may come first.
   */
  async function nextSeconds({ counts }: Verdict, channel: Channel, late?: readonly Event[]): Promise<number> {
    const own = counts.filter(({ name }) => name.startsWith(`${channel}.`) && name !== `${channel}.open`)
    const wait = Math.max(0, ...own.map((each) => each.waitSeconds))
    if (late === undefined || wait <= 3600) return wait
    const sooner = await limits.tryAll(late.map(([name, key]) => [name, key, 'look'] as const))
    return Math.min(wait, sooner.waitSeconds)
  }
}
