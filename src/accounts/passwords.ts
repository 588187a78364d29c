import type { Guard } from '../abuse/abuse-guard.ts'
import type { AfterAnswer } from '../base/after-answer.ts'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { UserId } from '../base/ids.ts'
import type { EphemeralStore } from '../store/ephemeral.ts'
import type { Database } from '../store/postgres.ts'
import { runIn } from '../store/run-in.ts'
import { isBreachedTop } from './breached-top.ts'
import { formOf } from './common-passwords.ts'
import type { AccountDirectory } from './directory.ts'
import type { Guest } from './hash-pool.ts'
import type { Hasher } from './hashing.ts'
import type { ParsedIdentifier } from './identifier.ts'
import { type Device, installationOf, isUnknown, unknownDevice } from './known-devices.ts'
import { findLogin } from './login-account.ts'
import { type QueueOwnerMessage, tellNobody } from './owner-messages.ts'
import { passwordLock, TriesUsedUp } from './password-lock.ts'
import type { PasswordPolicy } from './password-options.ts'
import { lengthOf, maxLength, refuseBadPassword } from './password-rules.ts'
import {
  changePasswordHash,
  findPasswordHash,
  storePasswordHash,
  strengthenPasswordHash,
} from './password-statements.ts'
import type { PasswordLimit } from './password-tries.ts'
import type { ProofMoment } from './proof.ts'
import type { Account } from './user.ts'

export { passwordOptions } from './password-options.ts'

interface Dependencies {
  readonly database: Database
  readonly directory: AccountDirectory
  readonly hasher: Hasher
  readonly store: EphemeralStore
  readonly guard: Guard<PasswordLimit>
  readonly clock: Clock
  readonly policy: PasswordPolicy
  /** Tells owners of another password, and of one that leaks hold. */
  readonly tell?: QueueOwnerMessage
  /** Whether the whole set of leaked passwords holds one; absent: there is none. */
  readonly isLeaked?: ((password: string) => Promise<boolean>) | undefined
  /** Does something after the answer; absent: nobody is told of a password that leaks hold. */
  readonly later?: AfterAnswer['do'] | undefined
}

/** Whether a user has a password. */
export async function hasPassword(database: Pick<Database, 'readQuery'>, userId: UserId): Promise<boolean> {
  const { rows } = await database.readQuery(findPasswordHash.with({ userId }))
  return rows.length > 0
}

/** One try to log in. */
export interface PasswordTry {
  readonly identifier: ParsedIdentifier
  readonly password: string
  readonly ip: string
  /** What it is tried with. */
  readonly device?: Device | undefined
  readonly clientId?: string | undefined
  /** Level of the challenge that was solved for this very try. */
  readonly proven?: number | undefined
}

/** The one password of a user, valid with every identifier that user has proved. */
export interface Passwords {
  /**
   * Throws `password.required`, `password.too_short`, `password.too_long` or `password.common` when this may not become
   * somebody's password. The context words are what an attacker would try first: the user's names and addresses.
   */
  check(password: string, contextWords?: readonly string[]): void
  /**
   * Checks and hashes a password, to be given to `AccountDirectory.register` or `store`. Throws as `check` does,
   * `password.leaked`, `password.busy`.
   */
  prepare(password: string, contextWords?: readonly string[]): Promise<string>
  /**
   * Keeps a prepared hash as the user's password, whatever it was, for who proved an identity of theirs. Throws
   * `attempt.expired` when the user was deleted, or that proof was ended meanwhile: of several who choose one at once,
   * one does.
   */
  store(userId: UserId, hash: string, proof: Pick<ProofMoment, 'begunAt'>): Promise<void>
  /**
   * Who the password belongs to. SECURITY: nobody by that name, somebody without a password and a wrong password are
   * one answer, `password.wrong`, after the same work: one query and one derivation. So is, with the cause
   * `TriesUsedUp`, a password that does not do from this device any more. Throws `password.locked`, `request.too_many`
   * and `password.busy` without deriving anything, and `user.locked` to who knows the password of a locked user.
   */
  verify(attempt: PasswordTry): Promise<UserId>
  /** Checks a password against the user's own names too and makes it the user's. Throws as `prepare` and `store` do. */
  set(userId: UserId, password: string, proof: Pick<ProofMoment, 'begunAt'>): Promise<void>
  /**
   * `set` for who knows the current one; wrong ones are counted and lock as in `verify`. Throws `password.wrong` for
   * those.
   */
  change(userId: UserId, current: string, next: string): Promise<void>
  has(userId: UserId): Promise<boolean>
}

/** How often at most somebody is told that leaks hold their password. */
const flaggedSeconds = 90 * 86_400

