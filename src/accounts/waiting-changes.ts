import type { Knex } from 'knex'
import type { Clock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { IdentityId, UserId } from '../base/ids.ts'
import type { Locale } from '../base/languages.ts'
import { maskSubject } from '../base/mask.ts'
import { olderMs } from '../store/older-time.ts'
import { type Database, isUniqueViolation } from '../store/postgres.ts'
import { wholeColumn } from '../store/reseal.ts'
import type { Sealer } from '../store/seal.ts'
import { lockUser } from './directory-statements.ts'
import { type ChangeableProvider, type Replacement, replaceIdentity } from './identity-change.ts'
import type { QueueOwnerMessage } from './owner-messages.ts'

/** A number or address that waits to take the place of another one, as its owner sees it. */
export interface WaitingChange {
  readonly identityId: IdentityId
  /** The new one, masked. */
  readonly label: string
  /** When it takes the place. */
  readonly dueAt: Date
}

/** What became of a change that waited. */
export interface Settled {
  readonly userId: UserId
  readonly identityId: IdentityId
  readonly provider: ChangeableProvider
  /** The id of the new identity; absent: nothing was changed, for this reason. */
  readonly nowAs?: IdentityId
  readonly reason?: 'taken' | 'ended'
}

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
  readonly sealer: Pick<Sealer, 'seal' | 'open'>
  readonly tell: QueueOwnerMessage
  /** Ends, in the same transaction, every login that came by an identity that was replaced. */
  readonly end: (transaction: Knex.Transaction, userId: UserId, identityId: IdentityId) => Promise<unknown>
}

interface Row {
  readonly identity_id: IdentityId
  readonly user_id: UserId
  readonly subject: string
  readonly label: string
  readonly ip: string
  readonly locale: Locale | null
  readonly proved_at: Date
  readonly asked_at: Date
  readonly provider: ChangeableProvider
  /** Whether nothing has ended what was proved when the change was asked for. */
  readonly stands: boolean
}

const sealedFor = 'identity_change'

/** Where new numbers and addresses are sealed while they wait. */
export const sealedIdentityChanges = wholeColumn({
  name: 'numbers to come',
  table: 'identity_changes',
  id: 'identity_id',
  column: 'subject',
  context: () => sealedFor,
})

const batch = 20
/** After which time one that failed is tried again, behind all others. */
const retryMs = 600_000
/** SECURITY: everything that ends a proof ends a change that was asked for with one, and so does a lock. */
const standing = `
  select c.*, i.provider, u.status = 'active' and c.asked_at >= coalesce(
    greatest(u.proofs_ended_at, u.signed_out_at), c.asked_at) as stands
  from identity_changes c join identities i on i.id = c.identity_id and i.user_id = c.user_id
  join users u on u.id = c.user_id
  where c.identity_id = :identityId`

/**
 * Changes of numbers and addresses that nobody has proved the old one for. Whatever is done to one, holds the lock of
 * its user.
 */
export class WaitingChanges {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** What waits for an account. */
  async list(userId: UserId): Promise<WaitingChange[]> {
    const rows = await this.#deps.database
      .knex('identity_changes')
      .where({ user_id: userId })
      .orderBy('due_at')
      .select<Pick<Row & { due_at: Date }, 'identity_id' | 'label' | 'due_at'>[]>('identity_id', 'label', 'due_at')
    return rows.map(({ identity_id: identityId, label, due_at: dueAt }) => ({ identityId, label, dueAt }))
  }

  /**
   * Has a change wait, and tells the owner wherever they can be reached. Throws `identity.changing` where one waits
   * already, `attempt.expired` where the identity is not the user's any more.
   */
  async ask(
    { userId, identityId, provider, subject, ip, locale, provedAt, at }: Replacement,
    dueAt: Date,
  ): Promise<void> {
    const { database, sealer, tell } = this.#deps
    const label = maskSubject(provider, subject)
    await database.knex.transaction(async (transaction) => {
      await transaction.raw(lockUser, { userId })
      const own = await transaction('identities').where({ id: identityId, user_id: userId, provider }).first('id')
      if (!own) throw new AppError('attempt.expired')
      const row = {
        ...{ identity_id: identityId, user_id: userId, subject: sealer.seal(subject, sealedFor), label, ip, locale },
        ...{ proved_at: provedAt, asked_at: at, due_at: dueAt },
      }
      const added = await transaction('identity_changes')
        .insert(row)
        .onConflict('identity_id')
        .ignore()
        .returning('label')
      if (added.length === 0) throw new AppError('identity.changing')
      const what = { provider, label }
      await tell(transaction, { userId, event: 'number_changing', at, what, until: dueAt })
    })
  }

