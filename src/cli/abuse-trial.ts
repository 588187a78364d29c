import { createHash } from 'node:crypto'
import { z } from 'zod'
import { messageBudget } from '../../interactions/methods/message-budget.ts'
import { type Decision, guard } from '../abuse/abuse-guard.ts'
import type { Mark } from '../abuse/entered-codes.ts'
import { memoryLedger } from '../abuse/ledger.ts'
import { moneyOf, unitsOfMoney } from '../abuse/money.ts'
import { acts, rulesInForce } from '../abuse/rules.ts'
import type { Wanted } from '../abuse/signals.ts'
import { takeTry } from '../accounts/password-tries.ts'
import { AppError } from '../base/errors.ts'
import type { Config } from '../config/config.ts'
import { type LimitName, rules } from '../config/limit-rules.ts'
import { type LimitEvent, limits } from '../ops/limits.ts'
import { memoryCounters } from '../store/memory-counters.ts'

/** One request of the traffic that rules are tried on. */
export const trialRequest = z
  .strictObject({
    at: z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
    act: z.enum(acts).default('message'),
    channel: z.enum(['sms', 'mail']).default('sms'),
    to: z.string().min(3).max(254).optional(),
    ip: z.string().min(2).max(64),
    client_id: z.string().optional(),
    name: z.string().optional(),
    known_device: z.boolean().default(false),
    device: z.string().max(64).optional(),
    has_account: z.boolean().default(false),
    reset: z.boolean().default(false),
    solves: z.int().min(0).max(3).default(0),
    entered_after: z.number().min(0).optional(),
    failed: z.boolean().default(false),
    kind: z.string().max(40).default('request'),
  })
  .refine(({ act, to }) => act !== 'message' || to !== undefined, 'a message needs `to`')

/** A request of the traffic, after it was checked. */
export type TrialRequest = z.output<typeof trialRequest>

/** What would have become of one request. */
export interface TrialDecision {
  readonly at: string
  readonly kind: string
  readonly act: string
  /** `allow`; `quiet`: sent only to who has an account; what a rule says; `limited`: refused by a limit. */
  readonly verdict: string
  readonly level: number
  readonly reasons: readonly string[]
  /** Whether a challenge was asked and solved on the way. */
  readonly isSolved: boolean
  readonly isSent: boolean
  readonly cost: number
}

const limitsOf: Readonly<Record<string, (ip: string) => readonly LimitEvent<LimitName>[]>> = {
  registration: (ip) => [['register.ip', ip]],
  upstream: (ip) => [['vendor.ip', ip]],
}

/**
 * Runs requests, in the order of their times, through the rules and limits of a configuration, over its own counters:
 * nothing is sent, stored or asked, and the same requests are always answered the same.
 */
export async function* tryTraffic(config: Config, requests: readonly TrialRequest[]): AsyncGenerator<TrialDecision> {
  let now = 0
  const clock = () => now
  const store = memoryCounters(clock)
  const mac = (text: string) => createHash('sha256').update(text).digest('base64url')
  const factors = config.limits.networks
  const counted = limits({ store, rules: rules(config), mac, factors })
  const money = moneyOf({ ...config.sms, vendors: config.sms.senders })
  let last: Decision | undefined
  const deciding = guard({
    ...{ limits: counted, rules: rulesInForce(config.abuse), money, ledger: memoryLedger(clock), mac, factors },
    ...{ isFreeHere: false, clock },
    onDecision: async (_, decision) => {
      last = decision
    },
  })
  const budget = messageBudget({ limits: counted, guard: deciding, onUsed: () => {} })
  const waiting: { readonly at: number; readonly marks: readonly Mark[] }[] = []

  async function send(request: TrialRequest, proven: number): Promise<Pick<TrialDecision, 'isSent' | 'verdict'>> {
    const { to = '', has_account: hasAccount, known_device: isKnown, entered_after: enteredAfter } = request
    const grant = await budget.take({
      ...{ channel: request.channel, to, ip: request.ip, isReset: request.reset, clientId: request.client_id, proven },
      device: request.device,
      ...{ hasAccount: hasAccount || isKnown, knownDevice: isKnown ? `device ${to}` : undefined },
    })
    if (grant.delivery === 'background') await grant.takeTotal()
    const isSent = grant.delivery !== 'none'
    if (isSent && enteredAfter !== undefined) waiting.push({ at: now + enteredAfter * 1000, marks: grant.marks })
    return { isSent, verdict: grant.isScarce ? 'quiet' : 'allow' }
  }

  async function act(request: TrialRequest, proven: number): Promise<Pick<TrialDecision, 'isSent' | 'verdict'>> {
    if (request.act === 'message') return send(request, proven)
    const { ip, name, to, device, client_id: clientId, known_device: isKnownDevice, failed } = request
    const wanted: Wanted = {
      act: request.act,
      ip,
      clientId,
      isKnownDevice,
      device,
      proven,
      ...(name && { name }),
      ...(to && { to }),
    }
    const isPassword = request.act === 'password'
    const tried = isPassword ? await takeTry(deciding, wanted) : undefined
    if (!isPassword) await deciding.require(wanted, limitsOf[request.act]?.(ip))
    if (!failed) await tried?.giveBack()
    const ofFailure: readonly LimitEvent<LimitName>[] = failed && isPassword ? [['password.ip', ip]] : []
    await deciding.told(wanted, failed ? 'failed' : 'done', ofFailure)
    return { isSent: false, verdict: 'allow' }
  }

  async function outcomeOf(request: TrialRequest, proven: number): Promise<Pick<TrialDecision, 'isSent' | 'verdict'>> {
    try {
      return await act(request, proven)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const isLimit = last === undefined || last.limits.refusedBy.length > 0
      return { isSent: false, verdict: isLimit ? 'limited' : (last as Decision).verdict }
    }
  }

  for (const request of requests.toSorted((one, other) => one.at - other.at)) {
    waiting.sort((one, other) => one.at - other.at)
    while (waiting[0] && waiting[0].at <= request.at) {
      const { at, marks } = waiting.shift() as (typeof waiting)[number]
      now = at
      await deciding.entered(marks)
    }
    now = request.at
    last = undefined
    const first = await outcomeOf(request, 0)
    const asked = last as Decision | undefined
    const isSolved = first.verdict === 'challenge' && (asked?.level ?? 4) <= request.solves
    const { isSent, verdict } = isSolved ? await outcomeOf(request, asked?.level ?? 0) : first
    const decision = last as Decision | undefined
    const isPaid = isSent && request.channel === 'sms'
    yield {
      ...{ at: new Date(request.at).toISOString(), kind: request.kind, act: request.act, verdict },
      level: verdict === 'challenge' ? (decision?.level ?? 0) : 0,
      reasons: [
        ...new Set([...(asked?.reasons ?? []), ...(decision?.reasons ?? []), ...(decision?.limits.refusedBy ?? [])]),
      ],
      ...{ isSolved, isSent, cost: isPaid ? money.priceOf(request.to ?? '') / unitsOfMoney : 0 },
    }
  }
}
