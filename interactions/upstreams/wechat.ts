import { z } from 'zod'
import { displayable } from '../../src/accounts/profile.ts'
import type { Profile } from '../../src/accounts/user.ts'
import { AppError } from '../../src/base/errors.ts'
import { type Secret, secret } from '../../src/base/secret.ts'
import { addressBelow, vendorAddress } from '../../src/base/vendor-address.ts'
import { connectionBase, vendorAccount } from './connection-base.ts'
import {
  connectorKind,
  type Frame,
  type Identification,
  madeUp,
  required,
  type UpstreamResponse,
  upstreamError,
} from './connector.ts'
import { namespace, serverOf, type Where } from './namespaces.ts'
import { overHttps } from './upstream-call.ts'
import { flag, optional, shown, subject, tokenText } from './vendor-answers.ts'
import { appOf, isPhone } from './visit.ts'
import { apiUnauthorized, askWechat, exchangeCodes, parsed, userCodes, wechatSubjects } from './wechat-api.ts'
import { wechatMiniProgram } from './wechat-mini-program.ts'
import { stableToken } from './wechat-stable-token.ts'

const app = {
  appid: z.string().min(1).describe('App id, wx…'),
  secret: secret().describe('App secret of that app.'),
}

/** Settings of WeChat: the apps of one Open Platform account. */
export const wechatOptions = z.strictObject({
  ...connectionBase('wechat'),
  type: z.literal('wechat').describe('WeChat: the apps of one Open Platform account.'),
  account: vendorAccount('Open Platform account'),
  website: z.strictObject(app).optional().describe('Website app: a QR code in every browser on a wide screen.'),
  official_account: z
    .strictObject({
      ...app,
      scope: z
        .enum(['snsapi_userinfo', 'snsapi_base'])
        .default('snsapi_userinfo')
        .describe('`snsapi_base` asks nothing and tells no unionid, so it cannot find who came by QR code before.'),
    })
    .optional()
    .describe('Verified service account: login inside WeChat.'),
  mobile_app: z.strictObject(app).optional().describe('Mobile app: login by the SDK, method `wechat_app`.'),
  mini_program: z
    .strictObject({
      ...app,
      join_by_phone: z
        .boolean()
        .default(false)
        .describe(
          'Whether a number of the phone button lets a WeChat identity nobody has into the account of that ' +
            'number, once the person says that it is theirs. WeChat verified it at some time, not now: say `true` ' +
            'only with the real-time component. `false`: a code to the number decides.',
        ),
    })
    .optional()
    .describe('Mini program: login by `wx.login`, method `wechat_mini_program`.'),
  open_url: vendorAddress('https://open.weixin.qq.com').describe('Address of the pages for people.'),
  api_url: vendorAddress('https://api.weixin.qq.com').describe('Address of the API.'),
})

type WechatOptions = z.output<typeof wechatOptions>

interface App {
  readonly appid: string
  readonly secret: Secret
}

const tokenAnswer = z.object({
  access_token: tokenText,
  openid: subject,
  scope: shown,
  unionid: optional(subject),
  is_snapshotuser: flag,
})
const userAnswer = z.object({ openid: subject, unionid: optional(subject), nickname: shown, headimgurl: shown })
type User = z.output<typeof userAnswer>

/**
 * WeChat in browsers, apps and mini programs (developers.weixin.qq.com/doc/oplatform, /doc/service/api/webdev and
 * /miniprogram, as of 2026-11-20). An openid belongs to one app, a unionid to all apps of one Open Platform account.
 * SECURITY: only codes are accepted, because WeChat's tokens do not say for which app they were made.
 */
