import type { MergeViews } from './merge-views.ts'
import { countries, longName } from './sample-values.ts'

const at = (day: number) => new Date(Date.UTC(2026, 10, day, 8))

const accounts = [
  {
    userId: 'usr_0123456789abcdefghjkmnpqrs',
    label: '138****8000',
    nickname: '林小雨',
    createdAt: at(1),
    lastUsedAt: at(28),
    ways: [
      { provider: 'phone', label: '138****8000' },
      { provider: 'wechat', label: 'oL****42' },
    ],
  },
  {
    userId: 'usr_abcdefghjkmnpqrstvwxyz0123',
    label: 'l***u@example.com',
    createdAt: at(12),
    lastUsedAt: at(20),
    ways: [{ provider: 'email', label: 'l***u@example.com' }],
  },
] as const

const nothing = { hasTwoPasswords: false, hasTwoNicknames: false, hasTwoPictures: false, tooMany: [] }

const start = {
  codeWays: [
    { kind: 'phone', method: 'sms' },
    { kind: 'email', method: 'email' },
  ],
  connections: [{ id: 'wechat', provider: 'wechat', icon: 'wechat', isHere: true }],
  undoable: [],
  countries,
  values: {},
  formToken: 'q1w2e3r4',
  backHref: '/account',
} as const

/** Every way the pages about two accounts that become one can look. */
export const mergeSamples: { readonly [K in keyof MergeViews]: readonly MergeViews[K][] } = {
  merge: [
    { accounts, into: accounts[0].userId, ...nothing, formToken: 'q1w2e3r4', backHref: '/account/merge?restart=1' },
    {
      accounts: [{ ...accounts[0], nickname: longName }, accounts[1]],
      into: accounts[0].userId,
      hasTwoPasswords: true,
      hasTwoNicknames: true,
      hasTwoPictures: true,
      tooMany: [
        {
          provider: 'phone',
          limit: 1,
          ways: [
            { id: 'idn_0123456789abcdefghjkmnpqrs', label: '138****8000', lastUsedAt: at(28) },
            { id: 'idn_abcdefghjkmnpqrstvwxyz0123', label: '139****9000', lastUsedAt: at(20) },
          ],
        },
      ],
      error: { code: 'merge.undecided', message: '请选择要保留的登录方式，且不超过允许的数量。' },
    },
  ],
  'account-merge': [
    start,
    {
      ...start,
      undoable: [{ id: 'mrg_0123456789abcdefghjkmnpqrs', mergedAt: at(20), undoUntil: at(27) }],
      notice: '两个账号已合并。',
    },
    {
      ...start,
      values: { phone: '13800138000' },
      error: { code: 'merge.same', message: '这就是您当前的账号。请验证另一个账号。' },
    },
  ],
}
