import { countries } from './sample-values.ts'
import type { Views } from './views.ts'

const change = {
  ...{ values: {}, countries, waitSeconds: 259_200 },
  ...{ formToken: 'q1w2e3r4', backHref: '/account/identities' },
}

/** The pages that put another number or address in the place of one. */
export const changeSamples: { readonly 'account-change': readonly Views['account-change'][] } = {
  'account-change': [
    { ...change, kind: 'phone', step: 'old', label: '138****8000', without: 'possible' },
    { ...change, kind: 'email', step: 'old', label: 'li***@example.com', without: 'only_way' },
    { ...change, kind: 'phone', step: 'old', label: '138****8000', without: 'other_login', waitSeconds: 0 },
    { ...change, kind: 'phone', step: 'new', label: '138****8000', without: 'possible' },
  ],
}
