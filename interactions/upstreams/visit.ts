import type { Locale } from '../../src/base/languages.ts'

/** The visitor who asks. The user agent is a hint about what can work; no security decision depends on it. */
export interface Visit {
  readonly userAgent: string
  readonly locale: Locale
}

/** Apps with a browser of their own, in which people open pages that others send them. */
export const apps = ['wechat', 'wecom', 'qq', 'weibo', 'alipay', 'dingtalk', 'feishu'] as const
/** The name of such an app. */
export type AppName = (typeof apps)[number]

/**
 * How to tell the browsers of apps. WeCom's names both itself and WeChat, and no login through WeChat works there. QQ
 * Browser, another app than QQ, calls itself `MQQBrowser`. Feishu is called Lark abroad.
 */
const marks: Readonly<Record<AppName, RegExp>> = {
  wecom: /wxwork/i,
  wechat: /micromessenger/i,
  qq: /\bQQ\/\d/,
  weibo: /__weibo__|\bWeibo\b/i,
  alipay: /AlipayClient/i,
  dingtalk: /DingTalk/i,
  feishu: /\b(?:Feishu|Lark)\//i,
}

/** The app in whose own browser the visitor is; undefined for a browser that is an app by itself. */
export function appOf({ userAgent }: Visit): AppName | undefined {
  return (Object.keys(marks) as AppName[]).find((app) => marks[app].test(userAgent))
}

/** Whether the visitor uses a phone, and not a tablet or a computer. */
export function isPhone({ userAgent }: Visit): boolean {
  return /\bMobile\b|iPhone|iPod|Windows Phone|\(Phone;/i.test(userAgent) && !/iPad|Tablet/i.test(userAgent)
}
