import type { AccountProof } from '../src/accounts/account-proof.ts'
import type { UpstreamCredential } from '../src/accounts/kept-credentials.ts'
import { isFresh, type ProofMoment } from '../src/accounts/proof.ts'
import type { IdentityClaim } from '../src/accounts/user.ts'
import type { Clock } from '../src/base/clock.ts'
import { AppError } from '../src/base/errors.ts'
import type { UserId } from '../src/base/ids.ts'
import type { CameBy } from '../src/oidc/records/sign-in.ts'
import type { EphemeralStore } from '../src/store/ephemeral.ts'
import type { Sealing } from '../src/store/seal.ts'
import type { TypedValues } from '../views/form-values.ts'
import { type Ask, type Proved, provesPhone } from './methods/method.ts'
import type { CodeOver } from './methods/otp.ts'
import type { AccountQuestion, AdvanceRequest, Choice, ConflictQuestion, LeavingQuestion } from './outcome.ts'

/**
 * An identity an upstream vouched for that nobody has: it waits here, on our side, while the person says whose it is.
 */
export interface Pending extends ProofMoment {
  /** The connection that vouched for it. */
  readonly method: string
  readonly identity: IdentityClaim
  readonly amr: readonly string[]
  readonly credential?: UpstreamCredential
}

/** Somebody who has proved who they are. */
export interface Arrived extends ProofMoment {
  readonly userId: UserId
  /** The method that brought them, and what its identity is filed under. */
  readonly method: string
  readonly provider: string
  readonly amr: readonly string[]
  readonly by: readonly CameBy[]
  readonly isNew: boolean
  readonly endedSessions: boolean
}

/** What a method proved, to be kept until its owner says whose it is. */
export function pendingOf(method: string, proved: Proved): Pending {
  const { identity, amr, credential, provedAt, begunAt } = proved
  return { method, identity, amr, provedAt, begunAt, ...(credential === undefined ? {} : { credential }) }
}

/** A phone number that is another account's, or that nobody has and the holder may add. */
export interface Contested {
  readonly phone: string
  /** The proof of the number, where it is still fresh. */
  readonly proof?: Proved
  /** The account that has the number; what waits may join it if the person says so. */
  readonly owner?: UserId
}

/** That somebody has proved two accounts, which may become one. */
export interface MergeOffer {
  readonly proofs: readonly [AccountProof, AccountProof]
  /** What one proof vouches for in both. */
  readonly joins?: IdentityClaim
}

/** Whether both proofs still count. */
export function isOfferFresh({ proofs }: MergeOffer, clock: Clock): boolean {
  return proofs.every((each) => isFresh(each, clock))
}

/** One proof, and the accounts it leads to. */
export interface Several extends Pick<AccountQuestion, 'accounts'> {
  readonly proof: Pending
}

/** A phone number that was proved, and that its account has not proved for long. */
export interface Doubted {
  readonly method: string
  readonly proof: Proved
  readonly phone: string
  /** The account that the number leads to. */
  readonly owner: UserId
  /** The account has not proved it since, in milliseconds since the epoch. */
  readonly provedSince: number
  /** Whether the carriers say that it has changed hands: then nobody's word is enough. */
  readonly hasChanged: boolean
  /** Whether the person has said that the account is theirs, and is about to show it by something else. */
  readonly isClaimed?: boolean
}

/** A proof that leads to an account on its way out. */
export interface Leaving extends Pick<LeavingQuestion, 'userId' | 'leavesAtMs'> {
  /** With a password that was chosen on the way: it counts once the account is to stay. */
  readonly proof: Pending & Pick<Proved, 'password'>
}

/** A proof that an account is made of as soon as somebody has shown that a person is there. */
export interface Admitting {
  readonly method: string
  readonly proof: Proved
  /** Digest of what was entered to prove it. */
  readonly entered: string
  /** How hard the challenge is that was asked for. */
  readonly level: number
}

/** That proof, while it counts. */
export function waitingAdmission({ admitting }: Pick<AttemptMemory, 'admitting'>, clock: Clock): Admitting | undefined {
  return admitting && isFresh(admitting.proof, clock) ? admitting : undefined
}

/**
 * What was proved in the same attempt as the login of whoever is in: a number that they were to add, or what was there
 * before. Throws `attempt.expired` where nothing is.
 */
export function waitingProof({ contested, pending }: AttemptMemory): Proved | Pending {
  const proof = contested?.proof ?? pending
  if (!proof) throw new AppError('attempt.expired')
  return proof
}

/** Copies the moment of a proof and nothing else. */
export function momentOf({ provedAt, begunAt }: ProofMoment): ProofMoment {
  return { provedAt, begunAt }
}

