/** So that spreadsheets know that it is UTF-8. */
const byteOrderMark = '\uFEFF'

type Cell = string | boolean | null | readonly string[]

/** A table as RFC 4180 writes it, for spreadsheets: lists are joined by a space, what is not there is empty. */
export function csv(columns: readonly string[], rows: readonly Readonly<Record<string, Cell>>[]): string {
  const lines = [columns, ...rows.map((row) => columns.map((column) => cellText(row[column] ?? null)))]
  return `${byteOrderMark}${lines.map((cells) => cells.map(quoted).join(',')).join('\r\n')}\r\n`
}

/** The text of a cell, wherever it is shown. */
export function cellText(cell: Cell): string {
  return Array.isArray(cell) ? cell.join(' ') : cell === null ? '' : String(cell)
}

/**
 * SECURITY: a spreadsheet would run what begins like a formula, and a browser's name or a nickname may be anything. A
 * phone number is none.
 */
function quoted(text: string): string {
  const isFormula = /^[=@\t\r+-]/.test(text) && !/^\+\d+$/.test(text)
  const safe = isFormula ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
