import type { Knex } from 'knex'
import { parseStored } from '../accounts/stored-password.ts'
import type { Clock } from '../base/clock.ts'
import type { Database } from '../store/postgres.ts'
import type { NeutralAccount } from './neutral-account.ts'

/** What writing accounts out works with. */
export interface ExportDependencies {
  readonly database: Database
  readonly clock: Clock
}

const pageRows = 1000

interface Row {
  readonly id: string
  readonly nickname: string | null
  readonly picture: string | null
  readonly status: 'active' | 'locked' | 'leaving'
  readonly leaves_at: Date | null
  readonly former_ids: string[] | null
  readonly created_at: Date
  readonly hash: string | null
  readonly identities: NeutralAccount['identities'] | null
}

const page = `
  select u.id, u.nickname, u.picture, u.status, u.created_at, p.hash, d.leaves_at,
    (select array_agg(f.id order by f.id) from users f where f.merged_into = u.id) as former_ids, (
      select json_agg(json_build_object('provider', i.provider, 'subjects', (
          select json_agg(s.subject order by s.position, s.created_at desc, s.subject)
          from identity_subjects s where s.identity_id = i.id),
        'verified', i.verified_at is not null, 'created_at', i.created_at,
        'last_used_at', coalesce(i.proved_at, i.last_used_at))
        order by i.created_at, i.provider, i.id)
      from identities i where i.user_id = u.id
    ) as identities
  from users u left join passwords p on p.user_id = u.id left join account_deletions d on d.user_id = u.id
  where u.id > :after and u.status in ('active', 'locked', 'leaving') order by u.id limit ${pageRows}`

/**
 * Every account that somebody can come back to, in the form that `users import` reads, a line each; it keeps its id and
 * those that stand for it, the date of its deletion where that was asked for, and its password as it is hashed here.
 * All of them as they were at one moment. Answers how many.
 */
export function exportAccounts(
  { database }: ExportDependencies,
  write: (lines: string) => Promise<unknown>,
): Promise<number> {
  return database.maintenance((knex) =>
    knex.transaction((transaction) => writeAll(transaction, write), {
      isolationLevel: 'repeatable read',
      readOnly: true,
    }),
  )
}

async function writeAll(transaction: Knex, write: (lines: string) => Promise<unknown>): Promise<number> {
  let [after, count] = ['', 0]
  for (;;) {
    const { rows } = await transaction.raw<{ rows: readonly Row[] }>(page, { after })
    await write(rows.map((row) => `${JSON.stringify(neutral(row))}\n`).join(''))
    count += rows.length
    after = rows.at(-1)?.id ?? ''
    if (rows.length < pageRows) return count
  }
}

function neutral(row: Row): NeutralAccount {
  const { id, nickname, picture, status, leaves_at, former_ids, created_at, hash, identities } = row
  return {
    external_id: id,
    ...(nickname !== null && { nickname }),
    ...(picture !== null && { picture }),
    created_at: created_at.toISOString(),
    status,
    ...(leaves_at !== null && { deletion_at: leaves_at.toISOString() }),
    ...(former_ids !== null && { former_ids }),
    identities: identities ?? [],
    ...(hash !== null && { password: { algorithm: algorithmOf(hash), hash } }),
  }
}

function algorithmOf(hash: string): NonNullable<NeutralAccount['password']>['algorithm'] {
  const stored = parseStored(hash)
  if (stored?.kind === 'argon2') return stored.former ? 'wrapped' : 'argon2'
  return stored?.kind === 'firebase' ? 'firebase_scrypt' : (stored?.kind ?? 'argon2')
}
