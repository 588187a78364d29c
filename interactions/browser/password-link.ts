import type { Context } from 'koa'
import type { AccountDirectory } from '../../src/accounts/directory.ts'
import type { PasswordLink, PasswordLinks } from '../../src/accounts/password-links.ts'
import { guessableFrom, type Passwords } from '../../src/accounts/passwords.ts'
import { isUnended, requireActive } from '../../src/accounts/proof.ts'
import type { Account } from '../../src/accounts/user.ts'
import { AppError, asAppError } from '../../src/base/errors.ts'
import { paths } from '../../src/base/paths.ts'
import type { EndRecords } from '../../src/oidc/endings/endings.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { Audit } from '../../src/ops/audit.ts'
import { readForm } from '../form.ts'
import type { Renderer } from './render.ts'

interface Dependencies {
  readonly renderer: Renderer
  readonly directory: Pick<AccountDirectory, 'find'>
  readonly links: PasswordLinks
  readonly passwords: Passwords
  readonly audit: Audit
  readonly options: { readonly minPasswordLength: number; readonly end: EndRecords }
}

interface Opened {
  readonly secret: string
  readonly link: PasswordLink
  readonly account: Account
}

/**
 * The page behind a link that an operator has made: a password is chosen without a login. Opening it changes nothing,
 * because messengers open what they pass on; only the form uses the link up.
 */
export function passwordLinkPages({ renderer, directory, links, passwords, audit, options }: Dependencies) {
  async function show(ctx: Context): Promise<void> {
    await open(ctx)
    draw(ctx)
  }

  function draw(ctx: Context, error?: AppError): void {
    const view = {
      purpose: 'link',
      minLength: options.minPasswordLength,
      needsCurrent: false,
      canSkip: false,
      error: error && renderer.pageError(ctx, error),
    } as const
    renderer.render(ctx, 'password-new', view, { status: error?.status ?? 200 })
  }

  async function submit(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const opened = await open(ctx)
    let hash: string
    try {
      hash = await passwords.prepare(fields['new_password'] ?? '', guessableFrom(opened.account))
    } catch (thrown) {
      const error = asAppError(thrown)
      if (error.status >= 500) throw thrown
      return draw(ctx, error)
    }
    await keep(ctx, opened, hash)
    const view = {
      title: renderer.translate(ctx, 'password_link.done_title'),
      body: renderer.translate(ctx, 'password_link.done'),
      nextHref: paths.account,
      nextLabel: renderer.translate(ctx, 'password_link.next'),
    }
    renderer.render(ctx, 'message', view, { languagePath: paths.account })
  }

  /** Throws `password.link_over` for who was slower, and where everything of the account was ended meanwhile. */
  async function keep(ctx: Context, { secret, account }: Opened, hash: string): Promise<void> {
    const { ip, requestId } = ctx.state as RequestState
    const userId = account.user.id
    // SECURITY: of several who use a link at once, one gets it.
    const link = await links.take(secret)
    if (!link) throw new AppError('password.link_over')
    const hadPassword = await passwords.has(userId)
    try {
      await passwords.store(userId, hash, { begunAt: link.madeAt })
    } catch (thrown) {
      throw asAppError(thrown).code === 'attempt.expired' ? new AppError('password.link_over') : thrown
    }
    await options.end(userId, { kind: 'all' }, { reason: 'password_reset', ip, requestId })
    const detail = { method: 'link', operator: link.operator }
    await audit.write({ event: hadPassword ? 'password.reset' : 'password.set', userId, ip, requestId, detail })
  }

  /** Throws `password.link_over`, and `user.locked` or `user.leaving` for who may not come in. */
  async function open(ctx: Context): Promise<Opened> {
    const secret = typeof ctx.query['link'] === 'string' ? ctx.query['link'] : ''
    const link = await links.find(secret)
    const account = link && (await directory.find(link.userId))
    if (!account || !isUnended(account.user, { begunAt: link.madeAt })) throw new AppError('password.link_over')
    requireActive(account)
    return { secret, link, account }
  }

  return { show, submit }
}
