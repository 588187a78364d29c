import { identityLabel, lastUseOf, maskedLabel, ownerHint } from '../../src/accounts/account-labels.ts'
import type { AccountDirectory } from '../../src/accounts/directory.ts'
import { AppError } from '../../src/base/errors.ts'
import type { UserId } from '../../src/base/ids.ts'
import { type Demand, mayReach, nothingDemanded } from '../../src/oidc/demand.ts'
import { type Ask, provesPhone } from '../methods/method.ts'
import type { LoginMethods } from '../methods/method-registry.ts'
import { otpSeconds } from '../methods/otp.ts'
import type { AskedAccount, Choice, MergeQuestion, Outcome } from '../outcome.ts'
import {
  accountOptions,
  bindingOptions,
  conflictOptions,
  leavingOptions,
  mergeOptions,
  type NextStep,
  ownerOptions,
} from './answers.ts'

interface Dependencies {
  readonly methods: LoginMethods
  readonly directory: Pick<AccountDirectory, 'find'>
  readonly nowMs: () => number
}

/** What an app may answer. */
export const choices: readonly Choice[] = [
  ...(['new', 'existing'] as const),
  ...[...conflictOptions, ...bindingOptions, ...accountOptions, ...ownerOptions, ...leavingOptions, ...mergeOptions],
]

/** The steps of an attempt in the words of the challenge endpoint. */
export function nativeSteps({ methods, directory, nowMs }: Dependencies) {
  const offer = (ids: readonly string[]) =>
    ids.flatMap((id) => {
      const method = methods.get(id)
      return method ? [{ method: id, fields: [...(method.fields ?? [])] }] : []
    })

  /** The methods that can be a part of a login as it is demanded. SMS comes first: it works on every phone. */
  function login(demand: Demand, except: readonly string[] = []): NextStep {
    const ids = ['sms', ...[...methods.keys()].filter((id) => id !== 'sms')].filter((id) => !except.includes(id))
    const able = ids.filter((id) => mayReach(demand, methods.get(id)?.acrs ?? []))
    return { step: 'login', methods: offer(able), ...(demand.acrs ? { acr_values: demand.acrs.join(' ') } : {}) }
  }

  function otp(method: string, ask: Extract<Ask, { view: 'code' }>, attemptsLeft?: number): NextStep {
    return {
      step: 'otp',
      method,
      channel: ask.channel,
      masked: ask.maskedTarget,
      code_length: 6,
      expires_in: otpSeconds,
      resend_after: Math.max(0, Math.ceil((ask.resendAt - nowMs()) / 1000)),
      ...(ask.isUnclear ? { delivery: 'unclear' as const } : ask.isScarce ? { delivery: 'scarce' as const } : {}),
      ...(attemptsLeft === undefined ? {} : { attempts_left: attemptsLeft }),
    }
  }

  /** The code an attempt still waits for after a refusal; undefined when it waits for none. */
  function awaited(current: { method: string; ask: Ask } | undefined, { params }: AppError): NextStep | undefined {
    if (current?.ask.view !== 'code') return undefined
    return otp(current.method, current.ask, params['triesLeft'] as number | undefined)
  }

  /** The step an outcome asks for; undefined for one that asks for none. */
  async function of(
    outcome: Outcome,
    { demand = nothingDemanded, nickname }: { readonly demand?: Demand; readonly nickname?: string | undefined } = {},
  ): Promise<NextStep | undefined> {
    switch (outcome.kind) {
      case 'ask':
        if (outcome.ask.view === 'code') return otp(outcome.method, outcome.ask)
        return { step: 'login', methods: [{ method: outcome.method, fields: [...outcome.fields] }] }
      case 'login':
        return outcome.isClaim ? login(nothingDemanded, provesPhone) : login(demand)
      case 'choose': {
        const named = nickname === undefined ? {} : { nickname }
        const invite = outcome.needsInvite ? { needs_invite: true as const } : {}
        return { step: 'choose', provider: outcome.provider, options: ['new', 'existing'], ...named, ...invite }
      }
      case 'bind_phone':
        return { step: 'bind_phone', reason: outcome.reason, methods: offer(provesPhone) }
      case 'conflict': {
        const options = outcome.choices.filter(isOneOf(conflictOptions))
        return { step: 'conflict', provider: outcome.provider, accounts: await labels(outcome.users), options }
      }
      case 'choose_account': {
        const accounts = await Promise.all(outcome.accounts.map(recognisable))
        const options = accountOptions.filter((each) => each === 'account' || outcome.canMerge)
        return { step: 'choose_account', provider: outcome.provider, accounts, options }
      }
      case 'confirm_owner': {
        const account = await directory.find(outcome.userId)
        const options = outcome.choices.filter(isOneOf(ownerOptions))
        return account && { step: 'confirm_owner', provider: 'phone', account: ownerHint(account), options }
      }
      case 'merge':
        return mergeStep(outcome.question)
      case 'bind_identity': {
        const { provider, profile } = outcome.identity
        const [account] = await named([outcome.userId])
        if (!account) return undefined
        const label = identityLabel(outcome.identity)
        const identity = { provider, label, ...(profile.nickname ? { nickname: profile.nickname } : {}) }
        return { step: 'bind_identity', identity, account, options: outcome.choices.filter(isOneOf(bindingOptions)) }
      }
      case 'leaving': {
        const [account] = await named([outcome.userId])
        if (!account) return undefined
        const deletionAt = new Date(outcome.leavesAtMs).toISOString()
        return { step: 'leaving', account, deletion_at: deletionAt, options: [...leavingOptions] }
      }
      // The login is over as the person wants.
      case 'left':
        throw new AppError('user.leaving')
      default:
        return undefined
    }
  }

  async function labels(users: readonly UserId[]): Promise<{ label: string }[]> {
    return (await named(users)).map(({ label }) => ({ label }))
  }

  async function recognisable({ userId, isSpare }: AskedAccount) {
    const account = await directory.find(userId)
    if (!account) throw new AppError('attempt.expired')
    const { profile, createdAt } = account.user
    return {
      account: userId,
      label: maskedLabel(account),
      ...(profile.nickname ? { nickname: profile.nickname } : {}),
      created_at: createdAt.toISOString(),
      last_used_at: lastUseOf(account).toISOString(),
      keeps: !isSpare,
    }
  }

  async function named(users: readonly UserId[]): Promise<{ label: string; nickname?: string }[]> {
    const accounts = await Promise.all(users.map((userId) => directory.find(userId)))
    return accounts.flatMap((account) => {
      if (!account) return []
      const { nickname } = account.user.profile
      return [{ label: maskedLabel(account), ...(nickname ? { nickname } : {}) }]
    })
  }

  return { of, login, awaited }
}

