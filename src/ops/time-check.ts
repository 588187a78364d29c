import type { Knex } from 'knex'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { mostApartMs, olderMs, worldMs } from '../store/older-time.ts'
import type { Log } from './log.ts'

/** Whether the clock of this process can be gone by. */
export interface TimeCheck {
  /** Asks the database. */
  measure(): Promise<void>
  /**
   * Throws `server.unavailable`, with the reason, while the two clocks were too far apart when the database was asked
   * last.
   */
  check(): void
  /**
   * False while they were, and from the moment this clock jumps until the database was asked again. SECURITY: such a
   * process serves nobody and deletes nothing: it would end what lives, let live what has ended, and lock people out
   * for as long as it is ahead.
   */
  isTrusted(): boolean
}

interface Dependencies {
  readonly database: { readonly knex: Knex }
  readonly clock: Clock
  readonly log: Pick<Log, 'error' | 'info'>
}

/** The check of one process. It trusts its clock until it has asked. */
export function timeCheck({ database, clock, log }: Dependencies): TimeCheck {
  /** Where the clock stood beside one that never jumps. */
  const standing = () => worldMs(clock) - performance.now()
  let known = standing()
  let apart: string | undefined

  return {
    async measure() {
      const stood = standing()
      const { apartMs } = await olderMs(database, clock)
      known = stood
      const seconds = Math.round(Math.abs(apartMs) / 1000)
      const was = apart
      apart =
        Math.abs(apartMs) > mostApartMs
          ? `this process is ${seconds} s ${apartMs > 0 ? 'ahead of' : 'behind'} the database`
          : undefined
      if (apart !== undefined && was === undefined)
        log.error({ apart_seconds: Math.round(apartMs / 1000) }, `${apart}: it serves nobody until both clocks agree`)
      if (apart === undefined && was !== undefined)
        log.info({}, 'this process and the database agree on the time again')
    },
    check() {
      if (apart !== undefined) throw new AppError('server.unavailable', { params: { reason: apart } })
    },
    isTrusted: () => apart === undefined && Math.abs(standing() - known) <= mostApartMs,
  }
}
