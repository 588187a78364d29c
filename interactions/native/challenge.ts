import type { Client } from 'oidc-provider'
import type { Device, KnownDevices } from '../../src/accounts/known-devices.ts'
import { displayable } from '../../src/accounts/profile.ts'
import { documentVersion } from '../../src/base/document.ts'
import { AppError } from '../../src/base/errors.ts'
import type { UserId } from '../../src/base/ids.ts'
import { authorizationParams, type CodeIssuer } from '../../src/oidc/code-issuer.ts'
import { acrOf, type Demand, isEnough, isTooOld, mayReach, requestedSubject } from '../../src/oidc/demand.ts'
import { errors } from '../../src/oidc/library/faults.ts'
import type { WaitingLogin } from '../../src/oidc/reconfirm-agreements.ts'
import type { LoginAttempts } from '../attempt.ts'
import { newAppLoginId } from '../attempt-id.ts'
import { captchaFields } from '../challenges/captcha-vendor.ts'
import type { Input } from '../methods/method.ts'
import type { LoginMethods } from '../methods/method-registry.ts'
import type { Outcome } from '../outcome.ts'
import type { Visit } from '../upstreams/visit.ts'
import type { NextStep } from './answers.ts'
import type { AuthSession, AuthSessions } from './auth-session.ts'
import type { Asking, Gate } from './gate.ts'
import { paramsOf, refuseOthers } from './request-params.ts'
import { stepAfter } from './step-after.ts'
import { choices, impliedMethod, isForWeb, type nativeSteps } from './steps.ts'

/** A request as the route has read it. */
export interface ChallengeRequest {
  readonly fields: Input
  readonly ip: string
  readonly requestId: string
  readonly visit: Visit
  /** The key it was proved with; where another is expected, the proof is not used up. Throws `invalid_dpop_proof`. */
  readonly key: (client: Client, expected?: string) => Promise<string | undefined>
  /** The key of the installation, when a genuine app sent it. Throws `invalid_client_attestation`. */
  readonly attested: (client: Client) => Promise<string | undefined>
}

/** A request whose client, key and app were checked at `nowMs` (milliseconds) and `askedAt` (seconds). */
type CheckedRequest = ChallengeRequest & {
  readonly isGenuine: boolean
  readonly nowMs: number
  readonly askedAt: number
  readonly device: Device
}

/** What is answered; the route adds the words for people. */
export type ChallengeAnswer = {
  readonly authSession?: string
} & (
  | { readonly code: string; readonly isNew: boolean }
  | { readonly step: NextStep; readonly error?: unknown }
  | { readonly error: unknown }
  | { readonly web: { readonly request_uri: string; readonly expires_in: number } }
)

interface Dependencies {
  readonly issuer: CodeIssuer
  readonly sessions: AuthSessions
  readonly attempts: LoginAttempts
  readonly steps: ReturnType<typeof nativeSteps>
  readonly gate: Gate
  readonly options: {
    readonly methods: LoginMethods
    /** What only pages can do: such a request goes on in the browser. */
    readonly webMethods: LoginMethods
    readonly agreements: readonly { readonly id: string; readonly version: string; readonly url: string }[]
    readonly agreementTitle: (id: string, visit: Visit) => string
    readonly nowMs: () => number
    readonly rememberDevice: KnownDevices['rememberApp']
    /** Milliseconds an `auth_session` is kept after a code was issued. */
    readonly keptMs: number
  }
}

/** Milliseconds for the next request of a login under way. */
const underWayMs = 600_000
const maxUses = 60
/** Parameters that are the endpoint's own business and no method's. */
const ownFields = new Set<string>([
  ...authorizationParams,
  ...['client_id', 'auth_session', 'method', 'choice', 'account', 'agreement', 'agreements'],
  ...['device_name', 'altcha', ...captchaFields],
])

/**
 * The authorization challenge endpoint draws a login attempt as JSON. It knows envelopes, sessions, codes, no method.
 */
