import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'

export type Path = readonly PropertyKey[]

/** One thing wrong with a seed file. Never holds a value that could be a secret. */
export interface SeedProblem {
  readonly file: string
  readonly line: number | undefined
  /** `clients[0].redirect_uris[1]`; empty when the problem is with the whole file. */
  readonly field: string
  readonly message: string
}

/** A file of clients and resources, and where in it everything stands. */
export interface SeedDocument {
  readonly file: string
  readonly values: unknown
  problem(path: Path, message: string): SeedProblem
}

/** `seed.yaml:12: clients[0].scope: …`, the form editors and terminals turn into a link. */
export function problemLine({ file, line, field, message }: SeedProblem): string {
  const where = line === undefined ? file : `${file}:${line}`
  return [where, ...(field === '' ? [] : [field]), message].join(': ')
}

/** Reads one file. Answers the document, or every reason why there is none. */
export function readDocument(
  file: string,
  cwd: string,
): { readonly document?: SeedDocument; readonly problems: readonly SeedProblem[] } {
  const wholeFile = (message: string) => ({ problems: [{ file, line: undefined, field: '', message }] })
  let text: string
  try {
    text = readFileSync(resolve(cwd, file), 'utf8').replace(/^\ufeff/, '')
  } catch (error) {
    return wholeFile(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`)
  }
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { prettyErrors: false, lineCounter })
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) {
    const problems = faults.map(({ code, pos }) => {
      const { line, col } = lineCounter.linePos(pos[0])
      return { file, line, field: '', message: `${faultText(code)}, column ${col}` }
    })
    return { problems }
  }
  let values: unknown
  try {
    values = document.toJS()
  } catch {
    return wholeFile('an alias is unknown or used too often')
  }
  const problem = (path: Path, message: string) => ({
    file,
    line: lineCounter.linePos(offsetOf(document, path)).line,
    field: pathText(path),
    message,
  })
  const unstorable = [...unstorablePaths(values)]
  if (unstorable.length > 0) return { problems: unstorable.map((path) => problem(path, 'holds a control character')) }
  return { document: { file, values, problem }, problems: [] }
}

/** SECURITY: the library's own messages quote the text, which may be a secret in the wrong place; its codes do not. */
function faultText(code: string): string {
  return code === 'DUPLICATE_KEY' ? 'a key is there twice' : `is not YAML: ${code.toLowerCase().replaceAll('_', ' ')}`
}

/** Where the value of a path begins; for what is not there, where the thing begins that should hold it. */
function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents
  let offset = 0
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      if (!isScalar(pair?.key)) break
      offset = pair.key.range?.[0] ?? offset
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(step)]
      offset = (node as { range?: readonly number[] } | undefined)?.range?.[0] ?? offset
    } else break
  }
  return offset
}

/** PostgreSQL cannot store NUL, and nobody can read the others. */
function* unstorablePaths(value: unknown, path: Path = []): Generator<Path> {
  if (typeof value === 'string' && /(?![\t\n\r])[\p{Cc}\p{Cs}]/u.test(value)) yield path
  if (typeof value !== 'object' || value === null) return
  for (const [key, member] of Object.entries(value)) {
    yield* unstorablePaths(member, [...path, Array.isArray(value) ? Number(key) : key])
  }
}

function pathText(path: Path): string {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
  return steps.join('').replace(/^\./, '')
}
