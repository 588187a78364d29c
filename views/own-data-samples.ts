import { longName } from './sample-values.ts'
import type { Views } from './views.ts'

/** Where the account centre leads to for what it keeps and tells. */
export const dataLinks = {
  dataHref: '/account/data',
  collectedHref: '/personal-information',
  messagesHref: '/account/messages',
}

const ownData = { days: 7, formToken: 'q1w2e3r4', collectedHref: '/personal-information', backHref: '/account' }

/** The page where somebody takes along what is kept about them. */
export const ownDataSamples: readonly Views['account-data'][] = [
  { ...ownData, state: 'none' },
  { ...ownData, state: 'waiting' },
  { ...ownData, state: 'ready', expiresAt: new Date('2026-03-08T12:34:56Z') },
  { ...ownData, state: 'none', error: { code: 'request.too_many', message: '操作过于频繁，请 24 小时后再试。' } },
]

/** The page of what is kept of people, with everything and with next to nothing. */
export const collectedSamples: readonly Views['collected'][] = [
  {
    kept: [
      { kind: 'phone' },
      { kind: 'email' },
      { kind: 'password' },
      { kind: 'nickname' },
      { kind: 'upstream', provider: 'wechat' },
      { kind: 'carrier' },
      { kind: 'consent' },
      { kind: 'log', days: 180 },
    ],
    shared: [
      { kind: 'sms', name: '阿里云' },
      { kind: 'mail' },
      { kind: 'carrier', name: 'DCloud' },
      { kind: 'number_check', name: '阿里云' },
      { kind: 'captcha' },
      { kind: 'upstream', provider: 'wechat' },
    ],
    apps: [{ name: longName, scopes: ['昵称和头像', '手机号'], policyUri: 'https://third.example.com/privacy' }],
    dataHref: '/account/data',
  },
  { kept: [{ kind: 'nickname' }, { kind: 'log' }], shared: [], apps: [], dataHref: '/account/data' },
]
