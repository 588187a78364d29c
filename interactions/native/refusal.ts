import type { Context } from 'koa'
import { asciiText } from '../../src/base/ascii.ts'
import { AppError } from '../../src/base/errors.ts'
import { errors } from '../../src/oidc/library/faults.ts'
import type { NextStep } from './answers.ts'

/** Words for a sentence key: for people in the language of the request, for developers in English. */
export interface Words {
  readonly forPeople: (ctx: Context, key: string, params?: AppError['params']) => string
  readonly forDevelopers: (key: string, params?: AppError['params']) => string
}

/** An error as the app endpoints answer it. */
export interface Refusal {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** Errors that only a new login can repair. */
const signInAgain: ReadonlySet<string> = new Set(['invalid_token', 'insufficient_user_authentication'])

/**
 * A failure as JSON: an OAuth error, a key and a sentence for people. Throws again what is neither ours nor the
 * protocol's.
 */
export function refusalOf(ctx: Context, error: unknown, words: Words): Refusal {
  const known = error instanceof errors.OIDCProviderError ? undefined : error
  if (known !== undefined && !(known instanceof AppError)) throw error
  const isOut = signInAgain.has((error as errors.OIDCProviderError).error)
  const messageKey = known?.messageKey ?? (isOut ? 'errors.login.required' : 'errors.request.invalid')
  const message = words.forPeople(ctx, messageKey, known?.params)
  if (!known) {
    const { error: name, error_description: description, statusCode } = error as errors.OIDCProviderError
    const more = 'max_age' in (error as object) ? { max_age: (error as { max_age?: unknown }).max_age } : {}
    const body = { error: name, error_description: description, message_key: messageKey, message, ...more }
    return { status: statusCode, body }
  }
  const wait = Number(known.params['retryAfterSeconds'] ?? 0)
  const { field } = known
  const body = {
    error: known.oauth,
    error_description: asciiText(
      words.forDevelopers(messageKey, known.params) + (field === undefined ? '' : ` (parameter ${field})`),
    ),
    message_key: messageKey,
    message,
    ...(field === undefined ? {} : { parameter: field }),
    ...(wait > 0 ? { retry_after: wait } : {}),
  }
  return { status: known.status, body }
}

/** An answer that asks for more, which is no failure. It has a sentence for people where there is something to tell. */
export function furtherStep(ctx: Context, step: NextStep, words: Words): Readonly<Record<string, unknown>> {
  const delivery = step.step === 'otp' && step.delivery
  const messageKey = delivery ? `code.${delivery}_${step.channel}` : undefined
  return {
    error: 'insufficient_authorization',
    error_description: 'a further step is needed',
    ...(messageKey === undefined ? {} : { message_key: messageKey, message: words.forPeople(ctx, messageKey) }),
  }
}

/** Answers with JSON that no cache may keep. */
export function answer(ctx: Context, status: number, body: object): void {
  ctx.status = status
  ctx.set('cache-control', 'no-store')
  const { retry_after: wait } = body as { retry_after?: number }
  if (wait !== undefined) ctx.set('retry-after', String(wait))
  ctx.body = body
}

/**
 * SECURITY: pages of any site could try logins from their visitors' browsers; apps and mini programs send no `Origin`.
 */
export function refuseBrowsers(ctx: Context): void {
  if (ctx.get('origin') !== '') throw new errors.InvalidRequest('this endpoint is for native apps, not for pages')
}
