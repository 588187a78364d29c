import { provedInOneStep } from '../../src/accounts/proof.ts'
import { AppError } from '../../src/base/errors.ts'
import {
  type AppMethod,
  appMethods,
  type Connector,
  type Identification,
  UpstreamAnswer,
  type UpstreamResponse,
} from '../upstreams/connector.ts'
import type { LoginMethod, Registration, StepRequest } from './method.ts'
import { giveBack, isTaken, isUnanswered, type Mark, type Spent, withMarks } from './spent-credentials.ts'

interface Dependencies {
  readonly connectors: readonly Connector[]
  readonly spent: Spent
  readonly registration: { readonly upstream: 'ask' | 'auto' | 'closed'; readonly phone: 'auto' | 'closed' }
}

/** The fields that each method starts with. */
const begins: Readonly<Record<AppMethod, readonly string[]>> = {
  wechat_app: ['upstream_code'],
  wechat_mini_program: ['upstream_code'],
  qq_app: ['upstream_token', 'upstream_subject'],
  weibo_app: ['upstream_token', 'upstream_subject'],
  apple: ['identity_token', 'upstream_code', 'raw_nonce'],
}

/** Fields whose values are good for one login only. */
const codes = ['upstream_code', 'phone_code'] as const

/**
 * Logins of apps that bring what an upstream's SDK gave them, one method for each kind that any connection is set up
 * for. SECURITY: every credential is marked before its vendor is asked, so that of two who bring the same one gets in.
 */
export function appLogins({ connectors, spent, registration }: Dependencies): LoginMethod<undefined>[] {
  return appMethods.flatMap((id) => {
    const offers = connectors.flatMap((connector) => {
      const redeem = connector.apps?.[id]
      return redeem ? [{ connector, redeem }] : []
    })
    if (offers.length === 0) return []
    const method: LoginMethod<undefined> = {
      id,
      entry: 'login',
      acrs: ['urn:menshen:acr:federated'],
      fields: begins[id],
      asksVendor({ connection }) {
        const connector = named(offers, connection)?.connector
        return connector && { connection: connector.id, vendor: connector.provider }
      },
      async step(request) {
        const { input } = request
        const { connector, redeem } = chosen(offers, input['connection'])
        // SECURITY: the method decides. If fields did, a token beside a code would make the code good again.
        const livesOn = begins[id].includes('upstream_token')
        const marks = livesOn ? await markedToken(request) : await markedCodes(id, input)
        const work = () => redeem(input)
        const own = [...marks.values()]
        const { identity, phone, isPhoneDated, credential, ifUnknown } = await withMarks(own, work, { livesOn })
        const phoneMark = marks.get('phone_code')
        if (phoneMark && ifUnknown && isUnanswered(ifUnknown)) await phoneMark.giveBack()
        return {
          kind: 'proved',
          identity,
          amr: [connector.provider],
          ...provedInOneStep(request),
          registration: registrationFor(phone),
          ...(phone === undefined ? {} : { also: { provider: 'phone', subjects: [phone], profile: {} } }),
          ...(isPhoneDated ? { isAlsoDated: true } : {}),
          ...(credential === undefined ? {} : { credential }),
          ...(ifUnknown === undefined ? {} : { ifUnknown }),
        }
      },
    }
    return [method]
  })

  /** Marks every code that was brought, or none. Throws for one that was brought before. */
  async function markedCodes(id: AppMethod, input: UpstreamResponse): Promise<Marks> {
    const brought = codes.filter((name) => input[name])
    const marks = await Promise.all(
      brought.map(async (name) => [name, await spent.once(name, input[name] ?? '')] as const),
    )
    const own = new Map(marks.flatMap(([name, mark]) => (isTaken(mark) ? [] : [[name, mark] as const])))
    if (own.size === marks.length) return own
    await giveBack([...own.values()])
    throw new AppError(id === 'apple' ? 'upstream.code_used' : 'upstream.code_invalid', { cause: usedHere() })
  }

  /** Marks the token. Throws `upstream.used_just_now` for another attempt: it is good again after a while. */
  async function markedToken({ input, attemptId }: StepRequest<undefined>): Promise<Marks> {
    const token = input['upstream_token']
    if (!token) return new Map()
    const mark = await spent.oncePerAttempt('upstream_token', token, attemptId)
    if (!isTaken(mark)) return new Map([['upstream_token', mark]])
    const params = { retryAfterSeconds: mark.waitSeconds }
    throw new AppError('upstream.used_just_now', { params, cause: usedHere() })
  }

  /**
   * When a phone number was proved, accounts are made by the rule for numbers; otherwise by the rule of the upstream.
   */
  function registrationFor(phone: Identification['phone']): Registration {
    if (phone !== undefined && registration.phone === 'auto') return 'allowed'
    return ({ ask: 'ask', auto: 'allowed', closed: 'never' } as const)[registration.upstream]
  }
}

function usedHere(): UpstreamAnswer {
  return new UpstreamAnswer({ vendorCode: 'used_here' })
}

/** By the name of the field that brought what is marked. */
type Marks = ReadonlyMap<string, Mark>

type Offer = { readonly connector: Connector }

/** Throws `attempt.method_unknown`, and `request.invalid` where the name is missing and there are several. */
function chosen<Offered extends Offer>(offers: readonly Offered[], name?: string): Offered {
  if (!name && offers.length > 1) throw new AppError('request.invalid', { field: 'connection' })
  const found = named(offers, name)
  if (!found) throw new AppError('attempt.method_unknown')
  return found
}

/** The connection of this name; where no name was given, the only one. */
function named<Offered extends Offer>(offers: readonly Offered[], name?: string): Offered | undefined {
  return name ? offers.find(({ connector }) => connector.id === name) : offers.length === 1 ? offers[0] : undefined
}
