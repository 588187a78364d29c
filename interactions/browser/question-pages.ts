import type { Context } from 'koa'
import { identityLabel, lastUseOf, maskedLabel, ownerHint } from '../../src/accounts/account-labels.ts'
import type { AccountDirectory } from '../../src/accounts/directory.ts'
import type { Account, IdentityClaim } from '../../src/accounts/user.ts'
import { AppError } from '../../src/base/errors.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { AccountMerges } from '../account-merges.ts'
import type { MergeOffer } from '../attempt-memory.ts'
import type { AccountQuestion, BindingQuestion, ConflictQuestion, LeavingQuestion, OwnerQuestion } from '../outcome.ts'
import { mergeView } from './merge-view.ts'
import type { Renderer } from './render.ts'

interface Dependencies {
  readonly directory: AccountDirectory
  readonly merges: Pick<AccountMerges, 'questionOf'>
  readonly renderer: Renderer
  /** The methods of the login page. */
  readonly offered: (ctx: Context) => string[]
}

/** The pages that ask something about accounts in the middle of a login. */
export function questionPages({ directory, merges, renderer, offered }: Dependencies) {
  const state = (ctx: Context) => ctx.state as RequestState

  /** Nobody has what was proved: a new account, or one that is there already? */
  function whose(
    ctx: Context,
    { provider, profile: { nickname } }: IdentityClaim,
    { error, invite }: { readonly error?: AppError; readonly invite?: string | undefined } = {},
  ): void {
    const needsInvite = state(ctx).demand?.registration === 'invite'
    const asked = { needsInvite, invite, error: error && renderer.pageError(ctx, error) }
    const view = { provider, nickname, canRegister: true, existingMethod: offered(ctx)[0] ?? 'password', ...asked }
    renderer.render(ctx, 'choose', view, { status: error?.status ?? 200, clientName: state(ctx).clientName })
  }

  async function merge(ctx: Context, offer: MergeOffer, error?: AppError): Promise<void> {
    const question = await merges.questionOf(offer)
    if (!question) throw new AppError('attempt.expired')
    const view = { ...mergeView(question), error: error && renderer.pageError(ctx, error) }
    renderer.render(ctx, 'merge', view, { status: error?.status ?? 200, clientName: state(ctx).clientName })
  }

  async function conflict(ctx: Context, { users, choices }: ConflictQuestion): Promise<void> {
    const accounts = await Promise.all(users.map((userId) => directory.find(userId)))
    const shown = accounts.filter((each) => each !== undefined).map(shownAccount)
    const view = { accounts: shown, canMerge: choices.includes('one_account') }
    renderer.render(ctx, 'conflict', view, { status: 409, clientName: state(ctx).clientName })
  }

  async function accounts(ctx: Context, { provider, accounts: several, canMerge }: AccountQuestion): Promise<void> {
    const found = await Promise.all(
      several.map(async ({ userId, isSpare }) => {
        const account = await directory.find(userId)
        if (!account) throw new AppError('attempt.expired')
        return { ...shownAccount(account), userId, nickname: account.user.profile.nickname, isSpare }
      }),
    )
    const view = { provider, accounts: found, canMerge, otherMethod: offered(ctx)[0] }
    renderer.render(ctx, 'choose-account', view, { clientName: state(ctx).clientName })
  }

  async function binding(ctx: Context, question: BindingQuestion, error?: AppError): Promise<void> {
    const account = await directory.find(question.userId)
    if (!account) throw new AppError('attempt.expired')
    const { provider, profile } = question.identity
    const view = {
      identity: { provider, label: identityLabel(question.identity), nickname: profile.nickname },
      account: { label: maskedLabel(account), nickname: account.user.profile.nickname },
      canBind: question.choices.includes('bind'),
      error: error && renderer.pageError(ctx, error),
    }
    const page = { status: error?.status ?? 200, clientName: state(ctx).clientName }
    renderer.render(ctx, 'bind-identity', view, page)
  }

  async function owner(ctx: Context, { userId, choices, isIn }: OwnerQuestion): Promise<void> {
    const account = await directory.find(userId)
    if (!account) throw new AppError('attempt.expired')
    const without = choices.includes('not_mine') ? (isIn ? ('own' as const) : ('new' as const)) : undefined
    renderer.render(
      ctx,
      'confirm-owner',
      { account: ownerHint(account), without },
      { clientName: state(ctx).clientName },
    )
  }

  async function leaving(ctx: Context, { userId, leavesAtMs }: LeavingQuestion): Promise<void> {
    const account = await directory.find(userId)
    if (!account) throw new AppError('attempt.expired')
    const shown = { label: maskedLabel(account), nickname: account.user.profile.nickname }
    const view = { account: shown, leavesAt: new Date(leavesAtMs) }
    renderer.render(ctx, 'leaving', view, { clientName: state(ctx).clientName })
  }

  /** The account goes, and nobody was let in. */
  function left(ctx: Context, leavesAtMs: number): void {
    renderer.render(ctx, 'left', { leavesAt: new Date(leavesAtMs), nextHref: ctx.path })
  }

  return { whose, conflict, accounts, binding, owner, leaving, left, merge }
}

/** Enough for its owner to recognise an account, and no more. */
function shownAccount(account: Account) {
  return { label: maskedLabel(account), createdAt: account.user.createdAt, lastUsedAt: lastUseOf(account) }
}
