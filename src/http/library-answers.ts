import type { Context, Middleware } from 'koa'
import { type Clock, epochSeconds } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { ClientPolicies } from '../oidc/clients/client-policies.ts'
import { libraryContext } from '../oidc/library/context.ts'
import { partsOfFormPost } from '../oidc/library/forms.ts'
import type { RenderPage } from '../oidc/library-pages.ts'
import { answerLostRefresh } from '../oidc/records/rotation.ts'
import type { Unit } from '../oidc/records/unit.ts'
import type { UnitOfWork } from '../oidc/records/unit-of-work.ts'
import type { RequestState } from '../oidc/request-state.ts'
import type { SessionLife } from '../oidc/session-life.ts'
import { slideUsed } from '../oidc/sliding.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { EphemeralStore } from '../store/ephemeral.ts'

interface Dependencies {
  readonly units: UnitOfWork
  readonly store: EphemeralStore
  readonly mac: (text: string) => string
  readonly render: RenderPage
  readonly metrics: Metrics
  readonly clock: Clock
  readonly policies: () => ClientPolicies
  readonly sessions: Pick<SessionLife, 'stretchCookie'>
}

/**
 * Where a request goes on after a prompt. Its parameters are kept with the interaction, so what the address says is
 * nothing; the library takes it for the request where there is no interaction, and stumbles over what is missing in it.
 */
const resumed = /^\/(auth|device)\/[^/]+\/?$/i

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
/** Seconds between two polls of a device, RFC 8628 §3.2. */
const pollSeconds = 5
/**
 * How soon a poll is too soon: a device that keeps the interval must not be slowed down by the jitter of the network.
 */
const tooSoonSeconds = 4

/**
 * Around the library: writes leave before the reply, and answers are completed where the library leaves something to be
 * wished.
 */
export function libraryAnswers({
  units,
  store,
  mac,
  render,
  metrics,
  clock,
  policies,
  sessions,
}: Dependencies): Middleware {
  return async (ctx, next) => {
    if (resumed.test(ctx.path)) ctx.querystring = ''
    let unit: Unit | undefined
    const won = await units.run(async (begun) => {
      unit = begun
      await next()
      // What fails in the middle leaves nothing behind, and is answered like every failure of ours: 503 when a store is
      // away.
      const { failure } = ctx.state as RequestState
      if (failure !== undefined) throw failure
      const asked = libraryContext(ctx)
      if (asked?.oidc.route === 'token' && ctx.status >= 400) begun.abandon()
      const nowSeconds = epochSeconds(clock)
      if (asked?.oidc.route) await slideUsed(asked, { unit: begun, policies: policies(), nowSeconds })
    })
    // The session, or what the login was made with, was ended by somebody while this request had it in hand.
    const asked = libraryContext(ctx)
    if (!won && asked?.oidc.route !== 'token') throw new AppError('attempt.expired')
    const flushed = unit
    if (!asked || !flushed) return
    const { oidc } = asked
    const answerLost = () => answerLostRefresh(asked, flushed, epochSeconds(clock))
    if (!won) await units.resume(flushed, answerLost)
    sessions.stretchCookie(asked)
    metrics.storeRoundTrips.observe({ route: String(oidc.route) }, flushed.roundTrips)
    if (oidc.route === 'device_authorization' && ctx.status === 200) {
      ctx.body = { ...(ctx.body as object), interval: pollSeconds }
    }
    if (oidc.route === 'token') await slowDown(ctx, oidc.params)
    if (ctx.response.is('html') && typeof ctx.body === 'string') redrawFormPost(ctx, ctx.body)
  }

  /** The library lets a device poll as often as it likes; RFC 8628 §3.5 wants `slow_down`. */
  async function slowDown(ctx: Context, params: Readonly<Record<string, unknown>> | undefined): Promise<void> {
    if (params?.['grant_type'] !== deviceGrant || typeof params['device_code'] !== 'string') return
    if ((ctx.body as { error?: string } | undefined)?.error !== 'authorization_pending') return
    const inTime = await store.add(`device-poll:${mac(params['device_code'])}`, 1, tooSoonSeconds)
    if (!inTime) ctx.body = { error: 'slow_down', error_description: 'the device polls too often' }
  }

  /** The library's page that posts a form on by script, drawn as ours: it works without script and under our policy. */
  function redrawFormPost(ctx: Context, html: string): void {
    const posted = partsOfFormPost(html)
    if (!posted) return
    ;(ctx.state as RequestState).leadsTo = posted.action
    render(ctx, 'continue', posted, { status: ctx.status })
  }
}
