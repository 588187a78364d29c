import { createHash, randomBytes } from 'node:crypto'
import type { Context } from 'koa'
import type { Provider } from 'oidc-provider'
import type { AccountDirectory } from '../../src/accounts/directory.ts'
import { isUnended } from '../../src/accounts/proof.ts'
import type { Account } from '../../src/accounts/user.ts'
import { AppError } from '../../src/base/errors.ts'
import { isId } from '../../src/base/ids.ts'
import { inLanguage, type Localized } from '../../src/base/languages.ts'
import { masked, unmasked } from '../../src/base/masked-secret.ts'
import { accountPaths, paths } from '../../src/base/paths.ts'
import { isSameSecret } from '../../src/base/same-secret.ts'
import type { RegistrationAt } from '../../src/oidc/clients/client-schema.ts'
import { sessionOf } from '../../src/oidc/library/models.ts'
import { begunAtOf, cameByOf, loginBegunAtOf, type SignIn } from '../../src/oidc/records/sign-in.ts'
import type { SessionLife } from '../../src/oidc/session-life.ts'
import { accountActs } from './account-acts.ts'
import { leave } from './leave.ts'

/** The client through which a person enters the pages of their own account. */
export const accountClientId = 'menshen-account'
/** Seconds a login counts as fresh enough to change what an account is and who gets in. */
const freshSeconds = 600
/** Paths of the account pages, and nothing that a browser could take for another host. */
const ownPath = new RegExp(`^${paths.account}(?:/[\\w-]+)*(?:\\?[\\w.=&-]*)?$`)

/** The account pages as a client of this server, as the library takes clients: they are the operator's. */
export function accountClient(issuer: string, name: Localized, registration: RegistrationAt): Record<string, unknown> {
  return {
    client_id: accountClientId,
    client_name: inLanguage(name, 'zh-CN'),
    brand: { name },
    client_uri: `${issuer}${paths.account}`,
    first_party: true,
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code'],
    response_types: ['code'],
    redirect_uris: [`${issuer}${accountPaths.loggedIn}`],
    scope: 'openid',
    registration,
  }
}

/** Somebody who is signed in at the account pages. */
export interface SignedIn {
  readonly account: Account
  readonly sessionUid: string
  readonly isFresh: boolean
  /** When the proof of that login began, in milliseconds since the epoch. */
  readonly begunAt: number
  /** The same moment, before a change let the login count from later; undefined: it is not known. */
  readonly loginBegunAt: number | undefined
  /** What the login of this browser came by. */
  readonly by: SignIn['by']
}

interface Dependencies {
  readonly provider: () => Provider
  readonly directory: AccountDirectory
  readonly nowSeconds: () => number
  readonly formToken: (sessionUid: string) => string
  /** Called for every page, because a visit keeps the session alive. */
  readonly touch: SessionLife['touch']
  /** Who signed in to the session this request has read, and where. */
  readonly about: () => string | undefined
  /** Lets the login of a session count from now. */
  readonly renew: (sessionUid: string) => Promise<void>
}

/** Who is at the account pages. They trust the browser session of this server and nothing else. */
export interface AccountSession {
  /**
   * Whoever is signed in, with a login as fresh as `accountActs` asks of this route; otherwise the browser is on its
   * way to the login and back to `path`.
   */
  visitor(ctx: Context, path?: string): Promise<SignedIn | undefined>
  /** The same for a form. Throws `request.cross_site` unless the form came from a page of this very session. */
  sender(ctx: Context, fields: Readonly<Record<string, string>>, path?: string): Promise<SignedIn | undefined>
  /**
   * Keeps the login of the visitor fresh after a change that ends the freshness of every other login. A login that was
   * not fresh does not become it.
   */
  renew(visitor: SignedIn): Promise<void>
  /** What goes into the field `form_token`. */
  token(visitor: SignedIn): string
  /** Back from the login: `state` says where the person was going. */
  comeBack(ctx: Context): void
}

/** Finds out who is signed in at the account pages, and sends everybody else to log in. */
export function accountSession({
  provider,
  directory,
  nowSeconds,
  formToken,
  touch,
  about,
  renew,
}: Dependencies): AccountSession {
  async function signedIn(ctx: Context): Promise<SignedIn | undefined> {
    const session = await sessionOf(provider(), ctx)
    const { accountId, loginTs, uid } = session
    if (!isId('usr', accountId)) return undefined
    const account = await directory.find(accountId)
    if (account?.user.status !== 'active') return undefined
    await touch(ctx, session)
    const cameBy = about()
    const begunAt = begunAtOf(cameBy)
    // SECURITY: what has ended proofs has ended this one; the session goes on, and changes nothing without another
    // login.
    const isFresh = nowSeconds() - (loginTs ?? 0) <= freshSeconds && isUnended(account.user, { begunAt })
    const loginBegunAt = loginBegunAtOf(cameBy)
    return { account, sessionUid: uid, isFresh, loginBegunAt, begunAt, by: cameByOf(cameBy) }
  }

  /**
   * Through the ordinary authorization endpoint and back; the code that comes back is not needed and never redeemed.
   */
  function logIn(ctx: Context, path: string, again: boolean): undefined {
    const query = new URLSearchParams({
      client_id: accountClientId,
      response_type: 'code',
      scope: 'openid',
      redirect_uri: `${provider().issuer}${accountPaths.loggedIn}`,
      state: path,
      code_challenge: createHash('sha256').update(randomBytes(32)).digest('base64url'),
      code_challenge_method: 'S256',
      ...(again ? { prompt: 'login' } : {}),
    })
    leave(ctx, `${paths.authorization}?${query}`)
  }

  async function visitor(ctx: Context, path = hereOf(ctx)): Promise<SignedIn | undefined> {
    const found = await signedIn(ctx)
    const isEnough = found?.isFresh || accountActs[String(ctx['_matchedRouteName'])] === 'session'
    return found && isEnough ? found : logIn(ctx, path, found !== undefined)
  }

  async function sender(ctx: Context, fields: Readonly<Record<string, string>>, path?: string) {
    const found = await visitor(ctx, path)
    if (found && !isSameSecret(unmasked(fields['form_token'] ?? ''), formToken(found.sessionUid))) {
      throw new AppError('request.cross_site')
    }
    return found
  }

  return {
    visitor,
    sender,
    async renew({ sessionUid, isFresh }) {
      // SECURITY: not every change asks for a fresh login, and a proof that was ended does not come back by one of
      // those.
      if (isFresh) await renew(sessionUid)
    },
    token: ({ sessionUid }) => masked(formToken(sessionUid)),
    comeBack(ctx) {
      const { state, error } = ctx.query
      leave(ctx, typeof state === 'string' && ownPath.test(state) && error === undefined ? state : paths.account)
    },
  }
}

function hereOf(ctx: Context): string {
  const here = `${ctx.path}${ctx.method === 'GET' ? ctx.search : ''}`
  return ownPath.test(here) ? here : paths.account
}
