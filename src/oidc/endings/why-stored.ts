import { authorizationsSql, isBoundSql, memberSql, payloadSql } from '../library/payload.ts'
import { durableModels } from '../library/stored-models.ts'
import { familyIn } from '../records/family-tokens.ts'
import { recordId } from '../records/records.ts'
import type { SignIn } from '../records/sign-in.ts'
import { type EndingLine, endingsOf, type WhyDependencies } from './why-report.ts'

/** A bearer value, or the id of a session or grant. */
export type Thing = { readonly token: string } | { readonly id: string }

interface Stored {
  readonly model: number
  readonly at: Date
  readonly consumed_at: Date | null
  readonly has_ended: boolean
  readonly id: string | null
  /** The session that a token ends with; a token for offline use only began there. */
  readonly session_uid: string | null
  readonly grant_id: string | null
  readonly user_id: string | null
  readonly clients: readonly (string | null)[]
  readonly about: string | null
}

const { Session, Grant, AuthorizationCode, RefreshToken, DeviceCode } = durableModels

const bearers = Object.values(durableModels).filter((model) => model !== Grant)

/**
 * What has become of a token, a session or a grant: why it ended, that it is alive, or that it was replaced. Empty when
 * no row and no line of the audit mentions it: then nobody can tell it from one that never existed.
 */
export async function whatBecameOf(dependencies: WhyDependencies, thing: Thing): Promise<readonly EndingLine[]> {
  const stored = (await find(dependencies, thing)) ?? (await findForgotten(dependencies, thing))
  if (!stored || 'id' in thing) {
    const ended = await endingsOf(dependencies, thing)
    const named = 'token' in thing ? familyIn(thing.token) : undefined
    // The audit keeps the last tokens of a grant, and every token of a family says which grant it is of.
    const endings = ended.length === 0 && named ? await endingsOf(dependencies, { id: named.grantId }) : ended
    return endings.length > 0 || !stored || stored.has_ended ? endings : [lineOf(stored, 'alive')]
  }
  const hangsOn = [stored.grant_id, stored.session_uid].filter((id) => id !== null)
  const others = (await Promise.all(hangsOn.map((id) => endingsOf(dependencies, { id })))).flat()
  const own = ownLine(stored, others, dependencies.clock())
  return own ? [own, ...others] : others
}

function ownLine(stored: Stored, others: readonly EndingLine[], nowMs: number): EndingLine | undefined {
  const { model, at, consumed_at, has_ended, grant_id } = stored
  if (consumed_at) {
    const isCode = model === AuthorizationCode || model === DeviceCode
    return lineOf({ ...stored, at: consumed_at }, isCode ? 'exchanged' : 'rotated')
  }
  if (!has_ended) return lineOf(stored, 'alive')
  // The session or grant has a line that says more: what ended it, or which limit the family reached.
  const isTold = at.getTime() > nowMs || (grant_id !== null && others.some(({ id }) => id === grant_id))
  return isTold ? undefined : lineOf(stored, 'expired')
}

function lineOf(stored: Stored, reason: 'alive' | 'rotated' | 'exchanged' | 'expired'): EndingLine {
  const { model, at, id, user_id, clients, about } = stored
  const noun = model === Session ? 'session' : model === Grant ? 'grant' : 'token'
  const signIn: Partial<SignIn> = about === null ? {} : JSON.parse(about)
  return {
    at,
    event: `${noun}.${reason === 'rotated' || reason === 'exchanged' ? 'used' : reason}`,
    reason,
    userId: user_id,
    id,
    clientIds: clients.filter((each) => each !== null),
    device: signIn.device ?? null,
    ip: signIn.ip ?? null,
    requestId: null,
    operator: null,
  }
}

/**
 * A grant lives as long as a refresh token of it; a token no longer than its grant, and its session where it is bound
 * to that.
 */
const findText = (where: string) => `
  select r.model, r.consumed_at, coalesce(r.uid, r.grant_id, case r.model when ${Grant} then r.id end) as id, r.grant_id,
    case when ${isBoundSql('payload.json')} then r.session_uid end as session_uid,
    r.user_id, coalesce(r.about, g.about) as about, times.at,
    times.at <= :now or (r.grant_id is not null and (g.expires_at is null or g.expires_at <= :now))
      or (${isBoundSql('payload.json')} and (s.expires_at is null or s.expires_at <= :now)) as has_ended,
    case r.model when ${Session} then (select coalesce(jsonb_agg(name), '[]') from jsonb_object_keys(${authorizationsSql('payload.json')}) name)
      else jsonb_build_array(${memberSql('payload.json', 'clientId')}) end as clients
  from oidc_records r
  cross join lateral (select ${payloadSql('r')} as json) payload
  left join oidc_records g on g.model = ${Grant} and g.id = r.grant_id
  left join oidc_records s on s.uid = r.session_uid
  cross join lateral (select coalesce((select max(t.expires_at) from oidc_records t where r.model = ${Grant} and t.grant_id = r.id
    and t.model = ${RefreshToken} and t.consumed_at is null), r.expires_at) as at) times
  where ${where}`

const tokenText = `r.id = :value and r.model in (${bearers})`

function find(dependencies: WhyDependencies, thing: Thing): Promise<Stored | undefined> {
  if ('token' in thing) return findRow(dependencies, tokenText, recordId('RefreshToken', thing.token))
  return findRow(dependencies, `r.uid = :value or (r.model = ${Grant} and r.id = :value)`, thing.id)
}

async function findRow({ database, clock }: WhyDependencies, where: string, value: string) {
  const values = { value, now: new Date(clock()) }
  const { rows } = await database.knex.raw<{ rows: readonly Stored[] }>(findText(where), values)
  return rows[0]
}

/** A used refresh token that has no row any more, as the newest of its family tells of it. */
async function findForgotten(dependencies: WhyDependencies, thing: Thing): Promise<Stored | undefined> {
  const named = 'token' in thing ? familyIn(thing.token) : undefined
  if (!named || 'id' in thing) return undefined
  const { database, families } = dependencies
  const rows = await database
    .knex('oidc_records')
    .where({ grant_id: named.grantId, model: RefreshToken })
    .select('id', 'payload', database.knex.raw('cast(extract(epoch from consumed_at) as int) as consumed'))
  const used = families.recall(thing.token, rows)
  const newest = used && (await findRow(dependencies, tokenText, used.row.id))
  return newest && { ...newest, consumed_at: new Date(used.usedAt * 1000) }
}
