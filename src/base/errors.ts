interface Row {
  readonly status: number
  readonly oauth: string
}

/**
 * Every way this product refuses something. A code is at once the log key, the locale key (`errors.<code>`), and the
 * row that gives the HTTP status and the OAuth error of JSON endpoints.
 */
export const catalogue = {
  'request.invalid': { status: 400, oauth: 'invalid_request' },
  'request.too_large': { status: 413, oauth: 'invalid_request' },
  'request.unsupported_type': { status: 415, oauth: 'invalid_request' },
  'request.not_found': { status: 404, oauth: 'invalid_request' },
  'request.method_not_allowed': { status: 405, oauth: 'invalid_request' },
  'request.cross_site': { status: 403, oauth: 'invalid_request' },
  'request.too_many': { status: 429, oauth: 'slow_down' },
  'client.unknown': { status: 400, oauth: 'invalid_client' },
  'client.redirect_uri_unknown': { status: 400, oauth: 'invalid_request' },
  'client.request_wrong': { status: 400, oauth: 'invalid_request' },
  'client.logout_wrong': { status: 400, oauth: 'invalid_request' },
  'client.not_allowed': { status: 400, oauth: 'unauthorized_client' },
  'client.declined': { status: 400, oauth: 'access_denied' },
  'attempt.expired': { status: 400, oauth: 'invalid_request' },
  'attempt.elsewhere': { status: 400, oauth: 'invalid_request' },
  'attempt.stateless': { status: 400, oauth: 'invalid_request' },
  'attempt.method_unknown': { status: 400, oauth: 'invalid_request' },
  'login.required': { status: 401, oauth: 'login_required' },
  'auth_session.invalid': { status: 400, oauth: 'invalid_session' },
  'captcha.required': { status: 400, oauth: 'insufficient_authorization' },
  'challenge.required': { status: 400, oauth: 'insufficient_authorization' },
  'message.paused': { status: 503, oauth: 'temporarily_unavailable' },
  'challenge.wrong': { status: 400, oauth: 'invalid_request' },
  'login.insufficient': { status: 403, oauth: 'insufficient_authorization' },
  'login.other_user': { status: 403, oauth: 'access_denied' },
  'agreement.required': { status: 400, oauth: 'insufficient_authorization' },
  'phone.required': { status: 400, oauth: 'insufficient_authorization' },
  'phone.missing': { status: 400, oauth: 'invalid_request' },
  'phone.invalid': { status: 400, oauth: 'invalid_request' },
  'phone.country_unsupported': { status: 400, oauth: 'invalid_request' },
  'email.disposable': { status: 400, oauth: 'invalid_request' },
  'email.missing': { status: 400, oauth: 'invalid_request' },
  'email.invalid': { status: 400, oauth: 'invalid_request' },
  'username.missing': { status: 400, oauth: 'invalid_request' },
  'username.invalid': { status: 400, oauth: 'invalid_request' },
  'identifier.required': { status: 400, oauth: 'invalid_request' },
  'otp.required': { status: 400, oauth: 'insufficient_authorization' },
  'otp.replaced': { status: 400, oauth: 'insufficient_authorization' },
  'otp.wrong': { status: 400, oauth: 'insufficient_authorization' },
  'otp.expired': { status: 400, oauth: 'insufficient_authorization' },
  'otp.tries_used': { status: 400, oauth: 'insufficient_authorization' },
  'otp.too_soon': { status: 429, oauth: 'slow_down' },
  'sms.undeliverable': { status: 502, oauth: 'temporarily_unavailable' },
  'sms.number_refused': { status: 400, oauth: 'access_denied' },
  'mail.undeliverable': { status: 502, oauth: 'temporarily_unavailable' },
  'password.required': { status: 400, oauth: 'invalid_request' },
  'password.current_missing': { status: 400, oauth: 'invalid_request' },
  'password.wrong': { status: 400, oauth: 'access_denied' },
  'password.locked': { status: 429, oauth: 'slow_down' },
  'password.too_short': { status: 400, oauth: 'invalid_request' },
  'password.too_long': { status: 400, oauth: 'invalid_request' },
  'password.common': { status: 400, oauth: 'invalid_request' },
  'password.leaked': { status: 400, oauth: 'invalid_request' },
  'password.mismatch': { status: 400, oauth: 'invalid_request' },
  'password.link_over': { status: 400, oauth: 'invalid_request' },
  'password.busy': { status: 429, oauth: 'slow_down' },
  'identity.taken': { status: 409, oauth: 'access_denied' },
  'identity.changing': { status: 409, oauth: 'access_denied' },
  'identity.change_refused': { status: 409, oauth: 'access_denied' },
  'identity.last': { status: 409, oauth: 'access_denied' },
  'user.locked': { status: 403, oauth: 'access_denied' },
  'user.leaving': { status: 403, oauth: 'access_denied' },
  'deletion.blocked': { status: 409, oauth: 'access_denied' },
  'deletion.unconfirmed': { status: 400, oauth: 'invalid_request' },
  'deletion.unanswered': { status: 503, oauth: 'temporarily_unavailable' },
  'registration.closed': { status: 403, oauth: 'access_denied' },
  'registration.invite_required': { status: 400, oauth: 'insufficient_authorization' },
  'registration.invite_invalid': { status: 400, oauth: 'insufficient_authorization' },
  'registration.too_many': { status: 429, oauth: 'access_denied' },
  'picture.missing': { status: 400, oauth: 'invalid_request' },
  'picture.too_large': { status: 413, oauth: 'invalid_request' },
  'picture.unsupported': { status: 415, oauth: 'invalid_request' },
  'picture.broken': { status: 400, oauth: 'invalid_request' },
  'upstream.refused': { status: 502, oauth: 'temporarily_unavailable' },
  'upstream.cancelled': { status: 400, oauth: 'access_denied' },
  'upstream.code_invalid': { status: 400, oauth: 'access_denied' },
  'upstream.code_used': { status: 400, oauth: 'access_denied' },
  'upstream.used_just_now': { status: 429, oauth: 'slow_down' },
  'upstream.busy': { status: 503, oauth: 'temporarily_unavailable' },
  'upstream.misconfigured': { status: 502, oauth: 'temporarily_unavailable' },
  'upstream.account_restricted': { status: 403, oauth: 'access_denied' },
  'upstream.snapshot': { status: 400, oauth: 'access_denied' },
  'one_tap.failed': { status: 400, oauth: 'insufficient_authorization' },
  'one_tap.expired': { status: 400, oauth: 'insufficient_authorization' },
  'one_tap.network': { status: 400, oauth: 'insufficient_authorization' },
  'one_tap.other_number': { status: 400, oauth: 'insufficient_authorization' },
  'one_tap.unavailable': { status: 503, oauth: 'temporarily_unavailable' },
  'identity.limit': { status: 409, oauth: 'access_denied' },
  'merge.same': { status: 409, oauth: 'invalid_request' },
  'merge.nobody': { status: 404, oauth: 'access_denied' },
  'merge.unfit': { status: 409, oauth: 'access_denied' },
  'merge.doubted': { status: 409, oauth: 'access_denied' },
  'merge.undecided': { status: 400, oauth: 'invalid_request' },
  'merge.over': { status: 409, oauth: 'access_denied' },
  'merge.later_first': { status: 409, oauth: 'access_denied' },
  'merge.nothing_left': { status: 409, oauth: 'access_denied' },
  'server.unavailable': { status: 503, oauth: 'temporarily_unavailable' },
  'server.unexpected': { status: 500, oauth: 'server_error' },
} as const satisfies Record<string, Row>

