import { longName } from './sample-values.ts'
import type { Views } from './views.ts'

const deletion = {
  wait: '7 天内登录即可撤销；之后账号将被删除，无法恢复。',
  kept: '依法留存的登录与安全记录保留 184 天，其中只有账号编号，没有号码、姓名和地址。',
  formToken: 'q1w2e3r4',
  appsHref: '/account/apps',
  backHref: '/account',
}

/** Samples of the pages of somebody who leaves. */
export const deletionSamples: { readonly [K in 'account-deletion' | 'left']: readonly Views[K][] } = {
  'account-deletion': [
    { ...deletion, apps: ['示例商城', longName] },
    { ...deletion, apps: [], wait: '注销立即完成，无法撤销。' },
    {
      ...deletion,
      apps: ['示例商城'],
      blocked: { reason: '您还有 2 个未完成的订单。', link: 'https://shop.example.com/orders' },
    },
    {
      ...deletion,
      apps: ['示例商城'],
      error: { code: 'deletion.unconfirmed', message: '请先勾选确认，再注销账号。', field: 'confirm', others: [] },
    },
  ],
  left: [
    { leavesAt: new Date('2026-12-06T15:04:00Z'), isAsked: true },
    { leavesAt: new Date('2026-12-06T15:04:00Z'), nextHref: '/interaction/abc' },
  ],
}
