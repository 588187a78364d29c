import Router from '@koa/router'
import type { Context } from 'koa'
import type { Client, Interaction, Provider } from 'oidc-provider'
import { maskedLabel } from '../../src/accounts/account-labels.ts'
import type { AccountDirectory } from '../../src/accounts/directory.ts'
import { AppError } from '../../src/base/errors.ts'
import { isId } from '../../src/base/ids.ts'
import { answerPath, callbackPath, interactionPath, paths } from '../../src/base/paths.ts'
import { type Representations, sendBytes } from '../../src/base/representations.ts'
import { shownName } from '../../src/oidc/clients/client-brand.ts'
import { consentForm } from '../../src/oidc/clients/consent-form.ts'
import { demandOf } from '../../src/oidc/demand.ts'
import { isInteractionOver } from '../../src/oidc/library/faults.ts'
import { answerInteraction } from '../../src/oidc/library/models.ts'
import type { AccountChoice } from '../../src/oidc/policy.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { Audit } from '../../src/ops/audit.ts'
import type { Callbacks } from '../callbacks.ts'
import { type Form, readForm } from '../form.ts'
import { type AccountCentre, accountRoutes } from './account-routes.ts'
import { authorizationHref, type beginningAgain } from './begin-again.ts'
import { receiveCallback, takeAnswer } from './callback.ts'
import type { consentPages } from './consent.ts'
import { refuseCrossSite } from './guard.ts'
import { leave } from './leave.ts'
import type { LoginResult, loginPages } from './login.ts'
import type { passwordLinkPages } from './password-link.ts'
import type { Renderer } from './render.ts'
import { SentTwice } from './sent-twice.ts'

interface Dependencies {
  readonly provider: () => Provider
  readonly renderer: Renderer
  readonly pages: {
    readonly login: ReturnType<typeof loginPages>
    readonly consent: ReturnType<typeof consentPages>
    readonly account: AccountCentre
    readonly collected: (ctx: Context) => Promise<void>
    readonly passwordLink: ReturnType<typeof passwordLinkPages>
    /** What the archives look like that people take along. */
    readonly archiveSchema: Representations
  }
  readonly callbacks: Callbacks
  readonly directory: AccountDirectory
  readonly audit: Audit
  readonly again: ReturnType<typeof beginningAgain>
  readonly mac: (text: string) => string
}

/**
 * The pages for browsers. Every route says who may call it: `interaction` the browser that began it, `session` a
 * signed-in one.
 */
