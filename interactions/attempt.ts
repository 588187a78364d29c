import type { AccountDirectory } from '../src/accounts/directory.ts'
import type { Passwords } from '../src/accounts/passwords.ts'
import type { Account, IdentityClaim } from '../src/accounts/user.ts'
import { type Clock, epochSeconds } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { UserId } from '../src/base/ids.ts'
import type { Audit } from '../src/ops/audit.ts'
import type { AttemptRecord, AttemptRecords } from './attempt-record.ts'
import { UpstreamAnswer, type Visit } from './methods/connector.ts'
import type { Ask, Input, Step } from './methods/method.ts'
import type { LoginMethods } from './methods/registry.ts'

export type Outcome =
  | { readonly kind: 'ask'; readonly method: string; readonly ask: Ask; readonly fields: readonly string[] }
  | { readonly kind: 'redirect'; readonly to: URL }
  /** An upstream vouched for somebody nobody knows: a new account, or one that is there already? */
  | { readonly kind: 'choose'; readonly provider: string }
  /** What was proved belongs to several accounts. Nothing has changed. */
  | { readonly kind: 'conflict'; readonly provider: string; readonly users: readonly UserId[] }
  | {
      readonly kind: 'done'
      readonly userId: UserId
      readonly amr: readonly string[]
      /** Seconds since the epoch. */
      readonly authTime: number
      /** True when every session of the user has been ended on the way, that of this browser too. */
      readonly endedSessions: boolean
    }

export type Proved = Extract<Step<unknown>, { kind: 'proved' }>

export interface AdvanceRequest {
  readonly attemptId: string
  readonly method: string
  readonly ip: string
  readonly visit: Visit
  readonly input: Input
  readonly clientId?: string | undefined
  readonly requestId?: string | undefined
  /** Who is signed in and adds a way in; absent in a login. */
  readonly userId?: UserId | undefined
}

interface Dependencies {
  readonly methods: LoginMethods
  readonly directory: AccountDirectory
  readonly passwords: Passwords
  readonly records: AttemptRecords
  readonly audit: Audit
  readonly options: {
    readonly clock: Clock
    /** What has to be agreed to before anything is sent or made: `id@version`. */
    readonly agreements: readonly string[]
    /** Seals what an upstream gave us to keep. */
    readonly sealCredential: (credential: string) => string
    /** Ends every session and token of a user. */
    readonly revokeUser: (userId: UserId) => Promise<void>
  }
}

