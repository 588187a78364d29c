import type { AccountDirectory } from '../src/accounts/directory.ts'
import type { Passwords } from '../src/accounts/passwords.ts'
import { canSpare } from '../src/accounts/spare-identity.ts'
import type { Account } from '../src/accounts/user.ts'
import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { PhoneNumber } from '../src/base/phone.ts'
import type { Limits } from '../src/ops/limits.ts'
import type { Log } from '../src/ops/log.ts'
import type { Proved } from './methods/method.ts'
import type { AdvanceRequest } from './outcome.ts'
import { answerIn } from './refusal-record.ts'
import type { NumberCheck } from './upstreams/number-check.ts'

/** What settings and vendors say of numbers that may have gone to somebody else. */
export interface DoubtOptions {
  /** Seconds after which a number has to be proved together with something else; `none`: never. */
  readonly reverifyAfter: number | 'none'
  /** What somebody gets on their word alone, where nothing else leads to the account. */
  readonly withoutOtherWay: 'support' | 'let_in'
  /** How many numbers an account may have; undefined: any number. */
  readonly mostNumbers: number | undefined
  /** Asks the carriers whether a number has changed hands, where a vendor is configured. */
  readonly check?: NumberCheck | undefined
}

interface Dependencies {
  readonly directory: Pick<AccountDirectory, 'findByIdentifier' | 'lastProofOf'>
  readonly passwords: Pick<Passwords, 'has'>
  readonly limits: Pick<Limits<'number_check.number' | 'number_check.day'>, 'tryAll'>
  readonly log: Pick<Log, 'warn'>
  readonly options: { readonly clock: Clock; readonly numbers: DoubtOptions }
}

/** A number whose account has not proved it for long: it is its owner's still, nobody knows, or it is not. */
export type Verdict = 'same' | 'doubted' | 'changed'

/**
 * Whether whoever proves a number is whom it led to before. SECURITY: the one rule for every way to prove a number, in
 * pages and in apps: operators give a number to somebody else three months after it was given up.
 */
export class NumberDoubts {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  get options(): DoubtOptions {
    return this.#deps.options.numbers
  }

  /** Who has not proved a number since then may have given it up; undefined where nothing is ever doubted. */
  oldestProof(): Date | undefined {
    const { clock, numbers } = this.#deps.options
    const { reverifyAfter } = numbers
    return reverifyAfter === 'none' ? undefined : new Date(clock() - reverifyAfter * 1000)
  }

  /** The same for what a step has proved: a password beside a number is no proof of the number. */
  provedSince({ identity, amr }: Pick<Proved, 'identity' | 'amr'>): Date | undefined {
    return identity.provider === 'phone' && !isNameOnly({ amr }) ? this.oldestProof() : undefined
  }

  /** What is to be thought of a number that its account proved long ago, once somebody has proved it. */
  async judge({ device }: Pick<AdvanceRequest, 'device'>, phone: string): Promise<Verdict> {
    const { directory } = this.#deps
    const owner = await directory.findByIdentifier({ provider: 'phone', subject: phone }, device)
    return owner?.knownDevice === undefined ? this.#asked(phone as PhoneNumber) : 'same'
  }

  /** Whether the number an account has is in doubt for whoever uses this device. The carriers are not asked. */
  async isDoubted({ device }: Pick<AdvanceRequest, 'device'>, phone: string): Promise<boolean> {
    const { directory } = this.#deps
    const since = this.oldestProof()
    const provedAt = since && (await directory.lastProofOf(phoneClaim(phone)))
    if (!provedAt || provedAt >= since) return false
    const owner = await directory.findByIdentifier({ provider: 'phone', subject: phone }, device)
    return owner !== undefined && owner.knownDevice === undefined
  }

  /** Whether somebody gets into the account on their word, because nothing but this number leads to it. */
  async isWordEnough(account: Account, phone: string): Promise<boolean> {
    if (this.options.withoutOtherWay !== 'let_in') return false
    const hasPassword = await this.#deps.passwords.has(account.user.id)
    return !canSpare(account, { provider: 'phone', subjects: [phone] }, hasPassword)
  }

  /** Asks the carriers. What they do not know, or cannot say now, counts as doubted. */
  async #asked(phone: PhoneNumber): Promise<Verdict> {
    const { directory, limits, log, options } = this.#deps
    const { check } = options.numbers
    const provedAt = check?.knows(phone) ? await directory.lastProofOf(phoneClaim(phone)) : undefined
    if (!check || !provedAt) return 'doubted'
    const { isTaken } = await limits.tryAll([
      ['number_check.number', phone],
      ['number_check.day', 'all'],
    ])
    if (!isTaken) return 'doubted'
    try {
      return await check.hasChanged(phone, provedAt)
    } catch (error) {
      const said = error instanceof AppError ? answerIn(error) : { err: error }
      log.warn({ ...said, vendor: check.vendor }, 'the carriers did not say whose a number is')
      return 'doubted'
    }
  }
}

/** Whether a step has proved something else, and the identity is only the name beside it. */
export function isNameOnly({ amr }: Pick<Proved, 'amr'>): boolean {
  return amr.length === 1 && amr[0] === 'pwd'
}

/** The claim to a phone number. */
export function phoneClaim(phone: string): Proved['identity'] {
  return { provider: 'phone', subjects: [phone], profile: {} }
}
