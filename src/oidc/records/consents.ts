import type { Knex } from 'knex'
import type { Clock } from '../../base/clock.ts'
import type { UserId } from '../../base/ids.ts'
import type { Database } from '../../store/postgres.ts'
import { param, sql, statement } from '../../store/statement.ts'
import { claimsByScope } from '../clients/claims.ts'
import { type Grantable, type GrantScopes, settleGrant } from '../library/grant-scopes.ts'
import { memberTextSql, payloadSql } from '../library/payload.ts'
import { durableModels } from '../library/stored-models.ts'
import { lockRecordsOf } from './lock-records.ts'

/**
 * What a person has decided about what a client asked for, true for what they granted. The keys are those of
 * `consentKey`.
 */
export type Decisions = Readonly<Record<string, boolean>>

/** A scope as decisions and forms name it. Neither a scope nor the address of an API has a space in it. */
export function consentKey(scope: string, resource?: string): string {
  return resource === undefined ? scope : `${resource} ${scope}`
}

/** The scope, and its API where it has one, that a key stands for. */
export function scopeOfKey(key: string): { readonly scope: string; readonly resource?: string } {
  const [first = '', second] = key.split(' ')
  return second === undefined ? { scope: first } : { scope: second, resource: first }
}

/** The keys of what was granted; that the client knows who it is comes first. */
export function grantedIn(decisions: Decisions): string[] {
  const isFirst = (key: string) => Number(key === 'openid')
  return Object.keys(decisions)
    .filter((key) => decisions[key])
    .toSorted((a, b) => isFirst(b) - isFirst(a))
}

/** Whose decision it is, and about which client. */
export interface ConsentOf {
  readonly userId: UserId
  readonly clientId: string
}

const readText = statement(
  'consent',
  sql`select decisions from consents where user_id = ${param.text('userId')} and client_id = ${param.text('clientId')}`,
)

/** What a person has decided about a client; undefined when they have decided nothing, or have taken it all back. */
export async function consentTo(
  database: Pick<Database, 'readQuery'>,
  { userId, clientId }: ConsentOf,
): Promise<Decisions | undefined> {
  const { rows } = await database.readQuery<{ decisions: Decisions }>(readText.with({ userId, clientId }))
  return rows[0]?.decisions
}

/**
 * Remembers what a person has just decided, beside what they decided before; false when the session they decided in has
 * ended. What they refuse now is taken out of every grant that the client has of them already. SECURITY: the rows of
 * the person are locked first, as wherever something ends: a decision and its withdrawal come one after the other.
 */
export async function decide(
  { database, clock }: { readonly database: Pick<Database, 'knex'>; readonly clock: Clock },
  { userId, clientId }: ConsentOf,
  { decisions, sessionUid }: { readonly decisions: Decisions; readonly sessionUid: string },
): Promise<boolean> {
  return database.knex.transaction(async (trx) => {
    await lockRecordsOf(trx, userId)
    const { rowCount } = await trx.raw<{ rowCount: number }>(decideText, {
      ...{ userId, clientId, sessionUid, session: durableModels.Session },
      decisions: JSON.stringify(decisions),
      at: new Date(clock()),
    })
    if (rowCount === 0) return false
    const refused = Object.keys(decisions).filter((key) => decisions[key] === false)
    if (refused.length > 0) await narrowGrants(trx, { userId, clientId }, refused)
    return true
  })
}

const decideText = `
  insert into consents as known (user_id, client_id, decisions, created_at, updated_at)
  select :userId, :clientId, cast(:decisions as jsonb), cast(:at as timestamptz), cast(:at as timestamptz)
  where exists (select 1 from oidc_records where model = :session and uid = :sessionUid and user_id = :userId)
  on conflict (user_id, client_id) do update
    set decisions = known.decisions || excluded.decisions, updated_at = excluded.updated_at`

async function narrowGrants(
  trx: Knex.Transaction,
  { userId, clientId }: ConsentOf,
  refused: readonly string[],
): Promise<void> {
  const { rows } = await trx.raw<{ rows: readonly { id: string; payload: string }[] }>(
    `select id, payload from oidc_records r where user_id = :userId and model = :grant
     and ${memberTextSql(payloadSql('r'), 'clientId')} = :clientId`,
    { userId, clientId, grant: durableModels.Grant },
  )
  const decisions = refused.flatMap((key) => grantablesOf(key).map((what) => ({ what, isGranted: false })))
  for (const { id, payload } of rows) {
    const grant = JSON.parse(payload) as GrantScopes
    if (!settleGrant(grant, decisions)) continue
    await trx('oidc_records')
      .where({ model: durableModels.Grant, id })
      .update({ payload: JSON.stringify(grant) })
  }
}

/** What a key stands for: a scope of the protocol also for the claims that it releases. */
function grantablesOf(key: string): readonly Grantable[] {
  const { scope, resource } = scopeOfKey(key)
  const claims = resource === undefined ? (claimsByScope[scope as keyof typeof claimsByScope] ?? []) : []
  return [{ scope, resource }, ...claims.map((claim) => ({ claim }))]
}
