import type { UserId } from '../src/base/ids.ts'
import type { Audit, AuditEventName } from '../src/ops/audit.ts'
import type { Proved } from './methods/method.ts'
import { type AdvanceRequest, auditContext } from './outcome.ts'

/** Writes down what happened to an identity of a user. */
export type AuditIdentity = (
  event: AuditEventName,
  request: AdvanceRequest,
  userId: UserId,
  proved: Pick<Proved, 'identity'>,
  detail?: Readonly<Record<string, unknown>>,
) => Promise<void>

/** Makes the function that writes what happens to identities into the audit. */
export function identityAudit({ audit }: { readonly audit: Audit }): AuditIdentity {
  return (event, request, userId, { identity }, detail) =>
    audit.write({ event, userId, identityProvider: identity.provider, ...auditContext(request), detail })
}
