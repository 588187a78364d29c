import { type CaptchaChallenge, captcha } from '../../interactions/challenges/captcha.ts'
import { buildCaptchaVendor, captchaOptions } from '../../interactions/challenges/captcha-vendors.ts'
import type { Proved } from '../../interactions/challenges/human-challenge.ts'
import { startAliyunCaptcha } from '../../sandbox/simulators/aliyun-captcha.ts'
import type { CaptchaSimulator, Solved } from '../../sandbox/simulators/captcha-simulator.ts'
import { startGeetest } from '../../sandbox/simulators/geetest-captcha.ts'
import { type SiteverifyDialect, startSiteverify } from '../../sandbox/simulators/siteverify-captcha.ts'
import { startTencentCaptcha } from '../../sandbox/simulators/tencent-captcha.ts'
import { startYidun } from '../../sandbox/simulators/yidun-captcha.ts'
import { httpClient } from '../../src/base/http.ts'

type Fields = Readonly<Record<string, string>>
type Settings = Readonly<Record<string, unknown>>

/** One vendor with a simulator that knows us. */
export interface CaptchaWorld {
  readonly simulator: Omit<CaptchaSimulator<unknown>, 'solve'>
  /** What a person brings who has solved it. */
  solved(about?: Partial<Solved>): Fields
  /** The challenge with these settings besides; `timeoutMs` is how long an answer may take. */
  challenge(settings?: Settings): CaptchaChallenge
  readonly settings: Settings
  /** Settings with which the vendor does not know us. */
  readonly strange: Settings
  /** Seconds that a solution lives. */
  readonly lifeSeconds: number
  /** The address that the vendor was told of the person; absent where it takes none. */
  readonly addressSeen?: () => string | null | undefined
  /** The member of an answer that says yes. */
  readonly yes: string
}

/** The time of all worlds; tests walk it. */
export const time = { now: Date.parse('2026-11-30T08:00:00Z') }
const clock = () => time.now

/** The address of the person. */
export const ip = '203.0.113.7'
/** What the challenges logged. */
export const logged: { level: string; code: unknown }[] = []
const log = (level: string) => (line: unknown) =>
  void logged.push({ level, code: (line as { vendor_code: unknown }).vendor_code })

/** Asks for a verdict. */
export function verify(challenge: CaptchaChallenge, fields: Fields): Promise<Proved> {
  return challenge.verify({ fields, ip, purpose: 'message', attemptId: 'attempt', to: '13900000000' })
}

function challengeOf({ timeoutMs = 10_000, ...settings }: Settings): CaptchaChallenge {
  const http = httpClient({ timeoutMs: Number(timeoutMs), allowInsecure: true })
  const vendor = buildCaptchaVendor(captchaOptions.parse(settings), {
    http,
    metadata: http,
    clock,
    hostname: 'localhost',
  })
  return captcha(vendor, { clock, log: { warn: log('warn'), error: log('error') } })
}

async function aliyun(): Promise<CaptchaWorld> {
  const scenes = { scene1: 'live', passing: 'test_pass', failing: 'test_fail', scene2: 'live' } as const
  const simulator = await startAliyunCaptcha({ clock, accessKeys: { keyid: 'keysecret' }, scenes })
  const settings = { vendor: 'aliyun', access_key_id: 'keyid', access_key_secret: 'keysecret', scene_id: 'scene1' }
  return {
    simulator,
    solved: (about) => ({ captcha_verify_param: simulator.solve(about) }),
    settings: { ...settings, prefix: 'prefix', endpoint: simulator.url },
    challenge: (more) => challengeOf({ ...settings, prefix: 'prefix', endpoint: simulator.url, ...more }),
    strange: { access_key_secret: 'another' },
    lifeSeconds: 1200,
    yes: 'Result',
  }
}

