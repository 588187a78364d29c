import type { IdentityId } from '../src/base/ids.ts'
import type { SignIn } from '../src/oidc/records/sign-in.ts'
import { changeId } from './attempt-id.ts'
import type { OwnRequest } from './binding.ts'
import type { Ask, Input } from './methods/method.ts'
import type { CodeOver } from './methods/otp.ts'

/** A step of somebody who is signed in and changes a number or address of theirs. */
export interface ChangeRequest extends Omit<OwnRequest, 'method' | 'attemptId'> {
  /** A name for this login that nobody else can make. */
  readonly digest: string
  readonly identityId: IdentityId
  /** What their login came by. */
  readonly by: SignIn['by']
  /** The browser session that stays, where a browser asks. */
  readonly sessionUid?: string
}

/** Whether the old number can be left out: yes, or what is missing. */
export type Without = 'possible' | 'only_way' | 'other_login'

/** Where somebody is on the way, and what they are asked for. */
export type ChangeStage =
  | {
      readonly kind: 'old' | 'new'
      readonly ask?: Extract<Ask, { view: 'code' }>
      /** Why the code that was asked for can no longer be entered. */
      readonly over?: CodeOver | undefined
    }
  | { readonly kind: 'changed'; readonly nowAs: IdentityId }
  | { readonly kind: 'waiting'; readonly dueAt: Date }

/** The request, with the attempt in which the new one is proved. */
export function asNew(request: ChangeRequest): ChangeRequest & { readonly attemptId: string } {
  return { ...request, attemptId: idOf(request, 'new') }
}

/** The attempt in which one of the two numbers is proved. */
export function idOf(
  { digest, identityId }: Pick<ChangeRequest, 'digest' | 'identityId'>,
  kind: 'old' | 'new',
): string {
  return changeId(kind, `${digest}.${identityId}`)
}

/** What was sent, without what was not. */
export function given(fields: Readonly<Record<string, string | undefined>>): Input {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}