const pendingMs = 600_000

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
    const record = await this.#deps.records.load(attemptId)
    const id = method ?? record.method
    const ask = id === undefined ? undefined : record.asks[id]
    return id !== undefined && ask ? { method: id, ask } : undefined
  }

  /** The identity that waits for its owner to say whose it is; undefined when there is none or ten minutes are over. */
  async pending(attemptId: string): Promise<IdentityClaim | undefined> {
    return this.#fresh(await this.#deps.records.load(attemptId))?.identity
  }

  /** Forgets what a method was in the middle of: the person wants another number. */
  async restart(attemptId: string, method: string): Promise<void> {
    const record = await this.#deps.records.load(attemptId)
    const { [method]: _, ...asks } = record.asks
    const { [method]: __, ...states } = record.states
    await this.#deps.records.save(attemptId, { ...record, asks, states, method: undefined })
  }

  /** Takes what was entered. Throws an `AppError`; what is kept of the attempt then stays as it was. */
  async advance(request: AdvanceRequest): Promise<Outcome> {
    return this.#recorded(request, async () => {
      const before = await this.#deps.records.load(request.attemptId)
      const record = this.#agree(before, request.input)
      const step = await this.#step(request, record)
      return step.kind === 'proved' ? this.#finish(request, step, record) : step
    })
  }

  /** One step of somebody who is signed in and adds a way in: what it proves is handed back, and nothing is looked up or made. */
  async prove(request: AdvanceRequest): Promise<Extract<Outcome, { kind: 'ask' | 'redirect' }> | Proved> {
    return this.#recorded(request, async () => {
      const step = await this.#step(request, await this.#deps.records.load(request.attemptId))
      if (step.kind === 'proved') await this.#deps.records.forget(request.attemptId)
      return step
    })
  }

  /** The answer "make me an account" to a `choose`. Throws `attempt.expired` when what was proved is over. */
  async registerPending(request: Omit<AdvanceRequest, 'method' | 'input'>): Promise<Outcome> {
    const record = await this.#deps.records.load(request.attemptId)
    const pending = this.#fresh(record)
    if (!pending) throw new AppError('attempt.expired')
    const step: Proved = { kind: 'proved', registration: 'allowed', ...pending }
    const { pending: _, ...rest } = record
    return this.#finish({ ...request, method: pending.method, input: {} }, step, rest)
  }

  /** Keeps a credential of an upstream beside the identity it belongs to, sealed. */
  async keepCredential(account: Account, step: Pick<Proved, 'identity' | 'credential'>): Promise<void> {
    const { provider, subjects } = step.identity
    const isIt = (identity: Account['identities'][number]) =>
      identity.provider === provider && identity.subjects.includes(subjects[0])
    const identity = account.identities.find(isIt)
    if (step.credential === undefined || !identity) return
    await this.#deps.directory.keepCredential(identity.id, this.#deps.options.sealCredential(step.credential))
  }

  async #step(
    request: AdvanceRequest,
    record: AttemptRecord,
  ): Promise<Extract<Outcome, { kind: 'ask' | 'redirect' }> | Proved> {
    const { attemptId, method: id, ip, visit, input } = request
    const method = this.#deps.methods.get(id)
    if (!method) throw new AppError('attempt.method_unknown')
    const step = await method.step({ attemptId, ip, visit, input, state: record.states[id] })
    if (step.kind === 'proved') return step
    await this.#deps.records.save(attemptId, {
      ...record,
      method: id,
      asks: step.kind === 'ask' ? { ...record.asks, [id]: step.ask } : record.asks,
      states: { ...record.states, [id]: step.state },
    })
    return step.kind === 'ask'
      ? { kind: 'ask', method: id, ask: step.ask, fields: step.fields }
      : { kind: 'redirect', to: step.to }
  }

  /** Nothing is sent, made or looked up for a person who has not agreed in this very attempt. */
  #agree(record: AttemptRecord, input: Input): AttemptRecord {
    const { agreements } = this.#deps.options
    if (agreements.every((each) => record.agreed.includes(each))) return record
    if (input['agreement'] === undefined) throw new AppError('agreement.required', { field: 'agreement' })
    return { ...record, agreed: agreements }
  }

  async #finish(request: AdvanceRequest, step: Proved, record: AttemptRecord): Promise<Outcome> {
    const { attemptId, ip, clientId, requestId, method } = request
    const { audit, options, records } = this.#deps
    const found = await this.#account(step, ip)
    const about = { clientId, ip, requestId, identityProvider: step.identity.provider }
    if (found.kind === 'conflict') {
      await audit.record({ event: 'identity.conflicted', ...about, detail: { users: found.users } })
      return { kind: 'conflict', provider: step.identity.provider, users: found.users }
    }
    if (found.kind === 'unknown') {
      const { identity, amr, credential } = step
      const provedAt = options.clock()
      const pending = { method, identity, amr, provedAt, ...(credential === undefined ? {} : { credential }) }
      await records.save(attemptId, { ...record, method: undefined, pending })
      return { kind: 'choose', provider: identity.provider }
    }
    const { account, isNew } = found
    const userId = account.user.id
    if (account.user.status !== 'active') throw new AppError('user.locked')
    const amr = [...step.amr, ...(await this.#bindPending(request, userId, record))]
    const endedSessions = await this.#keepPassword(request, step, { userId, isNew })
    await this.keepCredential(account, step)
    const agreements = record.agreed
    if (isNew) await audit.record({ event: 'user.registered', userId, ...about, detail: { agreements } })
    await audit.record({ event: 'login.succeeded', userId, ...about, detail: { method, amr, agreements } })
    await records.forget(attemptId)
    return { kind: 'done', userId, amr, authTime: epochSeconds(options.clock), endedSessions }
  }

  /**
   * What the person proved before and now shows to be theirs by logging in. Throws `identity.taken` or `identity.limit`; what was
   * proved is forgotten then, so that the same login works without it.
   */
  async #bindPending(request: AdvanceRequest, userId: UserId, record: AttemptRecord): Promise<readonly string[]> {
    const pending = this.#fresh(record)
    if (!pending) return []
    const { directory, audit, records } = this.#deps
    const { attemptId, ip, clientId, requestId } = request
    await directory.bind(userId, pending.identity, { ip }).catch(async (error: unknown) => {
      if (error instanceof AppError && error.code.startsWith('identity.')) {
        await records.save(attemptId, { ...record, pending: undefined })
      }
      throw error
    })
    const account = await directory.find(userId)
    if (account) await this.keepCredential(account, pending)
    const { provider } = pending.identity
    await audit.record({ event: 'identity.bound', userId, clientId, ip, requestId, identityProvider: provider })
    return pending.amr
  }

  async #keepPassword(
    { ip, clientId, requestId }: AdvanceRequest,
    { password }: Proved,
    { userId, isNew }: { readonly userId: UserId; readonly isNew: boolean },
  ): Promise<boolean> {
    if (!password || isNew) return false
    const { passwords, audit, options } = this.#deps
    if (!password.replace && (await passwords.has(userId))) return false
    await passwords.store(userId, password.hash)
    if (password.replace) await options.revokeUser(userId)
    const event = password.replace ? 'password.reset' : 'password.set'
    await audit.record({ event, userId, clientId, ip, requestId })
    return password.replace
  }

  async #account(
    step: Proved,
    ip: string,
  ): Promise<
    | { kind: 'known'; account: Account; isNew: boolean }
    | { kind: 'unknown' }
    | { kind: 'conflict'; users: readonly UserId[] }
  > {
    const { directory } = this.#deps
    const options = step.password === undefined ? {} : { passwordHash: step.password.hash }
    if (step.registration === 'required') {
      const account = await directory.register(step.identity, { ip }, { ...options, mustBeNew: true })
      return { kind: 'known', account, isNew: true }
    }
    const found = await directory.resolve(step.identity, { ip })
    if (found.kind === 'known') return { kind: 'known', account: found.account, isNew: false }
    if (found.kind === 'conflict') return { kind: 'conflict', users: found.users }
    if (step.registration === 'never') throw new AppError('registration.closed')
    if (step.registration === 'ask') return { kind: 'unknown' }
    return { kind: 'known', account: await directory.register(step.identity, { ip }, options), isNew: true }
  }

  #fresh(record: AttemptRecord): AttemptRecord['pending'] {
    const { pending } = record
    return pending && this.#deps.options.clock() - pending.provedAt <= pendingMs ? pending : undefined
  }

  async #recorded<T>(request: AdvanceRequest, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof AppError) await this.#recordRefusal(request, error)
      throw error
    }
  }

  async #recordRefusal(request: AdvanceRequest, error: AppError): Promise<void> {
    const { clientId, ip, requestId, userId, method } = request
    const answer = error.cause instanceof UpstreamAnswer ? error.cause : undefined
    const isUpstream = error.code.startsWith('upstream.')
    if (!isUpstream && !refusalsWorthKeeping.has(error.code)) return
    await this.#deps.audit.record({
      event: isUpstream ? 'upstream.failed' : userId ? 'identity.refused' : 'login.failed',
      userId,
      clientId,
      ip,
      requestId,
      detail: {
        method,
        error: error.code,
        ...(answer ? { vendor_code: answer.vendorCode, vendor_request_id: answer.vendorRequestId } : {}),
      },
    })
  }
}

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
