import type { Context } from 'koa'
import type { Interaction } from 'oidc-provider'
import type { AccountDirectory } from '../../src/accounts/directory.ts'
import { epochSeconds } from '../../src/base/clock.ts'
import { AppError, asAppError } from '../../src/base/errors.ts'
import type { UserId } from '../../src/base/ids.ts'
import { interactionPath } from '../../src/base/paths.ts'
import { nothingDemanded, requestedSubject } from '../../src/oidc/demand.ts'
import { hintedSubject } from '../../src/oidc/policy.ts'
import { deviceName, type SignIn } from '../../src/oidc/records/sign-in.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { AccountMerges } from '../account-merges.ts'
import type { LoginAttempts } from '../attempt.ts'
import type { Ending } from '../callbacks.ts'
import { type Input, type LoginMethod, provesPhone } from '../methods/method.ts'
import type { LoginMethods } from '../methods/method-registry.ts'
import type { Outcome } from '../outcome.ts'
import type { CodeCookie } from './code-cookie.ts'
import { typedBefore } from './code-view.ts'
import type { DeviceCookie } from './device-cookie.ts'
import type { humanCheckPages } from './human-check-page.ts'
import { completed, type knownPersons } from './known-person.ts'
import { rememberMethod } from './last-method.ts'
import { leave } from './leave.ts'
import { type LoginPageOptions, loginDrawing } from './login-drawing.ts'
import { questionPages } from './question-pages.ts'
import { announceRetry, type Renderer } from './render.ts'
import { scanFrames } from './scan-frame.ts'
import { shown } from './shown-errors.ts'
import { isTyped, keptOf, text, typed } from './typed.ts'

interface Dependencies {
  readonly attempts: LoginAttempts
  readonly methods: LoginMethods
  readonly directory: AccountDirectory
  readonly merges: Pick<AccountMerges, 'questionOf'>
  readonly renderer: Renderer
  readonly device: DeviceCookie
  readonly codes: CodeCookie
  readonly humans: ReturnType<typeof humanCheckPages>
  readonly known: ReturnType<typeof knownPersons>
  readonly options: LoginPageOptions & { readonly secure: boolean }
}

/** The result of a login, as the library takes it. */
export interface LoginResult {
  readonly login: {
    readonly accountId: string
    readonly acr: string
    readonly amr: string[]
    readonly ts: number
    /** Kept beside the session that comes of it. */
    readonly about: SignIn
  }
}

/** Letters of the parameters of a request beside which there is room for one method at a time. */
const longRequest = 1000

/** What a page may ask in the field `choice`. */
const choices = [
  ...(['new', 'login_existing', 'use_other_phone', 'bind', 'without_binding', 'account'] as const),
  ...(['one_account', 'merge', 'apart'] as const),
  ...(['mine', 'not_mine', 'undo_deletion', 'keep_deletion'] as const),
]

/** The answer that a proof waits for out of which an account is made. */
const madeAccount = { method: undefined, input: { choice: 'new' } } as const
/** What is told beside the question whose something is, where no account could be made of it. */
const refusedAccounts = /^(registration\.(invite_\w+|too_many)|request\.too_many|email\.disposable)$/

