import type { Context } from 'koa'
import { mutableEvents, type OwnerEvent } from '../../src/accounts/owner-events.ts'
import type { UserId } from '../../src/base/ids.ts'
import { accountPaths, paths } from '../../src/base/paths.ts'
import { readForm } from '../form.ts'
import type { AccountSession } from './account-session.ts'
import { leave } from './leave.ts'
import type { Renderer } from './render.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly options: {
    readonly muted: (userId: UserId) => Promise<readonly string[]>
    readonly mute: (userId: UserId, events: readonly OwnerEvent[]) => Promise<void>
  }
}

/** Which messages about their account somebody wants; those that matter for its safety cannot be left out. */
export function messagePages({ session, renderer, options }: Dependencies) {
  async function show(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx)
    if (!visitor) return
    const muted = await options.muted(visitor.account.user.id)
    renderer.render(ctx, 'account-messages', {
      events: mutableEvents.map((id) => ({ id, isTold: !muted.includes(id) })),
      formToken: session.token(visitor),
      backHref: paths.account,
      notice: ctx.query['done'] === 'saved' ? renderer.translate(ctx, 'messages.saved') : undefined,
    })
  }

  async function submit(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const visitor = await session.sender(ctx, fields, accountPaths.messages)
    if (!visitor) return
    const muted = mutableEvents.filter((event) => fields[event] === undefined)
    await options.mute(visitor.account.user.id, muted)
    leave(ctx, `${accountPaths.messages}?done=saved`)
  }

  return { show, submit }
}