/** Passwords of all users. */
export function passwords(dependencies: Dependencies): Passwords {
  const { database, directory, hasher, store, guard, clock, policy, tell = tellNobody } = dependencies
  const { isLeaked = async () => false, later } = dependencies
  const lock = passwordLock({ store, guard, clock, rules: policy.lock })

  const check = (password: string, contextWords: readonly string[] = []) =>
    refuseBadPassword(policy, password, contextWords)

  async function requireUnknown(password: string): Promise<void> {
    if (await isLeaked(password)) throw new AppError('password.leaked', { field: 'new_password' })
  }

  async function prepare(password: string, contextWords: readonly string[] = []): Promise<string> {
    check(password, contextWords)
    await requireUnknown(password)
    return hasher.hash(password)
  }

  /** Tells whoever has logged in with a password that leaks hold, at most once in a while. It keeps nobody out. */
  async function flag(userId: UserId, password: string): Promise<void> {
    const { mode } = policy.breached
    const isHeld = mode !== 'off' && (isBreachedTop(formOf(password)) || (await isLeaked(password)))
    if (!isHeld || !(await store.add(`password:leaked:${userId}`, 1, flaggedSeconds))) return
    await tell(database.knex, { userId, event: 'password_leaked', at: new Date(clock()) })
  }

  /** Exactly one derivation, also for what nobody can have set. */
  function matches(hash: string | undefined, password: string, guest: Guest, like?: string): Promise<boolean> {
    const isTooLong = lengthOf(password) > maxLength
    return isTooLong ? hasher.verify(undefined, '', guest, like ?? hash) : hasher.verify(hash, password, guest, like)
  }

  async function keep(userId: UserId, hash: string, { begunAt }: Pick<ProofMoment, 'begunAt'>): Promise<void> {
    const at = new Date(clock())
    const filled = storePasswordHash.with({ userId, hash, at, begunAt: new Date(begunAt) })
    await database.knex.transaction(async (transaction) => {
      const { rows } = await runIn<{ is_first: boolean }>(transaction, filled)
      if (!rows[0]) throw new AppError('attempt.expired')
      await tell(transaction, { userId, event: rows[0].is_first ? 'password_set' : 'password_changed', at })
    })
    await lock.forget(userId)
  }

  async function contextOf(userId: UserId): Promise<readonly string[]> {
    const account = await directory.find(userId)
    if (account === undefined) throw new AppError('login.required')
    return guessableFrom(account)
  }

  /** A busy queue is no reason to refuse who has just logged in; the next login tries again. */
  async function rehash(userId: UserId, hash: string, password: string): Promise<void> {
    if (!hasher.needsRehash(hash)) return
    try {
      const values = { userId, verified: hash, hash: await hasher.hash(password) }
      await database.commitQuery(strengthenPasswordHash.with(values))
    } catch (error) {
      if (!(error instanceof AppError)) throw error
    }
  }

  return {
    check,
    prepare,
    store: keep,
    async verify({ identifier, password, ip, device, clientId, proven }) {
      if (!device || isUnknown(device)) hasher.refuseWhenFull()
      const asked = { database, nowMs: clock() }
      const { account: found, likeHash } = await findLogin(asked, identifier, device ?? unknownDevice)
      const { userId, knownDevice } = found ?? {}
      const guest = knownDevice === undefined ? 'anybody' : 'known'
      hasher.refuseWhenFull(guest)
      const guarded = {
        ...{ who: `${identifier.provider}:${identifier.subject}`, userId, knownDevice, ip },
        ...{ password, device: installationOf(device), clientId, proven },
      }
      const record = await lock
        .guard(guarded, async () =>
          (await matches(found?.passwordHash, password, guest, likeHash)) ? found : undefined,
        )
        .catch((error: unknown) => {
          throw error instanceof TriesUsedUp ? wrong(error) : error
        })
      if (record?.passwordHash === undefined || record.status === 'deleted') throw wrong()
      if (record.status === 'locked') throw new AppError('user.locked')
      await rehash(record.userId, record.passwordHash, password)
      later?.(() => flag(record.userId, password))
      return record.userId
    },
    async set(userId, password, proof) {
      await keep(userId, await prepare(password, await contextOf(userId)), proof)
    },
    async change(userId, current, next) {
      check(next, await contextOf(userId))
      await requireUnknown(next)
      hasher.refuseWhenFull('known')
      // Whoever is signed in has tries of their own, which nobody uses up who is not.
      const guarded = { who: userId, userId, knownDevice: 'signed in', ip: undefined }
      const hash = await lock
        .guard(guarded, async () => {
          const { rows } = await database.readQuery<{ hash: string }>(findPasswordHash.with({ userId }))
          return (await matches(rows[0]?.hash, current, 'known')) ? rows[0]?.hash : undefined
        })
        .catch((error: unknown) => {
          throw error instanceof TriesUsedUp ? mismatch() : error
        })
      if (hash === undefined) throw mismatch()
      const at = new Date(clock())
      const filled = changePasswordHash.with({ userId, verified: hash, hash: await hasher.hash(next), at })
      await database.knex.transaction(async (transaction) => {
        const { rowCount } = await runIn(transaction, filled)
        if (!rowCount) throw mismatch()
        await tell(transaction, { userId, event: 'password_changed', at })
      })
    },
    has: (userId) => hasPassword(database, userId),
  }
}

/** What an attacker would try first as the password of an account: its names, numbers and addresses. */
export function guessableFrom({ user, identities }: Account): readonly string[] {
  const local = identities.filter(({ provider }) => ['phone', 'email', 'username'].includes(provider))
  return [user.profile.nickname ?? '', ...local.flatMap(({ subjects }) => subjects)]
}

function wrong(cause?: TriesUsedUp): AppError {
  return new AppError('password.wrong', { field: 'password', cause })
}

/** To somebody who is logged in: only the password can be wrong. */
function mismatch(): AppError {
  return new AppError('password.mismatch', { field: 'password' })
}
