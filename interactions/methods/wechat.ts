import { z } from 'zod'
import { displayable } from '../../src/accounts/profile.ts'
import type { Profile } from '../../src/accounts/user.ts'
import { secret } from '../../src/base/secret.ts'
import { connectionBase } from './connection-base.ts'
import { connectorKind, isInsideWechat, parseAnswer, parseJson, upstreamError, type Visit } from './connector.ts'
import { call, overHttps, type VendorCodes, withQuery } from './upstream-call.ts'

const app = {
  appid: z.string().min(1).describe('App id, wx…'),
  secret: secret().describe('App secret of that app.'),
}

/** Settings of WeChat: the apps of one Open Platform account. */
export const wechatOptions = z.strictObject({
  ...connectionBase('wechat'),
  type: z.literal('wechat').describe('WeChat: the apps of one Open Platform account.'),
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
  open_url: z.url().default('https://open.weixin.qq.com').describe('Address of the pages for people.'),
  api_url: z.url().default('https://api.weixin.qq.com').describe('Address of the API.'),
})

const outcome = z.object({ errcode: z.coerce.string().default('0'), errmsg: z.string().catch('') })
const tokenAnswer = z.object({
  access_token: z.string().min(1),
  openid: z.string().min(1),
  scope: z.string().default(''),
  unionid: z.string().default(''),
  is_snapshotuser: z.coerce.number().default(0),
})
const userAnswer = z.object({
  openid: z.string().min(1),
  unionid: z.string().default(''),
  nickname: z.string().catch(''),
  headimgurl: z.string().catch(''),
})

interface Answer {
  readonly errcode: string
  readonly requestId: string | undefined
  readonly json: unknown
}

/**
 * WeChat in browsers (developers.weixin.qq.com/doc/oplatform/Website_App and /doc/service/api/webdev, as of 2026-11-20). Failures
 * have status 200 and an `errcode`. An openid belongs to one app, a unionid to all apps of one Open Platform account. SECURITY:
 * only a code is ever taken: WeChat's tokens do not say for which app they were made.
 */
