import { AppError } from '../base/errors.ts'
import type { IdentityId, UserId } from '../base/ids.ts'
import { partOf } from './identity-claim.ts'
import type { Account, Identity, IdentityClaim, User } from './user.ts'
import type { Locked } from './user-locks.ts'

/** What a person says where both accounts have something of which one is to stay. Each is one of the accounts. */
export interface MergeChoices {
  readonly password?: UserId | undefined
  readonly nickname?: UserId | undefined
  readonly picture?: UserId | undefined
  /** Of the identities of which both together have too many, those that stay. */
  readonly identities?: readonly IdentityId[] | undefined
}

/** Identities of a provider of which both accounts together have more than an account may have. */
export interface TooMany {
  readonly provider: string
  readonly limit: number
  readonly identities: readonly Identity[]
}

/** What of two accounts cannot both stay. */
export interface Collisions {
  readonly hasTwoPasswords: boolean
  readonly hasTwoNicknames: boolean
  readonly hasTwoPictures: boolean
  readonly tooMany: readonly TooMany[]
}

/** The account that stays, and the one that becomes part of it. */
export interface Pair {
  readonly into: Locked
  readonly from: Locked
}

interface Rules {
  /** How many identities of a provider an account may have; undefined: any number. */
  readonly limitOf: (provider: string) => number | undefined
  /** What one proof vouches for in both: there it is one identity afterwards. */
  readonly joins?: IdentityClaim | undefined
}

/** What collides when one account becomes part of another. */
export function collisionsOf({ into, from }: Pair, { limitOf, joins }: Rules): Collisions {
  const [first, second] = [into.account.user, from.account.user]
  const apart = from.account.identities.filter((each) => !isJoined(each, into.account, joins))
  const providers = [...new Set(apart.map(({ provider }) => provider))]
  return {
    hasTwoPasswords: into.hasPassword && from.hasPassword,
    hasTwoNicknames: differs(first.profile.nickname, second.profile.nickname),
    hasTwoPictures: differs(pictureOf(first), pictureOf(second)),
    tooMany: providers.flatMap((provider) => {
      const identities = [...into.account.identities, ...apart].filter((each) => each.provider === provider)
      const limit = limitOf(provider) ?? Number.POSITIVE_INFINITY
      return identities.length > limit ? [{ provider, limit, identities }] : []
    }),
  }
}

/** Whether an identity becomes part of one that the account has, because one proof vouches for both. */
export function isJoined(identity: Identity, into: Account, joins: IdentityClaim | undefined): boolean {
  return (
    joins !== undefined &&
    identity.provider === joins.provider &&
    identity.subjects.some((each) => joins.subjects.includes(each)) &&
    partOf(joins, into) !== undefined
  )
}

/**
 * The identities that do not stay. Throws `merge.undecided` where it was not said which of too many stay, or too many
 * were named, or none.
 */
export function leftOut({ tooMany }: Collisions, { identities: chosen = [] }: MergeChoices): readonly Identity[] {
  return tooMany.flatMap(({ limit, identities }) => {
    const staying = identities.filter(({ id }) => chosen.includes(id))
    if (staying.length === 0 || staying.length > limit) throw new AppError('merge.undecided')
    return identities.filter(({ id }) => !chosen.includes(id))
  })
}

/** What others see of somebody: their own picture, or our copy of one, before the address of another. */
export function pictureOf({ pictureCopy, profile }: User): string | undefined {
  return pictureCopy ?? profile.picture
}

function differs(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b
}

/** Which of two accounts stays unless somebody says otherwise: the older one. */
export function olderOf(a: Account, b: Account): Account {
  return b.user.createdAt.getTime() < a.user.createdAt.getTime() ? b : a
}
