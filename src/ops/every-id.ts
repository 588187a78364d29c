/**
 * SQL of all ids that events of a user may be filed under: their own, and those of accounts that have become part of
 * theirs. SECURITY: the argument is SQL (a placeholder), never a value.
 */
export function everyIdText(userId: string): string {
  return `array(select id from users where id = ${userId} or merged_into = ${userId})`
}
