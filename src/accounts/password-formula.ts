import { createHash, createHmac } from 'node:crypto'
import { gbkBytes } from './gbk-bytes.ts'

/** What a formula is worked out with. */
export interface FormulaInput {
  readonly password: string
  readonly salt: Uint8Array
  /** One of a whole site, from the settings. */
  readonly secret: string
}

/** How another system made a digest of a password; answers bytes of text, mostly hexadecimal digits. */
export type Formula = (input: FormulaInput) => Buffer

const longest = 200
const deepest = 8
const token = /\s*(?:([a-z][a-z0-9_]*)|'([^'$]*)'|(\d{1,3})|([(),+]))/y

interface Digest {
  readonly algorithm: 'md5' | 'sha1' | 'sha256' | 'sha512'
  readonly isKeyed: boolean
}

const digests: Readonly<Record<string, Digest>> = {
  md5: { algorithm: 'md5', isKeyed: false },
  sha1: { algorithm: 'sha1', isKeyed: false },
  sha256: { algorithm: 'sha256', isKeyed: false },
  sha512: { algorithm: 'sha512', isKeyed: false },
  hmac_md5: { algorithm: 'md5', isKeyed: true },
  hmac_sha1: { algorithm: 'sha1', isKeyed: true },
  hmac_sha256: { algorithm: 'sha256', isKeyed: true },
  hmac_sha512: { algorithm: 'sha512', isKeyed: true },
}

/** What old programs did to a password before they made a digest of it. */
const changes: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  trim: text((each) => each.replace(/^[ \t\n\r\0\v]+|[ \t\n\r\0\v]+$/g, '')),
  addslashes: text((each) => each.replace(/['"\\]/g, '\\$&').replaceAll('\0', '\\0')),
  htmlspecialchars: text((each) =>
    each.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
  ),
  lower: text((each) => each.toLowerCase()),
  upper: text((each) => each.toUpperCase()),
  gbk: (bytes) => gbkBytes(bytes.toString('utf8')),
}

/**
 * Reads a formula such as `md5(md5(password)+salt)`: digests and HMACs (key first) as hexadecimal digits, `substr(text,
 * from, to)`, what programs did to passwords (`trim`, `addslashes`, `htmlspecialchars`, `lower`, `upper`, `gbk`),
 * `password`, `salt`, `secret` and texts in quotes, joined by `+`. Undefined for everything else: it is short, and it
 * costs a few digests whatever it says.
 */
export function parseFormula(written: string): Formula | undefined {
  if (written.length > longest) return undefined
  try {
    const reader = tokensOf(written)
    const formula = sum(reader, 0)
    return reader.next() === undefined ? formula : undefined
  } catch (error) {
    if (error instanceof Unreadable) return undefined
    throw error
  }
}

/** How many bytes every answer of a formula has. */
export function lengthOfFormula(formula: Formula): number {
  return formula({ password: 'x', salt: Buffer.from('x'), secret: 'x' }).length
}

class Unreadable extends Error {}

type Token =
  | { readonly word: string }
  | { readonly quoted: string }
  | { readonly number: number }
  | { readonly sign: string }

interface Reader {
  peek(): Token | undefined
  next(): Token | undefined
}

function tokensOf(written: string): Reader {
  const found: Token[] = []
  token.lastIndex = 0
  while (written.slice(token.lastIndex).trim() !== '') {
    const [, word, quoted, number, sign] = token.exec(written) ?? []
    if (word !== undefined) found.push({ word })
    else if (quoted !== undefined) found.push({ quoted })
    else if (number !== undefined) found.push({ number: Number(number) })
    else if (sign !== undefined) found.push({ sign })
    else throw new Unreadable()
  }
  let at = 0
  return { peek: () => found[at], next: () => found[at++] }
}

function isSign(found: Token | undefined, sign: string): boolean {
  return found !== undefined && 'sign' in found && found.sign === sign
}

function expect(reader: Reader, sign: string): void {
  if (!isSign(reader.next(), sign)) throw new Unreadable()
}

function sum(reader: Reader, depth: number): Formula {
  if (depth > deepest) throw new Unreadable()
  const parts = [part(reader, depth)]
  while (isSign(reader.peek(), '+')) {
    reader.next()
    parts.push(part(reader, depth))
  }
  const [only] = parts
  return parts.length === 1 && only ? only : (input) => Buffer.concat(parts.map((each) => each(input)))
}

function part(reader: Reader, depth: number): Formula {
  const found = reader.next()
  if (found && 'quoted' in found) {
    const bytes = Buffer.from(found.quoted)
    return () => bytes
  }
  if (!found || !('word' in found)) throw new Unreadable()
  const { word } = found
  if (word === 'password') return ({ password }) => Buffer.from(password)
  if (word === 'salt') return ({ salt }) => Buffer.from(salt)
  if (word === 'secret') return ({ secret }) => Buffer.from(secret)
  return call(word, reader, depth)
}

function call(word: string, reader: Reader, depth: number): Formula {
  expect(reader, '(')
  const first = sum(reader, depth + 1)
  const made = word === 'substr' ? cut(first, reader) : calculated(word, first, () => second(reader, depth))
  expect(reader, ')')
  return made
}

function second(reader: Reader, depth: number): Formula {
  expect(reader, ',')
  return sum(reader, depth + 1)
}

function calculated(word: string, first: Formula, next: () => Formula): Formula {
  const change = Object.hasOwn(changes, word) ? changes[word] : undefined
  if (change) return (input) => change(first(input))
  const digest = Object.hasOwn(digests, word) ? digests[word] : undefined
  if (!digest) throw new Unreadable()
  const { algorithm, isKeyed } = digest
  if (!isKeyed) return (input) => Buffer.from(createHash(algorithm).update(first(input)).digest('hex'))
  const message = next()
  return (input) => Buffer.from(createHmac(algorithm, first(input)).update(message(input)).digest('hex'))
}

function cut(of: Formula, reader: Reader): Formula {
  const [from, to] = [numberAfterComma(reader), numberAfterComma(reader)]
  return (input) => of(input).subarray(from, to)
}

function numberAfterComma(reader: Reader): number {
  expect(reader, ',')
  const found = reader.next()
  if (!found || !('number' in found)) throw new Unreadable()
  return found.number
}

function text(change: (each: string) => string): (bytes: Buffer) => Buffer {
  return (bytes) => Buffer.from(change(bytes.toString('utf8')))
}