/** The login pages: shows the step an attempt is at, and takes what was entered or what an upstream sent back. */
export function loginPages(dependencies: Dependencies) {
  const { attempts, methods, directory, merges, renderer, device, codes, humans, known, options } = dependencies
  const state = (ctx: Context) => ctx.state as RequestState
  const { draw, offered, entry, isAllowed } = loginDrawing({ methods, renderer, options })
  const frames = scanFrames({ attempts, methods })
  const questions = questionPages({ directory, merges, renderer, offered })

  /**
   * GET: what came of an upstream's answer, what waits for a choice, the asked-for method, or the step that is under
   * way.
   */
  async function show(ctx: Context, interaction: Interaction, ending?: Ending): Promise<void> {
    const named = text(ctx.query['method'])
    const {
      identity: pending,
      mayBeNew,
      needsPhone,
      question,
      accounts,
      leaving,
      conflict,
      owner,
      claim,
      merging,
      admission,
      typed: kept,
      current,
    } = await attempts.waiting(interaction.uid, named)
    if (question && named === undefined) return questions.binding(ctx, question)
    if (owner && named === undefined) return questions.owner(ctx, owner)
    if (merging && named === undefined) return questions.merge(ctx, merging)
    if (admission && named === undefined) return humans(ctx, interaction, madeAccount).ask(admission, offered(ctx))
    const phoneOnly = needsPhone || (pending !== undefined && !mayBeNew && state(ctx).demand?.requiresPhone === true)
    const failed = ending && methods.get(ending.method)
    if (failed) {
      const error = new AppError(ending.code, { params: ending.params })
      return draw(
        ctx,
        interaction,
        failed,
        { view: failed.entry },
        { error, kept, binding: pending?.provider, needsPhone: phoneOnly, claim },
      )
    }
    if (conflict && named === undefined && !current) return questions.conflict(ctx, conflict)
    if (accounts && named === undefined && !current) return questions.accounts(ctx, accounts)
    if (leaving && named === undefined && !current) return questions.leaving(ctx, leaving)
    if (pending && named === undefined && !current && !phoneOnly) {
      questions.whose(ctx, pending)
      return
    }
    const person = claim ? undefined : await known(interaction)
    const isNamed = named !== undefined && (claim ? !provesPhone.includes(named) : isAllowed(ctx, methods.get(named)))
    const wanted = isNamed ? named : entry(ctx, interaction, { person, claim })
    const method = methods.get(current?.method ?? (phoneOnly ? 'sms' : wanted) ?? '')
    if (!method) throw new AppError('attempt.method_unknown')
    const input = ctx.query['change'] === undefined ? undefined : typedBefore(current?.ask)
    const ask = (input ? undefined : current?.ask) ?? { view: method.entry }
    const waits = { over: current?.over, binding: pending?.provider, needsPhone: phoneOnly }
    draw(ctx, interaction, method, ask, { input, kept, ...waits, person, claim })
  }

  /** POST: one step. Answers the result for the library when the person is in. */
  async function submit(ctx: Context, interaction: Interaction, posted: Input): Promise<LoginResult | undefined> {
    const given = options.carried.unpack(interaction.uid, posted)
    const common = attemptRequest(ctx, interaction)
    const { show: form } = given
    if (form !== undefined) return leaveForForm(ctx, interaction, form, given)
    const choice = choices.find((each) => each === given['choice'])
    if (choice) return choose(ctx, interaction, choice, given)
    const id = given['method'] ?? (await attempts.current(interaction.uid))?.method ?? ''
    const method = methods.get(id)
    if (!method) throw new AppError('attempt.method_unknown')
    if (given['frame'] !== undefined) return frames(ctx, { ...common, method: id, input: given })
    if (method.connection) await note(interaction, given)
    const human = humans(ctx, interaction, { method, input: given })
    try {
      const proven = await human.proven()
      const input = given['known'] === undefined ? given : completed(id, given, await known(interaction))
      return await answer(ctx, interaction, await attempts.advance({ ...common, method: id, input, proven }))
    } catch (thrown) {
      const untold = await human.drawn(thrown)
      if (untold !== undefined) await redraw(ctx, interaction, method, given, shown(untold))
      return undefined
    }
  }

  /** Another form, named as `method` or `method.kind`. What was typed does not travel in its address but waits here. */
  async function leaveForForm(ctx: Context, interaction: Interaction, form: string, given: Input): Promise<undefined> {
    await note(interaction, given)
    const [method = '', kind] = form.split('.')
    const query = new URLSearchParams(methods.has(method) ? { method, ...(kind === undefined ? {} : { kind }) } : {})
    return leave(ctx, `${interactionPath(interaction.uid)}${query.size > 0 ? `?${query}` : ''}`)
  }

  /** SECURITY: what is kept holds no password and no code. */
  async function note({ uid }: Interaction, given: Input): Promise<void> {
    if (isTyped(typed(given))) await attempts.note(uid, (kept) => keptOf(given, kept))
  }

  /** When the identity can no longer be bound, the page says so beside the answers that are left. */
  async function choose(ctx: Context, interaction: Interaction, choice: (typeof choices)[number], given: Input) {
    const human = humans(ctx, interaction, { method: undefined, input: given })
    try {
      const request = { ...attemptRequest(ctx, interaction), proven: await human.proven() }
      return await answer(ctx, interaction, await attempts.choose(request, choice, given))
    } catch (refusal) {
      const thrown = await human.drawn(refusal)
      if (thrown === undefined) return undefined
      const { question, merging, identity } = await attempts.waiting(interaction.uid)
      if (identity && refusedAccounts.test(asAppError(thrown).code)) {
        announceRetry(ctx, asAppError(thrown))
        questions.whose(ctx, identity, { error: shown(thrown), invite: given['invite'] })
        return undefined
      }
      if (merging && asAppError(thrown).code === 'merge.undecided') {
        await questions.merge(ctx, merging, shown(thrown))
        return undefined
      }
      if (!question || !asAppError(thrown).code.startsWith('identity.')) throw thrown
      await questions.binding(ctx, question, shown(thrown))
      return undefined
    }
  }

  /**
   * Back from an upstream: one step. Nothing is drawn here, because the address of a callback is no page to stay on or
   * reload.
   */
  async function receive(
    ctx: Context,
    interaction: Interaction,
    { connection, response }: { readonly connection: string; readonly response: Input },
  ): Promise<LoginResult | Ending | undefined> {
    const request = { ...attemptRequest(ctx, interaction), method: connection, input: response }
    try {
      return await answer(ctx, interaction, await attempts.advance(request))
    } catch (thrown) {
      const { code, params } = shown(thrown)
      if (params['isKept']) return leave(ctx, interactionPath(interaction.uid))
      return { method: connection, code, params }
    }
  }

  function attemptRequest(ctx: Context, { uid, params, prompt }: Interaction) {
    const { ip, requestId, demand = nothingDemanded } = state(ctx)
    const askedAt = epochSeconds(options.nowMs)
    const visit = { userAgent: ctx.get('user-agent'), locale: renderer.locale(ctx) }
    const clientId = text(params['client_id'])
    // Nobody else's login ends a request for one account; without this it would be asked for again and again.
    const wanted = requestedSubject({ claims: text(params['claims']) }) ?? hintedSubject(prompt)
    const expectedUserId = wanted as UserId | undefined
    const isLong = JSON.stringify(params).length > longRequest
    const asked = { clientId, demand, askedAt, expectedUserId, isLong }
    return { attemptId: uid, ip, requestId, visit, ...asked, device: device.read(ctx), sent: codes.read(ctx) }
  }

  async function answer(ctx: Context, interaction: Interaction, outcome: Outcome): Promise<LoginResult | undefined> {
    switch (outcome.kind) {
      case 'done': {
        const { userId, amr, acr, by, authTime, begunAt, endedSessions, method, agreed, isNew } = outcome
        const name = deviceName(ctx.get('user-agent'))
        const { ip, requestId } = state(ctx)
        await device.remember(ctx, { userId, authTime, login: isNew ? undefined : { name, ip, requestId } })
        rememberMethod(ctx, { method, amr }, options.secure)
        if (endedSessions) await leaveSession(interaction)
        const way = methods.get(method)?.connection?.provider ?? method
        const about = {
          method: way,
          by,
          begunAt,
          at: options.nowMs(),
          device: name,
          ip,
          pageAgreements: agreed,
        }
        return { login: { accountId: userId, acr, amr: [...amr], ts: authTime, about } }
      }
      // A reload of what follows must not post again.
      case 'ask':
        if (outcome.sent) codes.remember(ctx, outcome.sent)
        leave(ctx, `${interactionPath(interaction.uid)}?method=${encodeURIComponent(outcome.method)}`)
        return undefined
      case 'login':
        if (outcome.endedSessions) await leaveSession(interaction)
        leave(ctx, interactionPath(interaction.uid))
        return undefined
      case 'choose':
      case 'conflict':
      case 'bind_phone':
      case 'bind_identity':
      case 'choose_account':
      case 'confirm_owner':
      case 'leaving':
      case 'merge':
        leave(ctx, interactionPath(interaction.uid))
        return undefined
      case 'left':
        questions.left(ctx, outcome.leavesAtMs)
        return undefined
      case 'redirect':
        leave(ctx, outcome.to.href)
        return undefined
    }
  }

  /**
   * A request that began in a session which is over goes on without that session; otherwise the library would refuse it
   * as somebody else's.
   */
  async function leaveSession(interaction: Interaction): Promise<void> {
    delete interaction.session
    await interaction.save(interaction.exp - epochSeconds(options.nowMs))
  }

  /** The page the person was on, with what was typed and what is wrong. */
  async function redraw(ctx: Context, interaction: Interaction, method: LoginMethod, input: Input, error: AppError) {
    const begins = input['phone'] !== undefined || input['identifier'] !== undefined
    announceRetry(ctx, error)
    const { identity, needsPhone, current, claim } = await attempts.waiting(interaction.uid, method.id)
    const ask = (begins ? undefined : current?.ask) ?? { view: method.entry }
    const person = input['known'] === undefined ? undefined : await known(interaction)
    const waits = { over: current?.over, binding: identity?.provider, needsPhone }
    draw(ctx, interaction, method, ask, { error, input, ...waits, person, claim })
  }

  return { show, submit, receive }
}
