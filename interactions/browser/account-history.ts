import type { Context } from 'koa'
import type { UserId } from '../../src/base/ids.ts'
import type { Locale } from '../../src/base/languages.ts'
import { maskIp } from '../../src/base/mask.ts'
import { accountPaths, paths } from '../../src/base/paths.ts'
import type { IpPlaces } from '../../src/ops/ip-places.ts'
import type { LoginPage, PastLogin } from '../../src/ops/login-history.ts'
import type { LoginItem } from '../../views/account-views.ts'
import { namedWays } from '../../views/engine.ts'
import { type AccountSession, accountClientId, type SignedIn } from './account-session.ts'
import type { Renderer } from './render.ts'

/** What the pages of past logins need, besides who is there. */
export interface HistoryOptions {
  readonly page: (userId: UserId, after: string | undefined) => Promise<LoginPage>
  /** Undefined: there is none, it is too old, or somebody else's. */
  readonly login: (userId: UserId, id: string) => Promise<PastLogin | undefined>
  /** How far back the pages go. */
  readonly days: number
  readonly places: IpPlaces
  /** The name by which a person knows an app; its id when the app was removed. */
  readonly clientName: (clientId: string, locale: Locale) => Promise<string>
}

interface Dependencies {
  readonly session: AccountSession
  readonly renderer: Renderer
  readonly options: HistoryOptions
}

/** So many days are called six months. */
export const halfYearDays = 184

/** The pages of past logins. Nobody else's are ever read, and no address is shown whole. */
export function historyPages({ session, renderer, options }: Dependencies) {
  async function show(ctx: Context): Promise<void> {
    const visitor = await session.visitor(ctx)
    if (!visitor) return
    const { after } = ctx.query
    const from = typeof after === 'string' ? after : undefined
    const { logins, next } = await options.page(visitor.account.user.id, from)
    const view = {
      logins: await Promise.all(logins.map((login) => itemOf(ctx, visitor, login))),
      days: options.days < halfYearDays ? options.days : undefined,
      newestHref: from === undefined ? undefined : accountPaths.history,
      olderHref: next === undefined ? undefined : `${accountPaths.history}?after=${next}`,
      backHref: paths.account,
    }
    renderer.render(ctx, 'account-history', view)
  }

  /** A past login, as pages show it. */
  async function itemOf(ctx: Context, visitor: SignedIn, login: PastLogin): Promise<LoginItem> {
    const { id, at, method, provider, clientId, device, ip, begunAt, isDisowned } = login
    const isHere = begunAt !== undefined && begunAt === visitor.loginBegunAt
    return {
      at,
      device,
      client:
        clientId === undefined || clientId === accountClientId
          ? undefined
          : await options.clientName(clientId, renderer.locale(ctx)),
      method: namedWays.has(method) ? method : (provider ?? method),
      place: await placeOf(ctx, ip),
      ip: maskIp(ip),
      isHere,
      isDisowned,
      notMeHref: isHere || isDisowned ? undefined : `${accountPaths.notMe}?login=${id}`,
    }
  }

  async function placeOf(ctx: Context, ip: string | undefined): Promise<string | undefined> {
    const place = ip === undefined ? undefined : await options.places.find(ip)
    if (!place) return undefined
    if ('province' in place) return renderer.translate(ctx, `place.${place.province}`)
    return new Intl.DisplayNames(renderer.locale(ctx), { type: 'region' }).of(place.country)
  }

  return { show, itemOf }
}
