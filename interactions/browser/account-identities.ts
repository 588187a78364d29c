import type { Context } from 'koa'
import { identityLabel } from '../../src/accounts/account-labels.ts'
import type { AccountDirectory } from '../../src/accounts/directory.ts'
import type { Passwords } from '../../src/accounts/passwords.ts'
import { isSpare } from '../../src/accounts/spare-identity.ts'
import type { Account, Identity } from '../../src/accounts/user.ts'
import type { WaitingChange } from '../../src/accounts/waiting-changes.ts'
import { AppError, asAppError } from '../../src/base/errors.ts'
import { type IdentityId, isId } from '../../src/base/ids.ts'
import { maskIp } from '../../src/base/mask.ts'
import { accountPaths, bindPath, paths, stopChangePath } from '../../src/base/paths.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { PageError } from '../../views/form-values.ts'
import type { Views } from '../../views/views.ts'
import type { Bindings } from '../binding.ts'
import { readForm } from '../form.ts'
import type { NumberChanges } from '../number-changes.ts'
import { changeHref } from './account-change.ts'
import type { AccountSession, SignedIn } from './account-session.ts'
import type { DeviceCookie } from './device-cookie.ts'
import { leave } from './leave.ts'
import { offeredConnections } from './offered-connections.ts'
import type { Renderer } from './render.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly directory: AccountDirectory
  readonly passwords: Passwords
  readonly options: {
    readonly bindings: Bindings
    /** How many identities of a provider a user may bind; undefined: any number. */
    readonly limitOf: (provider: string) => number | undefined
    readonly changes: NumberChanges
    readonly device: DeviceCookie
    readonly nowSeconds: () => number
  }
}

/** Ways in that a code proves: the last part of their page's path, the method behind it, what they are filed under. */
export const codeWays = [
  { kind: 'phone', method: 'sms' },
  { kind: 'email', method: 'email' },
] as const

/** What `?done=` may say: a sentence each. */
const notices: ReadonlySet<unknown> = new Set(['bound', 'known', 'unbound', 'changed', 'changing', 'kept', 'gone'])

/** The list of ways in, with what can be added, and the page to remove one. */
export function identityPages({ session, renderer, directory, passwords, options }: Dependencies) {
  const { methods } = options.bindings

  async function draw(ctx: Context, visitor: SignedIn, error?: PageError & { readonly status: number }): Promise<void> {
    const { account } = visitor
    const usedFrom = await directory.lastUses(account.user.id)
    const hasPassword = await passwords.has(account.user.id)
    const isFull = (provider: string) =>
      account.identities.filter((each) => each.provider === provider).length >=
      (options.limitOf(provider) ?? Number.POSITIVE_INFINITY)
    const waiting = await options.changes.waitingFor(account.user.id)
    const { done } = ctx.query
    renderer.render(
      ctx,
      'identities',
      {
        identities: account.identities.map((identity) => ({
          label: identityLabel(identity),
          provider: identity.provider,
          createdAt: identity.createdAt,
          lastUsedAt: identity.lastUsedAt,
          lastUsedIp: maskIp(usedFrom.get(identity.id)),
          isProved: identity.verifiedAt !== undefined,
          ...changeOf(identity, waiting),
          unbindHref: isSpare(account, identity, hasPassword)
            ? `${accountPaths.unbind}?identity=${identity.id}`
            : undefined,
        })),
        codeWays: codeWays
          .filter(({ method }) => methods.has(method))
          .map(({ kind }) => ({ kind, href: `${bindPath(kind)}?change=1`, isFull: isFull(kind) })),
        connections: connections(ctx).map((item) => ({ ...item, isFull: isFull(item.provider) })),
        formToken: session.token(visitor),
        backHref: paths.account,
        notice: notices.has(done) && !error ? renderer.translate(ctx, `identities.done_${done}`) : undefined,
        error,
      },
      { status: error?.status ?? 200 },
    )
  }

  function changeOf(identity: Identity, waiting: readonly WaitingChange[]) {
    const found = waiting.find(({ identityId }) => identityId === identity.id)
    if (found) return { changing: { label: found.label, dueAt: found.dueAt, stopAction: stopChangePath(identity.id) } }
    return options.changes.canChange(identity) ? { changeHref: changeHref(identity.id) } : {}
  }

  /** The list, with what went wrong above it. */
  function drawRefusal(ctx: Context, visitor: SignedIn, error: AppError): Promise<void> {
    return draw(ctx, visitor, { ...renderer.pageError(ctx, error), field: undefined, status: error.status })
  }

  function connections(ctx: Context) {
    const visit = { userAgent: ctx.get('user-agent'), locale: renderer.locale(ctx) }
    const items = offeredConnections(methods, visit)
    // When one connection of a provider works here, the others need not be offered.
    const isHere = new Set(items.flatMap((item) => (item.isHere ? item.provider : [])))
    return items.filter((item) => item.isHere || !isHere.has(item.provider))
  }

  async function unbindPage(ctx: Context): Promise<void> {
    const identityId = ctx.query['identity']
    if (!isId('idn', identityId)) throw new AppError('request.not_found')
    const visitor = await session.visitor(ctx)
    if (!visitor) return
    const identity = ownIdentity(visitor.account, identityId)
    const hasPassword = await passwords.has(visitor.account.user.id)
    if (!isSpare(visitor.account, identity, hasPassword)) {
      return drawRefusal(ctx, visitor, new AppError('identity.last'))
    }
    const view: Views['account-unbind'] = {
      identityId,
      provider: identity.provider,
      label: identityLabel(identity),
      endsHere: visitor.by?.includes(identityId) ?? true,
      formToken: session.token(visitor),
      backHref: accountPaths.identities,
    }
    renderer.render(ctx, 'account-unbind', view)
  }

  async function unbind(ctx: Context): Promise<void> {
    const { fields } = await readForm(ctx)
    const identityId = fields['identity']
    if (!isId('idn', identityId)) throw new AppError('request.not_found')
    const visitor = await session.sender(ctx, fields, `${accountPaths.unbind}?identity=${identityId}`)
    if (!visitor) return
    const userId = visitor.account.user.id
    const { ip, requestId } = ctx.state as RequestState
    const identity = ownIdentity(visitor.account, identityId)
    try {
      await options.bindings.remove({ userId, ip, requestId }, identity)
    } catch (thrown) {
      const error = asAppError(thrown)
      if (error.code !== 'identity.last') throw thrown
      return drawRefusal(ctx, visitor, error)
    }
    await session.renew(visitor)
    // Every device was forgotten with it; this browser becomes known again, unless its login came by the removed
    // identity.
    if (visitor.by?.includes(identityId) === false) {
      await options.device.remember(ctx, { userId, authTime: options.nowSeconds() })
    }
    leave(ctx, `${accountPaths.identities}?done=unbound`)
  }

  return { draw, drawRefusal, unbindPage, unbind }
}

/** Throws `request.not_found` for an identity that is not this account's. */
function ownIdentity({ identities }: Account, identityId: IdentityId): Identity {
  const identity = identities.find(({ id }) => id === identityId)
  if (!identity) throw new AppError('request.not_found')
  return identity
}