export class Challenge {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /**
   * One request. Throws what ends the matter before a session is touched: a client that may not, an `auth_session` that
   * is over or another's, a limit.
   */
  async answer(request: ChallengeRequest): Promise<ChallengeAnswer> {
    const { issuer, sessions, gate } = this.#deps
    const { fields } = request
    const token = fields['auth_session']
    const found = token === undefined ? undefined : await sessions.find(token)
    if (token !== undefined && !found) throw new AppError('auth_session.invalid')
    const client = await issuer.client(fields['client_id'] ?? found?.clientId)
    if (found && found.clientId !== client.clientId) throw new AppError('auth_session.invalid')
    if (!found) await gate.begin(request)
    const params = found?.params ?? paramsOf(fields)
    refuseOthers(params, fields)
    issuer.authorize(client, params)
    const installation = await request.attested(client)
    // SECURITY: a stolen auth_session is worth nothing without its key; which is asked last, because a proof leaves a
    // mark.
    const jkt = await request.key(client, found ? (found.jkt ?? 'none') : undefined)
    if (found && found.jkt !== jkt) throw new AppError('auth_session.invalid')
    if (!found) await gate.know(jkt)
    const taken = token === undefined ? this.#begin(client, jkt) : await sessions.take(token)
    if (!taken || taken.uses >= maxUses) throw new AppError('auth_session.invalid')
    const nowMs = this.#deps.options.nowMs()
    // SECURITY: whoever ended that login meanwhile has ended what it proved.
    if (taken.proved && !(await issuer.stands(taken.proved.grantId))) throw new AppError('auth_session.invalid')
    const device = { marks: [], key: jkt ?? installation }
    const isGenuine = installation !== undefined
    const checked = { ...request, isGenuine, nowMs, askedAt: Math.floor(nowMs / 1000), device }
    return this.#serve(checked, client, {
      ...taken,
      params,
      agreed: this.#agreedBy(fields['agreements'], taken),
      deviceName: displayable({ nickname: fields['device_name'] ?? '' }).nickname ?? taken.deviceName,
      uses: taken.uses + 1,
      expiresAt: nowMs + underWayMs,
    })
  }

  /** An `auth_session` for an app whose tokens need an answer of the person before they go on. */
  async reopen({ clientId, jkt, ...proved }: WaitingLogin): Promise<string> {
    const begun = this.#begin({ clientId }, jkt)
    return this.#deps.sessions.keep({ ...begun, userId: proved.userId, proved })
  }

  /** What has to be agreed to, for the app to show. */
  agreementStep(visit: Visit): NextStep {
    const { agreements, agreementTitle } = this.#deps.options
    const shown = agreements.map(({ id, version, url }) => ({ id, version, url, title: agreementTitle(id, visit) }))
    return { step: 'agreement', agreements: shown.map((each) => ({ ...each, required: true as const })) }
  }

  async #serve(request: CheckedRequest, client: Client, begun: AuthSession): Promise<ChallengeAnswer> {
    const { sessions } = this.#deps
    const session = { ...begun }
    const demand = this.#deps.issuer.demand(client, session.params ?? {})
    let method: string | undefined
    try {
      method = await this.#methodOf(request, session)
      // No screen of the app can show what the request demands.
      const isForPages = ![...this.#deps.options.methods.values()].some(({ acrs }) => mayReach(demand, acrs))
      if (isForPages) return await this.#toWeb(client, session, undefined)
      if (isForWeb(this.#deps.options, method, request.fields)) return await this.#toWeb(client, session, method)
      const outcome = await this.#advance(request, client, session, method)
      if (outcome.kind === 'redirect') return await this.#toWeb(client, session, method)
      if (outcome.kind === 'done') return await this.#finish(request, client, session, outcome)
      // It was too old, or too little, for this request: the same person proves more.
      if (outcome.kind === 'login' && outcome.userId !== undefined) {
        const kept = { ...session, userId: outcome.userId, proved: undefined, attemptId: newAppLoginId() }
        return { step: this.#deps.steps.login(demand), authSession: await sessions.keep(kept) }
      }
      const { identity } = await this.#deps.attempts.waiting(session.attemptId)
      const step = await this.#deps.steps.of(outcome, { demand, nickname: identity?.profile.nickname })
      if (!step) throw new AppError('attempt.expired')
      return { step, authSession: await sessions.keep(session) }
    } catch (error) {
      // What is ours to repair is answered and logged like every failure; the app begins again.
      if (!(error instanceof AppError || error instanceof errors.OIDCProviderError)) throw error
      const step = await this.#stepAfter(error, this.#asking(request, session, method), request.visit, demand)
      return { error, ...(step ? { step } : {}), authSession: await sessions.keep(session) }
    }
  }

  async #advance(
    request: CheckedRequest,
    client: Client,
    session: { -readonly [Key in keyof AuthSession]: AuthSession[Key] },
    method: string | undefined,
  ): Promise<Outcome> {
    const { attempts, gate } = this.#deps
    const { fields, ip, requestId, visit, device } = request
    const { proved, userId, agreed } = session
    const asking = this.#asking(request, session, method)
    const demand = this.#deps.issuer.demand(client, session.params ?? {})
    const wanted = requestedSubject(session.params ?? {})
    if (userId && wanted !== undefined && wanted !== userId) throw new AppError('login.other_user')
    const common = {
      attemptId: session.attemptId,
      ip,
      requestId,
      visit,
      device,
      deviceName: session.deviceName,
      clientId: client.clientId,
      expectedUserId: userId ?? (wanted as UserId | undefined),
      demand,
      askedAt: request.askedAt,
      mustChoose: true,
    }
    if (proved) {
      if (!this.#hasAgreed(agreed)) throw new AppError('agreement.required')
      const { amr, authTime } = proved
      const isLittle = !isEnough(demand, amr) || isTooOld(demand, authTime, request.askedAt)
      if (isLittle) return { kind: 'login', userId: proved.userId }
      return { kind: 'done', ...proved, acr: acrOf(amr, demand), isNew: false, agreed, endedSessions: false }
    }
    const choice = choices.find((each) => each === fields['choice'])
    if (fields['choice'] !== undefined && !choice) throw new AppError('request.invalid', { field: 'choice' })
    const sender = choice === 'login_existing' || choice === 'one_account' ? 'sms' : method
    const { sendsLeft, proven } = await gate.pass(asking, session, sender)
    session.sendsLeft = sendsLeft
    const asked = { ...common, proven }
    const chosen = choice && (await attempts.choose(asked, choice, fields))
    if (chosen && !(chosen.kind === 'login' && method)) return chosen
    if (method === undefined) return { kind: 'login' }
    const own = Object.entries(fields).filter(([name]) => !ownFields.has(name))
    const input = { ...Object.fromEntries(own), ...(this.#hasAgreed(agreed) ? { agreement: 'on' } : {}) }
    return attempts.advance({ ...asked, method, input })
  }

  async #finish(
    request: CheckedRequest,
    client: Client,
    session: AuthSession,
    { userId, amr, acr, by, authTime, begunAt, isNew }: Extract<Outcome, { kind: 'done' }>,
  ): Promise<ChallengeAnswer> {
    const { issuer, sessions, options } = this.#deps
    const { params = {}, jkt, deviceName, agreed } = session
    const named = options.methods.has(request.fields['method'] ?? '') ? request.fields['method'] : undefined
    const method = session.proved?.method ?? named ?? amr[0] ?? 'login'
    const { device, ip, requestId } = request
    const where = { device: deviceName, key: device.key, ip }
    const about = { method, by, begunAt, at: options.nowMs(), ...where, agreements: agreed }
    if (session.proved) {
      if (!(await sessions.claim(session.proved))) throw new AppError('auth_session.invalid')
      issuer.end(session.proved.grantId)
    }
    const login = isNew ? undefined : { name: deviceName, ip, requestId }
    await options.rememberDevice(device, { userId, authTime, login })
    const unendedSince = session.proved && request.nowMs
    const code = await issuer.issue({ client, params, userId, amr, acr, authTime, jkt, about, unendedSince })
    const expiresAt = options.nowMs() + options.keptMs
    const kept = { ...this.#begin(client, jkt), userId, deviceName, agreed, expiresAt }
    return { code, isNew, authSession: await sessions.keep(kept) }
  }

  async #toWeb(client: Client, session: AuthSession, method: string | undefined): Promise<ChallengeAnswer> {
    const { issuer, sessions } = this.#deps
    const web = await issuer.push(client, session.params ?? {}, { ...session, method })
    return { web, authSession: await sessions.keep(session) }
  }

  #asking({ fields, ip, visit, isGenuine }: CheckedRequest, { attemptId }: AuthSession, method?: string): Asking {
    return { fields, ip, attemptId, method, locale: visit.locale, isGenuine }
  }

  #stepAfter(error: Error, asking: Asking, visit: Visit, demand: Demand): Promise<NextStep | undefined> {
    const agreementStep = () => this.agreementStep(visit)
    return stepAfter({ ...this.#deps, agreementStep }, error, { ...asking, demand })
  }

  async #methodOf({ fields }: ChallengeRequest, session: AuthSession): Promise<string | undefined> {
    const named = fields['method'] ?? impliedMethod(fields)
    if (named !== undefined || (fields['otp'] === undefined && fields['resend'] === undefined)) return named
    const { admission, current } = await this.#deps.attempts.waiting(session.attemptId)
    return admission?.method ?? current?.method ?? 'sms'
  }

  #begin({ clientId }: Pick<Client, 'clientId'>, jkt: string | undefined): AuthSession {
    const begun = { clientId, jkt, attemptId: newAppLoginId(), agreed: [], sendsLeft: 0, uses: 0 }
    return { ...begun, expiresAt: this.#deps.options.nowMs() + underWayMs }
  }

  #agreedBy(given: string | undefined, { agreed }: AuthSession): readonly string[] {
    const known = new Set(this.#deps.options.agreements.map(documentVersion))
    return [...new Set([...agreed, ...(given?.split(' ') ?? [])])].filter((each) => known.has(each))
  }

  #hasAgreed(agreed: readonly string[]): boolean {
    return this.#deps.options.agreements.every((each) => agreed.includes(documentVersion(each)))
  }
}
