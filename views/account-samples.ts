import { dataLinks, ownDataSamples } from './own-data-samples.ts'
import { countries, longName, samplePicture } from './sample-values.ts'
import { takenSamples } from './taken-samples.ts'
import type { Views } from './views.ts'

type AccountPage =
  | 'account'
  | 'account-profile'
  | 'account-language'
  | 'account-history'
  | 'account-not-me'
  | 'identities'
  | 'account-unbind'
  | 'account-bind'
  | 'account-taken'
  | 'devices'
  | 'account-apps'
  | 'account-data'

const accountLinks = {
  profileHref: '/account/profile',
  identitiesHref: '/account/identities',
  passwordHref: '/account/password',
  devicesHref: '/account/devices',
  appsHref: '/account/apps',
  historyHref: '/account/history',
  deletionHref: '/account/deletion',
  ...dataLinks,
  ...{ languageHref: '/account/language', mergeHref: '/account/merge' },
  logoutHref: '/session/end',
}

const profile = { pictureHref: '/account/profile/picture', hasPicture: false, maxLength: 64, formToken: 'q1w2e3r4' }

const used = {
  createdAt: new Date('2025-03-01T12:34:56Z'),
  lastUsedAt: new Date('2026-03-01T12:34:56Z'),
  isProved: true,
}

const seen = { createdAt: used.createdAt, lastUsedAt: used.lastUsedAt }

const devices = {
  formToken: 'q1w2e3r4',
  backHref: '/account',
  logoutHref: '/session/end',
  delay: '退出后，已发给应用的部分凭证最长还会有效 15 分钟。',
}

const withdrawal = {
  formToken: 'q1w2e3r4',
  backHref: '/account',
  delay: '取消后立即生效，部分凭证可能在 15 分钟内仍然有效。',
}

const pastLogin = {
  at: used.lastUsedAt,
  device: 'Chrome · Windows',
  method: 'sms',
  place: '广东',
  ip: '203.0.113.*',
  isHere: false,
  isDisowned: false,
}

const addable = {
  codeWays: [
    { kind: 'phone', href: '/account/identities/phone', isFull: true },
    { kind: 'email', href: '/account/identities/email', isFull: false },
  ],
  formToken: 'q1w2e3r4',
  backHref: '/account',
} as const

