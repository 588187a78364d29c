import { randomBytes } from 'node:crypto'
import type { RecordRow } from '../../src/oidc/records/records.ts'
import { insertValues, lookUps, slideValues, statements } from '../../src/oidc/records/statements.ts'
import type { NamedStatement } from '../../src/store/statement.ts'

function newRow(): RecordRow {
  const nobody = { grantId: null, uid: null, userCode: null, sessionUid: null, userId: null, since: null }
  const id = randomBytes(16).toString('base64url')
  return { model: 'AccessToken', id, payload: '{}', ...nobody, expiresAt: 2_000_000_000 }
}

const consumed = { consumedModel: 4, consumedId: 'r7', successor: 'x', isForgotten: false }

/** Every statement of the protocol's hot path with parameters a quiet server would send: lists of one or none. */
export const hotStatements: Readonly<Record<string, () => NamedStatement>> = {
  ...Object.fromEntries(
    Object.entries(lookUps).map(([name, lookUp]) => [name, () => lookUp.with({ keys: ['a7', 'a7 web'] })]),
  ),
  use: () => statements.use.with({ model: 4, id: 'r7' }),
  familyRows: () => statements.familyRows.with({ keys: ['g7'] }),
  endGrant: () => statements.endGrant.with({ grantId: 'g7' }),
  slide: () =>
    statements.slide.with({ at: 1, ...slideValues([{ model: 'AccessToken', id: 'a7', expiresAt: 2_000_000_000 }]) }),
  insert: () => statements.insert.with(insertValues([newRow()])),
  consume: () => statements.consume.with({ ...insertValues([newRow()]), at: 1, ...consumed }),
  consumeMany: () =>
    statements.consumeMany.with({
      ...insertValues([newRow()]),
      parts: [1],
      consumedModels: [4],
      consumedIds: ['r8'],
      consumedParts: [1],
      successors: ['x'],
      forgotten: [false],
      times: [1],
    }),
  commit: () =>
    statements.commit.with({
      ...insertValues([newRow()]),
      at: 1,
      consumedModel: null,
      consumedId: null,
      successor: null,
      isForgotten: false,
      deletedModels: [],
      deletedIds: [],
      revokedGrants: [],
      changedUids: [],
      changedIds: [],
      changedPayloads: [],
      removedAuthorizations: [],
      changedAuthorizations: [],
      changedExpiries: [],
      changedAbouts: [],
      ...slideValues([]),
      requiredUids: ['u7'],
      noticeClients: [],
      noticeUsers: [],
      noticeSids: [],
      consentUser: 'usr_7',
      consentClient: 'c7',
      consentKeys: ['openid'],
      neededIdentities: ['i7'],
      unendedSince: 1,
      loginGrants: [],
      loginUsers: [],
      loginClients: [],
      loginKeys: [],
      perClient: 20,
      requestId: null,
    }),
}
