import type { KoaContextWithOIDC } from 'oidc-provider'
import { currentSubject } from '../accounts/merged-users.ts'
import type { Database } from '../store/postgres.ts'
import { requestedSubject } from './demand.ts'
import { hintedLogin, paramsOf, replaceHintedSubject, replaceParam } from './library/context.ts'

/**
 * Has an authorization request mean the account of now where it names one that has become part of another, by its
 * `id_token_hint` or by `claims`: whoever holds an old ID token still means the same person.
 */
export async function nameCurrentSubjects(
  ctx: KoaContextWithOIDC,
  database: Pick<Database, 'readQuery'>,
): Promise<void> {
  const hinted = hintedLogin(ctx)?.sub
  if (hinted !== undefined) replaceHintedSubject(ctx, await currentSubject(database, hinted))
  const { claims } = paramsOf(ctx)
  if (typeof claims !== 'string') return
  const wanted = requestedSubject({ claims })
  if (wanted === undefined) return
  const current = await currentSubject(database, wanted)
  if (current === wanted) return
  const asked = JSON.parse(claims)
  asked.id_token.sub.value = current
  replaceParam(ctx, 'claims', JSON.stringify(asked))
}
