import type { AccountDirectory } from '../../src/accounts/directory.ts'
import { AppError } from '../../src/base/errors.ts'
import type { UserId } from '../../src/base/ids.ts'
import { acrOf } from '../../src/oidc/policy.ts'
import { maskedLabel } from '../labels.ts'
import type { Ask } from '../methods/method.ts'
import { otpSeconds } from '../methods/otp.ts'
import type { LoginMethods } from '../methods/registry.ts'
import type { Outcome } from '../outcome.ts'
import type { NextStep } from './answers.ts'

interface Dependencies {
  readonly methods: LoginMethods
  readonly directory: Pick<AccountDirectory, 'find'>
  readonly nowMs: () => number
}

/** What each method begins with. */
const fields: Readonly<Record<string, readonly string[]>> = {
  sms: ['phone'],
  email: ['identifier'],
  password: ['identifier', 'password'],
  one_tap: ['vendor', 'carrier_token'],
  wechat_app: ['upstream_code'],
  wechat_mini_program: ['upstream_code'],
  qq_app: ['upstream_token', 'upstream_subject'],
  weibo_app: ['upstream_token', 'upstream_subject'],
  apple: ['identity_token', 'upstream_code', 'raw_nonce'],
}

const provesPhone = ['one_tap', 'sms']

/** The steps of an attempt in the words of the challenge endpoint. */
export function nativeSteps({ methods, directory, nowMs }: Dependencies) {
  const offer = (ids: readonly string[]) =>
    ids.filter((id) => methods.has(id)).map((method) => ({ method, fields: [...(fields[method] ?? [])] }))

  /** Any of the methods, or those that reach a wanted `acr`. SMS comes first: it works on every phone. */
  function login(wanted?: readonly string[], except: readonly string[] = []): NextStep {
    const ids = ['sms', ...[...methods.keys()].filter((id) => id !== 'sms')].filter((id) => !except.includes(id))
    const able = wanted ? ids.filter((id) => wanted.includes(acrOf(amrOf(id)))) : ids
    return { step: 'login', methods: offer(able), ...(wanted ? { acr_values: wanted.join(' ') } : {}) }
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
      ...(attemptsLeft === undefined ? {} : { attempts_left: attemptsLeft }),
    }
  }

  /** The step an outcome asks for; undefined for one that asks for none. */
  async function of(outcome: Outcome, nickname?: string): Promise<NextStep | undefined> {
    switch (outcome.kind) {
      case 'ask':
        if (outcome.ask.view === 'code') return otp(outcome.method, outcome.ask)
        return { step: 'login', methods: [{ method: outcome.method, fields: [...outcome.fields] }] }
      case 'login':
        return login()
      case 'choose': {
        const named = nickname === undefined ? {} : { nickname }
        return { step: 'choose', provider: outcome.provider, options: ['new', 'existing'], ...named }
      }
      case 'bind_phone':
        return { step: 'bind_phone', reason: outcome.reason, methods: offer(provesPhone) }
      case 'conflict': {
        const options = outcome.choices.filter((each) => each !== 'new' && each !== 'existing')
        return { step: 'conflict', provider: outcome.provider, accounts: await labels(outcome.users), options }
      }
      default:
        return undefined
    }
  }

  async function labels(users: readonly UserId[]): Promise<{ label: string }[]> {
    const accounts = await Promise.all(users.map((userId) => directory.find(userId)))
    return accounts.flatMap((account) => (account ? [{ label: maskedLabel(account) }] : []))
  }

  return { of, login, otp }
}

/** The `amr` a method of an app would bring. */
function amrOf(id: string): readonly string[] {
  return id === 'password' ? ['pwd'] : [id]
}

/** The method a request means that names none: what it brings tells. */
export function impliedMethod(input: Readonly<Record<string, string>>): string | undefined {
  if (input['carrier_token'] !== undefined) return 'one_tap'
  if (input['phone'] !== undefined) return 'sms'
  if (input['password'] !== undefined) return 'password'
  return undefined
}

/** What a failed one-click login is followed by: SMS, in the same session. */
export function isCarrierFailure(error: unknown): boolean {
  return error instanceof AppError && error.code.startsWith('one_tap.')
}