export function browserRoutes(dependencies: Dependencies): Router {
  const { provider, renderer, pages, callbacks, directory, audit, again, mac } = dependencies
  const router = new Router()
  const twice = new SentTwice(mac)
  const { login, consent, account } = pages

  /**
   * SECURITY: only the browser that holds the signed cookie of this very interaction, and that it began in: else
   * another finishes its login.
   */
  async function interaction(ctx: Context): Promise<Interaction> {
    const uid = String(ctx['params'].uid)
    try {
      const found = await provider().interactionDetails(ctx.req, ctx.res)
      if (found.uid !== uid) throw new AppError('attempt.expired')
      return found
    } catch (cause) {
      if (!isInteractionOver(cause) && !(cause instanceof AppError)) throw cause
      throw new AppError('attempt.expired', { cause })
    }
  }

  async function clientOf(ctx: Context, found: Interaction): Promise<Client> {
    const client = await provider().Client.find(String(found.params['client_id']))
    if (!client) throw new AppError('attempt.expired')
    const state = ctx.state as RequestState
    const uiLocales = found.params['ui_locales']
    if (typeof uiLocales === 'string') state.uiLocales = uiLocales
    state.clientId = client.clientId
    state.clientName = shownName(client, renderer.locale(ctx))
    state.demand = demandOf(found.params, client)
    const redirectUri = found.params['redirect_uri']
    if (typeof redirectUri === 'string') state.leadsTo = redirectUri
    return client
  }

  async function finish(ctx: Context, result: object, how: { readonly isAlone?: boolean } = {}): Promise<void> {
    const returnTo = await answerInteraction(provider(), ctx, result, how)
    leave(ctx, returnTo)
  }

  async function show(ctx: Context): Promise<void> {
    const found = await interaction(ctx)
    const client = await clientOf(ctx, found)
    if (renderer.switchLanguage(ctx)) return
    if (found.prompt.name === 'login') {
      const { answer } = ctx.query
      return login.show(ctx, found, typeof answer === 'string' ? await callbacks.ending(found.uid, answer) : undefined)
    }
    const accountId = found.session?.accountId
    const visitor = isId('usr', accountId) ? await directory.find(accountId) : undefined
    if (!visitor) throw new AppError('attempt.expired')
    if (found.prompt.name === 'select_account') {
      const account = { label: maskedLabel(visitor), nickname: visitor.user.profile.nickname }
      return renderer.render(ctx, 'select-account', { account })
    }
    await consent.show(ctx, found, client, visitor)
  }

  async function submit(ctx: Context): Promise<void> {
    const form = await readForm(ctx, consentForm)
    const found = await interaction(ctx)
    const client = await clientOf(ctx, found)
    await twice.answerOnce(ctx, found, form, () => submitOnce(ctx, found, client, form))
  }

  async function submitOnce(ctx: Context, found: Interaction, client: Client, form: Form): Promise<void> {
    const { choice } = form.fields
    if (choice === 'cancel' || choice === 'deny') {
      const userId = found.session?.accountId
      if (choice === 'deny' && isId('usr', userId)) {
        await audit.write({ event: 'consent.refused', userId, ...origin(ctx, found) })
      }
      return finish(ctx, { error: 'access_denied', error_description: 'the person declined' })
    }
    if (found.prompt.name === 'login') {
      const result: LoginResult | undefined = await login.submit(ctx, found, form.fields)
      return result && finish(ctx, { ...result, ...twice.mark(found.uid, form) })
    }
    if (found.prompt.name === 'select_account') return choose(ctx, found, choice)
    if (choice === 'switch' && found.deviceCode === undefined) return switchAccount(ctx, found)
    if (choice !== 'allow') throw new AppError('request.invalid')
    await requireSession(found)
    const { userId, result, ...detail } = await consent.allow(found, client, form)
    await audit.write({ event: 'consent.granted', userId, ...origin(ctx, found), detail })
    await finish(ctx, { ...result, ...twice.mark(found.uid, form) })
  }

  /** The account that is signed in, or another one, for which a login follows. */
  async function choose(ctx: Context, found: Interaction, choice: string | undefined): Promise<void> {
    if (choice !== 'continue' && choice !== 'other') throw new AppError('request.invalid')
    await requireSession(found)
    await finish(ctx, { select_account: { isOther: choice === 'other' } satisfies AccountChoice })
  }

  /** SECURITY: nothing is granted for a session that was ended while its page was open. Throws `attempt.expired`. */
  async function requireSession({ session }: Interaction): Promise<void> {
    const lives = session?.uid ? await provider().Session.findByUid(session.uid) : undefined
    if (!lives || lives.accountId !== session?.accountId) throw new AppError('attempt.expired')
  }

  /**
   * Another account for this request. One with a hint that names who may answer it is made once more, without the hint,
   * and the person says which account they mean.
   */
  async function switchAccount(ctx: Context, found: Interaction): Promise<void> {
    const isForOne = found.params['id_token_hint'] !== undefined
    if (isForOne) return leave(ctx, authorizationHref(found.params, { prompt: 'select_account consent' }))
    await requireSession(found)
    // The login a moment ago, which this request may have begun with, is the one that is not to count.
    await finish(ctx, { select_account: { isOther: true } satisfies AccountChoice }, { isAlone: true })
  }

  /** Back from an upstream. */
  async function comeBack(ctx: Context): Promise<void> {
    const found = await interaction(ctx).catch((error: unknown) => landed(ctx, error))
    if (!found) return
    await clientOf(ctx, found)
    const attempt = { callbacks, attemptId: found.uid, page: interactionPath(found.uid) }
    const isBack = await takeAnswer(ctx, attempt, async (kept) => {
      const result = await login.receive(ctx, found, kept)
      if (!result || !('login' in result)) return result
      await finish(ctx, result)
      return undefined
    })
    if (!isBack) throw new AppError('attempt.expired')
  }

  /**
   * What became of an answer that this browser has no interaction for. It is led where the first look at it was led, if
   * that was the end of a login. If another browser waits for it, the page says so.
   */
  async function landed(ctx: Context, error: unknown): Promise<undefined> {
    const uid = String(ctx['params'].uid)
    const { handle } = ctx.query
    if (!(error instanceof AppError) || typeof handle !== 'string') throw error
    const waiting = await callbacks.waiting(uid, handle)
    if (waiting && again.hasBegun(ctx)) throw error
    if (waiting) {
      renderer.renderError(ctx, new AppError('attempt.elsewhere'), await again.fromElsewhere(waiting.clientId))
      return undefined
    }
    const location = await callbacks.keptLocation(uid, handle)
    const resumed = location === undefined ? undefined : URL.parse(location, provider().issuer)
    if (!resumed?.pathname.startsWith(`${paths.authorization}/`)) throw error
    leave(ctx, resumed.pathname)
    return undefined
  }

  const guarded = (handler: (ctx: Context) => Promise<void> | void) => async (ctx: Context) => {
    refuseCrossSite(ctx, provider().issuer)
    await handler(ctx)
  }
  const orAgain = (handler: (ctx: Context) => Promise<void>) => async (ctx: Context) => {
    try {
      await handler(ctx)
    } catch (error) {
      const uid = String(ctx['params'].uid)
      if (!(error instanceof AppError) || error.code !== 'attempt.expired') throw error
      renderer.renderError(ctx, error, await again.wayOn(ctx, uid))
    }
  }
  /** Nobody knows which app somebody comes from whose answer belongs to no login. */
  const receive = receiveCallback(callbacks)
  const orAccount = async (ctx: Context) => {
    try {
      await receive(ctx)
    } catch (error) {
      if (!(error instanceof AppError) || !error.code.startsWith('attempt.')) throw error
      renderer.renderError(ctx, error, { accountHref: paths.account })
    }
  }
  const withLanguage = (handler: (ctx: Context) => Promise<void> | void) => (ctx: Context) =>
    renderer.switchLanguage(ctx) ? undefined : handler(ctx)

  router.get('interaction', interactionPath(':uid'), orAgain(show))
  router.post(
    'interaction_submit',
    interactionPath(':uid'),
    orAgain(guarded(submit) as (ctx: Context) => Promise<void>),
  )
  router.get('interaction_callback', answerPath(interactionPath(':uid')), orAgain(comeBack))
  router.get('callback', callbackPath(':connection'), orAccount)
  router.post('callback_post', callbackPath(':connection'), orAccount)
  accountRoutes(router, account, { guarded, withLanguage })
  router.get('password_link', paths.passwordLink, withLanguage(pages.passwordLink.show))
  router.post('password_link_submit', paths.passwordLink, guarded(pages.passwordLink.submit))
  router.get('collected', paths.collected, withLanguage(pages.collected))
  router.get('own_data_schema', paths.ownDataSchema, (ctx: Context) => {
    sendBytes(ctx, pages.archiveSchema, { 'cache-control': 'public, max-age=300' })
  })
  return router
}

function origin(ctx: Context, found: Interaction) {
  const { ip, requestId } = ctx.state as RequestState
  return { ip, requestId, clientId: String(found.params['client_id']) }
}
