import type { Context } from 'koa'
import { accountLabel, identityLabel } from '../../src/accounts/account-labels.ts'
import type { AccountDirectory } from '../../src/accounts/directory.ts'
import type { Passwords } from '../../src/accounts/passwords.ts'
import { displayable, nicknameLength } from '../../src/accounts/profile.ts'
import { accountPaths, paths } from '../../src/base/paths.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { Audit } from '../../src/ops/audit.ts'
import type { PageError } from '../../views/views.ts'
import { readForm } from '../form.ts'
import type { AccountSession, SignedIn } from './account-session.ts'
import { leave } from './leave.ts'
import type { Renderer } from './render.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly directory: AccountDirectory
  readonly passwords: Passwords
  readonly audit: Audit
}

/** What `?done=` may say: a sentence each. */
const notices: ReadonlySet<unknown> = new Set(['password', 'password_changed', 'password_alone', 'profile'])

/** The first page about one's own account, and its profile. */
export function accountPages({ session, renderer, directory, passwords, audit }: Dependencies) {
  async function home(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx, paths.account)
    if (!visitor) return
    const { user, identities } = visitor.account
    const { done } = ctx.query
    renderer.render(
      ctx,
      'account',
      {
        accountLabel: accountLabel(visitor.account),
        nickname: user.profile.nickname,
        userId: user.id,
        identities: identities.map((identity) => ({ label: identityLabel(identity), provider: identity.provider })),
        hasPassword: await passwords.has(user.id),
        profileHref: accountPaths.profile,
        identitiesHref: accountPaths.identities,
        passwordHref: accountPaths.password,
        devicesHref: accountPaths.devices,
        logoutHref: paths.endSession,
        notice: notices.has(done) ? renderer.translate(ctx, `account.done_${done}`) : undefined,
      },
      { languageLinks: true },
    )
  }

  async function profilePage(ctx: Context): Promise<void> {
    const visitor = await session.fresh(ctx)
    if (visitor) drawProfile(ctx, visitor, visitor.account.user.profile.nickname ?? '')
  }

  function drawProfile(ctx: Context, visitor: SignedIn, nickname: string, error?: PageError): void {
    const view = { nickname, maxLength: nicknameLength, formToken: session.token(visitor), error }
    renderer.render(ctx, 'account-profile', view, { status: error ? 400 : 200, languageLinks: !error })
  }

  async function submitProfile(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields)
    if (!visitor) return
    const typed = fields['nickname'] ?? ''
    if ([...typed.trim()].length > nicknameLength) {
      const message = renderer.translate(ctx, 'profile.nickname_long', { max: nicknameLength })
      return drawProfile(ctx, visitor, typed.slice(0, 200), { code: 'request.invalid', message, field: 'nickname' })
    }
    const { id, profile } = visitor.account.user
    const { nickname = '' } = displayable({ nickname: typed })
    if (nickname !== (profile.nickname ?? '')) {
      await directory.rename(id, nickname)
      const { ip, requestId } = ctx.state as RequestState
      await audit.write({ event: 'profile.changed', userId: id, ip, requestId, detail: { fields: ['nickname'] } })
    }
    leave(ctx, `${paths.account}?done=profile`)
  }

  return { home, profilePage, submitProfile }
}
