import type { Guard } from '../abuse/abuse-guard.ts'
import type { Wanted } from '../abuse/signals.ts'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { UserId } from '../base/ids.ts'
import type { EphemeralStore } from '../store/ephemeral.ts'
import { digest } from '../store/seal.ts'
import { type PasswordLimit, type Try, takeTry } from './password-tries.ts'

/** How wrong passwords lock an account name. */
export interface LockRules {
  /** Wrong tries before the first lock. */
  readonly tries: number
  /** Seconds of the first lock; every further wrong try doubles it. */
  readonly first: number
  readonly longest: number
  /** Seconds after which tries and locks are forgotten. */
  readonly forget_after: number
  /**
   * How many wrong tries in a row are allowed, from one known device or from all unknown ones together; after that no
   * password is accepted from there.
   */
  readonly in_a_row: number
}

/** Whose password is tried, and by whom. */
export interface Guarded {
  /** The name that was typed. */
  readonly who: string
  /** What was typed with it. */
  readonly password?: string | undefined
  /** Whose it is; undefined for a name nobody has. */
  readonly userId: UserId | undefined
  /** The name under which the tries of this known device are counted; undefined for an unknown device. */
  readonly knownDevice: string | undefined
  /** What the browser or app is called by, whosever account it is used for. */
  readonly device?: string | undefined
  readonly ip: string | undefined
  readonly clientId?: string | undefined
  /** Level of the challenge that was solved for this very try. */
  readonly proven?: number | undefined
}

/** Counts tries of passwords and refuses more of them for a while. */
export interface PasswordLock {
  /**
   * Runs one try of a password, which answers undefined when it was wrong. Tries are counted before they run, so that
   * parallel guesses do not all pass; once the free ones are used, the lock has to be won to try at all, and a wrong
   * try leaves it in place, twice as long each time. A right one forgets everything. Throws, without running the try,
   * `password.locked` and `request.too_many`, both with `retryAfterSeconds`; `challenge.required`; and `TriesUsedUp`
   * after a try of a password that does no longer, right or wrong.
   */
  guard<Result>(guarded: Guarded, attempt: () => Promise<Result | undefined>): Promise<Result | undefined>
  /** Forgets all wrong tries, because the password has changed. */
  forget(userId: UserId): Promise<void>
}

/** Too many wrong passwords came in a row from unknown devices: for a time no password is accepted from those. */
export class TriesUsedUp extends Error {
  override readonly name = 'TriesUsedUp'
}

interface Dependencies {
  readonly store: EphemeralStore
  readonly guard: Guard<PasswordLimit>
  readonly clock: Clock
  readonly rules: LockRules
}

/** Seconds for which wrong tries in a row are counted, from the first of them. */
const rowSeconds = 30 * 86_400
/** Seconds for which is known at which names a password was wrong. */
const sprayedSeconds = 3600
/** How many counters all names without an account share. */
const nobodys = 4096

/**
 * Growing locks that always end, the same for names that exist and names that do not. A device that has logged in to an
 * account before has tries and a lock of its own, which no stranger can use up; all others share those of the name they
 * typed. SECURITY: that lock is the name's and not the account's, because one that can be seen through another name
 * would tell that both are of one person. What all names of an account share is the count of wrong tries in a row, and
 * what it decides cannot be seen: a right password is then answered like a wrong one, after the same work. The keys are
 * this file's own, so that a stranger's wrong passwords never stand in the way of a login by one-time code.
 */
