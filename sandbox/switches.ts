import type { SmsSender } from '../src/sms/sms-sender.ts'
import { undeliverable } from '../src/sms/sms-sender.ts'
import type { AliyunDytnsSimulator } from './simulators/aliyun-dytns.ts'
import type { HookMood, HookSimulator } from './simulators/deletion-hook.ts'
import { type Oddity, oddities } from './simulators/oddities.ts'
import type { Fault, Simulator } from './simulators/simulator.ts'
import type { WechatSimulator } from './simulators/wechat.ts'

/** The simulated vendors by name. */
export type Simulators = Readonly<
  Record<'qq' | 'weibo' | 'github' | 'apple' | 'oidc' | 'univerify' | 'aliyun', Simulator>
> & { readonly wechat: WechatSimulator }

type VendorName = keyof Simulators
type Troubles = Readonly<Partial<Record<VendorName, readonly Fault[]>>>

/** The same trouble for every request to each vendor. */
function everywhere(trouble: Fault): Troubles {
  const names: readonly VendorName[] = ['wechat', 'qq', 'weibo', 'github', 'apple', 'oidc', 'univerify', 'aliyun']
  return Object.fromEntries(names.map((name) => [name, [trouble]]))
}

/** A refusal with this code at each of these paths. */
function refusals(code: string, paths: readonly string[], message?: string): Fault[] {
  return paths.map((path) => ({ kind: 'refuse', code, path, ...(message === undefined ? {} : { message }) }))
}

const wechatSecretPaths = ['/sns/oauth2/access_token', '/sns/jscode2session', '/cgi-bin/stable_token']
const notListed = 'invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist'
const slowMs = 3000

/** What vendors do beside writing oddly: each holds for every request until it is switched off. */
const troubles = {
  slow_answers: everywhere({ kind: 'latency', ms: slowMs }),
  lost_answers: everywhere({ kind: 'reset_after_accept' }),
  cut_answers: everywhere({ kind: 'truncated_json' }),
  html_answers: everywhere({ kind: 'html_instead' }),
  bad_gateway: everywhere({ kind: 'bad_gateway_html' }),
  too_many_requests: everywhere({ kind: 'too_many_requests' }),
  wrong_secret: {
    wechat: refusals('40125', wechatSecretPaths),
    qq: refusals('100009', ['/oauth2.0/token']),
    weibo: refusals('21324', ['/oauth2/access_token']),
    github: refusals('incorrect_client_credentials', ['/login/oauth/access_token']),
    apple: refusals('invalid_client', ['/auth/token']),
    oidc: refusals('invalid_client', ['/token']),
    univerify: refusals('FunctionError', ['/univerify/getPhoneNumber'], 'bad sign'),
    aliyun: refusals('SignatureDoesNotMatch', ['/']),
  },
  blocked_address: { wechat: refusals('40164', wechatSecretPaths, notListed) },
  vendor_busy: {
    wechat: refusals('-1', ['/sns/oauth2/access_token', '/sns/jscode2session']),
    weibo: refusals('21331', ['/oauth2/access_token']),
  },
  person_restricted: { wechat: refusals('40226', ['/sns/oauth2/access_token', '/sns/jscode2session']) },
  code_used: {
    wechat: refusals('40163', ['/sns/oauth2/access_token', '/sns/jscode2session']),
    qq: refusals('100020', ['/oauth2.0/token']),
    weibo: refusals('21325', ['/oauth2/access_token']),
    github: refusals('bad_verification_code', ['/login/oauth/access_token']),
    apple: refusals('invalid_grant', ['/auth/token']),
    oidc: refusals('invalid_grant', ['/token']),
    univerify: refusals('5000', ['/univerify/getPhoneNumber']),
    aliyun: refusals('isv.TOKEN_INVALID', ['/']),
  },
  profile_too_often: { wechat: refusals('45011', ['/sns/userinfo']) },
  profile_failed: {
    wechat: refusals('-1', ['/sns/userinfo']),
    qq: refusals('-1', ['/user/get_user_info']),
    weibo: refusals('10001', ['/2/users/show.json']),
  },
  profile_token_refused: {
    wechat: refusals('40001', ['/sns/userinfo']),
    qq: refusals('-23', ['/user/get_user_info']),
  },
  revocation_refused: { apple: refusals('invalid_client', ['/auth/revoke']) },
  profile_not_granted: { qq: refusals('100030', ['/user/get_user_info']) },
} as const satisfies Record<string, Troubles>

