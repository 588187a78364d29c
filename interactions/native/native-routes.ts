import Router from '@koa/router'
import type { Context, Middleware, Next } from 'koa'
import type { Client } from 'oidc-provider'
import { AppError } from '../../src/base/errors.ts'
import type { Locale } from '../../src/base/languages.ts'
import { accountPaths, paths } from '../../src/base/paths.ts'
import { representationsOfJson, sendBytes } from '../../src/base/representations.ts'
import { errors } from '../../src/oidc/library/faults.ts'
import { waitingLogin } from '../../src/oidc/reconfirm-agreements.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import { readForm } from '../form.ts'
import type { Challenge, ChallengeAnswer } from './challenge.ts'
import type { OwnIdentities } from './identities.ts'
import { openapi } from './openapi.ts'
import type { OwnChanges } from './own-changes.ts'
import type { OwnConsents } from './own-consents.ts'
import type { OwnDeletion } from './own-deletion.ts'
import type { OwnMerges } from './own-merges.ts'
import { answer, furtherStep, type Refusal, refusalOf, refuseBrowsers, type Words } from './refusal.ts'

/** How a request proves what it is beside its body. */
export interface Proofs {
  /** Thumbprint of the key of the DPoP proof; undefined without one. Throws `invalid_dpop_proof`. */
  key(
    ctx: Context,
    given: { readonly accessToken?: string; readonly expected?: string | undefined },
  ): Promise<string | undefined>
  /** The key of the installation, when a genuine app of this client sent it. Throws `invalid_client_attestation`. */
  attested(ctx: Context, client: Client): Promise<string | undefined>
}

interface Dependencies {
  readonly issuer: string
  readonly challenge: Challenge
  readonly identities: OwnIdentities
  readonly changes: OwnChanges
  readonly consents: OwnConsents
  readonly deletion: OwnDeletion
  readonly merges: OwnMerges
  readonly proofs: Proofs
  readonly words: Words & { readonly locale: (ctx: Context) => Locale }
}

const openapiPath = paths.openapi

/** The endpoints for apps of ours that draw their own screens. Every route says who may call it. */
export function nativeRoutes({
  issuer,
  challenge,
  identities,
  changes,
  consents,
  deletion,
  merges,
  proofs,
  words,
}: Dependencies): Router {
  const router = new Router()
  const description = representationsOfJson(openapi(issuer))

  function visitOf(ctx: Context, uiLocales?: string) {
    const state = ctx.state as RequestState
    if (uiLocales !== undefined) state.uiLocales = uiLocales
    return { userAgent: ctx.get('user-agent'), locale: words.locale(ctx) }
  }

  /** Anybody with the `client_id` of a first-party app; limited by network and key, each session by its own count. */
  async function challengeEndpoint(ctx: Context): Promise<void> {
    refuseBrowsers(ctx)
    const { fields, list } = await readForm(ctx, 'resource')
    if (list.length > 1) throw new errors.InvalidTarget('only one resource may be requested')
    if (fields['request'] !== undefined) throw new errors.RequestNotSupported()
    if (fields['request_uri'] !== undefined) throw new errors.RequestUriNotSupported()
    const { ip, requestId } = ctx.state as RequestState
    const [resource] = list
    const result = await challenge.answer({
      fields: resource === undefined ? fields : { ...fields, resource },
      ip,
      requestId,
      visit: visitOf(ctx, fields['ui_locales']),
      key: async (client, expected) => {
        const key = await proofs.key(ctx, { expected })
        if (key === undefined && client.dpopBoundAccessTokens) throw new errors.InvalidDpopProof('DPoP proof required')
        return key
      },
      attested: (client) => proofs.attested(ctx, client),
    })
    render(ctx, result)
  }

  function render(ctx: Context, result: ChallengeAnswer): void {
    const { status, body } = wireOf(ctx, result)
    const session = result.authSession === undefined ? {} : { auth_session: result.authSession }
    answer(ctx, status, { ...body, ...session, ...('step' in result ? result.step : {}) })
  }

  function wireOf(ctx: Context, result: ChallengeAnswer): Refusal {
    if ('code' in result) {
      const isNew = result.isNew ? { new_user: true } : {}
      return { status: 200, body: { authorization_code: result.code, ...isNew } }
    }
    if ('web' in result) {
      const body = { error: 'redirect_to_web', error_description: 'this goes on in the browser', ...result.web }
      return { status: 400, body }
    }
    if ('step' in result && result.error === undefined)
      return { status: 400, body: furtherStep(ctx, result.step, words) }
    const refusal = refusalOf(ctx, result.error, words)
    return { ...refusal, status: challengeStatus(refusal.status) }
  }

  /** Failures before anything was looked at are answered in the same words. */
  const inJson =
    (handler: (ctx: Context) => Promise<void>, statusOf: (refusal: Refusal) => number) => async (ctx: Context) => {
      try {
        await handler(ctx)
      } catch (error) {
        const refusal = refusalOf(ctx, error, words)
        const status = statusOf(refusal)
        if (status === 401 || status === 403) ctx.set('www-authenticate', challengeOf(ctx, refusal.body))
        answer(ctx, status, refusal.body)
      }
    }

  /** Whoever brings an access token with the scope `identities`. */
  const own = (handler: (ctx: Context, fields: Readonly<Record<string, string>>) => Promise<void>) =>
    inJson(async (ctx) => {
      refuseBrowsers(ctx)
      const fields = ctx.method === 'POST' ? (await readForm(ctx)).fields : {}
      visitOf(ctx, fields['ui_locales'])
      await handler(ctx, fields)
    }, ownStatus)

  router.all('authorization_challenge', paths.challenge, async (ctx: Context) => {
    if (ctx.method !== 'POST') throw methodNotAllowed(ctx, 'POST')
    await inJson(challengeEndpoint, ({ status }) => challengeStatus(status))(ctx)
  })
  router.get(
    'identities',
    paths.identities,
    own((ctx) => identities.list(ctx)),
  )
  router.post(
    'identities_bind',
    paths.identities,
    own((ctx, fields) => identities.bind(ctx, fields, visitOf(ctx))),
  )
  router.delete(
    'identities_unbind',
    `${paths.identities}/:identity`,
    own((ctx) => identities.unbind(ctx)),
  )
  router.post(
    'identities_change',
    `${paths.identities}/:identity/change`,
    own((ctx, fields) => changes.step(ctx, fields, visitOf(ctx))),
  )
  router.delete(
    'identities_change_stop',
    `${paths.identities}/:identity/change`,
    own((ctx) => changes.stop(ctx, visitOf(ctx))),
  )
  router.get(
    'consents',
    paths.consents,
    own((ctx) => consents.list(ctx)),
  )
  router.delete(
    'consents_withdraw',
    `${paths.consents}/:client`,
    own((ctx) => consents.withdraw(ctx)),
  )
  // Without an access token it is the page of the same address.
  const ifOwn = (handler: (ctx: Context) => Promise<void>) => (ctx: Context, next: Next) =>
    ctx.get('authorization') === '' ? next() : handler(ctx)
  router.get('deletion', accountPaths.deletion, ifOwn(own((ctx) => deletion.show(ctx))))
  router.post('deletion_ask', accountPaths.deletion, ifOwn(own((ctx, fields) => deletion.ask(ctx, fields))))
  const mergeStep = own((ctx, fields) => merges.step(ctx, fields, visitOf(ctx)))
  router.get('merge', accountPaths.merge, ifOwn(own((ctx) => merges.list(ctx))))
  router.post('merge_step', accountPaths.merge, ifOwn(mergeStep))
  router.delete(
    'merge_undo',
    `${accountPaths.merge}/:merge`,
    own((ctx) => merges.undo(ctx)),
  )
  router.get('openapi', openapiPath, (ctx: Context) => {
    sendBytes(ctx, description, { 'cache-control': 'public, max-age=300' })
  })
  return router
}

