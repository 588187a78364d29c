import type { Clock } from '../base/clock.ts'
import type { EphemeralStore } from '../store/ephemeral.ts'
import type { Log } from './log.ts'

/** Shares of a budget at which the log says something, the largest first. */
const marks = [0.8, 0.5] as const
const askEveryMs = 60_000

interface Dependencies {
  readonly store: Pick<EphemeralStore, 'add'>
  readonly clock: Clock
  readonly log: Pick<Log, 'warn' | 'error'>
  /** Called with every measurement, for the metric. */
  readonly gauge: (limit: string, share: number) => void
  /** Seconds in which all processes together write one line. */
  readonly quietSeconds: number
}

/** Logs when a budget is half used and when four fifths are, before it is used up and people are refused. */
export function budgetAlarm({
  store,
  clock,
  log,
  gauge,
  quietSeconds,
}: Dependencies): (limit: string, share: number) => void {
  /** When the store is asked again whether a line was written. */
  const askedUntil = new Map<string, number>()

  return (limit, share) => {
    gauge(limit, share)
    const mark = marks.find((each) => share >= each)
    if (mark === undefined) return
    const key = `limit-alarm:${limit}:${mark}`
    if ((askedUntil.get(key) ?? 0) > clock()) return
    askedUntil.set(key, clock() + askEveryMs)
    warn(key, limit, mark).catch((error: unknown) => log.error({ err: error, limit }, 'the alarm of a limit failed'))
  }

  async function warn(key: string, limit: string, mark: number): Promise<void> {
    if (!(await store.add(key, true, quietSeconds))) return
    log.warn({ limit, used_percent: mark * 100 }, `${mark * 100} % of the messages of a day are used`)
  }
}
