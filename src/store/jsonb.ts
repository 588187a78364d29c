/**
 * Whether PostgreSQL can read JSON of ours as `jsonb`: it knows no NUL, and no half of a surrogate pair.
 * `JSON.stringify` writes both as escapes, which a column of text takes. SECURITY: one such row would stop every
 * statement that looks into the rows around it.
 */
export function isJsonb(json: string): boolean {
  return !json.includes('\\u') || !unreadable.test(json)
}

/** An escape, and not a backslash that is itself escaped. */
const unreadable = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i

/** Whether two values are the same JSON. Mostly they are in the same order too, which is cheaper to find out. */
export function isSameJson(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other) || comparableJson(one) === comparableJson(other)
}

/**
 * JSON by which two values can be compared: the members of every object are in one order, because PostgreSQL gives
 * those of a `jsonb` back in an order of its own.
 */
export function comparableJson(value: unknown): string {
  const text = JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
  return text ?? ''
}
