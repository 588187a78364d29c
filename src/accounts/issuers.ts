import type { Knex } from 'knex'
import type { Clock } from '../base/clock.ts'
import { audit } from '../ops/audit.ts'
import type { Log } from '../ops/log.ts'
import type { Database } from '../store/postgres.ts'
import { type IssuerProblem, judge, type Known, merged, namesOf } from './issuer-rules.ts'
import { issuerText, type Namespace } from './namespace.ts'

/** What reading and noting issuers works with. */
export interface IssuerDependencies {
  readonly database: Database
  readonly clock: Clock
  readonly log: Pick<Log, 'error'>
}

/**
 * Connections of which a server may not take people in before an operator has decided. Its message is for that
 * operator.
 */
export class IssuersChanged extends Error {
  override readonly name = 'IssuersChanged'

  constructor(problems: readonly IssuerProblem[]) {
    const lines = problems.flatMap(({ connection, detail, advice }) => [
      `  connection ${connection}: ${detail}`,
      ...advice.map((line) => `    ${line}`),
    ])
    super(['people of one server could enter the accounts of another:', ...lines].join('\n'))
  }
}

const lockName = 'menshen:identity_issuers'

/** Also the condition of an index of `identities`, which only a query that has it makes use of. */
const isUpstream = `provider not in ('phone', 'email', 'username')`

/**
 * What the database remembers of these names. One subject of each is looked for in the order of an index: for an
 * `exists` PostgreSQL may read all subjects, of every name.
 */
async function readKnown(knex: Knex, names: readonly string[]): Promise<Map<string, Known>> {
  const { rows } = await knex.raw<{ rows: (Known & { provider: string })[] }>(
    `select name as provider, known.issuer, known.apps, known.since,
       (select subject from identity_subjects where provider = name order by subject limit 1) is not null as "isUsed"
     from unnest(?::text[]) as name left join identity_issuers known on known.provider = name`,
    [names as string[]],
  )
  return new Map(rows.map((row) => [row.provider, row]))
}

/** The problems that an operator has to decide before a server with these connections may run. Changes nothing. */
export async function issuerProblems(knex: Knex, namespaces: readonly Namespace[]): Promise<readonly IssuerProblem[]> {
  const all = merged(namespaces)
  return judge(all, await readKnown(knex, namesOf(all))).problems
}

/**
 * Notes whose people each name stands for, where that is not known yet: of several processes that start at once the
 * first one decides. Throws `IssuersChanged` when a name stands for the people of another issuer; nothing is noted
 * then.
 */
export async function rememberIssuers(
  dependencies: IssuerDependencies,
  namespaces: readonly Namespace[],
): Promise<void> {
  const all = merged(namespaces)
  const read = async (knex: Knex) => judge(all, await readKnown(knex, namesOf(all)))
  const found = await read(dependencies.database.knex)
  if (found.problems.length + found.notes.length + found.moves.length === 0) return
  await changeIssuers(dependencies, async (trx) => {
    const { problems, notes, moves } = await read(trx)
    if (problems.length > 0) throw new IssuersChanged(problems)
    for (const note of notes) await write(trx, note, dependencies)
    for (const { from, to } of moves) {
      const moved = await move(trx, from, to.provider)
      await record(trx, dependencies, { provider: to.provider, issuer: issuerText(to), from, moved })
    }
  })
}

/** What was changed when an operator decided about a provider name. */
export interface Accepted {
  readonly provider: string
  readonly issuer: string
  /** Whose people it stood for; null when that was not known. */
  readonly before: string | null
  readonly isChanged: boolean
  /** Identities filed under it now. */
  readonly identities: number
  /** Identities that were filed under the other name, and those that could not come: their subjects are taken. */
  readonly moved: number
  readonly left: number
}

interface Decision {
  readonly connection: string
  /** Another name whose identities are of this connection too. */
  readonly from?: string | undefined
  readonly operator: string
  readonly isDryRun: boolean
}

/**
 * Makes a name stand for the issuer its connection has now, and what is filed under it, and under `from`, its people.
 */
