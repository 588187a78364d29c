import { advanceClock, resetClock } from '../../sandbox/clock.ts'

/** Moves the time of this process, the server's and the libraries', so far past the real time. */
export function walkTo(aheadMs: number): void {
  resetClock()
  advanceClock(aheadMs)
}

export { resetClock }
