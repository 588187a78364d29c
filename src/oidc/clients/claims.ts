import { accountLabel } from '../../accounts/account-labels.ts'
import type { Account, Identity } from '../../accounts/user.ts'

/**
 * Which claims each scope releases; `acr`, `amr` and `auth_time` say how the person logged in and belong to every
 * token.
 */
export const claimsByScope = {
  openid: ['sub', 'acr', 'amr', 'auth_time'],
  profile: ['name', 'nickname', 'preferred_username', 'picture', 'updated_at'],
  phone: ['phone_number', 'phone_number_verified'],
  email: ['email', 'email_verified'],
  identities: ['identities'],
  former_subs: ['former_subs'],
} as const

/** Scopes that only apps of ours may have: they tell of an account what is nobody else's business. */
export const ownScopes: readonly string[] = ['identities', 'former_subs']

/** Claims about a person that an API may have in its access tokens. */
export const profileClaims = [
  ...claimsByScope.profile,
  ...claimsByScope.phone,
  ...claimsByScope.email,
  ...claimsByScope.identities,
] as const

/** A claim about a person that an API may have in its access tokens. */
export type ProfileClaim = (typeof profileClaims)[number]

const releasable = new Set<string>(Object.values(claimsByScope).flat())

/** Whether a name that a request asks for in `claims` is one of ours; others mean nothing here, OIDC Core §5.5. */
export function isReleasable(claim: string): boolean {
  return releasable.has(claim)
}

/** Whether a name is that of a claim about a person. */
export function isProfileClaim(name: string): name is ProfileClaim {
  return (profileClaims as readonly string[]).includes(name)
}

/** The scope that releases a claim. */
export function scopeOf(claim: ProfileClaim): string {
  const found = Object.entries(claimsByScope).find(([, claims]) => (claims as readonly string[]).includes(claim))
  return found?.[0] ?? ''
}

/** What may be said about an account; the library keeps what the granted scopes and the `claims` parameter ask for. */
export function claimsOf(
  account: Account,
  pictureAddress: (copy: string) => string,
): Record<string, unknown> & { sub: string } {
  const { user, identities } = account
  const phone = newest(identities, 'phone')
  const email = newest(identities, 'email')
  return {
    sub: user.id,
    // Apps off the shelf want a name, and most people here have a number and nothing else.
    name: accountLabel(account),
    nickname: user.profile.nickname,
    // What a person has chosen to be called by, else a name that stays: apps make accounts and addresses from it.
    preferred_username: newest(identities, 'username')?.subjects[0] ?? user.id,
    updated_at: Math.floor(user.updatedAt.getTime() / 1000),
    picture: user.pictureCopy === undefined ? user.profile.picture : pictureAddress(user.pictureCopy),
    ...(phone && { phone_number: phone.subjects[0], phone_number_verified: phone.verifiedAt !== undefined }),
    ...(email && { email: email.subjects[0], email_verified: email.verifiedAt !== undefined }),
    identities: identities.map(({ provider, subjects }) => ({ provider, subjects })),
  }
}

/** Of several numbers or addresses, the one that was bound last. */
function newest(identities: readonly Identity[], provider: string): Identity | undefined {
  return identities.filter((identity) => identity.provider === provider).at(-1)
}
