import type { Clock } from '../base/clock.ts'
import type { EphemeralStore } from '../store/ephemeral.ts'
import type { Log } from './log.ts'

/** Shares of a budget at which the log says something, the largest first. */
const marks = [0.8, 0.5] as const
const askEveryMs = 60_000
const messagesOfDay = { what: 'messages of a day', seconds: 86_400 }

interface Dependencies {
  readonly store: Pick<EphemeralStore, 'add' | 'delete'>
  readonly clock: Clock
  readonly log: Pick<Log, 'warn' | 'error'>
  /** Called with every measurement, for the metric. */
  readonly gauge: (limit: string, share: number) => void
  /** Has somebody outside told; it may throw, and then the alarm is raised once more. */
  readonly tell?: (alarm: BudgetAlarm) => Promise<void>
}

/** That a share of a budget was used. */
export interface BudgetAlarm {
  readonly limit: string
  readonly usedPercent: number
  /** For people. */
  readonly text: string
}

/** A budget, and how long all processes together are quiet after they have said something of it. */
export type AlarmOf = (
  limit: string,
  share: number,
  about?: { readonly what: string; readonly seconds: number },
) => void

/** Logs when a budget is half used and when four fifths are, before it is used up and people are refused. */
export function budgetAlarm({ store, clock, log, gauge, tell }: Dependencies): AlarmOf {
  /** When the store is asked again whether a line was written. */
  const askedUntil = new Map<string, number>()

  return (limit, share, about = messagesOfDay) => {
    gauge(limit, share)
    const mark = marks.find((each) => share >= each)
    if (mark === undefined) return
    const key = `limit-alarm:${limit}:${mark}`
    if ((askedUntil.get(key) ?? 0) > clock()) return
    askedUntil.set(key, clock() + askEveryMs)
    warn(key, limit, mark, about).catch((error: unknown) =>
      log.error({ err: error, limit }, 'the alarm of a limit failed'),
    )
  }

  async function warn(
    key: string,
    limit: string,
    mark: number,
    { what, seconds }: typeof messagesOfDay,
  ): Promise<void> {
    if (!(await store.add(key, true, seconds))) return
    const usedPercent = mark * 100
    const text = `${usedPercent} % of the ${what} are used`
    log.warn({ limit, used_percent: usedPercent }, text)
    try {
      await tell?.({ limit, usedPercent, text })
    } catch (error) {
      await store.delete(key)
      throw error
    }
  }
}
