import type { Views } from './views.ts'

const links = { backHref: '/account/identities', logoutHref: '/session/end' }

/** The page of a way in that somebody else has. */
export const takenSamples: readonly Views['account-taken'][] = [
  { provider: 'github', ...links },
  { provider: 'oidc:corp', ...links },
  { provider: 'phone', ...links, disown: { href: '/account/identities/phone', formToken: 'q1w2e3r4' } },
  {
    provider: 'phone',
    ...links,
    disown: { href: '/account/identities/idn_1/change', formToken: 'q1w2e3r4', isChange: true },
  },
]
