import { AppError } from '../base/errors.ts'
import type { Account, IdentityClaim } from './user.ts'

/**
 * What a claim is found by, each subject once. Throws `request.invalid` for text that PostgreSQL cannot store or index,
 * which is a bad request and no broken server.
 */
export function checked({ provider, subjects }: IdentityClaim): { provider: string; subjects: readonly string[] } {
  const fits = (text: string) => text.length > 0 && text.length <= 512 && text.isWellFormed() && !text.includes('\0')
  if (![provider, ...subjects].every(fits)) throw new AppError('request.invalid')
  return { provider, subjects: [...new Set(subjects)] }
}

/** That an identity belongs to another account. */
export function identityTaken(provider: string): AppError {
  return new AppError('identity.taken', { params: { provider } })
}

/** The part of a claim that leads to this account; undefined: none of it does. */
export function partOf(claim: IdentityClaim, { identities }: Account): IdentityClaim | undefined {
  const own = identities.flatMap(({ provider, subjects }) => (provider === claim.provider ? subjects : []))
  const [first, ...rest] = claim.subjects.filter((each) => own.includes(each))
  return first === undefined ? undefined : { ...claim, subjects: [first, ...rest] }
}