  /** Stops a change that waits, and tells the owner. False when there is none. */
  async cancel(userId: UserId, identityId: IdentityId): Promise<boolean> {
    const { database, clock } = this.#deps
    return database.knex.transaction(async (transaction) => {
      await transaction.raw(lockUser, { userId })
      const row = await transaction('identity_changes').where({ identity_id: identityId, user_id: userId }).first<Row>()
      if (!row) return false
      await this.#keep(transaction, row, new Date(clock()))
      return true
    })
  }

  /**
   * Does what is due. Of several servers one does each change, in one transaction, so that one that dies leaves it to
   * the next. Goes by the older clock, because a number that was freed does not come back. One that fails holds up no
   * other; what it failed of is thrown afterwards.
   */
  async applyDue(settled: (change: Settled) => Promise<unknown>): Promise<void> {
    const { database, clock } = this.#deps
    const { atMs } = await olderMs(database, clock)
    const due = await database
      .knex('identity_changes')
      .where('due_at', '<=', new Date(atMs))
      .orderBy('due_at')
      .limit(batch)
      .select<Pick<Row, 'identity_id' | 'user_id'>[]>('identity_id', 'user_id')
    const failures: unknown[] = []
    for (const { identity_id: identityId, user_id: userId } of due) {
      try {
        const done = await this.#settle(userId, identityId, new Date(atMs))
        if (done) await settled(done)
      } catch (error) {
        failures.push(error)
        const later = new Date(atMs + retryMs)
        await database.knex('identity_changes').where({ identity_id: identityId }).update({ due_at: later })
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  async #settle(userId: UserId, identityId: IdentityId, at: Date): Promise<Settled | undefined> {
    try {
      return await this.#apply(userId, identityId, at)
    } catch (error) {
      if (!isUniqueViolation(error)) throw error
      return this.#giveUp(userId, identityId, at)
    }
  }

  async #apply(userId: UserId, identityId: IdentityId, at: Date): Promise<Settled | undefined> {
    const { database, sealer, tell, end } = this.#deps
    return database.knex.transaction(async (transaction) => {
      const row = await this.#held(transaction, userId, identityId, at)
      if (!row) return undefined
      const { provider } = row
      if (!row.stands) {
        await this.#keep(transaction, row, at)
        return { userId, identityId, provider, reason: 'ended' as const }
      }
      const subject = sealer.open(row.subject, sealedFor)
      const { ip, locale, proved_at: provedAt } = row
      const given = { userId, identityId, provider, subject, ip, locale, provedAt, at }
      const nowAs = await replaceIdentity(transaction, given, tell)
      if (!nowAs) return undefined
      await end(transaction, userId, identityId)
      return { userId, identityId, provider, nowAs }
    })
  }

  /** Somebody else has proved the number since: it is theirs. */
  async #giveUp(userId: UserId, identityId: IdentityId, at: Date): Promise<Settled | undefined> {
    return this.#deps.database.knex.transaction(async (transaction) => {
      const row = await this.#held(transaction, userId, identityId, at)
      if (!row) return undefined
      await this.#keep(transaction, row, at)
      return { userId, identityId, provider: row.provider, reason: 'taken' as const }
    })
  }

  /** A change that is due, under the lock of its user; undefined where it is done, or was stopped. */
  async #held(transaction: Knex.Transaction, userId: UserId, identityId: IdentityId, at: Date) {
    await transaction.raw(lockUser, { userId })
    const { rows } = await transaction.raw<{ rows: readonly (Row & { due_at: Date })[] }>(standing, { identityId })
    const [row] = rows
    if (row && row.due_at <= at) return row
    // What leads to no identity of its user any more is nobody's.
    const orphan = transaction('identity_changes').where({ identity_id: identityId, user_id: userId })
    if (!row) await orphan.whereNotExists(transaction('identities').where({ id: identityId, user_id: userId })).delete()
    return undefined
  }

  async #keep(transaction: Knex.Transaction, row: Pick<Row, 'identity_id' | 'user_id' | 'label'>, at: Date) {
    const { identity_id: identityId, user_id: userId, label } = row
    const identity = await transaction('identities').where({ id: identityId }).first<{ provider: string }>('provider')
    await transaction('identity_changes').where({ identity_id: identityId }).delete()
    const what = { ...(identity ? { provider: identity.provider } : {}), label }
    await this.#deps.tell(transaction, { userId, event: 'number_kept', at, what })
  }
}
