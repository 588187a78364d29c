import type { Changes } from '../../src/oidc/records/record-store.ts'

/** What a request changes that changes nothing, for tests to add to. */
export const noChanges: Changes = {
  rows: [],
  at: 0,
  consumed: undefined,
  deletes: [],
  revokedGrants: [],
  sessions: [],
  slides: [],
  notices: [],
  required: [],
  needed: { identities: [], unendedSince: undefined },
  consent: undefined,
  logins: [],
  requestId: undefined,
}
