import type { Context } from 'koa'
import type { AccountDirectory } from '../../src/accounts/directory.ts'
import { type Picture, pictureType } from '../../src/accounts/picture-codec.ts'
import { displayable, nicknameLength } from '../../src/accounts/profile.ts'
import { AppError } from '../../src/base/errors.ts'
import type { UserId } from '../../src/base/ids.ts'
import { accountPaths, paths } from '../../src/base/paths.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { Audit } from '../../src/ops/audit.ts'
import type { PageError } from '../../views/form-values.ts'
import { readForm } from '../form.ts'
import { readUpload } from '../upload-form.ts'
import { picturePath } from './account.ts'
import type { AccountSession, SignedIn } from './account-session.ts'
import { leave } from './leave.ts'
import { announceRetry, type Renderer } from './render.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly directory: AccountDirectory
  readonly audit: Audit
  readonly options: {
    /**
     * The same picture, made anew from its pixels. Throws `request.too_many` or `server.unavailable`, and any other
     * error where the file is no picture.
     */
    readonly reencode: (userId: UserId, bytes: Buffer) => Promise<Picture>
    readonly choose: (userId: UserId, picture: Picture | undefined) => Promise<void>
  }
}

/** The page about what others see of an account. */
export function profilePages({ session, renderer, directory, audit, options }: Dependencies) {
  async function show(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx)
    if (visitor) draw(ctx, visitor)
  }

  function draw(
    ctx: Context,
    visitor: SignedIn,
    { nickname, error, status = 200 }: { nickname?: string; error?: PageError; status?: number } = {},
  ): void {
    const { profile } = visitor.account.user
    const picture = picturePath(visitor.account.user)
    const view = {
      nickname: nickname ?? profile.nickname ?? '',
      picture,
      hasPicture: picture !== undefined || profile.picture !== undefined,
      pictureHref: accountPaths.picture,
      maxLength: nicknameLength,
      formToken: session.token(visitor),
      error,
    }
    renderer.render(ctx, 'account-profile', view, { status })
  }

  async function submit(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields)
    if (!visitor) return
    const typed = fields['nickname'] ?? ''
    if ([...typed.trim()].length > nicknameLength) {
      const message = renderer.translate(ctx, 'profile.nickname_long', { max: nicknameLength })
      const error = { code: 'request.invalid', message, field: 'nickname' }
      return draw(ctx, visitor, { nickname: typed.slice(0, 200), error, status: 400 })
    }
    const { id, profile } = visitor.account.user
    const { nickname = '' } = displayable({ nickname: typed })
    if (nickname !== (profile.nickname ?? '')) {
      await directory.rename(id, nickname)
      await note(ctx, id, 'nickname')
    }
    leave(ctx, `${paths.account}?done=profile`)
  }

  /** SECURITY: nothing is read of a file before it is known whose it is. */
  async function submitPicture(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx, accountPaths.profile)
    if (!visitor) return
    try {
      const { fields, file } = await readUpload(ctx, 'picture')
      if (!(await session.sender(ctx, fields, accountPaths.profile))) return
      const { id } = visitor.account.user
      const isRemoval = fields['choice'] === 'remove'
      await options.choose(id, isRemoval ? undefined : await made(id, file))
      await note(ctx, id, 'picture')
      leave(ctx, `${paths.account}?done=${isRemoval ? 'picture_removed' : 'picture'}`)
    } catch (thrown) {
      const error = aboutPicture(thrown)
      announceRetry(ctx, error)
      draw(ctx, visitor, { error: renderer.pageError(ctx, error), status: error.status })
    }
  }

  async function made(userId: UserId, file: Buffer): Promise<Picture> {
    if (file.length === 0) throw new AppError('picture.missing')
    if (!pictureType(file)) throw new AppError('picture.unsupported')
    try {
      return await options.reencode(userId, file)
    } catch (cause) {
      throw cause instanceof AppError ? cause : new AppError('picture.broken', { cause })
    }
  }

  async function note(ctx: Context, userId: UserId, field: 'nickname' | 'picture'): Promise<void> {
    const { ip, requestId } = ctx.state as RequestState
    await audit.write({ event: 'profile.changed', userId, ip, requestId, detail: { fields: [field] } })
  }

  return { show, submit, submitPicture }
}

/** What the page says of a refused picture; what is not about the picture is thrown on. */
function aboutPicture(thrown: unknown): AppError {
  if (!(thrown instanceof AppError)) throw thrown
  const { code, params } = thrown
  if (code === 'request.too_large') return new AppError('picture.too_large', { field: 'picture' })
  if (code.startsWith('picture.')) return new AppError(code, { field: 'picture', cause: thrown.cause })
  if (code === 'request.too_many' || code === 'server.unavailable') return new AppError(code, { params })
  throw thrown
}
