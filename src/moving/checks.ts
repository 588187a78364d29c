import type { Knex } from 'knex'

/** Which rows are looked at: all, or those from one number to another. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** All rows. */
export const everything: Range = { from: 1, to: 2_147_483_647 }

const within = 'a.n between :from and :to'

/** Makes what was read ready to be looked through. */
export async function indexStaging(knex: Knex): Promise<void> {
  await knex.raw('create unique index on staged_accounts (n)')
  await knex.raw('create index on staged_subjects (n)')
  await knex.raw('analyze staged_accounts')
  await knex.raw('analyze staged_subjects')
}

/** Accounts that came before stay as they are here, also deleted. */
export async function checkAgainstEarlier(knex: Knex, source: string, { from, to }: Range): Promise<void> {
  await knex.raw(
    `with came as (
       update staged_accounts a set outcome = case when i.fingerprint = a.fingerprint then 'unchanged' else 'differs' end
       from imported_accounts i
       where ${within} and i.source = :source and i.external_id = a.external_id and a.outcome is null
       returning a.n, a.file, a.line, a.outcome
     )
     insert into staged_findings (n, file, line, code, about, is_problem)
     select n, file, line, 'differs', null, false from came where outcome = 'differs'`,
    { source, from, to },
  )
  await knex.raw(
    `with gone as (
       update staged_accounts a set outcome = 'gone' from imported_accounts i
       where ${within} and i.source = :source and a.outcome is null
         and i.external_id = 'forgotten:' || encode(sha256(convert_to(a.external_id, 'UTF8')), 'hex')
       returning a.n, a.file, a.line
     )
     insert into staged_findings (n, file, line, code, about, is_problem)
     select n, file, line, 'deleted_here', null, false from gone`,
    { source, from, to },
  )
}

/** An account that is there twice is nobody's: no row of it is taken. */
export async function checkForTwins(knex: Knex): Promise<void> {
  await knex.raw(`
    insert into staged_findings (n, file, line, code, about, is_problem)
     select n, file, line, 'external_id_twice', null, true from (
      select *, count(*) over (partition by external_id) as times from staged_accounts) a where times > 1`)
  await settle(knex)
}

/** An id that stands for two accounts of the files, or is one of them, stands for none. */
export async function checkFormerIds(knex: Knex): Promise<void> {
  await knex.raw(`
    with former as (
      select a.n, unnest(a.former_ids) as id from staged_accounts a where a.former_ids is not null and a.outcome is null
    ), twice as (select id from former group by id having count(*) > 1)
    insert into staged_findings (n, file, line, code, about, is_problem)
    select distinct a.n, a.file, a.line, 'external_id_twice', null, true
    from former join staged_accounts a on a.n = former.n
    where former.id in (select id from twice) or former.id in (select user_id from staged_accounts)`)
  await settle(knex)
}

/**
 * Identities that several accounts of the files claim. The one that was proved has it; where none was, or both were,
 * nobody decides but the operator.
 */
export async function checkAmongThemselves(knex: Knex): Promise<void> {
  await knex.raw(`
    create temporary table staged_twice as
    select s.provider, s.subject, count(distinct s.n) filter (where s.is_verified) as proofs
    from staged_subjects s join staged_accounts a on a.n = s.n and a.outcome is null
    group by s.provider, s.subject having count(distinct s.n) > 1`)
  await knex.raw('analyze staged_twice')
  await knex.raw(`
    insert into staged_findings (n, file, line, code, about, is_problem)
    select distinct a.n, a.file, a.line, 'claimed_twice', t.provider, true
    from staged_twice t join staged_subjects s using (provider, subject) join staged_accounts a on a.n = s.n
    where a.outcome is null and s.is_verified and t.proofs > 1`)
  await drop(
    knex,
    `select s.identity_id from staged_twice t join staged_subjects s using (provider, subject) where not s.is_verified`,
  )
  await settle(knex)
}

/**
 * What the accounts here stand in the way of. An identity that was proved elsewhere never becomes a part of an account
 * here by itself, and one that was not proved gives way.
 */
export async function checkAgainstAccounts(knex: Knex, { from, to }: Range): Promise<void> {
  const range = { from, to }
  await knex.raw(
    `insert into staged_findings (n, file, line, code, about, is_problem)
     select distinct a.n, a.file, a.line, 'taken', s.provider, true
     from staged_accounts a join staged_subjects s on s.n = a.n
     join identity_subjects i on i.provider = s.provider and i.subject = s.subject
     where ${within} and a.outcome is null and s.is_verified`,
    range,
  )
  await drop(
    knex,
    `select s.identity_id from staged_accounts a join staged_subjects s on s.n = a.n
     join identity_subjects i on i.provider = s.provider and i.subject = s.subject
     where ${within} and a.outcome is null and not s.is_verified`,
    range,
  )
  await knex.raw(
    `insert into staged_findings (n, file, line, code, about, is_problem)
     select a.n, a.file, a.line, 'id_taken', null, true
     from staged_accounts a join users u on u.id = a.user_id where ${within} and a.outcome is null
     union select a.n, a.file, a.line, 'id_taken', null, true
     from staged_accounts a cross join unnest(a.former_ids) as former (id) join users u on u.id = former.id
     where ${within} and a.outcome is null`,
    range,
  )
  await knex.raw(
    `insert into staged_findings (n, file, line, code, about, is_problem)
     select a.n, a.file, a.line, 'no_identity', null, true
     from staged_accounts a where ${within} and a.outcome is null
       and not exists (select from staged_subjects s where s.n = a.n)`,
    range,
  )
  await settle(knex)
}

/** Takes whole identities away, and notes it. SECURITY: a claim that was never proved is worth less than any other. */
async function drop(knex: Knex, identities: string, values: Readonly<Record<string, number>> = {}): Promise<void> {
  await knex.raw(
    `with given as (${identities}),
     gone as (
       delete from staged_subjects s using given where s.identity_id = given.identity_id returning s.n, s.provider
     )
     insert into staged_findings (n, file, line, code, about, is_problem)
     select distinct a.n, a.file, a.line, 'unproved_dropped', gone.provider, false
     from gone join staged_accounts a on a.n = gone.n`,
    values,
  )
}

/** No account comes of a row with a problem. */
async function settle(knex: Knex): Promise<void> {
  await knex.raw(`
    update staged_accounts a set outcome = 'refused' from staged_findings f
    where f.n = a.n and f.is_problem and a.outcome is null`)
}
