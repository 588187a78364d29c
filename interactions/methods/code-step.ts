import type { ProofMoment } from '../../src/accounts/proof.ts'
import type { IdentityClaim } from '../../src/accounts/user.ts'
import type { UserId } from '../../src/base/ids.ts'
import type { Step, StepRequest } from './method.ts'
import { maskTarget, type OtpCodes, type OtpPurpose, type OtpTarget, otpSeconds } from './otp.ts'

/** What a method remembers while a code is on its way. */
export interface CodeState {
  readonly target: OtpTarget
  readonly resendAt: number
  /** When the last code was sent, in milliseconds since the epoch. */
  readonly sentAt: number
  /** Whose the number or address was then. */
  readonly ownerThen?: UserId | undefined
  /** Whether nobody knows if it was sent. */
  readonly isUnclear?: boolean | undefined
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
  readonly state: Omit<State, 'resendAt' | 'sentAt' | 'ownerThen' | 'isUnclear'> & { target: OtpTarget }
}

/**
 * Sends the first code and asks for it. Whoever enters the number or address of a moment ago is asked for the code that
 * is on its way to it.
 */
export async function beginCode<State extends CodeState>(step: FirstStep<State>): Promise<Step<State>> {
  const { target } = step.state
  const { state: before, nowMs } = step.request
  const isOnItsWay =
    before?.target.to === target.to && nowMs < Math.min(before.resendAt, before.sentAt + otpSeconds * 1000)
  return isOnItsWay ? askCode({ ...before, ...step.state }, step.purpose) : sendCode(step)
}

async function sendCode<State extends CodeState>(step: FirstStep<State>): Promise<Step<State>> {
  const { codes, request, purpose } = step
  const { attemptId, ip, visit, nowMs, device } = request
  const issued = await codes.issue({
    attemptId,
    ip,
    locale: visit.locale,
    purpose,
    target: step.state.target,
    device,
  })
  return askCode({ ...step.state, ...issued, sentAt: nowMs } as State, purpose)
}

/** Takes what came back: another code is sent, or the code is checked and `undefined` says that it was right. */
export async function checkCode<State extends CodeState>(step: CodeStep<State>): Promise<Step<State> | undefined> {
  const { codes, request, state, purpose } = step
  if (request.input['resend'] !== undefined) return sendCode(step)
  if (request.input['otp'] === undefined) return askCode(state, purpose)
  await codes.verify({ attemptId: request.attemptId, purpose, target: state.target, otp: request.input['otp'] })
  return undefined
}

function askCode<State extends CodeState>(state: State, purpose: OtpPurpose): Step<State> {
  const { target, resendAt, isUnclear = false, isLookedUp = purpose === 'reset' } = state
  const { channel, to } = target
  const shown = { maskedTarget: maskTarget(target), ...(isLookedUp ? {} : { typedTarget: to }) }
  return {
    kind: 'ask',
    ask: { view: 'code', channel, purpose, ...shown, resendAt, isUnclear },
    fields: ['otp', 'resend'],
    state,
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
