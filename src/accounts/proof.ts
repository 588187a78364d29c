import type { Clock } from '../base/clock.ts'
import { type Account, isEndedSince } from './user.ts'

/** When something was proved: a proof is a moment and never a mere yes. Both in milliseconds since the epoch. */
export interface ProofMoment {
  /** When the last part of it was shown. Clients are told it as `auth_time`. */
  readonly provedAt: number
  /** When it began: a code was sent, somebody left for an upstream. What ended proofs since then has ended this one too. */
  readonly begunAt: number
}

const provedMs = 600_000

/** The moment of a proof that began and ended within one step. */
export function provedInOneStep({ nowMs }: { readonly nowMs: number }): ProofMoment {
  return { provedAt: nowMs, begunAt: nowMs }
}

/** Whether a proof that waits still counts: for ten minutes. */
export function isFresh({ provedAt }: Pick<ProofMoment, 'provedAt'>, clock: Clock): boolean {
  return clock() - provedAt <= provedMs
}

/** Whether nothing has ended what was proved for this account since it began. */
export function stands(account: Account, { begunAt }: ProofMoment): boolean {
  return !isEndedSince(account, begunAt)
}
