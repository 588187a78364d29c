import { randomBytes } from 'node:crypto'
import { type InviteId, newId, type UserId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'
import { digest } from '../store/seal.ts'
import { param, sql, statement } from '../store/statement.ts'

/** What an invitation is for, and until when. */
export interface NewInvite {
  /** The only client where an account may be made with it; undefined: any that asks for one. */
  readonly clientId?: string | undefined
  /** For whom it is, in the words of the operator. */
  readonly note?: string | undefined
  readonly operator: string
  readonly at: Date
  readonly expiresAt: Date
}

/** An invitation as operators see it; nobody sees its code again. */
export interface Invite {
  readonly id: InviteId
  readonly clientId: string | null
  readonly note: string | null
  readonly createdBy: string
  readonly createdAt: Date
  readonly expiresAt: Date
  readonly revokedAt: Date | null
  readonly usedAt: Date | null
  readonly usedBy: UserId | null
}

/** Without letters that are taken for others when somebody reads a code out. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const letters = 16

/** A code of 80 bits in groups of four: it is read out, typed and pasted. */
function newCode(): string {
  const text = [...randomBytes(letters)].map((byte) => alphabet[byte & 31]).join('')
  return (text.match(/.{4}/g) ?? []).join('-')
}

/** What is kept of a code, however it was typed. SECURITY: the table lets nobody in who reads it. */
export function inviteDigest(typed: string): string {
  const text = typed.normalize('NFKC').toUpperCase().replaceAll('O', '0').replaceAll(/[IL]/g, '1')
  return digest(`invite ${text.replaceAll(/[^0-9A-Z]/g, '').slice(0, 2 * letters)}`)
}

const inviteValues = sql`digest = ${param.textOrNull('invite')} and used_at is null and revoked_at is null
        and expires_at > ${param.time('at')} and (client_id is null or client_id = ${param.textOrNull('inviteClient')})`

/**
 * A query that uses up an invitation for a user who is made by the same statement. SECURITY: of several who bring one
 * code the first gets the row, and the others find it used: the statement of each makes a user only where this query
 * has answered a row.
 */
export const useInvite = sql`
    invited as (
      update invites set used_at = ${param.time('at')}, used_by = ${param.text('userId')} where ${inviteValues}
      returning id
    )`

const findUsable = statement('invites_find_usable', sql`select from invites where ${inviteValues}`)

/** Whether an account could be made with this code at this client; nothing of it is used up. */
export async function isInviteUsable(
  database: Pick<Database, 'readQuery'>,
  { typed, clientId, at }: { readonly typed: string; readonly clientId: string | undefined; readonly at: Date },
): Promise<boolean> {
  const filled = findUsable.with({ invite: inviteDigest(typed), inviteClient: clientId ?? null, at })
  return (await database.readQuery(filled)).rows.length > 0
}

type Knex = Database['knex']

/** Makes an invitation, and answers its code, which nobody can find out again. */
export async function createInvite(
  knex: Knex,
  { clientId, note, operator, at, expiresAt }: NewInvite,
): Promise<{ readonly id: InviteId; readonly code: string }> {
  const [id, code] = [newId('inv'), newCode()]
  const about = { client_id: clientId ?? null, note: note ?? null, created_by: operator }
  await knex('invites').insert({ id, digest: inviteDigest(code), ...about, created_at: at, expires_at: expiresAt })
  return { id, code }
}

/** Takes an invitation back. False where there is none by that id, or it was used or taken back before. */
export async function revokeInvite(knex: Knex, id: InviteId, at: Date): Promise<boolean> {
  const unused = { id, used_at: null, revoked_at: null }
  return (await knex('invites').where(unused).update({ revoked_at: at })) > 0
}

/** The invitations that were made last. */
export async function listInvites(knex: Knex, limit: number): Promise<readonly Invite[]> {
  return knex('invites')
    .orderBy([
      { column: 'created_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])
    .limit(limit)
    .select({
      ...{ id: 'id', clientId: 'client_id', note: 'note', createdBy: 'created_by', createdAt: 'created_at' },
      ...{ expiresAt: 'expires_at', revokedAt: 'revoked_at', usedAt: 'used_at', usedBy: 'used_by' },
    })
}