/**
 * Completes the token endpoint's `insufficient_authorization` with what the app needs to go on: an `auth_session` and
 * the step, in the words and with the status of the draft.
 */
export function nativeTokenAnswers({ challenge, words }: Pick<Dependencies, 'challenge' | 'words'>): Middleware {
  return async (ctx, next) => {
    await next()
    const waiting = waitingLogin(ctx)
    const { body } = ctx as { body?: { error?: unknown } }
    if (!waiting || body?.error !== 'insufficient_authorization') return
    const refusal = refusalOf(ctx, new AppError('agreement.required'), words)
    const step = challenge.agreementStep({ userAgent: ctx.get('user-agent'), locale: words.locale(ctx) })
    answer(ctx, 403, { ...refusal.body, auth_session: await challenge.reopen(waiting), ...step })
  }
}

/**
 * 400 for every challenge, whatever else the error is answered with: a 401 would set off the interceptors of mini
 * programs.
 */
function challengeStatus(status: number): number {
  return status === 429 || status >= 500 || status === 413 || status === 415 ? status : 400
}

function methodNotAllowed(ctx: Context, allow: string): AppError {
  ctx.set('allow', allow)
  return new AppError('request.method_not_allowed')
}

/** RFC 9449 §7.1: a wrong proof beside a token is a wrong token. */
function ownStatus({ status, body }: Refusal): number {
  return body['error'] === 'invalid_dpop_proof' ? 401 : status
}

/** RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3. */
function challengeOf(ctx: Context, body: Readonly<Record<string, unknown>>): string {
  const { error, max_age: maxAge, scope } = body
  const scheme = /^dpop /i.test(ctx.get('authorization')) ? 'DPoP' : 'Bearer'
  const description = error === 'invalid_token' ? body['error_description'] : undefined
  const told = { error_description: description, max_age: maxAge, scope }
  const more = Object.entries(told).filter(([, value]) => value !== undefined)
  return [`${scheme} error="${error}"`, ...more.map(([name, value]) => `${name}="${value}"`)].join(', ')
}
