import type { AccountDirectory } from '../src/accounts/directory.ts'
import type { Passwords } from '../src/accounts/passwords.ts'
import type { Account, IdentityClaim } from '../src/accounts/user.ts'
import { type Clock, epochSeconds } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { Locale } from '../src/base/i18n.ts'
import type { UserId } from '../src/base/ids.ts'
import type { Audit } from '../src/ops/audit.ts'
import type { EphemeralStore } from '../src/store/ephemeral.ts'
import type { Ask, Channel, Input, Step } from './methods/method.ts'
import type { LoginMethods } from './methods/registry.ts'

export type Outcome =
  | { readonly kind: 'ask'; readonly method: string; readonly ask: Ask; readonly fields: readonly string[] }
  | { readonly kind: 'redirect'; readonly to: URL }
  | {
      readonly kind: 'done'
      readonly userId: UserId
      readonly amr: readonly string[]
      /** Seconds since the epoch. */
      readonly authTime: number
      /** Every session of this user was ended on the way, the one in this browser too. */
      readonly endedSessions: boolean
    }

export interface AdvanceRequest {
  readonly attemptId: string
  readonly method: string
  readonly channel: Channel
  readonly ip: string
  readonly locale: Locale
  readonly input: Input
  readonly clientId?: string | undefined
  readonly requestId?: string | undefined
}

interface Dependencies {
  readonly methods: LoginMethods
  readonly directory: AccountDirectory
  readonly passwords: Passwords
  readonly store: EphemeralStore
  readonly audit: Audit
  readonly options: {
    readonly clock: Clock
    /** What has to be agreed to before anything is sent or made: `id@version`. */
    readonly agreements: readonly string[]
    readonly seal: (plaintext: string) => string
    readonly open: (sealed: string) => string
    /** Ends every session and token of a user. */
    readonly revokeUser: (userId: UserId) => Promise<void>
  }
}

/** What we keep of an attempt between two requests. */
interface Kept {
  readonly agreed: readonly string[]
  readonly method: string | undefined
  readonly asks: Readonly<Record<string, Ask>>
  readonly states: Readonly<Record<string, unknown>>
}

const nothingYet: Kept = { agreed: [], method: undefined, asks: {}, states: {} }
const attemptSeconds = 3600

/**
 * A person on the way in: one attempt from its first step to a signed-in user, whoever draws the pages. Methods prove identities;
 * what a proved identity means for the account table is decided here and only here.
 */
export class LoginAttempts {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** The method this attempt is in the middle of, and what it asked last. Nothing is counted or sent. */
  async current(attemptId: string, method?: string): Promise<{ method: string; ask: Ask } | undefined> {
    const kept = await this.#load(attemptId)
    const id = method ?? kept.method
    const ask = id === undefined ? undefined : kept.asks[id]
    return id !== undefined && ask ? { method: id, ask } : undefined
  }

  /** Forgets what a method was in the middle of: the person wants another number. */
  async restart(attemptId: string, method: string): Promise<void> {
    const kept = await this.#load(attemptId)
    const { [method]: _, ...asks } = kept.asks
    const { [method]: __, ...states } = kept.states
    await this.#save(attemptId, { ...kept, asks, states, method: undefined })
  }

  /** Takes what was entered. Throws an `AppError`; what is kept of the attempt then stays as it was. */
  async advance(request: AdvanceRequest): Promise<Outcome> {
    try {
      return await this.#advance(request)
    } catch (error) {
      if (error instanceof AppError) await this.#recordRefusal(request, error)
      throw error
    }
  }

