import type { Knex } from 'knex'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { type IdentityId, newId, type UserId } from '../base/ids.ts'
import type { Locale } from '../base/languages.ts'
import { type Database, isUniqueViolation } from '../store/postgres.ts'
import { retryOnConflict } from '../store/retry-on-conflict.ts'
import { findDeletion } from './account-deletions.ts'
import { accountFromJson } from './account-json.ts'
import { identityLabel } from './account-labels.ts'
import { createUser, findAccount, findLastProof, findOwners, lastUses, useIdentity } from './directory-statements.ts'
import type { Binding, IdentityUse, RegisterOptions, Resolution, UsedRow } from './directory-types.ts'
import type { ParsedIdentifier } from './identifier.ts'
import { type Addition, addIdentity } from './identity-addition.ts'
import { checked, identityTaken } from './identity-claim.ts'
import { removeIdentity } from './identity-removal.ts'
import { type Device, unknownDevice } from './known-devices.ts'
import { findLogin, type LoginAccount } from './login-account.ts'
import { dropClaims } from './mere-claims.ts'
import { type QueueOwnerMessage, tellNobody } from './owner-messages.ts'
import { displayable } from './profile.ts'
import { type Gathering, gatherSubjects, type Moved } from './subject-moves.ts'
import { type Account, type IdentityClaim, type UserStatus, withUse } from './user.ts'
import { setUserStatus } from './user-status.ts'

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
  /** How many identities of a provider a user may bind; undefined: any number. */
  readonly limitOf?: (provider: string) => number | undefined
  /** Whether pictures are copied. */
  readonly copiesPictures?: boolean
  /** Tells owners what has become of their ways in. */
  readonly tell?: QueueOwnerMessage
}

/**
 * The only place that creates, finds and links users. Matching is by (provider, subject) alone, never by nickname,
 * e-mail or anything else of a profile. Every method is one transaction. Locked users are answered with their status,
 * for the caller to refuse; a deleted user has no identities left, so what led to it is unknown and free for anybody
 * who proves it.
 */
export class AccountDirectory {
  readonly #database: Database
  readonly #clock: Clock
  readonly #limitOf: (provider: string) => number | undefined
  readonly #copiesPictures: boolean
  readonly #tell: QueueOwnerMessage

  constructor({ database, clock, limitOf, copiesPictures, tell }: Dependencies) {
    this.#database = database
    this.#clock = clock
    this.#limitOf = limitOf ?? (() => undefined)
    this.#copiesPictures = copiesPictures ?? false
    this.#tell = tell ?? tellNobody
  }

