import type { Guard } from '../src/abuse/abuse-guard.ts'
import { inviteDigest, isInviteUsable } from '../src/accounts/invites.ts'
import { installationOf } from '../src/accounts/known-devices.ts'
import type { IdentityClaim } from '../src/accounts/user.ts'
import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { Limits } from '../src/ops/limits.ts'
import type { Database } from '../src/store/postgres.ts'
import type { AdvanceRequest } from './outcome.ts'

/** What decides where and by whom accounts are made. */
interface Dependencies {
  readonly database: Pick<Database, 'readQuery'>
  readonly clock: Clock
  readonly limits: Pick<Limits<'register.device' | 'invite.ip'>, 'take'>
  readonly guard: Pick<Guard<never>, 'require'>
  /** Whether a mail address is one of those that are thrown away. */
  readonly isDisposable: (address: string) => boolean
}

type Asking = Pick<AdvanceRequest, 'demand' | 'clientId' | 'device' | 'ip' | 'method' | 'proven'>

/**
 * Who may make an account, for whatever way in it is made: asked before anything is sent for one, and by whatever makes
 * a user out of a proof. SECURITY: nothing that people reach calls `AccountDirectory.register` or `passNumberOn` for a
 * new user without `admit`.
 */
export class Admissions {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /**
   * Before a step: answers the invitation that the attempt goes on with. Throws `registration.closed` where a form does
   * nothing but make accounts and the client takes none, `registration.invite_required` and
   * `registration.invite_invalid` where it takes them by invitation.
   */
  async begin(
    { demand, clientId, ip }: Omit<Asking, 'method'>,
    { typed, makesAccount }: { readonly typed: string | undefined; readonly makesAccount: boolean },
  ): Promise<string | undefined> {
    if (makesAccount && demand.registration === 'closed') throw new AppError('registration.closed')
    if (demand.registration !== 'invite') return undefined
    const invite = typed?.trim() || undefined
    if (invite === undefined) {
      if (makesAccount) throw new AppError('registration.invite_required', { field: 'invite' })
      return undefined
    }
    await this.#deps.limits.take('invite.ip', ip)
    const at = new Date(this.#deps.clock())
    if (await isInviteUsable(this.#deps.database, { typed: invite, clientId, at })) return invite
    throw new AppError('registration.invite_invalid', { field: 'invite' })
  }

  /**
   * Before a user is made: answers the invitation that the same statement has to use up. Throws `registration.closed`,
   * `registration.invite_required`, `registration.too_many` for a browser or app that has made as many accounts as may
   * be, `email.disposable`, and what `Guard.require` throws: then the same may be asked again.
   */
  async admit(
    { demand, clientId, device, ip, method, proven }: Asking,
    { provider, subjects }: IdentityClaim,
    invite?: string,
  ): Promise<{ readonly invite?: { readonly digest: string; readonly clientId: string | undefined } }> {
    if (demand.registration === 'closed') throw new AppError('registration.closed')
    if (demand.registration === 'invite' && invite === undefined) {
      throw new AppError('registration.invite_required', { field: 'invite' })
    }
    if (provider === 'email' && subjects.some((each) => this.#deps.isDisposable(each))) {
      throw new AppError('email.disposable', { field: 'identifier' })
    }
    const installation = installationOf(device)
    // A form that makes accounts and nothing else was decided on before it hashed or sent anything.
    if (method !== 'register') {
      const [subject] = provider === 'phone' || provider === 'email' ? subjects : []
      const wanted = { act: 'registration', ip, clientId, proven, isKnownDevice: false } as const
      await this.#deps.guard.require({
        ...wanted,
        device: installation,
        ...(subject && { to: subject, name: subject }),
      })
    }
    if (installation !== undefined) await this.#deps.limits.take('register.device', installation)
    if (demand.registration === 'open' || invite === undefined) return {}
    return { invite: { digest: inviteDigest(invite), clientId } }
  }
}

/** Whether no account was made for a reason that passes, so that what was proved is to wait for the same request. */
export function mayComeAgain(error: unknown): boolean {
  return error instanceof AppError && passing.has(error.code)
}

const passing: ReadonlySet<string> = new Set(['challenge.required', 'request.too_many', 'server.unavailable'])