export async function acceptIssuer(
  dependencies: IssuerDependencies,
  namespaces: readonly Namespace[],
  { connection, from, operator, isDryRun }: Decision,
): Promise<Accepted | undefined> {
  const provider = namespaces.find((each) => each.connection === connection)?.provider
  const own = merged(namespaces).find((each) => each.provider === provider)
  if (!own) return undefined
  return changeIssuers(
    dependencies,
    async (trx) => {
      const known = (await readKnown(trx, [own.provider])).get(own.provider)
      const before = known?.issuer == null ? null : issuerText({ issuer: known.issuer, apps: known.apps ?? [] })
      const moved = from === undefined ? 0 : await move(trx, from, own.provider)
      const isNew = judge([{ ...own, formerly: undefined }], new Map([[own.provider, known as Known]]))
      const isChanged = isNew.problems.length + isNew.notes.length + moved > 0
      if (isChanged) {
        await write(trx, own, dependencies)
        await record(trx, dependencies, {
          provider: own.provider,
          issuer: issuerText(own),
          before,
          from,
          moved,
          operator,
        })
      }
      return {
        provider: own.provider,
        issuer: issuerText(own),
        before,
        isChanged,
        identities: await countOf(trx, own.provider),
        moved,
        left: from === undefined ? 0 : await countOf(trx, from),
      }
    },
    { isDryRun },
  )
}

/** Every provider name that is remembered or that identities are filed under, for people to look at. */
export async function listIssuers(knex: Knex): Promise<
  readonly {
    readonly provider: string
    readonly issuer: string | null
    readonly apps: readonly string[] | null
    readonly since: Date | null
    readonly identities: number
  }[]
> {
  const { rows } = await knex.raw(
    `select provider, known.issuer, known.apps, known.since, coalesce(filed.identities, 0)::int as identities
     from identity_issuers known
     full join (
       select provider, count(*) as identities from identities where ${isUpstream} group by provider
     ) filed using (provider)
     order by provider`,
  )
  return rows
}

/** Runs one change after another, on a connection without time limits: a name may have millions of identities. */
function changeIssuers<Result>(
  { database }: IssuerDependencies,
  work: (trx: Knex.Transaction) => Promise<Result>,
  { isDryRun = false } = {},
): Promise<Result> {
  return database.maintenance(async (knex) => {
    const trx = await knex.transaction()
    try {
      await trx.raw('select pg_advisory_xact_lock(hashtext(?))', [lockName])
      const result = await work(trx)
      await (isDryRun ? trx.rollback() : trx.commit())
      return result
    } catch (error) {
      await trx.rollback()
      throw error
    }
  })
}

async function write(
  trx: Knex,
  { provider, issuer, apps }: Pick<Namespace, 'provider' | 'issuer' | 'apps'>,
  { clock }: IssuerDependencies,
): Promise<void> {
  await trx.raw(
    `insert into identity_issuers as known (provider, issuer, apps, since) values (:provider, :issuer, :apps::text[], :at)
     on conflict (provider) do update set issuer = excluded.issuer, apps = excluded.apps,
       since = case when known.issuer = excluded.issuer then known.since else excluded.since end`,
    { provider, issuer, apps: apps as string[], at: new Date(clock()) },
  )
}

/** Files identities under another name, but for those somebody there has a subject of. Answers how many. */
async function move(trx: Knex, from: string, to: string): Promise<number> {
  await trx.raw(`select id from identities where provider = ? and ${isUpstream} order by id for update`, [from])
  const { rows } = await trx.raw<{ rows: { count: number }[] }>(
    `with moved as (
       update identities set provider = :to where provider = :from and ${isUpstream} and not exists (
         select from identity_subjects own join identity_subjects taken on taken.provider = :to and taken.subject = own.subject
         where own.identity_id = identities.id
       ) returning id
     ), filed as (
       update identity_subjects set provider = :to from moved where identity_subjects.identity_id = moved.id
     )
     select count(*)::int as count from moved`,
    { from, to },
  )
  return rows[0]?.count ?? 0
}

async function countOf(trx: Knex, provider: string): Promise<number> {
  const { rows } = await trx.raw<{ rows: { count: number }[] }>(
    `select count(*)::int as count from identities where provider = ? and ${isUpstream}`,
    [provider],
  )
  return rows[0]?.count ?? 0
}

function record(
  trx: Knex,
  { clock, log }: IssuerDependencies,
  detail: Readonly<Record<string, unknown>> & { readonly provider: string },
): Promise<void> {
  const { provider: identityProvider, ...rest } = detail
  return audit({ database: { knex: trx }, clock, log }).write({
    event: 'connection.accepted',
    identityProvider,
    detail: rest,
  })
}
