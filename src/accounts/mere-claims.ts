import type { Database } from '../store/postgres.ts'
import { param, sql, statement } from '../store/statement.ts'

/**
 * SQL of whether an identity is no more than a claim: nobody has ever proved it, and its account is entered in another
 * way. SECURITY: whoever made an account elsewhere with a number or address of somebody else, and was moved in with it,
 * would have its owner log in to that account, and share it. Where an account has no other way in, nobody can be in it
 * before its first proof. The argument is the name of a row of `identities`, never a value.
 */
export function isMereClaim(identity: 'i'): string {
  return `(${identity}.verified_at is null and exists (
        select from identities proved
        where proved.user_id = ${identity}.user_id and proved.verified_at is not null and (
          proved.provider <> 'username' or exists (select from passwords where user_id = ${identity}.user_id))))`
}

const drop = statement(
  'accounts_drop_claims',
  sql`
    delete from identities i using identity_subjects s
    where s.provider = ${param.text('provider')} and s.subject = any(${param.texts('subjects')})
      and s.identity_id = i.id and ${isMereClaim('i')}`,
)

/**
 * Takes mere claims to an identity away from their accounts, because somebody is proving it. Answers whether there were
 * any.
 */
export async function dropClaims(
  database: Pick<Database, 'commitQuery'>,
  { provider, subjects }: { readonly provider: string; readonly subjects: readonly string[] },
): Promise<boolean> {
  const { rowCount } = await database.commitQuery(drop.with({ provider, subjects }))
  return (rowCount ?? 0) > 0
}
