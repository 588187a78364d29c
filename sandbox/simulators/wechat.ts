import type { Clock } from '../../src/base/clock.ts'
import type { Person } from './consent-page.ts'
import { type Simulator, startSimulator } from './simulator.ts'
import { sns, tokens } from './wechat-api.ts'
import { officialAccount, qrconnect, wechatPages } from './wechat-pages.ts'
import { type WechatApp, WechatState } from './wechat-state.ts'

export interface WechatOptions {
  readonly clock: Clock
  readonly apps: readonly WechatApp[]
  readonly people: readonly Person[]
  readonly port?: number
}

interface Consent {
  /** Otherwise the widest of the app's kind. */
  readonly scope?: string
  /** A stranger instead of the person, marked `is_snapshotuser`. */
  readonly snapshot?: boolean
}

export interface WechatSimulator extends Simulator {
  /** A code as if this person had agreed in the app's own way: QR page, page inside WeChat, app SDK or wx.login. */
  authorize(personId: string, appid: string, consent?: Consent): string
  /** What such a code is exchanged for, without a request. */
  issueTokens(personId: string, appid: string, consent?: Consent): WechatTokens
  openid(personId: string, appid: string): string
  /** Undefined while the app is bound to no Open Platform account. */
  unionid(personId: string, appid: string): string | undefined
  /** Moves an app to an Open Platform account, or with undefined out of every one. */
  bind(appid: string, openPlatform: string | undefined): void
  /** Whose phone the pages inside WeChat are shown on from here on; the first of the people at first. */
  signIn(personId: string): void
  /** Whether pages that demand the profile open as a read-only snapshot. */
  setSnapshot(isSnapshot: boolean): void
  /** Every code there is answers 42003 from here on. */
  expireCodes(): void
  /** Every code there is answers 40029 from here on. */
  forgetCodes(): void
}

type WechatTokens = ReturnType<typeof tokens>

const widestScope: Readonly<Record<WechatApp['kind'], string>> = {
  website: 'snsapi_login',
  official_account: 'snsapi_userinfo',
  mobile: 'snsapi_userinfo',
  mini_program: '',
}

/**
 * Plays open.weixin.qq.com and api.weixin.qq.com for web logins. Not documented by the vendor: the status of its error pages, the
 * life of a code (5 minutes here), what it makes of ports in a callback domain.
 */
export async function startWechat({ clock, apps, people, port }: WechatOptions): Promise<WechatSimulator> {
  const wechat = new WechatState({ clock, apps, people })
  const simulator = await startSimulator({
    clock,
    port,
    pages: wechatPages,
    handle(request, refuse) {
      if (request.path === '/connect/qrconnect') return qrconnect(request, wechat)
      if (request.path === '/connect/oauth2/authorize') return officialAccount(request, wechat)
      return (
        sns(request, wechat, refuse) ?? { status: 404, body: 'Not Found', headers: { 'content-type': 'text/plain' } }
      )
    },
  })

  const grant = (person: string, appid: string, { scope, snapshot = false }: Consent = {}) =>
    wechat.grant({ person, appid, scope: scope ?? widestScope[wechat.app(appid).kind], isSnapshot: snapshot })

  return Object.assign(simulator, {
    authorize: (person: string, appid: string, consent?: Consent) => wechat.codes.issue(grant(person, appid, consent)),
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
