import { comparableJson, isSameJson } from '../../store/jsonb.ts'
import { worthwhileGain } from '../clients/lifetimes.ts'
import { authorizationsIn } from '../library/payload.ts'
import type { Payload } from '../library/stored-models.ts'
import { type SessionChange, usedPrecisionSeconds } from './records.ts'

/** Whether a session that the library wants to keep says nothing new, or too little to be worth a write. */
export function isUnchanged(
  before: Payload,
  after: Payload,
  { nowSeconds, usedSeconds }: { readonly nowSeconds: number; readonly usedSeconds: number },
): boolean {
  const { exp: expBefore, iat: _a, jti: _b, ...restBefore } = before
  const { exp: expAfter, iat: _c, jti: _d, ...restAfter } = after
  const life = Number(expAfter) - nowSeconds
  if (Number(expAfter) - Number(expBefore) >= worthwhileGain(life)) return false
  if (nowSeconds - usedSeconds >= usedPrecisionSeconds) return false
  return isSameJson(restBefore, restAfter)
}

/**
 * What a request changed in a session it had read. Of `authorizations` it contains only the entries of this request, so
 * that parallel requests can be merged.
 */
export function sessionChange(
  before: Payload,
  after: Payload,
  row: Pick<SessionChange, 'uid' | 'id' | 'expiresAt' | 'about'>,
): SessionChange {
  const known = entries(before)
  const wanted = entries(after)
  const { authorizations: _, ...rest } = after
  const changed = [...wanted].filter(([client, value]) => value !== known.get(client))
  return {
    ...row,
    payload: JSON.stringify(rest),
    removedAuthorizations: [...known.keys()].filter((client) => !wanted.has(client)),
    changedAuthorizations: JSON.stringify(
      Object.fromEntries(changed.map(([client, value]) => [client, JSON.parse(value)])),
    ),
  }
}

/** The `authorizations` of a session, by client, in a form that can be compared. */
function entries(payload: Payload): Map<string, string> {
  return new Map(Object.entries(authorizationsIn(payload)).map(([client, value]) => [client, comparableJson(value)]))
}
