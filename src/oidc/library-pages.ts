import type { Context } from 'koa'
import type { Client, ErrorOut, KoaContextWithOIDC } from 'oidc-provider'
import type { ViewName, Views } from '../../views/views.ts'
import { titleKey } from '../base/errors.ts'
import type { Locale } from '../base/languages.ts'
import { paths } from '../base/paths.ts'
import type { Database } from '../store/postgres.ts'
import { shownName } from './clients/client-brand.ts'
import { isLogoutConfirmed } from './endings/logout.ts'
import { leaveSessionUntouched } from './library/context.ts'
import { isFormOver, isInteractionOver, typedUserCode, type UserCodeFault, userCodeFault } from './library/faults.ts'
import { partsOfForm } from './library/forms.ts'
import { sentenceFor } from './protocol-sentences.ts'

/** What a page needs besides its data. */
export interface PageOptions {
  readonly status?: number
  readonly clientName?: string | undefined
  /** Where the links to other languages lead, if the address of the page answers no GET, or answers it otherwise. */
  readonly languagePath?: string
  /** The one other origin whose page this page may hold. */
  readonly frames?: string | undefined
  /** What a widget of others on this page loads, which is on no other page. */
  readonly widget?: {
    readonly script: string
    /** Hosts, as a content security policy names them. */
    readonly sources: readonly string[]
    /** Whether its script makes functions of texts. */
    readonly mayEval: boolean
  }
}

/** Draws a page for the visitor of `ctx`: language, headers and layout are the renderer's business. */
export type RenderPage = <K extends ViewName>(ctx: Context, name: K, data: Views[K], options?: PageOptions) => void

/** Translates a message key for the visitor of `ctx`. */
export type Translate = (ctx: Context, key: string, params?: Readonly<Record<string, string | number>>) => string

