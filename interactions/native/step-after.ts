import { AppError } from '../../src/base/errors.ts'
import type { Demand } from '../../src/oidc/demand.ts'
import type { LoginAttempts } from '../attempt.ts'
import type { NextStep } from './answers.ts'
import type { Asking, Gate } from './gate.ts'
import { isCarrierFailure, type nativeSteps } from './steps.ts'

interface Dependencies {
  readonly attempts: LoginAttempts
  readonly steps: ReturnType<typeof nativeSteps>
  readonly gate: Gate
  readonly agreementStep: () => NextStep
}

/** What the app shows after a refusal: the code that is still awaited, the documents, the captcha, another way in. */
export async function stepAfter(
  { attempts, steps, gate, agreementStep }: Dependencies,
  error: Error,
  { demand, ...asking }: Asking & { readonly demand: Demand },
): Promise<NextStep | undefined> {
  if (!(error instanceof AppError)) return undefined
  if (error.code === 'agreement.required') return agreementStep()
  if (error.code === 'captcha.required' || error.code === 'challenge.required') return gate.step(asking, error)
  if (['login.other_user', 'login.insufficient', 'upstream.code_used'].includes(error.code)) return steps.login(demand)
  if (error.code.startsWith('identity.') || error.code.startsWith('registration.invite')) {
    const { question, identity, mayBeNew } = await attempts.waiting(asking.attemptId)
    if (question) return steps.of(question)
    if (identity && mayBeNew) return steps.of({ kind: 'choose', provider: identity.provider, needsInvite: true })
  }
  if (error.code === 'phone.required') return steps.of({ kind: 'bind_phone', reason: 'policy' })
  if (isCarrierFailure(error)) return steps.login(demand, ['one_tap'])
  return steps.awaited(await attempts.current(asking.attemptId, asking.fields['method']), error)
}
