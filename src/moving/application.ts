import type { Knex } from 'knex'
import type { Clock } from '../base/clock.ts'
import { audit } from '../ops/audit.ts'
import type { Log } from '../ops/log.ts'
import { retryOnConflict } from '../store/retry-on-conflict.ts'
import { checkAgainstAccounts, checkAgainstEarlier, type Range } from './checks.ts'

/** What rows become accounts with. */
export interface Application {
  readonly knex: Knex
  readonly clock: Clock
  readonly log: Pick<Log, 'error'>
  readonly source: string
  readonly operator: string
  readonly copiesPictures: boolean
  /** Does everything, and takes it back. */
  readonly isDryRun: boolean
}

/** Accounts that are made in one transaction: so few that nobody waits for it, so many that it is worth it. */
export const chunkRows = 2000

/** In the order of what is unique, so that two imports cannot wait for each other. */
const statements = [
  `insert into users (id, nickname, picture, picture_due_at, status, created_at, updated_at)
   select a.user_id, a.nickname, a.picture,
     case when a.picture is not null and :copiesPictures then cast(:at as timestamptz) end, a.status, a.created_at, :at
   from staged_accounts a where WANTED order by a.user_id`,
  `insert into account_deletions (user_id, asked_at, leaves_at, due_at)
   select a.user_id, :at, a.deletion_at, a.deletion_at from staged_accounts a
   where WANTED and a.deletion_at is not null`,
  // Of accounts that have become part of another one, that for good.
  `insert into users (id, status, merged_into, created_at, updated_at)
   select former.id, 'deleted', a.user_id, a.created_at, :at
   from staged_accounts a cross join unnest(a.former_ids) as former (id) where WANTED order by former.id`,
  // Where the file tells of no use, a number counts as proved now: its owner was let in by it there until today.
  `insert into identities
     (id, user_id, provider, verified_at, proved_at, created_at, created_ip, last_used_at, last_used_ip)
   select s.identity_id, a.user_id, s.provider, case when s.is_verified then s.created_at end,
     case when s.is_verified and s.last_used_at <> s.created_at then s.last_used_at when s.is_verified then :at end,
     s.created_at, '', s.last_used_at, ''
   from staged_accounts a join staged_subjects s on s.n = a.n and s.position = 0 where WANTED`,
  `insert into identity_subjects (provider, subject, identity_id, position, created_at)
   select s.provider, s.subject, s.identity_id, s.position, s.created_at
   from staged_accounts a join staged_subjects s on s.n = a.n where WANTED order by s.provider, s.subject`,
  `insert into passwords (user_id, hash, updated_at)
   select a.user_id, a.hash, a.created_at from staged_accounts a where WANTED and a.hash is not null`,
].map((text) => text.replace('WANTED', 'a.n between :from and :to and a.outcome is null'))

const claimed = `
  insert into imported_accounts (source, external_id, user_id, fingerprint, imported_at)
  select :source, a.external_id, a.user_id, a.fingerprint, :at from staged_accounts a
  where a.n between :from and :to and a.outcome is null order by a.external_id`

class Undone extends Error {}

/**
 * Makes accounts of some rows, in one transaction with their line in the audit: each is there as a whole, or not at
 * all. Where somebody was faster, who logged in or imports as well, the rows are looked at again. Answers how many
 * there are.
 */
export async function applyChunk(application: Application, range: Range): Promise<number> {
  const { knex, source } = application
  let tries = 0
  return retryOnConflict(async () => {
    tries += 1
    if (tries > 1) {
      await checkAgainstEarlier(knex, source, range)
      await checkAgainstAccounts(knex, range)
    }
    return attempt(application, range)
  })
}

async function attempt({ knex, clock, log, ...application }: Application, { from, to }: Range): Promise<number> {
  const { source, operator, copiesPictures, isDryRun } = application
  const at = new Date(clock())
  let made = 0
  try {
    await knex.transaction(async (transaction) => {
      for (const statement of statements) await transaction.raw(statement, { from, to, at, copiesPictures })
      const { rowCount } = await transaction.raw<{ rowCount: number }>(claimed, { source, from, to, at })
      made = rowCount
      if (isDryRun) throw new Undone()
      if (made === 0) return
      const detail = { operator, source, accounts: made }
      await audit({ database: { knex: transaction }, clock, log }).write({ event: 'users.imported', detail })
    })
  } catch (error) {
    if (!(error instanceof Undone)) throw error
  }
  return made
}
