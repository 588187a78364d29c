import type { Context } from 'koa'
import { accountLabel, identityLabel } from '../../src/accounts/account-labels.ts'
import type { Passwords } from '../../src/accounts/passwords.ts'
import type { Account, User } from '../../src/accounts/user.ts'
import type { UserId } from '../../src/base/ids.ts'
import { accountPaths, bindPath, paths } from '../../src/base/paths.ts'
import type { Alarm } from '../../src/oidc/endings/devices.ts'
import type { AccountHint, WayRow } from '../../views/account-views.ts'
import { codeWays } from './account-identities.ts'
import type { AccountSession } from './account-session.ts'
import type { Renderer } from './render.ts'

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly passwords: Pick<Passwords, 'has'>
  readonly options: {
    /** At how many places somebody is signed in. */
    readonly deviceCount: (userId: UserId) => Promise<number>
    readonly alarms: (userId: UserId) => Promise<readonly Alarm[]>
    readonly appCount: (userId: UserId) => Promise<number>
    /** Whether this method can add a way in. */
    readonly canBind: (method: string) => boolean
  }
}

/** What `?done=` may say: a sentence each. */
const notices: ReadonlySet<unknown> = new Set([
  ...['password', 'password_changed', 'password_alone', 'profile', 'picture', 'picture_removed'],
])
/** More hints than these at once are read by nobody. */
const mostHints = 2
/** Ways in that have a row of their own. */
const ownRows: readonly string[] = codeWays.map(({ kind }) => kind)

/** The first page about one's own account, and the choice of a language. */
export function accountPages({ session, renderer, passwords, options }: Dependencies) {
  async function home(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx, paths.account)
    if (!visitor) return
    const { account } = visitor
    const { user, identities } = account
    const [hasPassword, placeCount, alarms, appCount] = await Promise.all([
      passwords.has(user.id),
      options.deviceCount(user.id),
      options.alarms(user.id),
      options.appCount(user.id),
    ])
    const { done } = ctx.query
    renderer.render(ctx, 'account', {
      accountLabel: accountLabel(account),
      nickname: user.profile.nickname,
      picture: picturePath(user),
      userId: user.id,
      hints: hints(account, { hasPassword, isAlarmed: alarms.length > 0 }),
      phone: wayRow(account, 'phone'),
      email: wayRow(account, 'email'),
      providers: [...new Set(identities.map(({ provider }) => provider))].filter((each) => !ownRows.includes(each)),
      hasPassword,
      placeCount,
      appCount,
      profileHref: accountPaths.profile,
      identitiesHref: accountPaths.identities,
      passwordHref: accountPaths.password,
      devicesHref: accountPaths.devices,
      appsHref: accountPaths.apps,
      historyHref: accountPaths.history,
      deletionHref: accountPaths.deletion,
      messagesHref: accountPaths.messages,
      dataHref: accountPaths.data,
      collectedHref: paths.collected,
      languageHref: accountPaths.language,
      mergeHref: accountPaths.merge,
      logoutHref: paths.endSession,
      notice: notices.has(done) ? renderer.translate(ctx, `account.done_${done}`) : undefined,
    })
  }

  function wayRow({ identities }: Account, kind: (typeof codeWays)[number]['kind']): WayRow | undefined {
    const labels = identities.filter(({ provider }) => provider === kind).map(identityLabel)
    if (labels.length > 0) return { labels, href: accountPaths.identities }
    const method = codeWays.find((way) => way.kind === kind)?.method ?? ''
    return options.canBind(method) ? { labels, href: `${bindPath(kind)}?change=1` } : undefined
  }

  function hints(
    account: Account,
    { hasPassword, isAlarmed }: { readonly hasPassword: boolean; readonly isAlarmed: boolean },
  ) {
    const { identities } = account
    const ways = identities.filter(({ provider, verifiedAt }) => verifiedAt && provider !== 'username').length
    const canHavePassword = identities.some(({ provider }) => [...ownRows, 'username'].includes(provider))
    const phone = wayRow(account, 'phone')
    const all: readonly (readonly [AccountHint, string, boolean])[] = [
      ['alarm', accountPaths.devices, isAlarmed],
      ['phone', phone?.href ?? '', phone?.labels.length === 0],
      ['one_way', accountPaths.identities, ways + (hasPassword && canHavePassword ? 1 : 0) < 2],
      ['password', accountPaths.password, !hasPassword && canHavePassword],
    ]
    return all.flatMap(([kind, href, isDue]) => (isDue ? [{ kind, href }] : [])).slice(0, mostHints)
  }

  /** Nobody has to be signed in to choose a language, but the page leads back to the account. */
  async function languagePage(ctx: Context): Promise<void> {
    if (!(await session.visitor(ctx, accountPaths.language))) return
    renderer.render(ctx, 'account-language', { backHref: paths.account })
  }

  return { home, languagePage }
}

/** Where our own copy of a picture is; nothing of an account page is ever loaded from elsewhere. */
export function picturePath({ pictureCopy }: User): string | undefined {
  return pictureCopy === undefined ? undefined : `${paths.pictures}/${pictureCopy}`
}
