import { AppError } from '../base/errors.ts'
import { isBreachedTop } from './breached-top.ts'
import { isCommonPassword } from './common-passwords.ts'
import type { PasswordPolicy } from './password-options.ts'

/** The longest password, in code points. */
export const maxLength = 256

/** The length of a password in code points of what is hashed. */
export function lengthOf(password: string): number {
  return password.length > 8 * maxLength ? password.length : [...password.normalize('NFKC')].length
}

/**
 * Throws `password.required`, `password.too_short`, `password.too_long` or `password.common` when this may not become
 * somebody's password. The context words are what an attacker would try first: the user's names and addresses.
 */
export function refuseBadPassword(
  policy: Pick<PasswordPolicy, 'min_length' | 'blocked_words' | 'breached'>,
  password: string,
  contextWords: readonly string[] = [],
): void {
  if (password === '') throw refused('password.required')
  const length = lengthOf(password)
  if (length > maxLength) throw refused('password.too_long', { max: maxLength })
  if (length < policy.min_length) throw refused('password.too_short', { min: policy.min_length })
  const isListed = policy.breached.mode === 'off' ? () => false : isBreachedTop
  const words = [...policy.blocked_words, ...contextWords]
  if (isCommonPassword(password, words, isListed)) throw refused('password.common')
}

function refused(
  code: 'password.required' | 'password.too_short' | 'password.too_long' | 'password.common',
  params: Readonly<Record<string, number>> = {},
): AppError {
  return new AppError(code, { params, field: 'new_password' })
}
