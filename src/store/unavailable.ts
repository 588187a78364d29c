import { AppError } from '../base/errors.ts'

const network = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOENT',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EADDRNOTAVAIL',
  'ERR_STREAM_DESTROYED',
])

/** True for what Node reports when the other side of a socket cannot be reached or went away. */
export function isNetworkError(error: unknown): boolean {
  const code = errorCode(error)
  if (code !== undefined && network.has(code)) return true
  return error instanceof AggregateError && error.errors.some(isNetworkError)
}

/** The `code` of an error of Node or PostgreSQL. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/**
 * What is thrown when a store, or anything else that may be back in a second, cannot answer; the cause is for the log.
 */
export function unavailable(cause: unknown): AppError {
  return new AppError('server.unavailable', { params: { retryAfterSeconds: 1 }, cause })
}