export const wechat = connectorKind({
  options: wechatOptions,
  namespace: wechatNamespace,
  build(options, dependencies, provider) {
    const { http } = dependencies
    const { website, official_account: officialAccount, mobile_app: mobileApp, mini_program: miniProgram } = options

    const miniProgramLogin =
      miniProgram &&
      wechatMiniProgram(
        { ...miniProgram, provider, apiUrl: options.api_url, joinByPhone: miniProgram.join_by_phone },
        dependencies,
      )

    function registered(variant: string) {
      const found = variant === 'official_account' ? officialAccount : website
      if (!found) throw upstreamError('upstream.misconfigured', { vendorCode: `no_${variant}` })
      return found
    }

    /** Redeems a code for this app: whose code is it? */
    async function redeemed({ appid, secret: appSecret }: App, code: string): Promise<Identification> {
      const query = { appid, secret: appSecret.reveal(), code, grant_type: 'authorization_code' }
      const exchange = addressBelow(options.api_url, '/sns/oauth2/access_token', query)
      const told = parsed(tokenAnswer, await askWechat(http, exchange), exchangeCodes)
      // SECURITY: WeChat invents the openid and unionid of a snapshot visitor, so no account may be found or made with
      // them.
      if (told.is_snapshotuser) throw upstreamError('upstream.snapshot', { vendorCode: 'is_snapshotuser' })
      const { access_token: accessToken, openid, scope, unionid } = told
      const isTelling = scope.split(',').some((each) => each === 'snsapi_login' || each === 'snsapi_userinfo')
      const info = isTelling ? await user(accessToken, openid) : undefined
      const isUnread = info instanceof AppError
      return {
        identity: {
          provider,
          subjects: wechatSubjects(appid, openid, unionid ?? (isUnread ? undefined : info?.unionid)),
          profile: info === undefined || isUnread ? {} : profile(info),
        },
        // Only the unionid leads to an account that was made in another app.
        ...(isUnread && unionid === undefined ? { ifUnknown: info } : {}),
      }
    }

    /**
     * What WeChat tells about this person; the error, if WeChat cannot be asked now; nothing, if it never tells.
     * SECURITY: an answer about somebody else shows that answers get mixed up on their way, so nobody is let in with
     * it.
     */
    async function user(accessToken: string, openid: string): Promise<User | AppError | undefined> {
      const query = { access_token: accessToken, openid, lang: 'zh_CN' }
      try {
        const answer = await askWechat(http, addressBelow(options.api_url, '/sns/userinfo', query))
        if (answer.errcode === apiUnauthorized) return undefined
        const info = parsed(userAnswer, answer, userCodes)
        if (info.openid === openid) return info
      } catch (error) {
        if (error instanceof AppError) return error
        throw error
      }
      throw upstreamError('upstream.refused', { vendorCode: 'openid_mismatch' })
    }

    return {
      availability(visit) {
        if (!website && !officialAccount) return 'hidden'
        if (appOf(visit) === 'wechat') return officialAccount ? 'here' : 'elsewhere'
        // A phone cannot scan a QR code that is on its own screen.
        return website && !isPhone(visit) ? 'here' : 'elsewhere'
      },
      places: [...(officialAccount ? ['own_app' as const] : []), ...(website ? ['computer' as const] : [])],
      home: 'wechat',
      variant: (visit) => (appOf(visit) === 'wechat' && officialAccount ? 'official_account' : 'website'),
      async authorizationUrl({ redirectUri, state, variant }, { locale }) {
        const { appid } = registered(variant)
        const isPage = variant === 'official_account'
        // WeChat compares the link with a pattern, so the parameters must keep this order.
        const url = addressBelow(options.open_url, isPage ? '/connect/oauth2/authorize' : '/connect/qrconnect', {
          appid,
          redirect_uri: redirectUri,
          response_type: 'code',
          scope: isPage ? (officialAccount?.scope ?? '') : 'snsapi_login',
          state,
          ...(isPage ? {} : { lang: locale === 'en' ? 'en' : 'cn' }),
        })
        url.hash = 'wechat_redirect'
        return url
      },
      ...(website ? { frame: qrFrame(options, website.appid) } : {}),
      async identify({ code }, { variant }) {
        if (!code) throw upstreamError('upstream.cancelled', { vendorCode: 'no_code' })
        return redeemed(registered(variant), code)
      },
      questions() {
        const knows = (app: App | undefined, kind: string) =>
          app ? [{ about: `${kind} ${app.appid}`, ask: () => redeemed(app, madeUp()) }] : []
        const letsIn = (app: App | undefined, kind: string) =>
          app
            ? [
                {
                  about: `API of ${kind} ${app.appid}`,
                  ask: () => stableToken(app, options.api_url, http),
                  isAnswered: true,
                },
              ]
            : []
        return [
          ...knows(website, 'website'),
          ...knows(officialAccount, 'official_account'),
          // A login asks nothing else of this account, but its token tells more of the secret than a code does.
          ...letsIn(officialAccount, 'official_account').map((each) => ({ ...each, isOptional: true })),
          ...knows(mobileApp, 'mobile_app'),
          ...(miniProgram && miniProgramLogin
            ? [
                {
                  about: `mini_program ${miniProgram.appid}`,
                  ask: () => miniProgramLogin({ upstream_code: madeUp() }),
                },
              ]
            : []),
          ...letsIn(miniProgram, 'mini_program'),
        ]
      },
      apps: {
        ...(mobileApp
          ? { wechat_app: async (given: UpstreamResponse) => redeemed(mobileApp, required(given, 'upstream_code')) }
          : {}),
        ...(miniProgramLogin ? { wechat_mini_program: miniProgramLogin } : {}),
      },
    }
  },
})

/**
 * The page of the QR code as WeChat's own script puts it into others (developers.weixin.qq.com/doc/oplatform, as of
 * 2026-11-29). `self_redirect=false` leads the top window on; the text is dark, because a code needs a light ground.
 */
function qrFrame({ open_url: address }: WechatOptions, appid: string): Frame {
  return {
    origin: new URL(address).origin,
    isOffered: (visit) => appOf(visit) === undefined && !isPhone(visit),
    url: ({ redirectUri, state }, { locale }) =>
      addressBelow(address, '/connect/qrconnect', {
        appid,
        scope: 'snsapi_login',
        redirect_uri: redirectUri,
        state,
        login_type: 'jssdk',
        self_redirect: 'false',
        style: 'black',
        lang: locale === 'en' ? 'en' : 'cn',
      }),
  }
}

/**
 * A unionid belongs to one Open Platform account. An openid belongs to one app, and its subject contains that app's id.
 * WeChat has several addresses for one API.
 */
function wechatNamespace({ id, account, api_url: address, ...options }: WechatOptions, where: Where) {
  const { website, official_account, mobile_app, mini_program } = options
  const apps = [website, official_account, mobile_app, mini_program].flatMap((app) => (app ? [app.appid] : []))
  const issuer = serverOf(address).replace(/^.+\.(?=weixin\.qq\.com$)/, '')
  const remedy = 'give it an `account` of its own, or `account: main` if both are of one Open Platform account'
  return namespace({ id, provider: 'wechat', address, issuer, account, apps, remedy }, where)
}

function profile({ nickname, headimgurl }: { readonly nickname: string; readonly headimgurl: string }): Profile {
  // WeChat gives everybody this name, and one grey picture, who does not tell theirs.
  if (nickname.trim() === '微信用户') return {}
  return displayable({ nickname, picture: overHttps(headimgurl) })
}
