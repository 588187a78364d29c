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
}

/**
 * `awaited`: sent before the answer. `background`: after it. `none`: not sent at all; the answer is that of
 * `background`.
 */
export type Delivery = 'awaited' | 'background' | 'none'

/** The permission to send one message. */
export interface Grant {
  readonly delivery: Delivery
  /** Seconds until the next message can be asked for. */
  readonly waitSeconds: number
  /**
   * Before a message leaves in the background: takes it from the day's total. Throws when the total has been used up
   * since.
   */
  takeTotal(): Promise<void>
  /** Called when no message was sent: gives back what it took of its number and of the total. */
  giveBack(): Promise<void>
}

/** Decides whether a message may be sent, and what it is taken from. */
export interface MessageBudget {
  /**
   * Throws `otp.too_soon`, `request.too_many` and `server.unavailable`, with `retryAfterSeconds`; nothing is then
   * counted.
   */
  take(request: MessageRequest): Promise<Grant>
  /** Looks how much of the day is used, without using any. */
  measure(): Promise<void>
}

interface Dependencies {
  readonly limits: Limits<MessageLimit>
  /** Called after each measurement with the used share of a total. */
  readonly onUsed: (limit: MessageLimit, share: number) => void
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
export function messageBudget({ limits, onUsed }: Dependencies): MessageBudget {
  type Event = LimitEvent<MessageLimit>

  async function ask(events: readonly Event[]): Promise<Verdict> {
    const verdict = await limits.tryAll(events)
    for (const { name, used, max } of verdict.counts) {
      const total = totals.find((each) => each === name)
      if (total !== undefined) onUsed(total, used / max)
    }
    return verdict
  }

  /**
   * Takes these events and one of the day's total. When the part for numbers without an account is used up, the answer
   * does not show it.
   */
  async function spend(request: MessageRequest, own: readonly Event[]): Promise<Verdict & { delivery: Delivery }> {
    const { channel, isReset, hasAccount, knownDevice } = request
    const total: Event = [`${channel}.total`, 'all']
    const quiet = async () => {
      const verdict = await ask([...own, [`${channel}.total`, 'all', 'look']])
      return { ...verdict, delivery: hasAccount ? ('background' as const) : ('none' as const) }
    }
    if (isReset) return quiet()
    if (knownDevice !== undefined) return { ...(await ask([...own, total])), delivery: 'awaited' }
    const open: Event = hasAccount ? [`${channel}.open`, 'all', 'look'] : [`${channel}.open`, 'all']
    const verdict = await ask([...own, total, open])
    // SECURITY: a refusal now would tell who has no account, and so would a sender that is waited for.
    return verdict.refusedBy.includes(`${channel}.open`) ? quiet() : { ...verdict, delivery: 'awaited' }
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
      let verdict = await spend(request, own)
      if (verdict.refusedBy.includes(`${channel}.number_day`)) {
        const second = await spend(request, late)
        if (second.isTaken || second.waitSeconds < verdict.waitSeconds) {
          verdict = second
          own = late
        }
      }
      if (!verdict.isTaken) limits.refuse(verdict)

      const taken = own.filter(([name]) => name !== `${channel}.ip`)
      const inTotal: readonly Event[] = [[`${channel}.total`, 'all']]
      const inOpen: readonly Event[] = request.hasAccount ? [] : [[`${channel}.open`, 'all']]
      return {
        delivery: verdict.delivery,
        waitSeconds: await nextSeconds(verdict, isKnown ? undefined : late),
        async takeTotal() {
          const total = await ask(inTotal)
          if (!total.isTaken) limits.refuse(total)
        },
        async giveBack() {
          await limits.giveBack(verdict.delivery === 'awaited' ? [...taken, ...inTotal, ...inOpen] : inTotal)
        },
      }
    },

    async measure() {
      await ask(totals.map((name) => [name, 'all', 'look'] as const))
    },
  }

  /**
   * The wait that people are told must be long enough: when the day is used up, the message that is let through late
   * may come first.
   */
  async function nextSeconds({ counts }: Verdict, late: readonly Event[] | undefined): Promise<number> {
    const wait = Math.max(0, ...counts.filter(({ name }) => !name.endsWith('.open')).map((each) => each.waitSeconds))
    if (late === undefined || wait <= 3600) return wait
    const sooner = await limits.tryAll(late.map(([name, key]) => [name, key, 'look'] as const))
    return Math.min(wait, sooner.waitSeconds)
  }
}
