import type { Context } from 'koa'
import type { Interaction } from 'oidc-provider'
import { epochSeconds } from '../../src/base/clock.ts'
import { AppError, asAppError } from '../../src/base/errors.ts'
import { acrOf, requestedAcrs } from '../../src/oidc/policy.ts'
import type { Agreement, Country, PageError, TypedValues, Views } from '../../views/views.ts'
import type { LoginAttempts, Outcome } from '../attempt.ts'
import type { Ask, Input, LoginMethod } from '../methods/method.ts'
import type { LoginMethods } from '../methods/registry.ts'
import type { Renderer, RequestState } from './render.ts'

interface Dependencies {
  readonly attempts: LoginAttempts
  readonly methods: LoginMethods
  readonly renderer: Renderer
  readonly options: {
    readonly agreements: (ctx: Context) => readonly Agreement[]
    readonly countries: (ctx: Context) => readonly Country[]
    readonly registration: { readonly phone: string; readonly email: string; readonly username: string }
    readonly minPasswordLength: number
    readonly nowMs: () => number
  }
}

/** What the login result becomes for the library. */
export interface LoginResult {
  readonly login: { readonly accountId: string; readonly acr: string; readonly amr: string[]; readonly ts: number }
}

interface Shown {
  readonly error?: AppError
  readonly input?: Input
}

