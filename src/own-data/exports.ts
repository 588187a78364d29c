import type { AccountDirectory } from '../accounts/directory.ts'
import type { QueueOwnerMessage } from '../accounts/owner-messages.ts'
import type { Clock } from '../base/clock.ts'
import type { UserId } from '../base/ids.ts'
import type { Locale } from '../base/languages.ts'
import type { Audit } from '../ops/audit.ts'
import type { Limits } from '../ops/limits.ts'
import type { Log } from '../ops/log.ts'
import { type DueRow, type DueTable, sendDue } from '../store/due-rows.ts'
import type { Database } from '../store/postgres.ts'
import { wholeColumn } from '../store/reseal.ts'
import type { Sealer } from '../store/seal.ts'
import { type ArchiveWriting, ownArchive } from './archive.ts'

/** How many days an archive can be fetched. */
export const keptDays = 7
const keptMs = keptDays * 86_400_000

/** What becomes of somebody's archive. */
export type ExportState =
  | { readonly kind: 'none' }
  | { readonly kind: 'waiting'; readonly requestedAt: Date }
  | { readonly kind: 'ready'; readonly madeAt: Date; readonly expiresAt: Date }

/** Who asks for or fetches an archive, for the audit. */
interface From {
  readonly ip: string
  readonly requestId?: string | undefined
}

interface Dependencies {
  readonly database: Database
  readonly clock: Clock
  readonly directory: Pick<AccountDirectory, 'find'>
  readonly sealer: Pick<Sealer, 'seal' | 'open'>
  readonly audit: Audit
  readonly log: Pick<Log, 'warn'>
  readonly tell: QueueOwnerMessage
  readonly limits: Pick<Limits<'export.user'>, 'take'>
  readonly writing: ArchiveWriting
}

const context = 'data_export'

/** Where archives are sealed. */
export const sealedExports = wholeColumn({
  name: 'archives of people’s own data',
  table: 'data_exports',
  id: 'user_id',
  column: 'archive',
  context: () => context,
})

interface Requested extends DueRow {
  readonly user_id: UserId
  readonly locale: Locale
}

const requests: DueTable = {
  table: 'data_export_requests',
  columns: ['user_id', 'locale'],
  pausesSeconds: [10, 60, 600, 3600],
}

/** Archives of what is kept about people: asked for, made in the background, fetched for some days, then swept. */
export class OwnDataExports {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** What there is of somebody's archive. A new one that is on its way comes first. */
  async state(userId: UserId): Promise<ExportState> {
    const { database, clock } = this.#deps
    const waiting = await database
      .knex('data_export_requests')
      .where({ user_id: userId })
      .first<{ requested_at: Date }>('requested_at')
    if (waiting) return { kind: 'waiting', requestedAt: waiting.requested_at }
    const made = await database
      .knex('data_exports')
      .where({ user_id: userId })
      .where('expires_at', '>', new Date(clock()))
      .first<{ made_at: Date; expires_at: Date }>('made_at', 'expires_at')
    return made ? { kind: 'ready', madeAt: made.made_at, expiresAt: made.expires_at } : { kind: 'none' }
  }

  /**
   * Has an archive made; one that waits already is enough. The one that is there stays until the new one takes its
   * place. Throws `request.too_many`.
   */
  async request(userId: UserId, locale: Locale, from: From): Promise<void> {
    const { database, clock, audit, limits } = this.#deps
    if ((await this.state(userId)).kind === 'waiting') return
    await limits.take('export.user', userId)
    const at = new Date(clock())
    const added: unknown[] = await database
      .knex('data_export_requests')
      .insert({ user_id: userId, locale, requested_at: at, due_at: at })
      .onConflict('user_id')
      .ignore()
      .returning('id')
    if (added.length > 0) await audit.write({ event: 'export.requested', userId, ...from })
  }

  /** The archive; undefined when there is none, or no longer. The caller makes sure who asks. */
  async fetch(userId: UserId, from: From): Promise<{ readonly bytes: Buffer; readonly madeAt: Date } | undefined> {
    const { database, clock, sealer, audit } = this.#deps
    const found = await database
      .knex('data_exports')
      .where({ user_id: userId })
      .where('expires_at', '>', new Date(clock()))
      .first<{ archive: string; made_at: Date }>('archive', 'made_at')
    if (!found) return undefined
    await audit.write({ event: 'export.fetched', userId, ...from })
    return { bytes: Buffer.from(sealer.open(found.archive, context), 'base64'), madeAt: found.made_at }
  }

  /** Makes what was asked for, each by one process; answers how many were tried. A process that died is followed. */
  make(): Promise<number> {
    return sendDue<Requested>(this.#deps, requests, async (requested) => {
      const { user_id: userId, attempts } = requested
      try {
        await this.#makeFor(requested)
        return 'over'
      } catch (error) {
        this.#deps.log.warn({ err: error, user_id: userId, attempts }, 'an archive of own data was not made')
        return 'failed'
      }
    })
  }

  /**
   * Keeps an archive of somebody in the place of an earlier one, and ends the request in the same transaction: a server
   * that dies, or that another one has overtaken, makes nobody hear of it twice. Of a user who is deleted nothing is
   * left behind.
   */
  async #makeFor({ id, user_id: userId, locale }: Requested): Promise<void> {
    const { database, clock, sealer, audit, tell, writing } = this.#deps
    const archive = await ownArchive([this.#deps, userId], locale, writing)
    if (!archive) return
    const at = new Date(clock())
    const until = new Date(at.getTime() + keptMs)
    const row = { archive: sealer.seal(archive.toString('base64'), context), made_at: at, expires_at: until }
    const isKept = await database.knex.transaction(async (transaction) => {
      // SECURITY: held against a deletion that takes everything away at the same moment.
      const { rows } = await transaction.raw<{ rows: unknown[] }>(
        `select id from users where id = :userId and status <> 'deleted' for share`,
        { userId },
      )
      if (rows.length === 0) return false
      if ((await transaction('data_export_requests').where({ id }).delete()) === 0) return false
      await transaction('data_exports')
        .insert({ user_id: userId, ...row })
        .onConflict('user_id')
        .merge()
      await tell(transaction, { userId, event: 'export_ready', at, until })
      return true
    })
    if (isKept) await audit.write({ event: 'export.made', userId })
  }
}

/** Deletes the archives that cannot be fetched any more. */
export async function sweepExports(database: Pick<Database, 'knex'>, clock: Clock): Promise<void> {
  await database.knex('data_exports').where('expires_at', '<=', new Date(clock())).delete()
}