  /**
   * Whose identity this is, by any of its subjects. Known: subjects seen for the first time become aliases, the use is
   * noted, and name and picture follow, in the same statement. Nothing is written otherwise.
   */
  async resolve(claim: IdentityClaim, use: IdentityUse): Promise<Resolution> {
    const { provider, subjects } = checked(claim)
    return retryOnConflict(async () => {
      const usedAt = new Date(this.#clock())
      const { isNameOnly, provedSince = null } = use
      const noted = { at: usedAt, ...used(use), provedAt: isNameOnly ? null : usedAt, provedSince }
      const filled = useIdentity.with({ provider, subjects, ...noted, ...this.#told(claim, usedAt) })
      const { rows } = await this.#database.commitQuery<UsedRow>(filled)
      const { users = [], identity_id: identityId, used_id, changes = '0', account } = rows[0] ?? {}
      const [userId] = users
      if (userId === undefined) return { kind: 'unknown' }
      if (users.length > 1) return { kind: 'conflict', users }
      if (!identityId) return { kind: 'stale', userId }
      if (!account || used_id === null) return undefined
      if (Number(changes) === 0)
        return { kind: 'known', identityId, account: withUse(accountFromJson(account), identityId, usedAt) }
      const current = await this.find(userId)
      return current && { kind: 'known', identityId, account: current }
    })
  }

  /**
   * Makes a user with this identity. Of several callers with one identity the first makes the user and the others are
   * answered that account. Throws `identity.taken` when the subjects belong to several users, or to anybody if it must
   * be new, and when the second identity is somebody's and the first is nobody's; `registration.invite_invalid`.
   */
  async register(claim: IdentityClaim, use: IdentityUse, options: RegisterOptions = {}): Promise<Account> {
    const claims = [claim, ...(options.also ? [options.also] : [])].map(checked)
    const { provider } = claim
    const profile = displayable(claim.profile)
    return retryOnConflict(async () => {
      const createdAt = new Date(this.#clock())
      const times = { verifiedAt: createdAt, createdAt, lastUsedAt: createdAt }
      const userId = newId('usr')
      const identities = claims.map((each) => ({ id: newId('idn'), ...each, ...times }))
      const rows = identities.flatMap(({ id, subjects }) =>
        subjects.map((subject, position) => ({ id, subject, position })),
      )
      const filled = createUser.with({
        ...{
          userId,
          ...this.#told(claim, createdAt),
          pictureFrom: profile.picture ? (identities[0]?.id ?? null) : null,
        },
        ...{ at: createdAt, ...used(use) },
        identityIds: identities.map(({ id }) => id),
        providers: identities.map((each) => each.provider),
        subjectIdentityIds: rows.map(({ id }) => id),
        subjects: rows.map(({ subject }) => subject),
        positions: rows.map(({ position }) => position),
        passwordHash: options.passwordHash ?? null,
        ...{ invite: options.invite?.digest ?? null, inviteClient: options.invite?.clientId ?? null },
      })
      try {
        const { rows: made } = await this.#database.commitQuery(filled)
        if (made.length === 0) throw new AppError('registration.invite_invalid', { field: 'invite' })
      } catch (error) {
        if (!isUniqueViolation(error)) throw error
        const dropped = await Promise.all(claims.map((each) => dropClaims(this.#database, each)))
        if (dropped.includes(true)) return undefined
        if (options.mustBeNew) throw identityTaken(provider)
        const resolution = await this.resolve(claim, use)
        if (resolution.kind === 'conflict') throw identityTaken(provider)
        if (resolution.kind === 'known') return resolution.account
        if (options.also && (await this.ownerOf(options.also))) throw identityTaken(options.also.provider)
        return undefined
      }
      return { user: { id: userId, status: 'active', profile, createdAt, updatedAt: createdAt }, identities }
    })
  }

  /**
   * Adds an identity to a user. Throws `identity.taken` when any subject is somebody else's (nothing of theirs
   * changes), `identity.limit` when the user has as many of this provider as may be, `login.required` when the user was
   * deleted.
   */
  async bind(userId: UserId, claim: IdentityClaim, use: IdentityUse): Promise<Binding> {
    const { provider, subjects } = checked(claim)
    return retryOnConflict(async () => {
      const identityId = newId('idn')
      const at = new Date(this.#clock())
      const limit = this.#limitOf(provider)
      const added = await this.#add({ userId, identityId, provider, subjects, ...used(use), at, limit })
      if (added === 'gone') throw new AppError('login.required')
      if (added === 'added') return { identityId, isNew: true }
      const owners = await this.#owners({ provider, subjects })
      if (owners.length === 0) {
        await dropClaims(this.#database, { provider, subjects })
        if (added === 'full') throw new AppError('identity.limit', { params: { provider } })
        return undefined
      }
      if (owners.some((owner) => owner !== userId)) throw identityTaken(provider)
      const resolution = await this.resolve(claim, use)
      if (resolution.kind === 'unknown') return undefined
      if (resolution.kind !== 'known' || resolution.account.user.id !== userId) throw identityTaken(provider)
      return { identityId: resolution.identityId, isNew: false }
    })
  }

  /** What an upstream tells of its person, as a statement takes it. */
  #told({ profile }: IdentityClaim, at: Date) {
    const { nickname = null, picture = null } = displayable(profile)
    return { nickname, picture, copyAt: this.#copiesPictures ? at : null }
  }

  /** Whose identity this is, without noting a use of it; the first of several. */
  async ownerOf(claim: IdentityClaim): Promise<UserId | undefined> {
    const [owner] = await this.#owners(checked(claim))
    return owner
  }

  /** When this identity was proved for the last time; undefined: never, or nobody has it. */
  async lastProofOf(claim: IdentityClaim): Promise<Date | undefined> {
    const { rows } = await this.#database.readQuery<{ at: Date | null }>(findLastProof.with(checked(claim)))
    return rows[0]?.at ?? undefined
  }

  async #owners({ provider, subjects }: { provider: string; subjects: readonly string[] }): Promise<UserId[]> {
    const { rows } = await this.#database.readQuery<{ user_id: UserId }>(findOwners.with({ provider, subjects }))
    return rows.map((row) => row.user_id)
  }

  /** Adds it, or says that somebody has it. */
  async #add(addition: Addition): Promise<'added' | 'full' | 'gone' | 'known'> {
    try {
      return await this.#database.knex.transaction((transaction) => addIdentity(transaction, addition, this.#tell))
    } catch (error) {
      if (!isUniqueViolation(error)) throw error
      return 'known'
    }
  }

  /**
   * Moves what one proof vouches for from some accounts of a person to another one of theirs, and answers what moved.
   * Throws `attempt.expired` where the proof no longer stands for each of them or leads to one of them no more,
   * `user.locked` where one is locked. `alongside` is done for all that moved, in the same transaction.
   */
  async gather(
    gathering: Omit<Gathering, 'at'>,
    alongside: (transaction: Knex.Transaction, moved: Moved) => Promise<unknown>,
  ): Promise<readonly Moved[]> {
    return retryOnConflict(() =>
      this.#database.knex.transaction(async (transaction) => {
        const at = new Date(this.#clock())
        const moved = await gatherSubjects(transaction, { ...gathering, at })
        for (const each of moved) {
          const { provider } = gathering.claim
          const what = { provider, label: identityLabel({ provider, subjects: each.subjects }) }
          await this.#tell(transaction, { userId: each.from, event: 'way_removed', at, what })
          await alongside(transaction, each)
        }
        return moved
      }),
    )
  }

  /**
   * Removes an identity. Throws `identity.last` when no usable way in would be left (a user name is one only beside a
   * password, an unproved identity never), `request.not_found` when it is not this user's. Two calls cannot remove each
   * other's last way. `alongside` is done in the same transaction, when the identity is gone.
   */
  async unbind(
    userId: UserId,
    identityId: IdentityId,
    alongside: (transaction: Knex.Transaction) => Promise<unknown>,
  ): Promise<void> {
    const outcome = await retryOnConflict(() =>
      this.#database.knex.transaction(async (transaction) => {
        const at = new Date(this.#clock())
        const removal = await removeIdentity(transaction, { userId, identityId, at }, this.#tell)
        if (removal === 'removed') await alongside(transaction)
        return removal
      }),
    )
    if (outcome === 'not_theirs') throw new AppError('request.not_found')
    if (outcome === 'last') throw new AppError('identity.last')
  }

  /** Until when an account that is leaving may be taken back; undefined: it is not leaving. */
  async leavesAt(userId: UserId): Promise<Date | undefined> {
    return (await findDeletion(this.#database.knex, userId))?.leavesAt
  }

  /** The address each identity of a user was last used from. */
  async lastUses(userId: UserId): Promise<ReadonlyMap<IdentityId, string>> {
    const filled = lastUses.with({ userId })
    const { rows } = await this.#database.readQuery<{ id: IdentityId; last_used_ip: string }>(filled)
    return new Map(rows.map((row) => [row.id, row.last_used_ip]))
  }

  /**
   * Gives the user the nickname they chose, cleaned of what must not be shown; none when nothing is left of it. No
   * login changes it any more.
   */
  async rename(userId: UserId, nickname: string): Promise<void> {
    await this.#database
      .knex('users')
      .where({ id: userId })
      .whereNot({ status: 'deleted' })
      .update({
        ...{ nickname: displayable({ nickname }).nickname ?? null, nickname_chosen: true },
        updated_at: new Date(this.#clock()),
      })
  }

  /** The account, whatever its status; deleted users have no identities and no profile. */
  async find(userId: UserId): Promise<Account | undefined> {
    const { rows } = await this.#database.readQuery<{ account: string | null }>(findAccount.with({ userId }))
    const text = rows[0]?.account
    return text ? accountFromJson(text) : undefined
  }

  /**
   * The user a proved identifier belongs to, with the hash to check a password against, and whether the device that
   * asks has logged in to that account before. One query.
   */
  async findByIdentifier(
    identifier: ParsedIdentifier,
    device: Device = unknownDevice,
  ): Promise<LoginAccount | undefined> {
    return (await findLogin({ database: this.#database, nowMs: this.#clock() }, identifier, device)).account
  }

  /**
   * Locks, unlocks or deletes a user. Deletion is final: it erases the profile and the password and frees the
   * identities, and the row stays so that its id is never given again. False when there is no such user or it is
   * deleted.
   */
  async setStatus(userId: UserId, status: Exclude<UserStatus, 'leaving'>): Promise<boolean> {
    const at = new Date(this.#clock())
    return this.#database.knex.transaction((transaction) => setUserStatus(transaction, { userId, status, at }))
  }
}

function used({ ip, locale = null }: { readonly ip: string; readonly locale?: Locale | null | undefined }) {
  return { ip, locale }
}
