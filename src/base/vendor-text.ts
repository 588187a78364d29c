import { isDeepStrictEqual } from 'node:util'

/** A text that nobody can make anything of. SECURITY: it quotes nothing, because a vendor's answer may hold tokens. */
export class UnreadableText extends Error {
  override readonly name = 'UnreadableText'

  constructor() {
    super('the text cannot be read')
  }
}

/** Stands where an object gave two values for one name, so that nobody reads either of them. */
export const contradiction = Symbol('contradiction')

/**
 * What a vendor wrote: JSON, JSON that strict parsers refuse, JSON inside a function call, or a form. Throws
 * `UnreadableText`.
 *
 * SECURITY: nothing that tells two people apart is lost. A number becomes the text of exactly its digits. A control
 * character inside a string stays there, for the reader of the value to judge. Whoever puts quotes into a name that the
 * vendor does not escape can write a second value for any name, so two different values are a `contradiction`.
 */
export function readVendorText(text: string): unknown {
  const bare = unwrapped(text)
  if (!/^[{["\w-]/.test(bare)) throw new UnreadableText()
  if (/^[\w.-]+=[^<]*$/.test(bare)) return record([...new URLSearchParams(bare)])
  try {
    return parse(bare)
  } catch (error) {
    // The second half of a GBK letter may be a backslash, which then seems to escape the end of the string.
    if (!(error instanceof UnreadableText) || !bare.includes('\uFFFD\\')) throw error
    return parse(bare.replaceAll('\uFFFD\\', '\uFFFD'))
  }
}

/** What some servers put in front so that no page can load an answer as a script. */
const guard = /^(?:\)\]\}'?,?|while\s*\(1\);|for\s*\(;;\);|\/\*[^*]*\*\/)/
const functionCall = /^[A-Za-z_$][\w$.]*\s*\(([\s\S]*)\)$/
const mostWrappings = 3

/** The text without blanks, guards and function calls around it. */
function unwrapped(text: string, left = mostWrappings): string {
  const bare = trimmed(text)
  const inner = guard.test(bare) ? bare.replace(guard, '') : functionCall.exec(bare)?.[1]
  return inner === undefined || left === 0 ? bare : unwrapped(inner, left - 1)
}

/** The text without what vendors put around it: blanks, control characters, semicolons behind it. */
function trimmed(text: string): string {
  let [start, end] = [0, text.length]
  while (start < end && isBlank(text.charAt(start))) start += 1
  while (start < end && (isBlank(text.charAt(end - 1)) || text.charAt(end - 1) === ';')) end -= 1
  return text.slice(start, end)
}

function isBlank(letter: string): boolean {
  return letter <= ' ' || letter === '\u00A0' || letter === '\uFEFF'
}

/** The values by name. */
function record(entries: readonly (readonly [string, unknown])[]): Readonly<Record<string, unknown>> {
  const values = new Map<string, unknown>()
  for (const [name, value] of entries) {
    const isOther = values.has(name) && !isDeepStrictEqual(values.get(name), value)
    values.set(name, isOther ? contradiction : value)
  }
  return Object.fromEntries(values)
}

const deepest = 32
// biome-ignore lint/suspicious/noControlCharactersInRegex: vendors send them between tokens too.
const blanks = /[\s\u0000-\u0020\uFEFF]*/y
const endOrEscape = /["\\]/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same.
const blanksAndCommas = /[\s\u0000-\u0020,]*/y
const word = /-?\d[\d.eE+-]*|true|false|null/y
const words = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
])
const escapes: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  '\\': '\\',
  '/': '/',
}

/** JSON, read from its beginning to its end. */
function parse(text: string): unknown {
  let at = 0
  const found = value(0)
  skip(blanks)
  if (at < text.length) throw new UnreadableText()
  return found

  function value(depth: number): unknown {
    if (depth > deepest) throw new UnreadableText()
    skip(blanks)
    const first = text[at]
    if (first === '"') return string()
    if (first === '{') return record(members('}', () => member(depth)))
    if (first === '[') return members(']', () => value(depth + 1))
    const read = skip(word)
    return words.has(read) ? words.get(read) : read || fail()
  }

  /** Up to the closing bracket; a comma too many does no harm. */
  function members<T>(end: string, next: () => T): T[] {
    const all: T[] = []
    at += 1
    for (;;) {
      const between = skip(blanksAndCommas)
      if (text[at] === end) break
      if (all.length > 0 && !between.includes(',')) fail()
      all.push(next())
    }
    at += 1
    return all
  }

  function member(depth: number): readonly [string, unknown] {
    const name = text[at] === '"' ? string() : fail()
    skip(blanks)
    if (text[at] !== ':') fail()
    at += 1
    return [name, value(depth + 1)]
  }

  function string(): string {
    let read = ''
    at += 1
    for (;;) {
      const end = nextOf(endOrEscape)
      read += text.slice(at, end)
      at = end + 1
      if (text[end] === '"') return read
      read += escaped()
    }
  }

  /** What a backslash stands for; it stays where it stands for nothing. */
  function escaped(): string {
    const letter = text[at] ?? fail()
    const [, hex] = /^u([\dA-Fa-f]{4})/.exec(text.slice(at, at + 5)) ?? []
    at += hex === undefined ? 1 : 5
    return hex === undefined ? (escapes[letter] ?? `\\${letter}`) : String.fromCharCode(Number.parseInt(hex, 16))
  }

  function nextOf(pattern: RegExp): number {
    pattern.lastIndex = at
    return pattern.exec(text)?.index ?? fail()
  }

  function skip(pattern: RegExp): string {
    pattern.lastIndex = at
    const [read = ''] = pattern.exec(text) ?? []
    at += read.length
    return read
  }
}

function fail(): never {
  throw new UnreadableText()
}