  async #advance(request: AdvanceRequest): Promise<Outcome> {
    const { attemptId, method: id, channel, ip, locale, input } = request
    const method = this.#deps.methods.get(id)
    if (!method?.channels.includes(channel)) throw new AppError('attempt.method_unknown')
    const before = await this.#load(attemptId)
    const kept = this.#agree(before, input)
    const step = await method.step({ channel, attemptId, ip, locale, input, state: kept.states[id] })
    if (step.kind === 'proved') {
      const outcome = await this.#finish(request, step, kept)
      await this.#deps.store.delete(key(attemptId))
      return outcome
    }
    await this.#save(attemptId, {
      agreed: kept.agreed,
      method: id,
      asks: step.kind === 'ask' ? { ...kept.asks, [id]: step.ask } : kept.asks,
      states: { ...kept.states, [id]: step.state },
    })
    return step.kind === 'ask'
      ? { kind: 'ask', method: id, ask: step.ask, fields: step.fields }
      : { kind: 'redirect', to: step.to }
  }

  /** Nothing is sent, made or looked up for a person who has not agreed in this very attempt. */
  #agree(kept: Kept, input: Input): Kept {
    const { agreements } = this.#deps.options
    if (agreements.every((each) => kept.agreed.includes(each))) return kept
    if (input['agreement'] === undefined) throw new AppError('agreement.required', { field: 'agreement' })
    return { ...kept, agreed: agreements }
  }

  async #finish(request: AdvanceRequest, step: Proved, kept: Kept): Promise<Outcome> {
    const { ip, clientId, requestId, method } = request
    const { passwords, audit, options } = this.#deps
    const { account, isNew } = await this.#account(step, ip)
    const userId = account.user.id
    if (account.user.status !== 'active') throw new AppError('user.locked')
    if (step.password && !isNew) {
      if (step.password.replace) {
        await passwords.store(userId, step.password.hash)
        await options.revokeUser(userId)
        await audit.record({ event: 'password.reset', userId, clientId, ip, requestId })
      } else if (!(await passwords.has(userId))) {
        await passwords.store(userId, step.password.hash)
        await audit.record({ event: 'password.set', userId, clientId, ip, requestId })
      }
    }
    const common = { userId, clientId, ip, requestId, identityProvider: step.identity.provider }
    if (isNew) await audit.record({ event: 'user.registered', ...common, detail: { agreements: kept.agreed } })
    await audit.record({
      event: 'login.succeeded',
      ...common,
      detail: { method, amr: step.amr, agreements: kept.agreed },
    })
    const endedSessions = step.password?.replace === true && !isNew
    return { kind: 'done', userId, amr: step.amr, authTime: epochSeconds(options.clock), endedSessions }
  }

  async #account(step: Proved, ip: string): Promise<{ account: Account; isNew: boolean }> {
    const { directory } = this.#deps
    if (step.registration === 'required') {
      return { account: await this.#register(step.identity, ip, step.password?.hash, true), isNew: true }
    }
    const found = await directory.resolve(step.identity, { ip })
    if (found.kind === 'known') return { account: found.account, isNew: false }
    if (found.kind === 'conflict') throw new AppError('identity.taken')
    if (step.registration === 'never') throw new AppError('registration.closed')
    return { account: await this.#register(step.identity, ip, step.password?.hash, false), isNew: true }
  }

  #register(
    identity: IdentityClaim,
    ip: string,
    passwordHash: string | undefined,
    mustBeNew: boolean,
  ): Promise<Account> {
    const options = { mustBeNew, ...(passwordHash === undefined ? {} : { passwordHash }) }
    return this.#deps.directory.register(identity, { ip }, options)
  }

  async #recordRefusal(request: AdvanceRequest, error: AppError): Promise<void> {
    if (!refusalsWorthKeeping.has(error.code)) return
    const { clientId, ip, requestId, method } = request
    await this.#deps.audit.record({
      event: 'login.failed',
      clientId,
      ip,
      requestId,
      detail: { method, error: error.code },
    })
  }

  async #load(attemptId: string): Promise<Kept> {
    const sealed = await this.#deps.store.get<string>(key(attemptId))
    return sealed === undefined ? nothingYet : (JSON.parse(this.#deps.options.open(sealed)) as Kept)
  }

  /** SECURITY: sealed, because a state holds phone numbers and password hashes. */
  async #save(attemptId: string, kept: Kept): Promise<void> {
    await this.#deps.store.set(key(attemptId), this.#deps.options.seal(JSON.stringify(kept)), attemptSeconds)
  }
}

type Proved = Extract<Step<unknown>, { kind: 'proved' }>

const refusalsWorthKeeping = new Set<string>([
  'otp.wrong',
  'otp.tries_used',
  'otp.too_soon',
  'password.wrong',
  'password.locked',
  'user.locked',
  'identity.taken',
  'registration.closed',
  'request.too_many',
])

function key(attemptId: string): string {
  return `attempt:${attemptId}`
}
