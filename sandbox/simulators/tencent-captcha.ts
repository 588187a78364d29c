import { isIP } from 'node:net'
import type { Clock } from '../../src/base/clock.ts'
import { type CaptchaSimulator, startCaptcha } from './captcha-simulator.ts'
import type { IssuedKey } from './cloud-metadata.ts'
import { derived, Issued } from './issued.ts'
import { objectOf } from './simulator.ts'
import { TencentGateway } from './tencent-gateway.ts'

/** Which account and applications the simulator knows. */
export interface TencentCaptchaOptions {
  readonly clock: Clock
  /** SecretId → SecretKey. */
  readonly secretKeys: Readonly<Record<string, string>>
  /** What is known of a temporary key. */
  readonly temporaryKey?: (id: string) => IssuedKey | undefined
  /** CaptchaAppId → AppSecretKey. */
  readonly apps: Readonly<Record<string, string>>
  readonly port?: number
}

/** What the widget calls back with. */
export interface TencentSolution {
  readonly ticket: string
  readonly randstr: string
}

const lifeSeconds = 300
const fallbackTicket = /^trerror_\d+_(\d+)_\d+$/

/**
 * Plays Tencent's captcha: DescribeCaptchaResult, version 2019-07-22. Everything has status 200. A fallback ticket is
 * one that a page has made by itself; it carries no secret, and the service says 21 to it, or 16 if it names another
 * application. Codes for malformed parameters are not documented by the vendor.
 */
export async function startTencentCaptcha(options: TencentCaptchaOptions): Promise<CaptchaSimulator<TencentSolution>> {
  const { clock, secretKeys, temporaryKey, apps, port } = options
  const action = { name: 'DescribeCaptchaResult', version: '2019-07-22', service: 'captcha' }
  const gateway = new TencentGateway({ clock, secretKeys, temporaryKey, action })
  const tickets = new Issued<{ readonly app: string; readonly randstr: string }>({
    clock,
    kind: 'ticket',
    ttlSeconds: lifeSeconds,
  })

  const codeOf = (ticket: string, randstr: string, app: string, secret: unknown): number => {
    if (!Object.hasOwn(apps, app) || apps[app] !== secret) return 100
    const [, fallbackApp] = fallbackTicket.exec(ticket) ?? []
    if (fallbackApp !== undefined) return fallbackApp === app ? 21 : 16
    const found = tickets.find(ticket)
    if (found === undefined) return 15
    if (found.about.app !== app) return 16
    if (found.about.randstr !== randstr) return 7
    if (found.state === 'expired') return 8
    if (found.state === 'used') return 9
    tickets.use(ticket)
    return 1
  }

  return startCaptcha({
    clock,
    port,
    solve(about) {
      const randstr = `@${derived(3, 'randstr', String(clock()))}`
      return { ticket: tickets.issue({ app: about?.of ?? Object.keys(apps)[0] ?? '', randstr }), randstr }
    },
    script: (solution) => scriptText.replace('SOLUTION', JSON.stringify(solution)),
    judge(request, asked, bent) {
      const denied = gateway.denied(request)
      if (denied !== undefined) return gateway.failure(denied)
      const given = objectOf(request.body)
      const { CaptchaType, Ticket, UserIp, Randstr, CaptchaAppId, AppSecretKey } = given
      const texts = [Ticket, UserIp, Randstr, AppSecretKey]
      if (texts.some((text) => text === undefined)) return gateway.failure('MissingParameter')
      if (texts.some((text) => typeof text !== 'string')) return gateway.failure('InvalidParameter')
      if (CaptchaType !== 9 || !Number.isInteger(CaptchaAppId)) return gateway.failure('InvalidParameterValue')
      if (isIP(String(UserIp)) === 0) return gateway.failure('InvalidParameterValue')
      if (asked !== undefined && !/^\d+$/.test(asked)) return gateway.failure(asked)
      const CaptchaCode = Number(asked ?? codeOf(String(Ticket), String(Randstr), String(CaptchaAppId), AppSecretKey))
      const CaptchaMsg = CaptchaCode === 1 ? 'OK' : `refused: ${CaptchaCode}`
      return gateway.answer(bent({ CaptchaCode, CaptchaMsg, EvilLevel: CaptchaCode === 21 ? 100 : 0 }))
    },
  })
}

const scriptText = `
window.TencentCaptcha = class {
  constructor(appId, callback) {
    if (!/^\\d+$/.test(appId)) throw new Error('no app id')
    this.callback = callback
  }
  show() {
    setTimeout(() => this.callback({ ret: 0, ...SOLUTION }))
  }
}
`
