import { maskName, maskSubject } from '../base/mask.ts'
import type { Account, Identity } from './user.ts'

/** What a person recognises their own account by: nickname, masked number or address, or user name. */
export function accountLabel({ user, identities }: Account): string {
  if (user.profile.nickname) return user.profile.nickname
  const [label] = identities.map(identityLabel)
  return label ?? user.id
}

/**
 * What the owner of an account recognises it by and a stranger cannot use: like `accountLabel`, with nickname and user
 * name masked too.
 */
export function maskedLabel({ user, identities }: Account): string {
  const own = identities.find(({ provider }) => provider === 'phone' || provider === 'email') ?? identities[0]
  if (own && own.provider !== 'username') return identityLabel(own)
  return maskName(user.profile.nickname ?? own?.subjects[0] ?? user.id)
}

/** As little as its owner knows an account by, for somebody who may be a stranger to it. */
export function ownerHint({ user }: Account): { readonly name?: string; readonly year: number } {
  const { nickname } = user.profile
  return { ...(nickname ? { name: maskName(nickname) } : {}), year: user.createdAt.getUTCFullYear() }
}

/** When any of its identities was used last. */
export function lastUseOf({ identities }: Account): Date {
  return new Date(Math.max(...identities.map(({ lastUsedAt }) => lastUsedAt.getTime())))
}

/** An identity for display, by its first subject. */
export function identityLabel({ provider, subjects }: Pick<Identity, 'provider' | 'subjects'>): string {
  return maskSubject(provider, subjects[0] ?? '')
}