async function tencent(): Promise<CaptchaWorld> {
  const apps = { '190000001': 'app-secret', '190000002': 'other-secret' }
  const simulator = await startTencentCaptcha({ clock, secretKeys: { AKIDours: 'secretkey' }, apps })
  const keys = { vendor: 'tencent', secret_id: 'AKIDours', secret_key: 'secretkey' }
  const settings = { ...keys, app_id: 190000001, app_secret_key: 'app-secret' }
  return {
    simulator,
    solved(about) {
      const { ticket, randstr } = simulator.solve(about)
      return { captcha_ticket: ticket, captcha_randstr: randstr }
    },
    settings: { ...settings, endpoint: simulator.url },
    challenge: (more) => challengeOf({ ...settings, endpoint: simulator.url, ...more }),
    strange: { secret_key: 'another' },
    lifeSeconds: 300,
    addressSeen: () => JSON.parse(simulator.requests.at(-1)?.body ?? '{}').UserIp,
    yes: 'CaptchaCode',
  }
}

async function geetest(): Promise<CaptchaWorld> {
  const simulator = await startGeetest({ clock, captchas: { ours: 'key-of-ours', other: 'key-of-other' } })
  const settings = { vendor: 'geetest', captcha_id: 'ours', captcha_key: 'key-of-ours' }
  return {
    simulator,
    solved(about) {
      const { lot_number, captcha_output, pass_token, gen_time } = simulator.solve(about)
      return {
        captcha_lot_number: lot_number,
        captcha_output,
        captcha_pass_token: pass_token,
        captcha_gen_time: gen_time,
      }
    },
    settings: { ...settings, endpoint: simulator.url },
    challenge: (more) => challengeOf({ ...settings, endpoint: simulator.url, ...more }),
    strange: { captcha_id: 'unknown' },
    lifeSeconds: 600,
    yes: 'result',
  }
}

async function yidun(): Promise<CaptchaWorld> {
  const simulator = await startYidun({ clock, captchaIds: ['ours', 'other'], secretKeys: { sid: 'skey' } })
  const settings = { vendor: 'yidun', captcha_id: 'ours', secret_id: 'sid', secret_key: 'skey' }
  return {
    simulator,
    solved: (about) => ({ captcha_validate: simulator.solve(about) }),
    settings: { ...settings, endpoint: simulator.url },
    challenge: (more) => challengeOf({ ...settings, endpoint: simulator.url, ...more }),
    // The vendor's numbers do not tell.
    strange: {},
    lifeSeconds: 1200,
    yes: 'result',
  }
}

const paths: Readonly<Record<SiteverifyDialect, string>> = {
  turnstile: '/turnstile/v0/siteverify',
  hcaptcha: '/siteverify',
  recaptcha: '/recaptcha/api/siteverify',
}

function speaking(dialect: SiteverifyDialect, lifeSeconds: number) {
  return async (): Promise<CaptchaWorld> => {
    const simulator = await startSiteverify({ clock, dialect, siteKey: 'site', secret: 'secret' })
    const where =
      dialect === 'recaptcha'
        ? { vendor: 'siteverify', provider: 'recaptcha', verify_url: `${simulator.url}${paths[dialect]}` }
        : { vendor: dialect, endpoint: simulator.url }
    return {
      simulator,
      solved: (about) => ({ captcha_token: simulator.solve(about) }),
      settings: { ...where, site_key: 'site', secret: 'secret' },
      challenge: (more) => challengeOf({ ...where, site_key: 'site', secret: 'secret', ...more }),
      strange: { secret: 'another' },
      lifeSeconds,
      addressSeen: () => new URLSearchParams(simulator.requests.at(-1)?.body).get('remoteip'),
      yes: 'success',
    }
  }
}

/** Every vendor. */
export const worlds = [
  { name: 'aliyun', open: aliyun },
  { name: 'tencent', open: tencent },
  { name: 'geetest', open: geetest },
  { name: 'yidun', open: yidun },
  { name: 'turnstile', open: speaking('turnstile', 300) },
  { name: 'hcaptcha', open: speaking('hcaptcha', 120) },
  { name: 'siteverify', open: speaking('recaptcha', 120) },
] as const

/** The world of this name. */
export async function openCaptcha(name: (typeof worlds)[number]['name']): Promise<CaptchaWorld> {
  const found = worlds.find((each) => each.name === name)
  if (!found) throw new Error(`there is no ${name}`)
  return found.open()
}
