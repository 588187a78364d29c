import type { KeptCredentials } from '../src/accounts/kept-credentials.ts'
import type { Passwords } from '../src/accounts/passwords.ts'
import type { Account, Identity } from '../src/accounts/user.ts'
import type { UserId } from '../src/base/ids.ts'
import type { EndRecords } from '../src/oidc/endings/endings.ts'
import type { CameBy } from '../src/oidc/records/sign-in.ts'
import type { Proved } from './methods/method.ts'

interface Dependencies {
  readonly options: { readonly keepCredential: KeptCredentials['keep'] }
}

interface PasswordDependencies {
  readonly passwords: Pick<Passwords, 'has' | 'store'>
  readonly options: { readonly end: EndRecords }
}

/** Keeps a credential of an upstream beside the identity it belongs to, sealed. */
export async function keepCredential(
  { options }: Dependencies,
  account: Account,
  step: Pick<Proved, 'identity' | 'credential'>,
): Promise<void> {
  const identity = account.identities.find((each) => isSameIdentity(each, step.identity))
  if (step.credential === undefined || !identity) return
  await options.keepCredential(identity.id, step.credential)
}

/**
 * Keeps a password chosen on the way: a first one, or one that replaces the other and ends every session. Answers what
 * was done.
 */
export async function keepPassword(
  { passwords, options }: PasswordDependencies,
  userId: UserId,
  { password, begunAt }: Proved,
  from: { readonly ip: string; readonly requestId?: string | undefined },
): Promise<'password.set' | 'password.reset' | undefined> {
  if (!password || (!password.replace && (await passwords.has(userId)))) return undefined
  await passwords.store(userId, password.hash, { begunAt })
  if (!password.replace) return 'password.set'
  const { ip, requestId } = from
  await options.end(userId, { kind: 'all' }, { reason: 'password_reset', ip, requestId })
  return 'password.reset'
}

/** Whether an identity is the one that was proved. */
export function isSameIdentity(identity: Identity, { provider, subjects }: Proved['identity']): boolean {
  return identity.provider === provider && identity.subjects.includes(subjects[0])
}

/** What a login was made with: every identity of the account that was proved for it, and the password. */
export function cameBy(
  { identities }: Account,
  { identity, also, amr }: Pick<Proved, 'identity' | 'also' | 'amr'>,
): CameBy[] {
  const proved = identities.filter((each) => isSameIdentity(each, identity) || (also && isSameIdentity(each, also)))
  return [...proved.map(({ id }) => id), ...(amr.includes('pwd') ? ['password' as const] : [])]
}
