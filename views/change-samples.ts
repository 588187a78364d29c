import { countries } from './sample-values.ts'
import type { Views } from './views.ts'

const change = {
  ...{ values: {}, countries, waitSeconds: 259_200 },
  ...{ formToken: 'q1w2e3r4', backHref: '/account/identities' },
}

type ChangePage = 'account-change' | 'account-messages'

/** The pages that put another number or address in the place of one, and that say what is told of it. */
export const changeSamples: { readonly [K in ChangePage]: readonly Views[K][] } = {
  'account-change': [
    { ...change, kind: 'phone', step: 'old', label: '138****8000', without: 'possible' },
    { ...change, kind: 'email', step: 'old', label: 'li***@example.com', without: 'only_way' },
    { ...change, kind: 'phone', step: 'old', label: '138****8000', without: 'other_login', waitSeconds: 0 },
    { ...change, kind: 'phone', step: 'new', label: '138****8000', without: 'possible' },
  ],
  'account-messages': [
    {
      events: [
        { id: 'new_device', isTold: true },
        { id: 'password_leaked', isTold: true },
        { id: 'export_ready', isTold: false },
      ],
      formToken: 'q1w2e3r4',
      backHref: '/account',
      notice: '已保存。',
    },
  ],
}