export const wechat = connectorKind({
  options: wechatOptions,
  build(options, { http }) {
    const { website, official_account: officialAccount } = options

    function appOf(variant: string) {
      const found = variant === 'official_account' ? officialAccount : website
      if (!found) throw upstreamError('upstream.misconfigured', { vendorCode: `no_${variant}` })
      return found
    }

    // SECURITY: the address holds the app secret, as the vendor wants it; the client never tells a query.
    async function get(url: URL): Promise<Answer> {
      const { status, text } = await call(http, url)
      const json = parseJson(text)
      const { errcode, errmsg } = parseAnswer(outcome, json)
      if (errcode === '0' && status !== 200) throw upstreamError('upstream.refused', { vendorCode: status })
      return { errcode, requestId: /\brid: ?([\w-]+)/.exec(errmsg)?.[1], json }
    }

    async function user(accessToken: string, openid: string): Promise<z.output<typeof userAnswer> | undefined> {
      const query = { access_token: accessToken, openid, lang: 'zh_CN' }
      const answer = await get(withQuery('/sns/userinfo', options.api_url, query))
      if (answer.errcode === apiUnauthorized) return undefined
      const info = parsed(userAnswer, answer, userCodes)
      if (info.openid !== openid) throw upstreamError('upstream.refused', { vendorCode: 'openid_mismatch' })
      return info
    }

    return {
      id: options.id,
      provider: 'wechat',
      label: options.label,
      availability(visit) {
        if (!website && !officialAccount) return 'hidden'
        if (isInsideWechat(visit)) return officialAccount ? 'here' : 'elsewhere'
        // A phone cannot scan what it shows itself.
        return website && !isPhone(visit) ? 'here' : 'elsewhere'
      },
      places: [...(officialAccount ? ['own_app' as const] : []), ...(website ? ['computer' as const] : [])],
      isHome: isInsideWechat,
      variant: (visit) => (isInsideWechat(visit) && officialAccount ? 'official_account' : 'website'),
      async authorizationUrl({ redirectUri, state, variant }, { locale }) {
        const { appid } = appOf(variant)
        const isPage = variant === 'official_account'
        // WeChat compares the link with a pattern: the parameters keep this order.
        const url = withQuery(isPage ? '/connect/oauth2/authorize' : '/connect/qrconnect', options.open_url, {
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
      async identify({ code }, { variant }) {
        if (!code) throw upstreamError('upstream.cancelled', { vendorCode: 'no_code' })
        const { appid, secret: appSecret } = appOf(variant)
        const query = { appid, secret: appSecret.reveal(), code, grant_type: 'authorization_code' }
        const exchange = withQuery('/sns/oauth2/access_token', options.api_url, query)
        const token = parsed(tokenAnswer, await get(exchange), exchangeCodes)
        // SECURITY: a snapshot visitor's openid and unionid are made up: nothing may be found or made with them.
        if (token.is_snapshotuser !== 0) throw upstreamError('upstream.snapshot', { vendorCode: 'is_snapshotuser' })
        const { access_token: accessToken, openid, scope } = token
        const isTelling = scope.split(',').some((each) => each === 'snsapi_login' || each === 'snsapi_userinfo')
        const info = isTelling ? await user(accessToken, openid) : undefined
        return {
          identity: {
            provider: 'wechat',
            subjects: subjects(appid, openid, token.unionid || info?.unionid),
            profile: info ? profile(info) : {},
          },
        }
      },
    }
  },
})

function parsed<Schema extends z.ZodType>(schema: Schema, answer: Answer, codes: VendorCodes): z.output<Schema> {
  const { errcode, requestId, json } = answer
  if (errcode === '0') return parseAnswer(schema, json)
  throw upstreamError(codes.get(errcode) ?? 'upstream.refused', { vendorCode: errcode, requestId })
}

// A unionid carries its kind: a bare fallback to the openid would make a second account once the unionid is known.
function subjects(appid: string, openid: string, unionid?: string): readonly [string, ...string[]] {
  const alias = `openid:${appid}:${openid}`
  return unionid ? [`unionid:${unionid}`, alias] : [alias]
}

function profile({ nickname, headimgurl }: { readonly nickname: string; readonly headimgurl: string }): Profile {
  const isChosen = nickname.trim() !== '微信用户'
  return displayable({ nickname: isChosen ? nickname : '', picture: overHttps(headimgurl) })
}

function isPhone({ userAgent }: Visit): boolean {
  return /\bMobile\b|iPhone|iPod|Windows Phone|\(Phone;/i.test(userAgent) && !/iPad|Tablet/i.test(userAgent)
}

/** The scope of the token does not reach that far: `snsapi_base`, or an account that is not verified. */
const apiUnauthorized = '48001'

const userCodes: VendorCodes = new Map([
  ['-1', 'upstream.busy'],
  ['45009', 'upstream.busy'],
  ['45011', 'upstream.busy'],
  ['40001', 'upstream.code_invalid'],
  ['40014', 'upstream.code_invalid'],
  ['40029', 'upstream.code_invalid'],
  ['40163', 'upstream.code_invalid'],
  ['42001', 'upstream.code_invalid'],
  ['42003', 'upstream.code_invalid'],
  ['42007', 'upstream.code_invalid'],
  ['40013', 'upstream.misconfigured'],
  ['40125', 'upstream.misconfigured'],
  ['40164', 'upstream.misconfigured'],
  ['45035', 'upstream.misconfigured'],
  [apiUnauthorized, 'upstream.misconfigured'],
  ['40226', 'upstream.account_restricted'],
  ['50001', 'upstream.account_restricted'],
  ['50002', 'upstream.account_restricted'],
])

// There is no token yet: these two speak of the app secret.
const exchangeCodes: VendorCodes = new Map([
  ...userCodes,
  ['40001', 'upstream.misconfigured'],
  ['40014', 'upstream.misconfigured'],
])