/** The pages of the account centre, in all the ways they can look. */
export const accountSamples: { readonly [K in AccountPage]: readonly Views[K][] } = {
  account: [
    {
      accountLabel: '138****8000',
      userId: 'usr_0123456789abcdefghjkmnpqrs',
      hints: [
        { kind: 'one_way', href: '/account/identities' },
        { kind: 'password', href: '/account/password' },
      ],
      phone: { labels: ['138****8000'], href: '/account/identities' },
      email: { labels: [], href: '/account/identities/email?change=1' },
      providers: [],
      hasPassword: false,
      placeCount: 1,
      appCount: 0,
      ...accountLinks,
    },
    {
      accountLabel: longName,
      nickname: longName,
      userId: 'usr_0123456789abcdefghjkmnpqrs',
      hints: [],
      phone: { labels: ['138****8000', '+852 512****4567'], href: '/account/identities' },
      email: { labels: ['li***@subdomain.of.a.long.example.com'], href: '/account/identities' },
      providers: ['wechat', 'github', 'apple', 'weibo', 'oidc:corp', 'username'],
      hasPassword: true,
      placeCount: 12,
      appCount: 11,
      ...accountLinks,
      notice: '密码已保存，其他浏览器和所有应用都已退出登录。',
    },
    {
      accountLabel: 'linxiaoyu',
      userId: 'usr_0123456789abcdefghjkmnpqrs',
      hints: [
        { kind: 'alarm', href: '/account/devices' },
        { kind: 'phone', href: '/account/identities/phone?change=1' },
      ],
      providers: ['username'],
      hasPassword: true,
      placeCount: 2,
      appCount: 1,
      ...accountLinks,
    },
  ],
  'account-language': [{ backHref: '/account' }],
  'account-history': [
    {
      logins: [
        { ...pastLogin, isHere: true },
        { ...pastLogin, client: longName, notMeHref: '/account/history/not-me?login=1' },
        { ...pastLogin, device: undefined, client: '茶铺', method: 'oidc:corp', place: '日本', isDisowned: true },
        {
          ...{ at: used.createdAt, method: 'wechat', isHere: false, isDisowned: false },
          notMeHref: '/account/history/not-me?login=2',
        },
        { ...pastLogin, device: longName, ip: '2001:db8:1:*', notMeHref: '/account/history/not-me?login=3' },
      ],
      newestHref: '/account/history',
      olderHref: '/account/history?after=1740832496000-7',
      backHref: '/account',
    },
    { logins: [], days: 30, backHref: '/account' },
  ],
  'account-not-me': [
    {
      loginId: '1',
      login: { ...pastLogin, client: '茶铺' },
      hasPassword: true,
      formToken: 'q1w2e3r4',
      backHref: '/account/history',
    },
    {
      loginId: '1',
      login: { at: used.createdAt, method: 'wechat', isHere: false, isDisowned: false },
      hasPassword: false,
      formToken: 'q1w2e3r4',
      backHref: '/account/history',
    },
  ],
  'account-profile': [
    { ...profile, nickname: '' },
    {
      ...profile,
      nickname: longName,
      error: { code: 'request.invalid', message: '昵称最多 64 个字符。', field: 'nickname' },
    },
    {
      ...profile,
      nickname: '林小雨',
      picture: samplePicture,
      hasPicture: true,
      error: { code: 'picture.unsupported', message: '头像只支持 JPG 和 PNG 图片。', field: 'picture' },
    },
  ],
  identities: [
    {
      identities: [
        { label: '138****8000', provider: 'phone', ...used, lastUsedIp: '203.0.113.*', unbindHref: '/account/unbind' },
        { label: '10****0042', provider: 'github', ...used, lastUsedIp: '2001:db8:1:*', unbindHref: '/account/unbind' },
        { label: 'li***@subdomain.of.a.long.example.com', provider: 'email', ...used, unbindHref: '/account/unbind' },
        { label: 'linxiaoyu', provider: 'username', ...used, isProved: false, unbindHref: '/account/unbind' },
      ],
      ...addable,
      connections: [
        { id: 'wechat', provider: 'wechat', icon: 'wechat', isHere: true, isFull: false },
        { id: 'github', provider: 'github', icon: 'github', isHere: true, isFull: true },
        { id: 'corp', provider: 'oidc:corp', label: '公司账号', icon: 'key', isHere: false, isFull: false },
        { id: 'official', provider: 'wechat', icon: 'wechat', isHere: false, isFull: false, places: ['own_app'] },
        { id: 'website', provider: 'wechat', icon: 'wechat', isHere: false, isFull: false, places: ['computer'] },
        {
          id: 'both',
          provider: 'wechat',
          icon: 'wechat',
          isHere: false,
          isFull: false,
          places: ['own_app', 'computer'],
        },
      ],
      notice: '绑定成功。',
    },
    {
      identities: [{ label: '138****8000', provider: 'phone', ...used, lastUsedIp: '203.0.113.*' }],
      ...addable,
      codeWays: [],
      connections: [],
      error: { code: 'identity.last', message: '这是您最后一种登录方式，解绑后将无法登录。请先绑定其他方式。' },
    },
  ],
  'account-unbind': [
    {
      identityId: 'idn_0123456789abcdefghjkmnpqrs',
      provider: 'github',
      label: '10****0042',
      endsHere: false,
      formToken: 'q1w2e3r4',
      backHref: '/account/identities',
    },
    {
      identityId: 'idn_0123456789abcdefghjkmnpqrs',
      provider: 'phone',
      label: '138****8000',
      endsHere: true,
      formToken: 'q1w2e3r4',
      backHref: '/account/identities',
    },
  ],
  'account-bind': [
    { kind: 'phone', values: {}, countries, formToken: 'q1w2e3r4', backHref: '/account/identities' },
    {
      kind: 'email',
      values: { identifier: 'lin@' },
      countries,
      formToken: 'q1w2e3r4',
      backHref: '/account/identities',
      error: {
        code: 'email.invalid',
        message: '邮箱格式不正确，请检查后重新输入，例如 name@example.com。',
        field: 'identifier',
      },
    },
    {
      kind: 'phone',
      values: { phone: '13800138000', country: '86' },
      countries,
      formToken: 'q1w2e3r4',
      backHref: '/account/identities',
      error: { code: 'otp.too_soon', message: '验证码获取太频繁，请42秒钟后再试。' },
      retryAfterSeconds: 42,
    },
  ],
  'account-data': ownDataSamples,
  'account-apps': [
    { apps: [], ...withdrawal },
    {
      apps: [
        {
          clientId: 'tea-ledger',
          name: '茶园记账',
          uri: 'https://tea.example.com',
          policyUri: 'https://tea.example.com/privacy',
          granted: ['识别您的账号', '手机号', '持续访问（您未使用时）', '查看订单'],
          since: used.createdAt,
          lastUsedAt: used.lastUsedAt,
        },
        { clientId: 'market', name: longName, granted: [], since: used.createdAt, lastUsedAt: used.lastUsedAt },
      ],
      ...withdrawal,
      notice: '已取消授权。',
    },
  ],
  devices: [
    {
      devices: [
        {
          kind: 'session',
          clients: ['茶园记账', longName],
          name: 'Edge · Windows',
          method: 'sms',
          ip: '203.0.113.*',
          ...seen,
        },
        {
          kind: 'session',
          value: 'session:a',
          clients: [],
          name: 'WeChat · iPhone',
          method: 'oidc:corp',
          ip: '2001:db8:1:*',
          ...seen,
        },
        { kind: 'grant', value: 'grant:b', clients: ['茶铺'], name: longName, method: 'wechat', ...seen },
        { kind: 'grant', value: 'grant:d', clients: ['茶园记账'], name: longName, isSameDevice: true, ...seen },
        { kind: 'grant', value: 'grant:c', clients: [longName], ...seen },
      ],
      newestHref: '/account/devices',
      olderHref: '/account/devices?after=b',
      alarms: [{ at: seen.lastUsedAt, client: '茶铺', ip: '203.0.113.*' }, { at: seen.createdAt }],
      ...devices,
      notice: '已在所选设备上退出登录。',
    },
    { devices: [{ kind: 'session', clients: [], method: 'password', ...seen }], alarms: [], ...devices },
  ],
  'account-taken': takenSamples,
}