type Trouble = keyof typeof troubles
/** What is neither an oddity nor a trouble of one request. */
const states = [
  ...(['snapshot', 'unionid_later', 'sms_answer_lost', 'sms_template_refused'] as const),
  ...(['deletion_orders', 'deletion_slow', 'deletion_wrong'] as const),
  ...(['number_same', 'number_given_again', 'number_given_up'] as const),
] as const
type State = (typeof states)[number]

/** What can be switched on. */
export type Switch = Oddity | Trouble | State

/** What the shop says that is asked before a deletion. */
const moods: readonly (readonly [State, HookMood])[] = [
  ['deletion_orders', 'open_orders'],
  ['deletion_slow', 'slow'],
  ['deletion_wrong', 'wrong'],
]

/** What the carriers say of a number that was not proved for long. Nothing is on: they do not know. */
const fates: readonly (readonly [State, 'same' | 'given' | 'gone'])[] = [
  ['number_same', 'same'],
  ['number_given_again', 'given'],
  ['number_given_up', 'gone'],
]

/** All switches as the page groups them. */
export const switchGroups: Readonly<Record<'writing' | 'refusing' | 'state', readonly Switch[]>> = {
  writing: Object.keys(oddities) as Oddity[],
  refusing: Object.keys(troubles) as Trouble[],
  state: states,
}

/** The apps of the sandbox that are bound to its Open Platform account. */
const boundApps = ['wx5a00000000000001', 'wx5a00000000000002', 'wx5a00000000000003', 'wx5a00000000000004']

/**
 * Lets the simulated vendors behave as badly as real ones do, so that an operator sees what people would see. What is
 * on, is on for every vendor that can do it.
 */
export class Switches {
  readonly #simulators: Simulators | undefined
  readonly #hook: HookSimulator
  readonly #numbers: Pick<AliyunDytnsSimulator, 'usually'>
  readonly #on = new Set<Switch>()

  constructor(
    simulators: Simulators | undefined,
    { hook, numbers }: { readonly hook: HookSimulator; readonly numbers: Pick<AliyunDytnsSimulator, 'usually'> },
  ) {
    this.#simulators = simulators
    this.#hook = hook
    this.#numbers = numbers
    this.#apply()
  }

  isOn(name: Switch): boolean {
    return this.#on.has(name)
  }

  /** Whether there are simulated vendors in this process. */
  get hasVendors(): boolean {
    return this.#simulators !== undefined
  }

  /** Turns one on or off. Answers false for a name that is no switch. */
  turn(name: string, isOn: boolean): boolean {
    const known = Object.values(switchGroups).flat()
    const found = known.find((each) => each === name)
    if (found === undefined) return false
    if (isOn) this.#on.add(found)
    else this.#on.delete(found)
    this.#apply()
    return true
  }

  turnAllOff(): void {
    this.#on.clear()
    this.#apply()
  }

  /** The sender of the sandbox, with what is wrong with messages. */
  messages(sender: SmsSender): SmsSender {
    return {
      send: async (message) => {
        // No vendor sends a mainland template abroad.
        if (this.isOn('sms_template_refused') && !message.to.startsWith('+86')) {
          throw undeliverable({ vendorCode: 'isv.SMS_TEMPLATE_ILLEGAL', certainlyNotSent: true, level: 'error' })
        }
        const outcome = await sender.send(message)
        return this.isOn('sms_answer_lost') ? 'unclear' : outcome
      },
    }
  }

  #apply(): void {
    this.#hook.mood = moods.find(([name]) => this.isOn(name))?.[1] ?? 'allows'
    this.#numbers.usually(fates.find(([name]) => this.isOn(name))?.[1] ?? 'hidden')
    const simulators = this.#simulators
    if (!simulators) return
    for (const [name, simulator] of Object.entries(simulators) as [VendorName, Simulator][]) {
      const odd = switchGroups.writing.filter((each) => this.#on.has(each)) as Oddity[]
      simulator.oddities.clear()
      for (const each of odd) simulator.oddities.add(each)
      const standing = Object.entries(troubles).flatMap(([trouble, of]: [string, Troubles]) =>
        this.#on.has(trouble as Trouble) ? (of[name] ?? []) : [],
      )
      simulator.troubles.splice(0, simulator.troubles.length, ...standing)
    }
    simulators.wechat.setSnapshot(this.isOn('snapshot'))
    const account = this.isOn('unionid_later') ? undefined : 'sandbox'
    for (const appid of boundApps) simulators.wechat.bind(appid, account)
  }
}