export function passwordLock({ store, guard, clock, rules }: Dependencies): PasswordLock {
  async function refuseUntil(key: string): Promise<void> {
    const until = await store.get<number>(key)
    const seconds = until === undefined ? 0 : Math.ceil((until - clock()) / 1000)
    if (seconds > 0) throw new AppError('password.locked', { params: { retryAfterSeconds: seconds } })
  }

  /** Undefined while tries are free, otherwise how many locks there were before the one that this call has won. */
  async function enter(key: string): Promise<number | undefined> {
    const tries = await store.increment(`${key}:tries`, rules.forget_after)
    if (tries < rules.tries) return undefined
    const locks = (await store.get<number>(`${key}:locks`)) ?? 0
    const seconds = Math.min(rules.first * 2 ** locks, rules.longest)
    if (await store.add(`${key}:lock`, clock() + seconds * 1000, seconds)) return locks
    await refuseUntil(`${key}:lock`)
    throw new AppError('password.locked', { params: { retryAfterSeconds: 1 } })
  }

  /**
   * Only wrong tries count for a network, so that a whole office can log in from one. One password that is wrong at
   * many names counts too, once for each name: whoever forgets theirs tries the same one again and again.
   */
  async function countAgainst(wanted: Wanted | undefined, isJudged = true): Promise<void> {
    if (wanted === undefined) return
    const { name = '', password = '', ip } = wanted
    const isNews = isJudged && (await store.add(`password:at:${digest(`${name} ${password}`)}`, 1, sprayedSeconds))
    await guard.told(isNews ? wanted : { ...wanted, password: undefined }, 'failed', [['password.ip', ip]])
  }

  /** Whose tries a request uses, and where wrong ones in a row are counted. */
  async function potOf({ who, password, userId, knownDevice, device, ip, clientId, proven }: Guarded) {
    if (userId !== undefined && knownDevice !== undefined) {
      const key = `password:device:${digest(`${userId} ${knownDevice}`)}`
      // A known device with too many wrong tries is treated as an unknown one.
      const used = await store.get<number>(`${key}:row`)
      if ((used ?? 0) < rules.in_a_row) return { key, row: `${key}:row`, others: [rowOf(userId)], wanted: undefined }
    }
    const row = userId === undefined ? nobodysRow(who) : rowOf(userId)
    // Of one length, whatever was typed, and plain in no store.
    const tried = { name: who, password: password === undefined ? undefined : bucketOf(password) }
    const common = { act: 'password', isKnownDevice: false, ...tried, device, clientId, proven } as const
    const wanted: Wanted | undefined = ip === undefined ? undefined : { ...common, ip }
    return { key: `password:who:${digest(who)}`, row, others: [], wanted }
  }

  return {
    async guard(guarded, attempt) {
      const { key, row, others, wanted } = await potOf(guarded)
      let locks: number | undefined
      let tried: Try | undefined
      try {
        const [ofNetwork, ofName] = await Promise.allSettled([
          wanted && takeTry(guard, wanted),
          refuseUntil(`${key}:lock`),
        ])
        // The network is checked first: whoever is over its limit learns nothing about the name.
        if (ofNetwork.status === 'rejected') throw ofNetwork.reason
        if (ofName.status === 'rejected') throw ofName.reason
        tried = ofNetwork.value
        locks = await enter(key)
      } catch (error) {
        // Somebody who waits for a lock to end, in order to be the first, uses up the tries of their network.
        if (error instanceof AppError && error.code === 'password.locked') await countAgainst(wanted, false)
        throw error
      }
      try {
        const [inARow, judged] = await Promise.all([store.increment(row, rowSeconds), attempt()])
        const isUsedUp = inARow > rules.in_a_row
        if (judged !== undefined && !isUsedUp) {
          const ended = locks === undefined ? [] : [`${key}:lock`]
          await Promise.all([store.delete(`${key}:tries`, `${key}:locks`, ...ended, row, ...others), tried?.giveBack()])
          return judged
        }
        if (locks !== undefined) await store.set(`${key}:locks`, locks + 1, rules.forget_after)
        await countAgainst(wanted)
        if (isUsedUp) throw new TriesUsedUp()
        return undefined
      } catch (error) {
        // Nobody judged the password (full queue, database away), so nobody is locked out for it.
        if (error instanceof TriesUsedUp) throw error
        if (locks !== undefined) await store.delete(`${key}:lock`)
        await tried?.giveBack()
        throw error
      }
    },
    forget: (userId) => store.delete(rowOf(userId)),
  }
}

/**
 * SECURITY: 20 bits of a password that was wrong, which are kept under a keyed digest for an hour: whoever gets hold of
 * the store and of the key still has a million guesses before them for each.
 */
function bucketOf(password: string): string {
  return Buffer.from(digest(password.normalize('NFKC')), 'base64url')
    .toString('hex')
    .slice(0, 5)
}

function rowOf(userId: UserId): string {
  return `password:row:${userId}`
}

/** A name without an account costs the store the same work, and invented names leave no more than these counters. */
function nobodysRow(who: string): string {
  return `password:row:nobody:${Buffer.from(digest(who), 'base64url').readUInt16BE() % nobodys}`
}
