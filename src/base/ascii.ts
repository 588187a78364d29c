/** A text as an `error_description` may carry it: RFC 6749 §5.2 allows printable ASCII without quote and backslash. */
export function asciiText(text: string): string {
  return text.replace(/[\u2018\u2019]/g, "'").replace(/[^\x20-\x21\x23-\x5B\x5D-\x7E]/g, ' ')
}
