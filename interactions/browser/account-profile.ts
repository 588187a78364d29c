import type { Context } from 'koa'
import type { AccountDirectory } from '../../src/accounts/directory.ts'
import { displayable, nicknameLength } from '../../src/accounts/profile.ts'
import { paths } from '../../src/base/paths.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { Audit } from '../../src/ops/audit.ts'
import type { PageError } from '../../views/form-values.ts'
import { readForm } from '../form.ts'
import { picturePath } from './account.ts'
import type { AccountSession, SignedIn } from './account-session.ts'
import { leave } from './leave.ts'
import type { Renderer } from './render.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly directory: AccountDirectory
  readonly audit: Audit
}

/** The page about what others see of an account. */
export function profilePages({ session, renderer, directory, audit }: Dependencies) {
  async function show(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx)
    if (visitor) draw(ctx, visitor, visitor.account.user.profile.nickname ?? '')
  }

  function draw(ctx: Context, visitor: SignedIn, nickname: string, error?: PageError): void {
    const picture = picturePath(visitor.account.user)
    const view = { nickname, picture, maxLength: nicknameLength, formToken: session.token(visitor), error }
    renderer.render(ctx, 'account-profile', view, { status: error ? 400 : 200 })
  }

  async function submit(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields)
    if (!visitor) return
    const typed = fields['nickname'] ?? ''
    if ([...typed.trim()].length > nicknameLength) {
      const message = renderer.translate(ctx, 'profile.nickname_long', { max: nicknameLength })
      return draw(ctx, visitor, typed.slice(0, 200), { code: 'request.invalid', message, field: 'nickname' })
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

  return { show, submit }
}