/** The login pages: shows the step an attempt is at, and takes what was entered. Knows no method by name but those of the tabs. */
export function loginPages({ attempts, methods, renderer, options }: Dependencies) {
  const state = (ctx: Context) => ctx.state as RequestState

  /** Only methods that can reach an `acr` the client insists on. */
  function offered(interaction: Interaction): string[] {
    const wanted = requestedAcrs(interaction.params)
    const entries = [...methods.values()].filter((method) => method.entry === 'login').map((method) => method.id)
    const able = entries.filter((id) => !wanted || wanted.includes(acrOf(id === 'password' ? ['pwd'] : [id])))
    return able.length > 0 ? able : entries
  }

  /** GET: the page of the asked-for method, or of the step that is under way. */
  async function show(ctx: Context, interaction: Interaction): Promise<void> {
    const named = text(ctx.query['method'])
    if (named !== undefined && ctx.query['restart'] !== undefined) {
      await attempts.restart(interaction.uid, named)
      ctx.redirect(`${ctx.path}?method=${encodeURIComponent(methods.has(named) ? named : '')}`)
      ctx.status = 303
      return
    }
    const current = await attempts.current(interaction.uid, named)
    const method = methods.get(current?.method ?? named ?? offered(interaction)[0] ?? '')
    if (!method) throw new AppError('attempt.method_unknown')
    draw(ctx, interaction, method, current?.ask ?? { view: method.entry }, {})
  }

  /** POST: one step. Answers the result for the library when the person is in; otherwise the next page has been drawn. */
  async function submit(ctx: Context, interaction: Interaction, input: Input): Promise<LoginResult | undefined> {
    const id = input['method'] ?? (await attempts.current(interaction.uid))?.method ?? ''
    const method = methods.get(id)
    if (!method) throw new AppError('attempt.method_unknown')
    let outcome: Outcome
    try {
      const { ip, requestId } = state(ctx)
      const clientId = text(interaction.params['client_id'])
      const request = {
        attemptId: interaction.uid,
        method: id,
        ip,
        requestId,
        clientId,
        locale: renderer.locale(ctx),
        input,
      }
      outcome = await attempts.advance({ ...request, channel: 'browser' })
    } catch (thrown) {
      const error = asAppError(thrown)
      if (error.status >= 500 && error.code !== 'sms.undeliverable' && error.code !== 'mail.undeliverable') throw thrown
      await redraw(ctx, interaction, method, input, error)
      return undefined
    }
    if (outcome.kind === 'done') {
      const { userId, amr, authTime, endedSessions } = outcome
      if (endedSessions) await leaveSession(interaction)
      return { login: { accountId: userId, acr: acrOf(amr), amr: [...amr], ts: authTime } }
    }
    // A reload of what follows must not post again.
    ctx.redirect(outcome.kind === 'ask' ? `${ctx.path}?method=${encodeURIComponent(id)}` : outcome.to.href)
    ctx.status = 303
    return undefined
  }

  /** A request that began in a session which is over goes on without it; the library would refuse it as another's. */
  async function leaveSession(interaction: Interaction): Promise<void> {
    delete interaction.session
    await interaction.save(interaction.exp - epochSeconds(options.nowMs))
  }

  /** The page the person was on, with what was typed and what is wrong. */
  async function redraw(ctx: Context, interaction: Interaction, method: LoginMethod, input: Input, error: AppError) {
    const begins = input['phone'] !== undefined || input['identifier'] !== undefined
    const current = begins ? undefined : await attempts.current(interaction.uid, method.id)
    const retryAfterSeconds = Number(error.params['retryAfterSeconds'] ?? 0)
    if (retryAfterSeconds > 0) ctx.set('retry-after', String(retryAfterSeconds))
    draw(ctx, interaction, method, current?.ask ?? { view: method.entry }, { error, input })
  }

  function draw(ctx: Context, interaction: Interaction, method: LoginMethod, ask: Ask, { error, input }: Shown): void {
    const shown = error && error.code !== 'agreement.required' ? renderer.pageError(ctx, error) : undefined
    const status = error?.status ?? 200
    const page = { status, clientName: state(ctx).clientName, languageLinks: error === undefined }
    const values = typed(input)
    switch (ask.view) {
      case 'login':
        renderer.render(ctx, 'login', loginView(ctx, interaction, method, values, shown, error), page)
        return
      case 'register':
        renderer.render(
          ctx,
          'register',
          registerView(ctx, values, error ? renderer.pageError(ctx, error) : undefined),
          page,
        )
        return
      case 'reset':
        renderer.render(
          ctx,
          'reset',
          { values, agreements: options.agreements(ctx), error: error && renderer.pageError(ctx, error) },
          page,
        )
        return
      case 'code': {
        const { channel, maskedTarget, purpose, resendAt } = ask
        const resendAfterSeconds = Math.max(0, Math.ceil((resendAt - options.nowMs()) / 1000))
        const triesLeft = error?.params['triesLeft'] as number | undefined
        const view = { channel, maskedTarget, purpose, method: method.id, resendAfterSeconds, triesLeft, error: shown }
        renderer.render(ctx, 'code', view, page)
        return
      }
      case 'password-new': {
        const { purpose, username } = ask
        const view = { purpose, username, method: method.id, minLength: options.minPasswordLength }
        renderer.render(ctx, 'password-new', { ...view, needsCurrent: false, canSkip: false, error: shown }, page)
      }
    }
  }

  function loginView(
    ctx: Context,
    interaction: Interaction,
    method: LoginMethod,
    values: TypedValues,
    error: PageError | undefined,
    cause: AppError | undefined,
  ): Views['login'] {
    const { registration } = options
    const hint = text(interaction.params['login_hint'])?.slice(0, 200)
    const canRegister = methods.has('register') && (registration.email === 'open' || registration.username === 'open')
    const retryAfterSeconds = Number(cause?.params['retryAfterSeconds'] ?? 0)
    return {
      method: method.id === 'password' ? 'password' : 'sms',
      values: values.phone === undefined && values.identifier === undefined ? prefilled(method.id, hint) : values,
      countries: options.countries(ctx),
      agreements: options.agreements(ctx),
      error,
      agreementMissing: cause?.code === 'agreement.required',
      loginHint: hint,
      reauthenticate: interaction.session?.accountId !== undefined,
      canRegister,
      cancelAllowed: true,
      offeredMethods: offered(interaction),
      connections: [],
      retryAfterSeconds: retryAfterSeconds || undefined,
    }
  }

  function registerView(ctx: Context, values: TypedValues, error: PageError | undefined): Views['register'] {
    const { registration } = options
    const open = {
      phone: registration.phone === 'auto',
      email: registration.email === 'open',
      username: registration.username === 'open',
    }
    const offeredKinds = (['phone', 'email', 'username'] as const).filter((kind) => open[kind])
    const wanted = offeredKinds.find((kind) => kind === ctx.query['kind'])
    const byInput = values.phone !== undefined ? 'phone' : values.identifier?.includes('@') ? 'email' : 'username'
    const guessed = values.phone ?? values.identifier
    return {
      kind: wanted ?? (guessed === undefined ? (offeredKinds[0] ?? 'email') : byInput),
      offeredKinds,
      values,
      countries: options.countries(ctx),
      agreements: options.agreements(ctx),
      minLength: options.minPasswordLength,
      error,
    }
  }

  return { show, submit }
}

/** What may be shown again: never a password, never a code. */
function typed(input: Input = {}): TypedValues {
  const { phone, country, identifier, agreement } = input
  const short = (value: string | undefined) => value?.slice(0, 200)
  const agreed = agreement !== undefined
  return { phone: short(phone), country: short(country), identifier: short(identifier), agreed }
}

function prefilled(method: string, hint: string | undefined): TypedValues {
  if (hint === undefined) return {}
  return method === 'password' ? { identifier: hint } : /^[+\d\s-]{5,20}$/.test(hint) ? { phone: hint } : {}
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
