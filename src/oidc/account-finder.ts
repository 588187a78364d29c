import type { AccessToken, Account, KoaContextWithOIDC } from 'oidc-provider'
import type { AccountDirectory } from '../accounts/directory.ts'
import { formerIdsOf } from '../accounts/merged-users.ts'
import { hasPhone, isEndedSince, type Account as OwnAccount } from '../accounts/user.ts'
import { isId } from '../base/ids.ts'
import type { Database } from '../store/postgres.ts'
import { claimsOf } from './clients/claims.ts'
import type { ClientPolicies } from './clients/client-policies.ts'
import type { reconfirm } from './reconfirm-agreements.ts'
import { apiThatMayAsk } from './records/api-tokens.ts'
import type { UnitOfWork } from './records/unit-of-work.ts'
import { refuseOtherProof } from './security-profile.ts'

interface Dependencies {
  readonly units: UnitOfWork
  readonly directory: AccountDirectory
  /** Throws where a person has to do something before tokens are refreshed. */
  readonly mayContinue: ReturnType<typeof reconfirm>
  readonly policies: Pick<ClientPolicies, 'tokenClaims' | 'isFirstParty'>
  readonly database: Pick<Database, 'readQuery'>
  /** Where our copies of pictures are served. */
  readonly pictureAddress: (copy: string) => string
}

/**
 * The account behind a session or token, if the login it comes from still lets somebody in: the user is active, and
 * nothing has ended everything of theirs since. `provedAt` is when they logged in, in seconds since the epoch.
 */
export async function standingAccount(
  { units, directory }: Pick<Dependencies, 'units' | 'directory'>,
  sub: string,
  provedAt: number | undefined,
): Promise<OwnAccount | undefined> {
  if (!isId('usr', sub)) return undefined
  const account = units.current()?.accounts.get(sub) ?? (await directory.find(sub))
  if (account?.user.status !== 'active') return undefined
  // A token names the second only; the login may have been at its very beginning.
  if (provedAt !== undefined && isEndedSince(account, provedAt * 1000 + 999)) return undefined
  return account
}

/**
 * Finds the account of a session or token for the library. Locked and deleted users are found by nobody, so their
 * sessions and tokens stop at the next use. SECURITY: nor is a user by a login from before everything of theirs was
 * ended: who knew a password that was reset may have its proof still in hand.
 */
export function accountFinder(dependencies: Dependencies) {
  const { units, directory, database, mayContinue, policies, pictureAddress } = dependencies

  return async (ctx: KoaContextWithOIDC, sub: string, token?: unknown): Promise<Account | undefined> => {
    const provedAt = (token as { authTime?: number } | undefined)?.authTime ?? ctx?.oidc?.session?.loginTs
    const account = await standingAccount({ units, directory }, sub, provedAt)
    if (!account) return undefined
    mayContinue(ctx, token)
    if (ctx?.oidc?.route === 'userinfo') refuseOtherProof(ctx.get('DPoP'), ctx.oidc.client)
    const claims: Account['claims'] = async (_, scope, asked) => {
      const api = ctx?.oidc?.route === 'userinfo' ? apiThatMayAsk(token as AccessToken) : undefined
      const known = claimsOf(account, pictureAddress)
      if (api !== undefined) return knownTo(api, ctx, known)
      const isAsked = scope.split(' ').includes('former_subs') || Object.hasOwn(asked, 'former_subs')
      // SECURITY: an app of others would learn that two people it knows are one.
      const mayKnow = isAsked && ctx.oidc.client !== undefined && policies.isFirstParty(ctx.oidc.client)
      const former = mayKnow ? await formerIdsOf(database, account.user.id) : []
      return former.length > 0 ? { ...known, former_subs: former } : known
    }
    return { accountId: sub, claims, hasPhone: hasPhone(account) }
  }

  /** Of what may be told about a person, what an API has in its tokens anyway. */
  function knownTo(api: string, { oidc }: KoaContextWithOIDC, known: ReturnType<typeof claimsOf>) {
    const { client, grant } = oidc
    const scopes = new Set(grant?.getOIDCScope().split(' '))
    const names = client ? policies.tokenClaims(api, client, scopes) : []
    return { sub: known.sub, ...Object.fromEntries(names.map((name) => [name, known[name]])) }
  }
}