/** Our own pages in the places where the library would draw one of its own. */
export function libraryPages({
  render,
  translate,
  locale,
  now,
  database,
}: {
  render: RenderPage
  translate: Translate
  locale: (ctx: Context) => Locale
  now: () => Date
  database: Pick<Database, 'readQuery'>
}) {
  const nameOf = (ctx: Context, client: Client | undefined) => client && shownName(client, locale(ctx))

  /**
   * Somebody who is signed in and comes to the end of a login once more: by a second callback of their vendor, or by
   * the way back of the browser.
   */
  async function drawSignedIn(ctx: KoaContextWithOIDC): Promise<void> {
    const [clientId] = Object.keys(ctx.oidc.session?.authorizations ?? {}).slice(-1)
    const client = clientId === undefined ? undefined : await ctx.oidc.provider.Client.find(clientId)
    const app = client?.clientUri
    render(ctx, 'message', {
      title: translate(ctx, 'resumed.title'),
      body: translate(ctx, 'resumed.body'),
      nextHref: app ?? paths.account,
      nextLabel: translate(ctx, app === undefined ? 'resumed.account' : 'error.home'),
    })
  }

  async function drawError(ctx: KoaContextWithOIDC, out: ErrorOut, error: Error): Promise<void> {
    if (ctx.oidc.route === 'resume' && isInteractionOver(error) && ctx.oidc.session?.accountId) return drawSignedIn(ctx)
    const isOver = isFormOver(out.error_description)
    const key = isOver || isInteractionOver(error) ? 'attempt.expired' : sentenceFor(out.error, whereIn(ctx))
    const retryHref = isOver ? formPages[ctx.oidc.route] : key === 'client.logout_wrong' ? paths.endSession : undefined
    const view = {
      title: translate(ctx, titleKey(key)),
      code: isOver ? key : out.error,
      message: translate(ctx, `errors.${key}`),
      hint: key === 'server.unexpected' || key === 'attempt.expired' ? undefined : out.error_description,
      requestId: String(ctx.state['requestId'] ?? ''),
      at: now(),
      retryHref,
      accountHref: retryHref === undefined ? paths.account : undefined,
    }
    const languagePath = ctx.method === 'POST' ? (retryHref ?? paths.account) : undefined
    render(ctx, 'error', view, { status: ctx.status, ...(languagePath && { languagePath }) })
  }

  function drawDone(ctx: Context, client: Client | undefined): void {
    const clientName = nameOf(ctx, client)
    const languagePath = endedHref({ ended: 'done', client_id: client?.clientId ?? '' })
    render(ctx, 'device-done', { clientName }, { clientName, languagePath })
  }

  return {
    async logout(ctx: KoaContextWithOIDC, form: string): Promise<void> {
      const { action, xsrf } = partsOfForm(form)
      const clientName = nameOf(ctx, ctx.oidc.client)
      ctx.state['leadsTo'] = ctx.oidc.params?.['post_logout_redirect_uri']
      if (await isLogoutConfirmed(ctx, database)) {
        // What the first button of the question sends. The library takes an answer only from a form.
        const fields = Object.entries({ xsrf, logout: 'yes' }).map(([name, value]) => ({ name, value }))
        return render(ctx, 'continue', { action, fields })
      }
      render(ctx, 'logout', { action, xsrf, clientName }, { clientName })
    },

    async logoutDone(ctx: KoaContextWithOIDC): Promise<void> {
      const clientName = nameOf(ctx, ctx.oidc.client)
      render(ctx, 'logout-done', { clientName }, { clientName })
    },

    error: drawError,

    async deviceCode(ctx: KoaContextWithOIDC, form: string, out?: ErrorOut, error?: Error) {
      const { action, xsrf } = partsOfForm(form)
      const status = error ? 400 : 200
      const fault = userCodeFault(error)
      const { ended, client_id: clientId } = ctx.query
      if (ended === 'done') return drawDone(ctx, await ctx.oidc.provider.Client.find(String(clientId)))
      if (fault === 'aborted' || ended === 'aborted') {
        const title = translate(ctx, 'device.aborted.title')
        const body = translate(ctx, 'device.aborted.body')
        return render(ctx, 'message', { title, body }, { languagePath: endedHref({ ended: 'aborted' }) })
      }
      const code = fault && userCodeSentences[fault]
      const shown = code === undefined ? undefined : { code, message: translate(ctx, code), field: 'user_code' }
      if (out && error && !shown) {
        // The library has put a new form token into a session that may not exist, and would keep it: here nobody gets
        // that form.
        leaveSessionUntouched(ctx)
        return drawError(ctx, out, error)
      }
      render(ctx, 'device-code', { action, xsrf, userCode: typedUserCode(error), error: shown }, { status })
    },

    async deviceConfirm(
      ctx: KoaContextWithOIDC,
      form: string,
      client: Client,
      deviceInfo: Record<string, unknown>,
      userCode: string,
    ) {
      const { action, xsrf } = partsOfForm(form)
      const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value.slice(0, 200) : undefined)
      const device = { ip: text(deviceInfo['ip']), userAgent: text(deviceInfo['ua']) }
      const view = { action, xsrf, userCode, clientName: nameOf(ctx, client) ?? '', device }
      render(ctx, 'device-confirm', view, {
        languagePath: `${paths.device}?${new URLSearchParams({ user_code: userCode })}`,
      })
    },

    deviceDone: async (ctx: KoaContextWithOIDC) => drawDone(ctx, ctx.oidc.client),
  }
}

/** The last page of a device, which comes out of a form, by a GET that changes nothing: for another language. */
const endedHref = (query: Readonly<Record<string, string>>) => `${paths.device}?${new URLSearchParams(query)}`

/** What a person was doing when it went wrong. */
function whereIn({ method, oidc: { route } }: KoaContextWithOIDC) {
  const isForm = method === 'POST' && formPages[route] !== undefined
  return { isForm, isLogout: route === 'end_session' }
}

/** Where a person gets a fresh form when theirs is too old, by the route that drew it. */
const formPages: Readonly<Record<string, string>> = {
  code_verification: paths.device,
  end_session_confirm: paths.endSession,
}

/** The sentence about a typed code; any other failure there does not concern the code. */
const userCodeSentences: Readonly<Record<Exclude<UserCodeFault, 'aborted'>, string>> = {
  required: 'device.code_required',
  expired: 'device.code_expired',
  used: 'device.code_used',
  unknown: 'device.code_unknown',
}
