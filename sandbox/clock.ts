import type { Clock } from '../src/base/clock.ts'

const RealDate = globalThis.Date
const realNow = RealDate.now

let shiftMs = 0

/** How far the time of this process is ahead of the machine's, in milliseconds. */
export function clockShiftMs(): number {
  return shiftMs
}

/**
 * Makes this process, libraries included, believe that it is this much later: `new Date()`, `Date()` and `Date.now()`
 * move, but timers and the databases do not. Shifts add up. SECURITY: only for the sandbox and tests, because a clock
 * that is ahead issues tokens that end late.
 */
export function advanceClock(byMs: number): void {
  shiftMs += byMs
  const now = () => realNow() + shiftMs
  RealDate.now = now
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, values, newTarget) =>
      Reflect.construct(target, values.length === 0 ? [now()] : values, newTarget) as Date,
    apply: () => new RealDate(now()).toString(),
  })
}

/** Sets the time of this process back to the time of the machine. */
export function resetClock(): void {
  shiftMs = 0
  RealDate.now = realNow
  globalThis.Date = RealDate
}

/** The clock of a process whose time is moved here, which says by how much. */
export const sandboxClock: Clock = Object.assign(() => Date.now(), { aheadMs: clockShiftMs })