/** Two accounts that may become one, as their owner knows them. */
function mergeStep({ sides, into, collisions }: MergeQuestion): NextStep {
  const { hasTwoPasswords, hasTwoNicknames, hasTwoPictures, tooMany } = collisions
  return {
    step: 'merge',
    accounts: sides.map(({ userId, label, nickname, createdAt, lastUsedAt }) => ({
      account: userId,
      label,
      ...(nickname === undefined ? {} : { nickname }),
      created_at: createdAt.toISOString(),
      last_used_at: lastUsedAt.toISOString(),
    })),
    into,
    keep: [
      ...(hasTwoPasswords ? (['keep_password'] as const) : []),
      ...(hasTwoNicknames ? (['keep_nickname'] as const) : []),
      ...(hasTwoPictures ? (['keep_picture'] as const) : []),
    ],
    too_many: tooMany.map(({ provider, limit, identities }) => ({
      provider,
      limit,
      identities: identities.map((each) => ({ id: each.id, label: identityLabel(each) })),
    })),
    options: [...mergeOptions],
  }
}

function isOneOf<Option extends Choice>(options: readonly Option[]) {
  return (choice: Choice): choice is Option => (options as readonly Choice[]).includes(choice)
}

/** The method of a request that names none; the fields it brings decide. */
export function impliedMethod(input: Readonly<Record<string, string>>): string | undefined {
  if (input['carrier_token'] !== undefined) return 'one_tap'
  if (input['phone'] !== undefined) return 'sms'
  if (input['password'] !== undefined) return 'password'
  return undefined
}

/** Whether a one-click login failed at the carrier; the app then offers SMS in the same session. */
export function isCarrierFailure(error: unknown): boolean {
  return error instanceof AppError && error.code.startsWith('one_tap.')
}

/**
 * Whether only a page can do what the app names. Where a connection has the name of an app method, `apple` as a rule,
 * an app that brings nothing from an SDK means the connection: Android has no SDK of Apple's.
 */
export function isForWeb(
  { methods, webMethods }: { readonly methods: LoginMethods; readonly webMethods: LoginMethods },
  method: string | undefined,
  given: Readonly<Record<string, string>>,
): boolean {
  if (method === undefined || !webMethods.has(method)) return false
  const own = methods.get(method)
  return !own || (own.asksVendor !== undefined && !own.fields?.some((name) => given[name] !== undefined))
}
