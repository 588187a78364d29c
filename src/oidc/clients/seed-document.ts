import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Path, pathText, readYaml } from '../../base/yaml-document.ts'
import type { ClientSeed } from './client-schema.ts'

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

/** A client of a seed file, the names of its fields that are wrong already, and how to tell another fault of it. */
export interface SeedItem {
  readonly seed: ClientSeed
  readonly broken: ReadonlySet<string>
  problem(path: Path, message: string): SeedProblem
}

/** Where a seed file lies. */
export interface SeedPlace {
  readonly file: string
  readonly cwd: string
}

/** The path of a file that a seed names, from the seed file on, so that the folder can be moved as a whole. */
export function besideSeed({ file, cwd }: SeedPlace, path: string): string {
  return resolve(dirname(resolve(cwd, file)), path)
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
  let text: string
  try {
    text = readFileSync(resolve(cwd, file), 'utf8')
  } catch (error) {
    const message = `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`
    return { problems: [{ file, line: undefined, field: '', message }] }
  }
  const { document, faults } = readYaml(text)
  if (!document) return { problems: faults.map((fault) => ({ file, field: '', ...fault })) }
  const { values, lineOf } = document
  const problem = (path: Path, message: string) => ({ file, line: lineOf(path), field: pathText(path), message })
  const unstorable = [...unstorablePaths(values)]
  if (unstorable.length > 0) return { problems: unstorable.map((path) => problem(path, 'holds a control character')) }
  return { document: { file, values, problem }, problems: [] }
}

/** PostgreSQL cannot store NUL, and people cannot see the other control characters. */
function* unstorablePaths(value: unknown, path: Path = []): Generator<Path> {
  if (typeof value === 'string' && /(?![\t\n\r])[\p{Cc}\p{Cs}]/u.test(value)) yield path
  if (typeof value !== 'object' || value === null) return
  for (const [key, member] of Object.entries(value)) {
    yield* unstorablePaths(member, [...path, Array.isArray(value) ? Number(key) : key])
  }
}
