import type { Decision, Guard } from '../abuse/abuse-guard.ts'
import type { Wanted } from '../abuse/signals.ts'
import { AppError } from '../base/errors.ts'

/** The limits of a network that tries passwords. */
export type PasswordLimit = 'password.ip' | 'password.proven'

/** That a password may be tried. */
export interface Try {
  /** Called when it was right, or when nobody judged it. */
  giveBack(): Promise<void>
}

/** How hard a challenge is that opens a network which has used up its wrong passwords. */
const level = 3

/**
 * Whether a network may try a password. Where it has had its wrong ones, whoever shows that a person is there still
 * may: one address can be that of a campus, or of all phones around. SECURITY: from then on every try is counted before
 * it is made, in a room of its own that is far smaller, so that solving challenges buys no more than that. Throws what
 * `Guard.require` throws.
 */
export async function takeTry(guard: Guard<PasswordLimit>, wanted: Wanted): Promise<Try> {
  const { ip, proven = 0 } = wanted
  const decision = await guard.decide(wanted, [['password.ip', ip, 'look']])
  const isOnlyFull = isFull(decision) && (decision.verdict === 'allow' || decision.verdict === 'challenge')
  if (!isOnlyFull) {
    await guard.record(wanted, decision)
    if (!decision.isTaken) guard.refuse(decision)
    return { giveBack: async () => {} }
  }
  if (proven < level) {
    const limits = { ...decision.limits, refusedBy: [] }
    const reasons = [...decision.reasons, 'passwords_used_up']
    await guard.record(wanted, { ...decision, verdict: 'challenge', level, reasons, limits })
    throw new AppError('challenge.required', { params: { level } })
  }
  const room = [['password.proven', ip]] as const
  const taken = await guard.decide(wanted, room)
  await guard.record(wanted, taken)
  if (!taken.isTaken) guard.refuse(taken)
  return { giveBack: () => guard.giveBack(taken, room) }
}

function isFull({ limits }: Decision): boolean {
  return limits.refusedBy.includes('password.ip')
}
