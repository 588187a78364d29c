import type { UserId } from '../src/base/ids.ts'
import type { Audit, AuditEventName } from '../src/ops/audit.ts'
import type { Proved } from './methods/method.ts'
import { type AdvanceRequest, aboutOf } from './outcome.ts'

/** Writes down what happened to an identity of a user. */
export type Note = (
  event: AuditEventName,
  request: AdvanceRequest,
  userId: UserId,
  about: Pick<Proved, 'identity'>,
  detail?: Readonly<Record<string, unknown>>,
) => Promise<void>

export function noting({ audit }: { readonly audit: Audit }): Note {
  return (event, request, userId, { identity }, detail) =>
    audit.record({ event, userId, identityProvider: identity.provider, ...aboutOf(request), detail })
}
