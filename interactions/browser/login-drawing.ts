import type { Context } from 'koa'
import type { Interaction } from 'oidc-provider'
import type { AppError } from '../../src/base/errors.ts'
import { mayReach, nothingDemanded } from '../../src/oidc/demand.ts'
import type { Why } from '../../src/oidc/endings/why.ts'
import type { RequestState } from '../../src/oidc/request-state.ts'
import type { Agreement, Country, PageError, TypedValues } from '../../views/form-values.ts'
import type { Views } from '../../views/views.ts'
import { type Ask, type Input, type LoginMethod, provesPhone } from '../methods/method.ts'
import type { LoginMethods } from '../methods/method-registry.ts'
import type { CodeOver } from '../methods/otp.ts'
import { acrOfKind } from '../methods/register.ts'
import { repeatedForm } from './agree.ts'
import type { carriedPasswords } from './carried-passwords.ts'
import { codeView } from './code-view.ts'
import { type Beginning, beginning, hintOf } from './form-beginning.ts'
import { isForAnother, isSwitching, type KnownPerson, labelFor } from './known-person.ts'
import { lastMethod } from './last-method.ts'
import { loginConnections } from './offered-connections.ts'
import { type Renderer, retryAfterSeconds } from './render.ts'
import { isTyped, text, typed } from './typed.ts'

interface Dependencies {
  readonly methods: LoginMethods
  readonly renderer: Renderer
  readonly options: LoginPageOptions
}

/** What the login pages depend on besides the methods. */
export interface LoginPageOptions {
  readonly agreements: (ctx: Context) => readonly Agreement[]
  readonly countries: (ctx: Context) => readonly Country[]
  readonly registration: { readonly phone: string; readonly email: string; readonly username: string }
  readonly minPasswordLength: number
  readonly nowMs: () => number
  readonly carried: ReturnType<typeof carriedPasswords>
}

/** Only these reasons are told: somebody who signed out, or whose app gave a token back, knows why. */
const toldReasons: ReadonlySet<Why['reason']> = new Set([
  'idle',
  'max',
  'device',
  'disowned',
  'password_changed',
  'password_reset',
  'identity_removed',
  'upstream_ended',
  'consent_withdrawn',
  'leaving',
  'identity_moved',
  'merged',
  'unmerged',
  'number_freed',
  'reused',
  'outnumbered',
  'operator',
  'locked',
])

/** What a login page shows besides its form. */
export interface Shown {
  readonly error?: AppError
  readonly input?: Input | undefined
  /** What was typed into another form before. */
  readonly kept?: TypedValues | undefined
  /** Why the code that is asked for can no longer be entered. */
  readonly over?: CodeOver | undefined
  /** Provider of an identity that waits to be bound by this login. */
  readonly binding?: string | undefined
  /** The login is complete but for a phone number. */
  readonly needsPhone?: boolean
  /** Whom the page names instead of asking who it is. */
  readonly person?: KnownPerson | undefined
  /** The account of a number is to be shown to be theirs by something else. */
  readonly claim?: Views['login']['claim']
}

