import type { Context, Middleware } from 'koa'
import { type Clock, epochSeconds } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { paths, plainPath } from '../base/paths.ts'
import type { ClientPolicies } from '../oidc/clients/client-policies.ts'
import { tellGrantedScope } from '../oidc/granted-scope.ts'
import type { jwtAnswers } from '../oidc/jwt-answers.ts'
import { libraryContext } from '../oidc/library/context.ts'
import { partsOfFormPost } from '../oidc/library/forms.ts'
import { leaveOutStacks } from '../oidc/library/stacks.ts'
import type { RenderPage } from '../oidc/library-pages.ts'
import { answerLostRefresh } from '../oidc/records/rotation.ts'
import type { Unit } from '../oidc/records/unit.ts'
import type { UnitOfWork } from '../oidc/records/unit-of-work.ts'
import type { RequestState } from '../oidc/request-state.ts'
import type { SessionLife } from '../oidc/session-life.ts'
import { slideUsed } from '../oidc/sliding.ts'
import { tellWhatIsGranted } from '../oidc/still-granted.ts'
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
  readonly answerForJwt: ReturnType<typeof jwtAnswers>
}

/**
 * The paths where a request goes on after a prompt. Its parameters are stored with the interaction, so the query of the
 * address means nothing. If there is no interaction, the library takes the query for the request and fails on what is
 * missing in it.
 */
const resumed = /^\/(auth|device)\/[^/]+\/?$/i

/** Where the library reads every token as a JWT first. */
const readingJwts: ReadonlySet<string> = new Set([paths.introspection, paths.revocation])

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
/** Seconds between two polls of a device, RFC 8628 §3.2. */
const pollSeconds = 5
/**
 * A poll counts as too early within this time. A device that keeps the interval must not be slowed down because the
 * network is uneven.
 */
const tooSoonSeconds = 4

/**
 * Runs around the library: makes sure that writes are committed before the reply, and completes answers in which the
 * library leaves something out.
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
  answerForJwt,
}: Dependencies): Middleware {
  return async (ctx, next) => {
    if (resumed.test(ctx.path)) ctx.querystring = ''
    // Until the adapter is asked for the token.
    if (readingJwts.has(plainPath(ctx.path))) leaveOutStacks()
    let unit: Unit | undefined
    const won = await units.run(
      async (begun) => {
        unit = begun
        await next()
        // A request that fails halfway writes nothing, and is answered like every failure of ours: 503 if a store is
        // down.
        const { failure } = ctx.state as RequestState
        if (failure !== undefined) throw failure
        const asked = libraryContext(ctx)
        if (asked?.oidc.route === 'token' && ctx.status >= 400) begun.abandon()
        if (asked?.oidc.route === 'token') tellGrantedScope(asked)
        if (asked) await answerForJwt(asked, begun)
        if (asked) await tellWhatIsGranted(asked, policies())
        const nowSeconds = epochSeconds(clock)
        if (asked?.oidc.route) await slideUsed(asked, { unit: begun, policies: policies(), nowSeconds })
      },
      (ctx.state as RequestState).requestId,
    )
    // While this request was running, somebody ended the session, or what the login was made with.
    const asked = libraryContext(ctx)
    if (!won && asked?.oidc.route !== 'token') throw new AppError('attempt.expired')
    const flushed = unit
    if (!asked || !flushed) return
    const { oidc } = asked
    const answerLost = () =>
      answerLostRefresh(asked, flushed, { nowSeconds: epochSeconds(clock), retrySeconds: policies().retrySeconds })
    if (!won) await units.resume(flushed, answerLost)
    sessions.stretchCookie(asked)
    metrics.storeRoundTrips.observe({ route: String(oidc.route) }, flushed.roundTrips)
    if (oidc.route === 'device_authorization' && ctx.status === 200) {
      ctx.body = { ...(ctx.body as object), interval: pollSeconds }
    }
    if (oidc.route === 'token') await slowDown(ctx, oidc.params)
    if (typeof ctx.body === 'string' && ctx.response.is('html')) redrawFormPost(ctx, ctx.body)
  }

  /** The library lets a device poll as often as it likes, but RFC 8628 §3.5 demands `slow_down`. */
  async function slowDown(ctx: Context, params: Readonly<Record<string, unknown>> | undefined): Promise<void> {
    if (params?.['grant_type'] !== deviceGrant || typeof params['device_code'] !== 'string') return
    if ((ctx.body as { error?: string } | undefined)?.error !== 'authorization_pending') return
    const inTime = await store.add(`device-poll:${mac(params['device_code'])}`, 1, tooSoonSeconds)
    if (!inTime) ctx.body = { error: 'slow_down', error_description: 'the device polls too often' }
  }

  /**
   * Replaces the library's page that posts a form by script with a page of ours, which works without script and under
   * our policy.
   */
  function redrawFormPost(ctx: Context, html: string): void {
    const posted = partsOfFormPost(html)
    if (!posted) return
    ;(ctx.state as RequestState).leadsTo = posted.action
    render(ctx, 'continue', posted, { status: ctx.status })
  }
}
