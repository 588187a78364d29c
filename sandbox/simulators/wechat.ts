import type { Clock } from '../../src/base/clock.ts'
import { type Simulator, startSimulator } from './simulator.ts'
import { sns, tokens } from './wechat-api.ts'
import { miniProgramApi } from './wechat-mini-program.ts'
import { type EncryptedData, MiniPrograms, type StableTokenCalls, type WatermarkBent } from './wechat-mini-state.ts'
import { officialAccount, qrconnect, wechatPages } from './wechat-pages.ts'
import { type WechatApp, type WechatPerson, WechatState } from './wechat-state.ts'

/** The apps and the people that the simulator knows. */
export interface WechatOptions {
  readonly clock: Clock
  readonly apps: readonly WechatApp[]
  readonly people: readonly WechatPerson[]
  readonly port?: number
}

interface Consent {
  /** If it is absent, the scope is the widest that this kind of app has. */
  readonly scope?: string
  /** A stranger instead of the person, marked `is_snapshotuser`. */
  readonly snapshot?: boolean
}

/** The simulator, and what a test may make it do. */
export interface WechatSimulator extends Simulator {
  /** A code as if this person had agreed in the app's own way: QR page, page inside WeChat or app SDK. */
  authorize(personId: string, appid: string, consent?: Consent): string
  /** What an app gets back from `SendAuth` of the SDK, which takes the person to WeChat and asks there. */
  sendAuth(personId: string, appid: string, asked: { state: string; decision?: SdkDecision }): SdkAnswer
  /** What such a code is exchanged for, without a request. */
  issueTokens(personId: string, appid: string, consent?: Consent): WechatTokens
  openid(personId: string, appid: string): string
  /** It is undefined while the app is bound to no Open Platform account. */
  unionid(personId: string, appid: string): string | undefined
  /** Moves an app to an Open Platform account, or with undefined out of every one. */
  bind(appid: string, openPlatform: string | undefined): void
  /** From now on the pages inside WeChat are shown on this person's phone; at first it is the first of the people. */
  signIn(personId: string): void
  /** Whether pages that demand the profile open as a read-only snapshot. */
  setSnapshot(isSnapshot: boolean): void
  /**
   * wx.login: a js_code, and a new session key. A mini program's `appid` may be left out everywhere: the first is
   * meant.
   */
  loginMiniProgram(personId: string, appid?: string): string
  /** What the button `getPhoneNumber` gives. Throws for a person without a phone. */
  phoneCode(personId: string, appid?: string): string
  /** What the same button gives in old versions of WeChat, under the session key of the last wx.login. */
  encryptedPhone(personId: string, appid?: string): EncryptedData
  /** What wx.getUserInfo gave, under the same key. */
  encryptedProfile(personId: string, appid?: string): ReturnType<MiniPrograms['encryptedProfile']>
  /** How getuserphonenumber writes a country code: its sample has the number 86, its table a string. */
  setCountryCodeAs(countryCodeAs: 'number' | 'string'): void
  /** From now on this is wrong with watermarks; with `{}` nothing is. */
  setWatermark(bent: WatermarkBent): void
  /** Whether jscode2session says `errcode` 0 when all is well. */
  setErrcodeZero(hasErrcodeZero: boolean): void
  /** How often this appid has got a stable token. */
  stableTokenCalls(appid?: string): StableTokenCalls
  /** From now on every code that exists gets the answer 42003. */
  expireCodes(): void
  /** From now on every code that exists gets the answer 40029. */
  forgetCodes(): void
}

type SdkDecision = 'accept' | 'refuse' | 'cancel'

interface SdkAnswer {
  readonly errCode: number
  readonly state: string
  readonly code?: string
}

const errCodes: Readonly<Record<SdkDecision, number>> = { accept: 0, refuse: -4, cancel: -2 }

type WechatTokens = ReturnType<typeof tokens>

const widestScope: Readonly<Record<Exclude<WechatApp['kind'], 'mini_program'>, string>> = {
  website: 'snsapi_login',
  official_account: 'snsapi_userinfo',
  mobile: 'snsapi_userinfo',
}

