import { TriesUsedUp } from '../src/accounts/password-lock.ts'
import { AppError } from '../src/base/errors.ts'
import { UpstreamFailure } from '../src/base/http.ts'
import type { Audit } from '../src/ops/audit.ts'
import type { Log } from '../src/ops/log.ts'
import type { Asked } from './methods/method.ts'
import type { LoginMethods } from './methods/method-registry.ts'
import { type AdvanceRequest, auditContext } from './outcome.ts'
import { UpstreamAnswer } from './upstreams/connector.ts'

interface Dependencies {
  readonly audit: Audit
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly methods: LoginMethods
}

/** Runs one step of an attempt, and records why if it is refused. */
export type Recorded = <T>(request: AdvanceRequest, work: () => Promise<T>) => Promise<T>

/**
 * Tells operators why somebody was refused, whoever drew the step. Every refusal of an upstream leaves one line in the
 * log, so that nobody has to ask the audit for it. SECURITY: at most one line for each request, which has a line of its
 * own anyway, and nothing in it is free text of a vendor.
 */
export function refusalRecord({ audit, log, methods }: Dependencies): Recorded {
  async function record(request: AdvanceRequest, error: AppError): Promise<void> {
    const { userId, method, input } = request
    const isUpstream = /^(upstream|one_tap)\./.test(error.code)
    if (!isUpstream && !refusalsWorthKeeping.has(error.code)) return
    const asked = methods.get(method)?.asksVendor?.(input)
    const answer = answerIn(error)
    if (isUpstream) tell(request, error, { ...asked, ...answer })
    await audit.write({
      event: isUpstream ? 'upstream.failed' : userId ? 'identity.refused' : 'login.failed',
      userId,
      ...auditContext(request),
      detail: {
        method,
        ...(isUpstream && asked ? { connection: asked.connection } : {}),
        error: error.code,
        // The person is told that the password is wrong, right or not: only an operator may learn why.
        ...(error.cause instanceof TriesUsedUp ? { tries_used_up: true } : {}),
        ...answer,
      },
    })
  }

  /** Who went back of their own will is no trouble: that is told at `info`. */
  function tell({ method, requestId, clientId }: AdvanceRequest, { code }: AppError, told: Partial<Asked> & Answer) {
    const line = { method, ...told, error_code: code, request_id: requestId, client_id: clientId }
    log[code === 'upstream.cancelled' ? 'info' : 'warn'](line, 'upstream did not accept a login')
  }

  return async (request, work) => {
    try {
      return await work()
    } catch (error) {
      if (error instanceof AppError) await record(request, error)
      throw error
    }
  }
}

interface Answer {
  readonly vendor_code?: string
  readonly vendor_request_id?: string | undefined
  /** The address that the vendor says it does not let in: ours, as the vendor sees it. */
  readonly address_seen?: string | undefined
  /** What was asked where there was no answer, and why there was none. */
  readonly asked?: string
  readonly reason?: string
}

/** What of a refusal a record may keep: codes and addresses, no free text. */
export function answerIn({ cause }: AppError): Answer {
  const failure = [cause, cause instanceof UpstreamAnswer ? cause.cause : undefined].find(
    (each) => each instanceof UpstreamFailure,
  )
  const reason = failure ? { vendor_code: failure.kind, asked: failure.where, reason: failure.reason } : {}
  if (!(cause instanceof UpstreamAnswer)) return reason
  const { vendorCode, vendorRequestId, addressSeen } = cause
  return {
    ...reason,
    vendor_code: vendorCode,
    vendor_request_id: vendorRequestId,
    ...(addressSeen === undefined ? {} : { address_seen: addressSeen }),
  }
}

const refusalsWorthKeeping = new Set<string>([
  'otp.wrong',
  'otp.tries_used',
  'otp.too_soon',
  'password.wrong',
  'password.locked',
  'user.locked',
  'identity.taken',
  'registration.closed',
  'registration.invite_invalid',
  'registration.too_many',
  'request.too_many',
])
