import type { KoaContextWithOIDC } from 'oidc-provider'
import { currentSubject } from '../accounts/merged-users.ts'
import type { Database } from '../store/postgres.ts'
import type { ClientPolicies } from './clients/client-policies.ts'
import { requestedSubject } from './demand.ts'
import { hintedLogin, paramsOf, replaceHintedSubject, replaceParam } from './library/context.ts'

/**
 * Has an authorization request mean the account of now where it names one that has become part of another, by its
 * `id_token_hint` or, from an app of ours, by `claims`: whoever holds an old ID token still means the same person.
 * SECURITY: apps of others could try every `sub` they know by `claims`, and learn which two are one person.
 */
export async function nameCurrentSubjects(
  ctx: KoaContextWithOIDC,
  database: Pick<Database, 'readQuery'>,
  policies: Pick<ClientPolicies, 'isFirstParty'>,
): Promise<void> {
  const hinted = hintedLogin(ctx)?.sub
  if (hinted !== undefined) replaceHintedSubject(ctx, await currentSubject(database, hinted))
  const { claims } = paramsOf(ctx)
  const { client } = ctx.oidc
  if (typeof claims !== 'string' || !client || !policies.isFirstParty(client)) return
  const wanted = requestedSubject({ claims })
  if (wanted === undefined) return
  const current = await currentSubject(database, wanted)
  if (current === wanted) return
  const asked = JSON.parse(claims)
  asked.id_token.sub.value = current
  replaceParam(ctx, 'claims', JSON.stringify(asked))
}