/**
 * Plays open.weixin.qq.com and api.weixin.qq.com for logins. Not documented by the vendor: the status of its error
 * pages, the life of a code (5 minutes here), what it makes of ports in a callback domain, which session key
 * checksession takes (the text of the last wx.login's here), what errcodes forced stable tokens run into.
 */
export async function startWechat({ clock, apps, people, port }: WechatOptions): Promise<WechatSimulator> {
  const wechat = new WechatState({ clock, apps, people })
  const programs = new MiniPrograms(wechat, clock)
  const simulator = await startSimulator({
    clock,
    port,
    pages: wechatPages,
    handle(request, refuse) {
      if (request.path === '/connect/qrconnect') return qrconnect(request, wechat)
      if (request.path === '/connect/oauth2/authorize') return officialAccount(request, wechat)
      return (
        sns(request, wechat, refuse) ??
        miniProgramApi(request, { wechat, programs }, refuse) ?? {
          status: 404,
          body: 'Not Found',
          headers: { 'content-type': 'text/plain' },
        }
      )
    },
  })

  const grant = (person: string, appid: string, { scope, snapshot = false }: Consent = {}) => {
    const { kind } = wechat.app(appid)
    if (kind === 'mini_program') throw new Error(`${appid} is a mini program: loginMiniProgram`)
    return wechat.grant({ person, appid, scope: scope ?? widestScope[kind], isSnapshot: snapshot })
  }

  const authorize = (person: string, appid: string, consent?: Consent) =>
    wechat.codes.issue(grant(person, appid, consent))

  const firstProgram = apps.find(({ kind }) => kind === 'mini_program')?.appid ?? ''

  const program = (person: string, appid = firstProgram) => {
    if (wechat.app(appid).kind !== 'mini_program') throw new Error(`${appid} is no mini program`)
    return { person: wechat.person(person).id, appid }
  }

  return Object.assign(simulator, {
    authorize,
    sendAuth(
      person: string,
      appid: string,
      { state, decision = 'accept' }: { state: string; decision?: SdkDecision },
    ): SdkAnswer {
      if (wechat.app(appid).kind !== 'mobile') throw new Error(`${appid} is no mobile app`)
      const errCode = errCodes[decision]
      return { errCode, state, ...(decision === 'accept' && { code: authorize(person, appid) }) }
    },
    loginMiniProgram(person: string, appid?: string) {
      const use = program(person, appid)
      return wechat.codes.issue({ ...use, scope: '', sessionKey: programs.startSession(use) })
    },
    phoneCode(person: string, appid?: string) {
      const use = program(person, appid)
      programs.phoneInfo(use)
      return programs.phoneCodes.issue(use)
    },
    encryptedPhone: (person: string, appid?: string) => programs.encryptedPhone(program(person, appid)),
    encryptedProfile: (person: string, appid?: string) => programs.encryptedProfile(program(person, appid)),
    setCountryCodeAs(countryCodeAs: 'number' | 'string') {
      programs.countryCodeAs = countryCodeAs
    },
    setWatermark(bent: WatermarkBent) {
      programs.watermarkBent = bent
    },
    setErrcodeZero(hasErrcodeZero: boolean) {
      programs.hasErrcodeZero = hasErrcodeZero
    },
    stableTokenCalls: (appid = firstProgram) => programs.calls(appid),
    issueTokens: (person: string, appid: string, consent?: Consent) => tokens(wechat, grant(person, appid, consent)),
    openid: (person: string, appid: string) => wechat.openid({ person, appid }),
    unionid: (person: string, appid: string) => wechat.unionid({ person, appid }),
    bind: (appid: string, openPlatform: string | undefined) => wechat.bind(appid, openPlatform),
    signIn(person: string) {
      wechat.signedIn = wechat.person(person).id
    },
    setSnapshot(isSnapshot: boolean) {
      wechat.isSnapshot = isSnapshot
    },
    expireCodes: () => wechat.codes.expireAll(),
    forgetCodes: () => wechat.codes.forgetAll(),
  })
}
