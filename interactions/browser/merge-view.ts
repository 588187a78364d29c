import { identityLabel } from '../../src/accounts/account-labels.ts'
import type { MergeView } from '../../views/merge-views.ts'
import type { MergeQuestion } from '../outcome.ts'

/** What the page shows of two accounts: masked, as their owner knows them. */
export function mergeView({ sides, into, collisions }: MergeQuestion): Omit<MergeView, 'backHref'> {
  const accounts = sides.map(({ identities, ...side }) => ({
    ...side,
    ways: identities.map((each) => ({ provider: each.provider, label: identityLabel(each) })),
  }))
  return {
    accounts,
    into,
    hasTwoPasswords: collisions.hasTwoPasswords,
    hasTwoNicknames: collisions.hasTwoNicknames,
    hasTwoPictures: collisions.hasTwoPictures,
    tooMany: collisions.tooMany.map(({ provider, limit, identities }) => ({
      provider,
      limit,
      ways: identities.map((each) => ({ id: each.id, label: identityLabel(each), lastUsedAt: each.lastUsedAt })),
    })),
  }
}
