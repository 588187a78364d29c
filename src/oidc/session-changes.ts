import type { Payload } from './records.ts'

/** Seconds by which a session's expiry may lag behind before it is written again; spares a write on every request. */
const sessionSlackSeconds = 600

/** Whether what the library wants kept of a session says nothing that is not kept already. */
export function isUnchanged(before: Payload, after: Payload): boolean {
  const { exp: expBefore, iat: _a, jti: _b, ...restBefore } = before
  const { exp: expAfter, iat: _c, jti: _d, ...restAfter } = after
  if (Math.abs(Number(expAfter) - Number(expBefore)) >= sessionSlackSeconds) return false
  return canonical(restBefore) === canonical(restAfter)
}

/** JSON with sorted keys: the database hands a merged session back in an order of its own. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

/** The `authorizations` of a session, by client, in a form that can be compared. */
export function entries(payload: Payload): Map<string, string> {
  const authorizations = (payload['authorizations'] ?? {}) as Record<string, unknown>
  return new Map(Object.entries(authorizations).map(([client, value]) => [client, canonical(value)]))
}

/** An entry of `entries` as it is stored. */
export function parseEntry([client, value]: [string, string]): [string, unknown] {
  return [client, JSON.parse(value)]
}