/** The code of an error, as apps and the catalogue know it. */
export type ErrorCode = keyof typeof catalogue
/** What the sentence of an error has to name: numbers and names, by parameter. */
export type ErrorParams = Readonly<Record<string, string | number>>

interface AppErrorOptions {
  /** Safe to show to the person and to log. `retryAfterSeconds` becomes the `Retry-After` header. */
  readonly params?: ErrorParams
  /** The form field the message belongs to. */
  readonly field?: string
  /** For the log only. */
  readonly cause?: unknown
  /** What else is wrong with the same form. */
  readonly others?: readonly AppError[]
}

/** The only error this code throws on purpose; anything else that escapes is a bug and answers 500. */
export class AppError extends Error {
  override readonly name = 'AppError'
  readonly code: ErrorCode
  readonly params: ErrorParams
  readonly field: string | undefined
  /** What else is wrong with the same form: a page shows all of it at once, a program is told the first. */
  readonly others: readonly AppError[]

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    super(code, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.params = options.params ?? {}
    this.field = options.field
    this.others = options.others ?? []
  }

  get status(): number {
    return catalogue[this.code].status
  }

  get oauth(): string {
    return catalogue[this.code].oauth
  }

  get messageKey(): string {
    return `errors.${this.code}`
  }
}

/** What these checks refuse, in their order; each may throw one `AppError`. */
export function faultsOf(...checks: readonly (() => unknown)[]): readonly AppError[] {
  return checks.flatMap((check) => {
    try {
      check()
      return []
    } catch (error) {
      if (error instanceof AppError) return [error]
      throw error
    }
  })
}

/** Throws the first fault of a form with the others beside it, if there is any. */
export function refuseFaults([first, ...others]: readonly AppError[]): void {
  if (!first) return
  const { code, params, field, cause } = first
  throw new AppError(code, { params, ...(field === undefined ? {} : { field }), cause, others })
}

const titles: readonly (readonly [RegExp, string])[] = [
  [/^request\.not_found$/, 'error.title_not_found'],
  [/^attempt\.(expired|elsewhere)$/, 'error.title_over'],
  [/^password\.link_over$/, 'error.title_link_over'],
  [/^client\./, 'error.title_client'],
  [/^(request\.too_many|otp\.too_soon)$/, 'error.title_busy'],
  [/^server\.unavailable$/, 'error.title_away'],
]

/** Key of the heading over an error that has a page of its own. */
export function titleKey(code: string): string {
  return titles.find(([pattern]) => pattern.test(code))?.[1] ?? 'error.title'
}

/**
 * What was thrown, as an `AppError`; anything not thrown on purpose becomes `server.unexpected` with its cause kept for
 * the log.
 */
export function asAppError(thrown: unknown): AppError {
  return thrown instanceof AppError ? thrown : new AppError('server.unexpected', { cause: thrown })
}
