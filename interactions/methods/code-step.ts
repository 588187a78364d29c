import type { ProofMoment } from '../../src/accounts/proof.ts'
import type { IdentityClaim } from '../../src/accounts/user.ts'
import type { LoginMethod, SentCode, Step, StepRequest } from './method.ts'
import { maskTarget, type OtpCodes, type OtpPurpose, type OtpTarget } from './otp.ts'

/** What a method remembers while a code is on its way. */
export interface CodeState extends Omit<SentCode, 'attemptId' | 'purpose' | 'userId'> {
  /** The attempt that the code is kept with, where it is another one of the same browser. */
  readonly keptWith?: string | undefined
  /** Whether it was sent before, and whoever asked for one again was led back to it. */
  readonly isEarlier?: boolean | undefined
  /** Whether we knew the number or address, and the person did not type it. */
  readonly isLookedUp?: boolean | undefined
}

interface CodeStep<State extends CodeState> {
  readonly codes: OtpCodes
  readonly request: StepRequest<State>
  readonly state: State
  readonly purpose: OtpPurpose
}

type FirstStep<State extends CodeState> = Omit<CodeStep<State>, 'state'> & {
  readonly state: Omit<State, Exclude<keyof CodeState, 'target' | 'isLookedUp'>> & Pick<CodeState, 'target'>
}

/**
 * Sends the first code and asks for it. Whoever enters the number or address of a code that can still be entered is
 * asked for that one, however often they begin anew in their browser: it is on its way, and another one costs a press
 * of its own. SECURITY: that a code is out for a number is told to this attempt and this browser alone; to everybody
 * else the number is one like any other.
 */
export async function beginCode<State extends CodeState>(step: FirstStep<State>): Promise<Step<State>> {
  const { request, purpose, codes } = step
  const { target } = step.state
  const own = request.state && { ...request.state, attemptId: codeAttempt(request, request.state) }
  const elsewhere = request.sent?.filter((each) => each.purpose === purpose && each.userId === request.userId) ?? []
  for (const known of [own, ...elsewhere]) {
    if (known?.target.to !== target.to || known.target.channel !== target.channel) continue
    const { attemptId, resendAt, sentAt, ownerThen, isUnclear, isScarce } = known
    if ((await codes.overBy({ attemptId, purpose, target })) !== undefined) continue
    const keptWith = attemptId === request.attemptId ? undefined : attemptId
    const found = { resendAt, sentAt, ownerThen, isUnclear, isScarce, keptWith, isEarlier: true }
    return askCode({ ...step, state: { ...step.state, ...found } as unknown as State })
  }
  return sendCode(step)
}

async function sendCode<State extends CodeState>(step: FirstStep<State> | CodeStep<State>): Promise<Step<State>> {
  const { codes, request, purpose, state } = step
  const { ip, visit, nowMs, device, clientId, proven } = request
  const attemptId = codeAttempt(request, state as Pick<CodeState, 'keptWith'>)
  const { target } = state
  const common = { attemptId, ip, locale: visit.locale, purpose, target, device }
  const issued = await codes.issue({ ...common, clientId, proven })
  const sent = { ...state, ...issued, sentAt: nowMs, isEarlier: false } as unknown as State
  return askCode({ ...step, state: sent })
}

/** Takes what came back: another code is sent, or the code is checked and `undefined` says that it was right. */
export async function checkCode<State extends CodeState>(step: CodeStep<State>): Promise<Step<State> | undefined> {
  const { codes, request, state, purpose } = step
  const { resend, otp } = request.input
  if (resend !== undefined) return sendCode(step)
  if (otp === undefined) return askCode(step)
  await codes.verify({ attemptId: codeAttempt(request, state), purpose, target: state.target, otp })
  return undefined
}

/** What every method with a code does about one that is on its way. */
export function keptCodes<State extends CodeState>(
  codes: OtpCodes,
  purpose: OtpPurpose,
): Required<Pick<LoginMethod<State>, 'forget' | 'overBy'>> {
  return {
    // A code of another attempt stays: its page may still be open.
    async forget({ keptWith }, attemptId) {
      if (keptWith === undefined) await codes.forget({ attemptId, purpose })
    },
    overBy: (state, attemptId) =>
      codes.overBy({ attemptId: codeAttempt({ attemptId }, state), purpose, target: state.target }),
  }
}

/** The attempt that a code is kept with. */
function codeAttempt({ attemptId }: Pick<SentCode, 'attemptId'>, { keptWith }: Pick<CodeState, 'keptWith'>): string {
  return keptWith ?? attemptId
}

function askCode<State extends CodeState>({ request, state, purpose }: CodeStep<State>): Step<State> {
  const { target, resendAt, sentAt, ownerThen, isUnclear = false, isScarce, isLookedUp = false, isEarlier } = state
  const { channel, to } = target
  const { userId } = request
  const shown = { maskedTarget: maskTarget(target), ...(isLookedUp ? {} : { typedTarget: to }) }
  return {
    kind: 'ask',
    ask: { view: 'code', channel, purpose, ...shown, resendAt, isUnclear, isScarce, isEarlier },
    fields: ['otp', 'resend'],
    state,
    sent: {
      ...{ attemptId: codeAttempt(request, state), purpose, target, resendAt, sentAt },
      ...{ ownerThen, isUnclear, isScarce, userId },
    },
  }
}

/** When a code proved a number or an address that came back right in this step. */
export function provedByCode(
  { nowMs }: Pick<StepRequest<unknown>, 'nowMs'>,
  { sentAt, ownerThen }: CodeState,
): ProofMoment {
  return { provedAt: nowMs, begunAt: sentAt, ownerThen }
}

/** How a person proved that a number or an address is theirs. */
export function otpAmr(target: OtpTarget): readonly string[] {
  return [target.channel, 'otp']
}

/** The identity behind a number or an address. */
export function identityOf(target: OtpTarget): IdentityClaim & { readonly provider: 'phone' | 'email' } {
  return { provider: target.channel === 'sms' ? 'phone' : 'email', subjects: [target.to], profile: {} }
}