/** Draws the step a login is at. Knows no method by name but those of the tabs. */
export function loginDrawing({ methods, renderer, options }: Dependencies) {
  const state = (ctx: Context) => ctx.state as RequestState

  /** Whether a method can be a part of a login as the request demands it, however it is named. */
  function isAllowed(ctx: Context, method: LoginMethod | undefined): boolean {
    const demand = state(ctx).demand ?? nothingDemanded
    const isOpen = method?.entry !== 'register' || demand.registration !== 'closed'
    return method !== undefined && isOpen && mayReach(demand, method.acrs)
  }

  /** Methods with a form of their own that can reach an `acr` the client insists on. */
  function offered(ctx: Context): string[] {
    return withForm((method) => isAllowed(ctx, method))
  }

  function withForm(isWanted: (method: LoginMethod) => boolean): string[] {
    const all = [...methods.values()].filter((method) => method.entry === 'login' && !method.connection)
    return all.filter(isWanted).map(({ id }) => id)
  }

  /**
   * The method that the page opens with: the one that the request names or, where an account is to be made, that which
   * makes it; for somebody who is known the one they used last; the one that its hint fits, the one that was used last
   * in this browser, or the first on offer.
   */
  function entry(
    ctx: Context,
    interaction: Interaction,
    { person, claim }: Pick<Shown, 'person' | 'claim'>,
  ): string | undefined {
    const { params, prompt } = interaction
    if (claim) return withoutNumber()[0] ?? [...methods.keys()].find((id) => !provesPhone.includes(id))
    const asked = prompt.reasons.includes('create') ? 'register' : text(params['method'])
    if (asked !== undefined && isAllowed(ctx, methods.get(asked))) return asked
    const all = offered(ctx)
    const own = all.filter((id) => labelFor(id, person) !== undefined)
    const last = lastMethod(ctx)
    if (own.length > 0) return own.find((id) => id === last) ?? own[0]
    const hint = hintOf(interaction)
    const fitting = hint && (hint.kind === 'phone' ? 'sms' : 'password')
    const likely = [fitting, last, ...all].find((id) => id !== undefined && all.includes(id))
    return likely ?? [...methods.values()].find((method) => isAllowed(ctx, method))?.id
  }

  /** What shows that the account of a number is theirs, whatever is demanded of the login: it adds to the number. */
  function withoutNumber(): string[] {
    return withForm(({ id }) => !provesPhone.includes(id))
  }

  /** Upstreams for this visitor; none where the client wants a stronger `acr`. */
  function connections(ctx: Context, { params }: Interaction, { binding, claim }: Pick<Shown, 'binding' | 'claim'>) {
    if (!claim && !mayReach(state(ctx).demand ?? nothingDemanded, ['urn:menshen:acr:federated']))
      return { connections: [] }
    const visit = { userAgent: ctx.get('user-agent'), locale: renderer.locale(ctx) }
    return loginConnections(methods, visit, { method: params['method'], last: lastMethod(ctx), binding })
  }

  function draw(
    ctx: Context,
    interaction: Interaction,
    method: LoginMethod,
    ask: Ask,
    { error, input, kept, over, binding, needsPhone, person, claim }: Shown,
  ): void {
    const isOther = ctx.query['other'] !== undefined || binding !== undefined || needsPhone || claim !== undefined
    const named = isOther ? undefined : labelFor(method.id, person)
    const shown = error && renderer.pageError(ctx, error)
    const status = error?.status ?? 200
    const page = { status, clientName: state(ctx).clientName }
    const values = typed(input)
    if (error?.code === 'agreement.required' && input) {
      const carried = options.carried.pack(interaction.uid, input)
      const question = repeatedForm({ method, input, carried, locale: renderer.locale(ctx) })
      renderer.render(ctx, 'agree', { ...question, agreements: options.agreements(ctx) }, page)
      return
    }
    const before = beginning(interaction, values, kept)
    switch (ask.view) {
      case 'login': {
        const view = {
          ...loginView(ctx, interaction, method, before, { error: shown, cause: error, binding, claim }),
          ...(named === undefined ? {} : { known: named }),
          ...(named !== undefined && person?.hasAgreed ? { agreements: [] } : {}),
        }
        const phoneOnly = {
          needsPhone: true,
          offeredMethods: ['sms'],
          connections: [],
          home: undefined,
          scan: undefined,
          canRegister: false,
          agreements: [],
        }
        const claimed = { claim, offeredMethods: withoutNumber(), agreements: [], canRegister: false, ended: undefined }
        const shownView = { ...view, binding, ...(needsPhone ? phoneOnly : {}), ...(claim ? claimed : {}) }
        renderer.render(ctx, 'login', shownView, { ...page, frames: shownView.scan?.frame })
        return
      }
      case 'register':
        renderer.render(ctx, 'register', registerView(ctx, before, shown, input), page)
        return
      case 'reset':
        renderer.render(
          ctx,
          'reset',
          { values: before.of('reset', options.countries(ctx)), agreements: options.agreements(ctx), error: shown },
          page,
        )
        return
      case 'code': {
        const view = codeView(ask, { error, shown, over, nowMs: options.nowMs() })
        renderer.render(ctx, 'code', { ...view, method: method.id, cancelAllowed: true }, page)
        return
      }
      case 'password-new': {
        const { purpose, username } = ask
        const view = { purpose, username, method: method.id, minLength: options.minPasswordLength }
        const ways = { cancelAllowed: true, back: 'password' }
        renderer.render(
          ctx,
          'password-new',
          { ...view, ...ways, needsCurrent: false, canSkip: false, error: shown },
          page,
        )
      }
    }
  }

  function loginView(
    ctx: Context,
    interaction: Interaction,
    method: LoginMethod,
    before: Beginning,
    {
      error,
      cause,
      ...waiting
    }: Pick<Shown, 'binding' | 'claim'> & { error: PageError | undefined; cause: AppError | undefined },
  ): Views['login'] {
    const { registration } = options
    const countries = options.countries(ctx)
    const canRegister =
      isAllowed(ctx, methods.get('register')) && (registration.email === 'open' || registration.username === 'open')
    const offeredMethods = offered(ctx)
    const form = method.connection ? (offeredMethods[0] ?? '') : method.id
    const values = before.of(form === 'password' ? form : 'sms', countries)
    return {
      method: form,
      values,
      countries,
      agreements: options.agreements(ctx),
      error,
      ended: endedView(ctx, interaction),
      reauthenticate: interaction.session?.accountId !== undefined && !isForAnother(interaction),
      isSwitching: isSwitching(interaction),
      canRegister,
      cancelAllowed: true,
      offeredMethods,
      ...connections(ctx, interaction, waiting),
      isUnfolded: error !== undefined || isTyped(values) || ctx.query['method'] !== undefined,
      retryAfterSeconds: retryAfterSeconds(cause),
    }
  }

  /** The reason was looked up when this request began, for the holder of the ended session's cookie. */
  function endedView(ctx: Context, { prompt }: Interaction): Views['login']['ended'] {
    const why = prompt.details['ended'] as Why | undefined
    if (!why || !toldReasons.has(why.reason)) return undefined
    const { reason, seconds: spanSeconds, at } = why
    const message = renderer.translate(ctx, `ended.${reason}`, spanSeconds === undefined ? {} : { spanSeconds })
    return { message, at: new Date(at * 1000) }
  }

  function registerView(
    ctx: Context,
    before: Beginning,
    error: PageError | undefined,
    posted: Input | undefined,
  ): Views['register'] {
    const { registration } = options
    const open = {
      phone: registration.phone === 'auto',
      email: registration.email === 'open',
      username: registration.username === 'open',
    }
    const demand = state(ctx).demand ?? nothingDemanded
    const offeredKinds = (['phone', 'email', 'username'] as const).filter(
      (kind) => open[kind] && mayReach(demand, [acrOfKind[kind]]),
    )
    const wanted = offeredKinds.find((kind) => kind === (posted?.['kind'] ?? ctx.query['kind']))
    const countries = options.countries(ctx)
    const typedKind = before.kind()
    const likely = offeredKinds.find((kind) => kind === typedKind)
    const kind = wanted ?? likely ?? offeredKinds[0] ?? 'email'
    return {
      kind,
      offeredKinds,
      values: before.of(kind, countries),
      countries,
      agreements: options.agreements(ctx),
      minLength: options.minPasswordLength,
      ...{ needsInvite: demand.registration === 'invite', invite: posted?.['invite'] },
      error,
    }
  }

  return { draw, offered, entry, isAllowed }
}
