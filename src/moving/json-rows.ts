import { longestRow, type RawRow, readJson } from './raw-rows.ts'

/** Rows of a file with one JSON object a line; a batch for each piece of the file. */
export async function* jsonLines(pieces: AsyncIterable<string>): AsyncGenerator<readonly RawRow[]> {
  let rest = ''
  let line = 0
  let isTooLong = false
  const take = (text: string, rows: RawRow[]) => {
    line += 1
    if (isTooLong) rows.push({ line, problem: 'too_long' })
    else if (text.trim() !== '') rows.push(readJson(text.trimEnd(), line))
    isTooLong = false
  }
  for await (const piece of pieces) {
    const rows: RawRow[] = []
    const lines = piece.split('\n')
    for (const text of lines.slice(0, -1)) {
      take(rest + text, rows)
      rest = ''
    }
    rest += lines.at(-1) ?? ''
    if (rest.length > longestRow) {
      isTooLong = true
      rest = ''
    }
    yield rows
  }
  const last: RawRow[] = []
  if (rest !== '' || isTooLong) take(rest, last)
  yield last
}

/**
 * Rows of a JSON document, which is a list of objects, or has one as its member `member`. The document is never held as
 * a whole: it may be larger than memory.
 */
export async function* jsonList(
  pieces: AsyncIterable<string>,
  member: string | undefined,
): AsyncGenerator<readonly RawRow[]> {
  const scanner = new ListScanner(member)
  for await (const piece of pieces) yield scanner.scan(piece)
  yield scanner.end()
}

/** Finds where the objects of a list begin and end; what is in them is for the parser. */
class ListScanner {
  readonly #member: string | undefined
  #depth = 0
  #line = 1
  #isInString = false
  #isEscaped = false
  /** The text of the string that is being read, or was read last: it may be the name of the list. */
  #name = ''
  /** How deep the list is whose objects are wanted; 0: it has not begun, or is over. */
  #listDepth = 0
  #hasList = false
  #element: string | undefined
  #elementLine = 0
  #strayLine = 0

  constructor(member: string | undefined) {
    this.#member = member
  }

  scan(piece: string): readonly RawRow[] {
    const rows: RawRow[] = []
    let from = 0
    for (let at = 0; at < piece.length; at++) {
      const character = piece[at] as string
      if (character === '\n') this.#line += 1
      if (this.#isInString) {
        this.#readString(character)
        continue
      }
      if (character === '"') {
        this.#isInString = true
        this.#name = ''
        this.#stray(rows)
      } else if (character === '{' || character === '[') {
        this.#depth += 1
        if (this.#listDepth > 0 && this.#depth === this.#listDepth + 1) {
          this.#element = ''
          this.#elementLine = this.#line
          from = at
        } else if (character === '[' && this.#listDepth === 0 && this.#isWanted()) {
          this.#listDepth = this.#depth
          this.#hasList = true
        }
      } else if (character === '}' || character === ']') {
        this.#depth -= 1
        if (this.#element !== undefined && this.#depth === this.#listDepth) {
          rows.push(readJson(this.#element + piece.slice(from, at + 1), this.#elementLine))
          this.#element = undefined
        } else if (this.#listDepth > 0 && this.#depth < this.#listDepth) this.#listDepth = 0
      } else if (character !== ',' && character > ' ') this.#stray(rows)
    }
    // Of an element that is too long, one character more than is allowed is kept: so it is found to be too long.
    if (this.#element !== undefined && this.#element.length <= longestRow) this.#element += piece.slice(from)
    return rows
  }

  end(): readonly RawRow[] {
    if (this.#depth !== 0 || this.#isInString) return [{ line: this.#line, problem: 'unclosed' }]
    return this.#hasList ? [] : [{ line: 1, problem: 'no_list' }]
  }

  #isWanted(): boolean {
    if (this.#member === undefined || this.#depth === 1) return this.#depth === 1
    return this.#depth === 2 && this.#name === this.#member
  }

  #readString(character: string): void {
    if (this.#isEscaped) this.#isEscaped = false
    else if (character === '\\') this.#isEscaped = true
    else if (character === '"') this.#isInString = false
    else if (this.#depth === 1 && this.#name.length < 64) this.#name += character
  }

  /** What stands in the list and is no object; one a line is told. */
  #stray(rows: RawRow[]): void {
    if (this.#listDepth === 0 || this.#depth !== this.#listDepth || this.#strayLine === this.#line) return
    this.#strayLine = this.#line
    rows.push({ line: this.#line, problem: 'not_an_object' })
  }
}
