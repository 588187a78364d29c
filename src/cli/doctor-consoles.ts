import type { ConnectionOptions } from '../../interactions/upstreams/connections.ts'
import type { Question } from '../../interactions/upstreams/connector.ts'
import { callbackPath, notificationPath } from '../base/paths.ts'
import { type Finding, todo } from './doctor-checks.ts'

/** Where a vendor sends people back to. */
export function callbackOf({ id }: ConnectionOptions, issuer: string): string {
  return `${issuer}${callbackPath(id)}`
}

const pages = {
  website: 'open.weixin.qq.com → 管理中心 → 网站应用',
  official_account: 'mp.weixin.qq.com → 设置与开发 → 基本配置',
  mobile_app: 'open.weixin.qq.com → 管理中心 → 移动应用',
  mini_program: 'mp.weixin.qq.com → 开发管理 → 开发设置',
  qq: 'connect.qq.com → 应用管理',
  weibo: 'open.weibo.com → 我的应用',
  apple: 'developer.apple.com → Certificates, Identifiers & Profiles',
} as const

/** The page of the vendor's console that has what a question is about. */
export function pageOf(options: ConnectionOptions, { about }: Pick<Question, 'about'>): string {
  switch (options.type) {
    case 'wechat':
      return pages[wechatKinds.find((kind) => about.includes(kind)) ?? 'website']
    case 'github':
      return `${options.web_url} → Settings → Developer settings → OAuth Apps`
    case 'oidc':
      return `the client ${options.client_id} at ${options.issuer}`
    default:
      return pages[options.type]
  }
}

const wechatKinds = ['website', 'official_account', 'mobile_app', 'mini_program'] as const

/** A field of a vendor's console or a state there, in its own words, and where it is found. */
interface ConsoleField {
  readonly detail: string
  readonly page: string
}

/** What must be the case at the vendor, and no question of ours can find out. */
export function todoFindings(
  options: ConnectionOptions,
  { name, issuer }: { readonly name: string; readonly issuer: string },
): Finding[] {
  return consoleFields(options, issuer).map(({ detail, page }) => todo(name, detail, `look at ${page}`))
}

/** A kind without fields of its own is told its callback address. */
function consoleFields(options: ConnectionOptions, issuer: string): ConsoleField[] {
  const callback = callbackOf(options, issuer)
  const { hostname: host } = new URL(issuer)
  const page = pageOf(options, { about: '' })
  switch (options.type) {
    case 'wechat':
      return wechatFields(options, host)
    case 'qq':
      return [
        { detail: `QQ: 网站回调域 = ${callback}`, page },
        { detail: 'QQ: the app is reviewed (审核通过), and may ask for the unionid (获取unionid)', page },
        ...(options.mobile_app
          ? [{ detail: `QQ: mobile app ${options.mobile_app.appid} is of the same developer account`, page }]
          : []),
      ]
    case 'weibo':
      return [
        { detail: `Weibo: 授权回调页 = ${callback}`, page: `${page} → 应用信息 → 高级信息` },
        { detail: 'Weibo: the app is reviewed (审核通过); before, only test accounts get in', page },
      ]
    case 'github':
      return [{ detail: `GitHub: Authorization callback URL = ${callback}`, page }]
    case 'apple':
      return [
        { detail: `Apple, Services ID: Domains and Subdomains = ${host}`, page: `${page} → Identifiers` },
        { detail: `Apple, Services ID: Return URLs = ${callback}`, page: `${page} → Identifiers` },
        {
          detail: `Apple, App ID: Server-to-Server Notification Endpoint = ${issuer}${notificationPath(options.id)}`,
          page: `${page} → Identifiers`,
        },
        ...options.bundle_ids.map((id) => ({
          detail: `Apple, App ID with Sign in with Apple = ${id}`,
          page: `${page} → Identifiers`,
        })),
      ]
    default:
      return [{ detail: `redirect URI = ${callback}`, page }]
  }
}

function wechatFields(options: Extract<ConnectionOptions, { type: 'wechat' }>, host: string): ConsoleField[] {
  const { website, official_account: account, mobile_app: mobile, mini_program: program } = options
  const apps = [website, account, mobile, program].flatMap((app) => (app ? [app.appid] : []))
  return [
    ...(website
      ? [
          { detail: `WeChat website app: 授权回调域 = ${host}`, page: pages.website },
          { detail: 'WeChat website app: reviewed (审核通过), with 微信登录 granted', page: pages.website },
        ]
      : []),
    ...(account
      ? [
          {
            detail: `WeChat official account: 网页授权域名 = ${host}`,
            page: 'mp.weixin.qq.com → 设置与开发 → 公众号设置 → 功能设置',
          },
          {
            detail: 'WeChat official account: a verified service account (已认证的服务号)',
            page: pages.official_account,
          },
        ]
      : []),
    ...(mobile
      ? [{ detail: 'WeChat mobile app: reviewed (审核通过), package and signature', page: pages.mobile_app }]
      : []),
    ...(apps.length > 1
      ? [
          {
            detail: `WeChat: ${apps.join(', ')} are bound to one Open Platform account; unbound, one person is several`,
            page: 'open.weixin.qq.com → 管理中心 → 公众号 and 小程序 → 绑定',
          },
        ]
      : []),
  ]
}
