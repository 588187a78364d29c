import { AppError } from '../base/errors.ts'
import type { IdentityClaim } from './user.ts'

/**
 * What a claim is found by, each subject once. Throws `request.invalid` for text that PostgreSQL cannot store or index,
 * which is a bad request and no broken server.
 */
export function checked({ provider, subjects }: IdentityClaim): { provider: string; subjects: readonly string[] } {
  const fits = (text: string) => text.length > 0 && text.length <= 512 && text.isWellFormed() && !text.includes('\0')
  if (![provider, ...subjects].every(fits)) throw new AppError('request.invalid')
  return { provider, subjects: [...new Set(subjects)] }
}
