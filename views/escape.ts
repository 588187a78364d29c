/**
 * SECURITY: this is the only way by which data reaches a page or a mail. A value that nobody gave is a bug; it stops
 * the page, so that the page does not show `undefined`.
 */
export function escapeHtml(value: unknown): string {
  if (value === undefined || value === null) throw new Error('a template printed a value that is not there')
  return String(value).replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
}
