import { createHash, randomBytes } from 'node:crypto'
import type { Context } from 'koa'
import type { Provider } from 'oidc-provider'
import type { AccountDirectory } from '../../src/accounts/directory.ts'
import type { Passwords } from '../../src/accounts/passwords.ts'
import type { Account } from '../../src/accounts/user.ts'
import { AppError, asAppError } from '../../src/base/errors.ts'
import { isId, type UserId } from '../../src/base/ids.ts'
import type { Audit } from '../../src/ops/audit.ts'
import { accountLabel, identityLabel } from './consent.ts'
import { readForm } from './form.ts'
import type { Renderer, RequestState } from './render.ts'

interface Dependencies {
  readonly renderer: Renderer
  readonly directory: AccountDirectory
  readonly passwords: Passwords
  readonly audit: Audit
  readonly provider: () => Provider
  readonly options: {
    readonly nowSeconds: () => number
    readonly formToken: (sessionUid: string) => string
    readonly minPasswordLength: number
    /** Ends what a user holds anywhere but in this session. */
    readonly endOtherSessions: (userId: UserId, sessionUid: string) => Promise<void>
  }
}

/** The client through which a person enters the pages of their own account. */
export const accountClientId = 'menshen-account'
const returnPath = '/account/return'
/** Seconds a login counts as fresh enough to touch what logs one in. */
const freshSeconds = 600

export function accountClient(issuer: string): Record<string, unknown> {
  return {
    client_id: accountClientId,
    client_name: 'Menshen',
    first_party: true,
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code'],
    response_types: ['code'],
    redirect_uris: [`${issuer}${returnPath}`],
    scope: 'openid',
  }
}

interface SignedIn {
  readonly account: Account
  readonly sessionUid: string
  readonly isFresh: boolean
}

/** The pages about one's own account. They trust the browser session of this server and nothing else. */
export function accountPages({ renderer, directory, passwords, audit, provider, options }: Dependencies) {
  async function signedIn(ctx: Context): Promise<SignedIn | undefined> {
    const session = await provider().Session.get(ctx as never)
    const { accountId, loginTs, uid } = session
    if (!isId('usr', accountId)) return undefined
    const account = await directory.find(accountId)
    if (account?.user.status !== 'active') return undefined
    return { account, sessionUid: uid, isFresh: options.nowSeconds() - (loginTs ?? 0) <= freshSeconds }
  }

  /** Through the ordinary authorization endpoint and back; the code that comes back is not needed and never redeemed. */
  function logIn(ctx: Context, target: 'home' | 'password', again: boolean): void {
    const query = new URLSearchParams({
      client_id: accountClientId,
      response_type: 'code',
      scope: 'openid',
      redirect_uri: `${provider().issuer}${returnPath}`,
      state: target,
      code_challenge: createHash('sha256').update(randomBytes(32)).digest('base64url'),
      code_challenge_method: 'S256',
      ...(again ? { prompt: 'login' } : {}),
    })
    ctx.redirect(`/auth?${query}`)
    ctx.status = 303
  }

  async function home(ctx: Context): Promise<void> {
    const visitor = await signedIn(ctx)
    if (!visitor) return logIn(ctx, 'home', false)
    const { account } = visitor
    const done = ctx.query['done'] === 'password'
    renderer.render(
      ctx,
      'account',
      {
        accountLabel: accountLabel(account),
        userId: account.user.id,
        identities: account.identities.map((identity) => ({
          label: identityLabel(identity),
          provider: identity.provider,
          lastUsedAt: identity.lastUsedAt,
        })),
        hasPassword: await passwords.has(account.user.id),
        passwordHref: '/account/password',
        logoutHref: '/session/end',
        notice: done ? renderer.translate(ctx, 'account.password_saved') : undefined,
      },
      { languageLinks: true },
    )
  }

  async function passwordPage(ctx: Context): Promise<void> {
    const visitor = await signedIn(ctx)
    if (!visitor?.isFresh) return logIn(ctx, 'password', visitor !== undefined)
    await drawPassword(ctx, visitor)
  }

  async function drawPassword(ctx: Context, { account, sessionUid }: SignedIn, error?: AppError): Promise<void> {
    const needsCurrent = await passwords.has(account.user.id)
    renderer.render(
      ctx,
      'password-new',
      {
        purpose: needsCurrent ? 'change' : 'set',
        minLength: options.minPasswordLength,
        username: account.identities[0]?.subjects[0],
        needsCurrent,
        error: error && renderer.pageError(ctx, error),
        formToken: options.formToken(sessionUid),
        canSkip: true,
      },
      { status: error?.status ?? 200, languageLinks: !error },
    )
  }

  async function submitPassword(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await signedIn(ctx)
    if (!visitor?.isFresh) return logIn(ctx, 'password', visitor !== undefined)
    if (fields['form_token'] !== options.formToken(visitor.sessionUid)) throw new AppError('request.cross_site')
    if (fields['choice'] === 'skip') return leave(ctx, '/account')
    const userId = visitor.account.user.id
    const { ip, requestId } = ctx.state as RequestState
    try {
      const hadPassword = await passwords.has(userId)
      const next = fields['new_password']
      if (!next) throw new AppError('password.required', { field: 'new_password' })
      if (hadPassword) {
        await passwords.change(userId, fields['password'] ?? '', next)
        await options.endOtherSessions(userId, visitor.sessionUid)
      } else await passwords.set(userId, next)
      await audit.record({ event: hadPassword ? 'password.changed' : 'password.set', userId, ip, requestId })
    } catch (thrown) {
      const error = aboutTheCurrent(asAppError(thrown))
      if (error.status >= 500) throw thrown
      await drawPassword(ctx, visitor, error)
      return
    }
    leave(ctx, '/account?done=password')
  }

  /** Back from the login: `state` says where the person was going, and only names of our own pages count. */
  function comeBack(ctx: Context): void {
    leave(ctx, ctx.query['state'] === 'password' ? '/account/password' : '/account')
  }

  function leave(ctx: Context, path: string): void {
    ctx.redirect(path)
    ctx.status = 303
  }

  return { home, passwordPage, submitPassword, comeBack }
}

/** Whoever is signed in is told that the current password is wrong, not that the account may be. */
function aboutTheCurrent(error: AppError): AppError {
  if (error.code !== 'password.wrong') return error
  return new AppError('password.mismatch', { field: 'password', cause: error })
}
