import type { Context } from 'koa'
import { guessableFrom, type Passwords } from '../../src/accounts/passwords.ts'
import { AppError, asAppError, faultsOf, refuseFaults } from '../../src/base/errors.ts'
import { paths } from '../../src/base/paths.ts'
import type { EndRecords } from '../../src/oidc/endings/endings.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { Audit } from '../../src/ops/audit.ts'
import { readForm } from '../form.ts'
import type { AccountSession, SignedIn } from './account-session.ts'
import type { DeviceCookie } from './device-cookie.ts'
import { leave } from './leave.ts'
import type { Renderer } from './render.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly passwords: Passwords
  readonly audit: Audit
  readonly options: {
    readonly minPasswordLength: number
    readonly end: EndRecords
    readonly device: DeviceCookie
    readonly nowSeconds: () => number
  }
}

/**
 * The page to set or change the password. Every other login that was made with the old password ends, and if the person
 * says so, all other logins.
 */
export function passwordPages({ session, renderer, passwords, audit, options }: Dependencies) {
  async function show(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx)
    if (visitor) await draw(ctx, visitor)
  }

  async function draw(ctx: Context, visitor: SignedIn, error?: AppError): Promise<void> {
    const { account } = visitor
    const needsCurrent = await passwords.has(account.user.id)
    const local = account.identities.find(({ provider }) => ['username', 'email', 'phone'].includes(provider))
    renderer.render(
      ctx,
      'password-new',
      {
        purpose: needsCurrent ? 'change' : 'set',
        minLength: options.minPasswordLength,
        username: local?.subjects[0],
        needsCurrent,
        error: error && renderer.pageError(ctx, error),
        formToken: session.token(visitor),
        canSkip: true,
        canSignOutOthers: true,
      },
      { status: error?.status ?? 200 },
    )
  }

  async function submit(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields)
    if (!visitor) return
    if (fields['choice'] === 'skip') return leave(ctx, paths.account)
    const userId = visitor.account.user.id
    const { ip, requestId } = ctx.state as RequestState
    const hadPassword = await passwords.has(userId)
    try {
      const { password: current = '', new_password: next = '' } = fields
      refuseFaults(
        faultsOf(
          () => requireCurrent(hadPassword, current),
          () => passwords.check(next, guessableFrom(visitor.account)),
        ),
      )
      if (hadPassword) await passwords.change(userId, current, next)
      else await passwords.set(userId, next, visitor)
      await audit.write({ event: hadPassword ? 'password.changed' : 'password.set', userId, ip, requestId })
    } catch (thrown) {
      const error = aboutTheCurrent(asAppError(thrown))
      if (error.status >= 500) throw thrown
      await draw(ctx, visitor, error)
      return
    }
    const { sessionUid } = visitor
    const isAlone = fields['sign_out_others'] !== undefined
    if (!hadPassword && !isAlone) {
      await session.renew(visitor)
      return leave(ctx, `${paths.account}?done=password`)
    }
    // Tokens that apps of this browser hold must not outlive the old password either.
    const others = { kind: 'others', sessionUid, withApps: true } as const
    const scope = isAlone ? others : ({ kind: 'by', by: 'password', sessionUid } as const)
    await options.end(userId, scope, { reason: 'password_changed', ip, requestId })
    await options.device.remember(ctx, { userId, authTime: options.nowSeconds() })
    await session.renew(visitor)
    leave(ctx, `${paths.account}?done=${isAlone ? 'password_alone' : 'password_changed'}`)
  }

  return { show, submit }
}

/** An empty field is no guess, and costs no try. */
function requireCurrent(hadPassword: boolean, current: string): void {
  if (hadPassword && current === '') throw new AppError('password.current_missing', { field: 'password' })
}

/** Somebody who is signed in is told that the current password is wrong, not that the account may be. */
function aboutTheCurrent(error: AppError): AppError {
  if (error.code !== 'password.wrong') return error
  return new AppError('password.mismatch', { field: 'password', cause: error })
}
