import type { Context } from 'koa'
import { asciiText } from '../../src/base/ascii.ts'
import { type AppError, asAppError, titleKey } from '../../src/base/errors.ts'
import type { I18n } from '../../src/base/i18n.ts'
import type { Locale } from '../../src/base/languages.ts'
import { paths } from '../../src/base/paths.ts'
import { type ClientWear, strangersLogo, wornBy } from '../../src/brand/drawn-brand.ts'
import { libraryContext } from '../../src/oidc/library/context.ts'
import type { RenderPage, Translate } from '../../src/oidc/library-pages.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { ViewEngine } from '../../views/engine.ts'
import type { PageError } from '../../views/form-values.ts'
import type { PageBrand } from '../../views/page-brand.ts'
import type { WayOn } from './begin-again.ts'
import { leave } from './leave.ts'
import { packingOf, pageSender } from './packed-pages.ts'
import { contentPolicy } from './page-policy.ts'

const pageHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), otp-credentials=(self)',
}

/**
 * An app may open these in a popup, and its callback page there must still reach the app: any policy but this cuts
 * `window.opener`.
 */
const popupPath = /^\/(auth|interaction|session\/end)(\/|$)/
const openerPolicy = (path: string) => (popupPath.test(path) ? 'unsafe-none' : 'same-origin')

const languageCookie = 'menshen_lang'
const languageCookieMs = 365 * 86_400_000
/**
 * The choice of a moment ago wins over the language that an app asks for; from the next request of the app on, the app
 * knows it.
 */
const freshChoiceCookie = 'menshen_lang_now'
const freshChoiceMs = 3_600_000

/** Draws pages and errors in the language of the visitor. */
export interface Renderer {
  readonly render: RenderPage
  readonly translate: Translate
  /** The visitor's language, found once a request. */
  locale(ctx: Context): Locale
  /** An error on the page that caused it. */
  pageError(ctx: Context, error: AppError): PageError
  /** An error that ends the way: a page of its own, or JSON for a program. */
  renderError(ctx: Context, thrown: unknown, wayOn?: WayOn): void
  /** Answers `?lang=`: remembers the choice and leads back to the same page without it. True when it did. */
  switchLanguage(ctx: Context): boolean
}

interface Dependencies {
  readonly engine: ViewEngine
  readonly i18n: I18n
  readonly brand: (locale: Locale) => PageBrand
  /** What a client adds to it. */
  readonly lookOf: (clientId: string | undefined) => ClientWear | undefined
  readonly sandbox: boolean
  readonly secure: boolean
  readonly now: () => Date
}

/** Makes the renderer that all pages share. */
export function renderer({ engine, i18n, brand, lookOf, sandbox, secure, now }: Dependencies): Renderer {
  const state = (ctx: Context) => ctx.state as RequestState
  const sendPage = pageSender()

  function locale(ctx: Context): Locale {
    const known = state(ctx).locale
    if (known) return known
    const asked = ctx.query['ui_locales'] ?? state(ctx).uiLocales
    const uiLocales = ctx.cookies.get(freshChoiceCookie, { signed: false }) ?? asked
    const negotiated = i18n.negotiate({
      uiLocales: typeof uiLocales === 'string' ? uiLocales : undefined,
      cookie: ctx.cookies.get(languageCookie, { signed: false }),
      acceptLanguage: ctx.get('accept-language'),
    })
    state(ctx).locale = negotiated
    return negotiated
  }

  const render: RenderPage = (ctx, name, data, options = {}) => {
    // No route has looked at the choice of a language where there is none, or it failed.
    if (ctx.method === 'GET' && switchLanguage(ctx)) return
    for (const [header, value] of Object.entries(pageHeaders)) ctx.set(header, value)
    const { leadsTo } = state(ctx)
    ctx.set('content-security-policy', contentPolicy(ctx.path, { leadsTo, secure, ...options }))
    ctx.set('cross-origin-opener-policy', openerPolicy(ctx.path))
    ctx.vary('Accept-Language')
    ctx.status = options.status ?? 200
    const look = lookOf(state(ctx).clientId ?? libraryContext(ctx)?.oidc.client?.clientId)
    const html = engine.render(name, data, {
      locale: locale(ctx),
      brand: wornBy(brand(locale(ctx)), look, locale(ctx)),
      clientLogo: strangersLogo(look),
      clientName: options.clientName ?? state(ctx).clientName,
      requestId: state(ctx).requestId,
      sandbox,
      languagePath: options.languagePath ?? searchWithoutLang(ctx),
      assetPath: paths.assets,
    })
    sendPage(ctx, html, packingOf(name, data))
  }

  function pageError(ctx: Context, { code, messageKey, params, field, others }: AppError): PageError {
    const message = translate(ctx, messageKey, params)
    return { code, message, field, others: others.map((each) => pageError(ctx, each)) }
  }

  const translate: Translate = (ctx, key, params) => i18n.translate(locale(ctx), key, params)

  return {
    render,
    translate,
    locale,

    pageError,

    renderError(ctx, thrown, wayOn = {}) {
      const error = asAppError(thrown)
      const retryAfterSeconds = announceRetry(ctx, error)
      const isAstray = !wayOn.retryHref && !wayOn.homeHref
      if (ctx.accepts('json', 'html') === 'html') {
        const { requestId } = state(ctx)
        const message = translate(ctx, error.messageKey, error.params)
        const title = translate(ctx, titleKey(error.code))
        const view = {
          title,
          code: error.code,
          message,
          requestId,
          at: now(),
          ...wayOn,
          ...(isAstray ? { accountHref: paths.account } : {}),
        }
        render(ctx, 'error', { ...view, retryAfterSeconds }, { status: error.status })
        return
      }
      ctx.status = error.status
      ctx.set('cache-control', 'no-store')
      ctx.body = {
        error: error.oauth,
        error_description: asciiText(i18n.translate('en', error.messageKey, error.params)),
        message_key: error.messageKey,
      }
    },

    switchLanguage,
  }

  function switchLanguage(ctx: Context): boolean {
    const wanted = ctx.query['lang']
    const chosen = i18n.locales.find((each) => each === wanted)
    if (!chosen) return false
    const options = { httpOnly: true, sameSite: 'lax', secure, path: '/', signed: false } as const
    ctx.cookies.set(languageCookie, chosen, { ...options, maxAge: languageCookieMs })
    ctx.cookies.set(freshChoiceCookie, chosen, { ...options, maxAge: freshChoiceMs })
    leave(ctx, `${ctx.path}${searchWithoutLang(ctx)}`)
    return true
  }
}

/** Seconds after which the same may be tried again, where an error says so. */
export function retryAfterSeconds(error: AppError | undefined): number | undefined {
  return Number(error?.params['retryAfterSeconds'] ?? 0) || undefined
}

/** The same, told in the `Retry-After` of the answer too. */
export function announceRetry(ctx: Context, error: AppError | undefined): number | undefined {
  const seconds = retryAfterSeconds(error)
  if (seconds !== undefined && seconds > 0) ctx.set('retry-after', String(seconds))
  return seconds
}

/** Of the address that the browser asked for: what has been put into the request since is in no link. */
function searchWithoutLang({ originalUrl }: Context): string {
  if (!originalUrl.includes('?')) return ''
  const query = new URLSearchParams(/\?.*/.exec(originalUrl)?.[0])
  query.delete('lang')
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}