/** What we keep of an attempt between two requests. */
export interface AttemptMemory {
  readonly agreed: readonly string[]
  /** What was typed into one form to say who somebody is, for the next one; never a password. */
  readonly typed?: TypedValues | undefined
  /** The code of an invitation, with which an account may be made. */
  readonly invite?: string | undefined
  readonly method: string | undefined
  readonly asks: Readonly<Record<string, Ask>>
  readonly states: Readonly<Record<string, unknown>>
  readonly pending?: Pending | undefined
  /** The person whose login is complete but for a phone number, or for the answer whether something becomes theirs. */
  readonly holder?: Arrived | undefined
  /** A phone number that decides how to go on. */
  readonly contested?: Contested | undefined
  /** Whose what was proved is, where it is another account's and the person has not said how to go on. */
  readonly conflict?: Pick<ConflictQuestion, 'provider' | 'users'> | undefined
  /** What leads to several accounts, until the person says which of them to go on with. */
  readonly several?: Several | undefined
  /** A number that may have gone to somebody else, until the person shows whose its account is. */
  readonly doubted?: Doubted | undefined
  /** What an account is to be made of, until somebody has shown that a person is there. */
  readonly admitting?: Admitting | undefined
  /** What leads to an account on its way out, until the person says whether it is to stay. */
  readonly leaving?: Leaving | undefined
  /** Two accounts that were both proved, until the person says that they are to be one. */
  readonly merging?: MergeOffer | undefined
  /** What may be answered next. */
  readonly choices?: readonly Choice[] | undefined
}

/** A method that an attempt is in the middle of, and what it asked last. */
export interface Current {
  readonly method: string
  readonly ask: Ask
  /** Why a code that it asks for can no longer be entered. */
  readonly over?: CodeOver | undefined
}

/** What a method, or else the last one, asked; undefined when it is not in the middle of anything. */
export function currentIn(memory: AttemptMemory, method = memory.method): Current | undefined {
  const ask = method === undefined ? undefined : memory.asks[method]
  return method !== undefined && ask ? { method, ask } : undefined
}

/** Whether the person is asked to bind what waits to the account they are in. */
export function isBindingAsked({ choices }: AttemptMemory): boolean {
  return choices?.includes('without_binding') === true
}

/**
 * The same memory without that question, for a person who proves something instead of answering. A number that was to
 * be added is proved again; an identity that waited for a login waits for this one.
 */
export function withoutQuestion(memory: AttemptMemory): AttemptMemory {
  if (!isBindingAsked(memory)) return memory
  const left = memory.contested ? { contested: undefined } : { holder: undefined }
  return { ...memory, ...left, choices: undefined }
}

/** The number whose account the person is about to show to be theirs, while the proof of it counts. */
export function claimedIn({ doubted }: AttemptMemory, clock: Clock): Doubted | undefined {
  return doubted?.isClaimed && isFresh(doubted.proof, clock) ? doubted : undefined
}

/** The memory without what waits for a choice, or a phone number, that the person did not give. */
export function decided(
  memory: AttemptMemory,
  { demand, method }: Pick<AdvanceRequest, 'demand' | 'method'>,
): AttemptMemory {
  const isAsked = memory.choices && !memory.doubted?.isClaimed
  const isAnswered = !isAsked && (!demand.requiresPhone || provesPhone.includes(method))
  return isAnswered
    ? memory
    : { ...memory, pending: undefined, several: undefined, doubted: undefined, leaving: undefined }
}

/** Without what a method was in the middle of. */
export function withoutMethod(memory: AttemptMemory, method: string): AttemptMemory {
  const { [method]: _, ...asks } = memory.asks
  const { [method]: __, ...states } = memory.states
  return { ...memory, asks, states, method: undefined }
}

/** Methods whose states are kept at once: somebody who looks at them all leaves no more than who takes one. */
export function mostStates({ isLong }: { readonly isLong?: boolean }): number {
  return isLong ? 1 : 2
}

/** What is kept for so many methods at most, those that were used last. */
export function latest<T>(kept: Readonly<Record<string, T>>, most: number, [id, value]: readonly [string, T]) {
  const { [id]: _, ...others } = kept
  const before = Object.entries(others).slice(Math.max(0, Object.keys(others).length + 1 - most))
  return Object.fromEntries([...before, [id, value] as const]) as Record<string, T>
}

/** The memory of an attempt that has not begun. */
export const nothingYet: AttemptMemory = { agreed: [], method: undefined, asks: {}, states: {} }
const attemptSeconds = 3600
/** Characters from which packing is worth the work; a login by a code has fewer. */
const packsFrom = 280

interface Dependencies extends Pick<Sealing, 'seal' | 'open'> {
  readonly store: EphemeralStore
}

/**
 * Keeps the memories of attempts. SECURITY: sealed, because they hold phone numbers, password hashes and proved
 * identities.
 */
export class AttemptMemories {
  readonly #deps: Dependencies

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  async load(attemptId: string): Promise<AttemptMemory> {
    return this.#read(await this.#deps.store.get<string>(key(attemptId)))
  }

  /** Reads and deletes a memory at once: of several callers only one gets it. */
  async take(attemptId: string): Promise<AttemptMemory> {
    return this.#read(await this.#deps.store.take<string>(key(attemptId)))
  }

  async save(attemptId: string, memory: AttemptMemory): Promise<void> {
    await this.#deps.store.set(key(attemptId), this.#deps.seal(JSON.stringify(memory), { packsFrom }), attemptSeconds)
  }

  async forget(attemptId: string): Promise<void> {
    await this.#deps.store.delete(key(attemptId))
  }

  #read(sealed: string | undefined): AttemptMemory {
    return sealed === undefined ? nothingYet : (JSON.parse(this.#deps.open(sealed)) as AttemptMemory)
  }
}

function key(attemptId: string): string {
  return `attempt:${attemptId}`
}
