import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Path, readYaml, withoutAnchors, type YamlDocument } from '../base/yaml-document.ts'

/** Environment variables, by name. */
export type Env = Readonly<Record<string, string | undefined>>

/** One thing wrong with the configuration. Never holds the value: it may be a secret. */
export interface Problem {
  /** Dotted path of the setting; empty when the problem is with a whole file. */
  readonly path: string
  readonly message: string
  /** Where the offending value came from. */
  readonly source?: string | undefined
}

/** A mapping as YAML holds it. */
export interface Tree {
  [key: string]: unknown
}

/** What file, environment and command line say together. */
export interface Sources {
  /** Everything set outside the defaults, strongest source on top. */
  readonly values: Tree
  /** Dotted path → where its value came from. */
  readonly origins: ReadonlyMap<string, string>
  readonly problems: readonly Problem[]
  /** The folder of the file; undefined where there is none. */
  readonly folder: string | undefined
  /** Where the value of a path stands in what it came from: with the line, where that is a file. */
  place(path: Path, origin: string): string
}

/** Variables with a name of their own; every other setting is `MENSHEN_SECTION__KEY`. */
export const variables: Readonly<Record<string, string>> = {
  PORT: 'server.port',
  HOST: 'server.host',
  WORKERS: 'server.workers',
  ISSUER: 'issuer',
  DATABASE_URL: 'database.url',
  DATABASE_DIRECT_URL: 'database.direct_url',
  REDIS_URL: 'redis.url',
  LOG_LEVEL: 'log.level',
  LOG_FORMAT: 'log.format',
}

const prefix = 'MENSHEN_'
const fileVariable = 'MENSHEN_CONFIG'

/** Name of the environment variable that sets a path. */
export function variableOf(path: string): string {
  const own = Object.entries(variables).find(([, target]) => target === path)
  return own?.[0] ?? `${prefix}${path.split('.').join('__').toUpperCase()}`
}

interface SourcesInput {
  readonly file: string | undefined
  readonly env: Env
  readonly cwd: string
  /**
   * True for a setting whose schema takes a text as it stands; false when it must be read as YAML; undefined when there
   * is none.
   */
  readonly isText: (path: string) => boolean | undefined
}

/** Reads the file and the environment into one tree, and finds what cannot be read at all. */
export function readSources({ file, env, cwd, isText }: SourcesInput): Sources {
  const values: Tree = {}
  const origins = new Map<string, string>()
  const problems: Problem[] = []
  const fromFile = readFile(file ?? (env[fileVariable] || undefined), cwd, problems)
  for (const [key, value] of Object.entries(fromFile?.values ?? {})) {
    set(values, [key], value, fromFile?.name ?? '', origins)
  }
  for (const { path, name, text } of readEnvironment({ env, cwd, isText, problems })) {
    const value = isText(path) === false ? parseYaml(text, path, `env ${name}`, problems)?.values : text
    if (value !== undefined && value !== null) set(values, path.split('.'), value, `env ${name}`, origins)
  }
  const place = (path: Path, origin: string) =>
    origin === fromFile?.name ? `${origin}:${fromFile.lineOf(path)}` : origin
  return { values, origins, problems, folder: fromFile?.folder, place }
}

interface SettingsFile extends Pick<YamlDocument, 'lineOf'> {
  readonly name: string
  readonly folder: string
  readonly values: Tree
}

function readFile(named: string | undefined, cwd: string, problems: Problem[]): SettingsFile | undefined {
  const name = named ?? 'menshen.yaml'
  const path = resolve(cwd, name)
  if (named === undefined && !existsSync(path)) return undefined
  const text = readText(path)
  if (text === undefined) {
    problems.push({ path: '', message: `${name} cannot be read` })
    return undefined
  }
  const document = parseYaml(text, '', name, problems)
  if (!document || document.values === null) return undefined
  const { lineOf } = document
  const values = withoutAnchors(document.values)
  if (isTree(values)) return { name, folder: dirname(path), values, lineOf }
  problems.push({ path: '', message: 'is not a mapping of settings', source: name })
  return undefined
}

interface Variable {
  readonly name: string
  readonly path: string
  readonly text: string
}

type EnvironmentInput = Omit<SourcesInput, 'file'> & { readonly problems: Problem[] }

function readEnvironment({ env, cwd, isText, problems }: EnvironmentInput): Variable[] {
  const found = new Map<string, Variable>()
  const names = Object.keys(env).filter((name) => env[name] !== '' && name !== fileVariable)
  for (const name of names.toSorted()) {
    const target = pathOf(name, isText)
    if (target === undefined) continue
    const text = target.isFile ? readText(resolve(cwd, env[name] ?? '')) : env[name]
    if (text === undefined) {
      problems.push({ path: target.path, message: 'the file it names cannot be read', source: `env ${name}` })
      continue
    }
    const variable = { name, path: target.path, text: target.isFile ? text.replace(/\r?\n$/, '') : text }
    const before = found.get(target.path)
    if (before !== undefined && before.text !== variable.text) {
      problems.push({ path: target.path, message: `${before.name} and ${name} contradict each other`, source: 'env' })
    }
    found.set(target.path, variable)
  }
  return [...found.values()]
}

/** The setting a variable is about; undefined for one that is none of ours. */
function pathOf(name: string, isText: SourcesInput['isText']): { path: string; isFile: boolean } | undefined {
  const plain = variables[name] ?? sectionPath(name)
  const base = name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : undefined
  if (base === undefined || (plain !== undefined && isText(plain) !== undefined)) {
    return plain === undefined ? undefined : { path: plain, isFile: false }
  }
  const path = variables[base] ?? sectionPath(base)
  if (path === undefined) return undefined
  return isText(path) === undefined ? { path: plain ?? path, isFile: false } : { path, isFile: true }
}

function sectionPath(name: string): string | undefined {
  return name.startsWith(prefix) ? name.slice(prefix.length).toLowerCase().split('__').join('.') : undefined
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').replace(/^\ufeff/, '')
  } catch {
    return undefined
  }
}

function parseYaml(text: string, path: string, source: string, problems: Problem[]): YamlDocument | undefined {
  const { document, faults } = readYaml(text)
  for (const { message, line } of faults) {
    problems.push({ path, message: line === undefined ? `is not YAML: ${message}` : message, source: at(source, line) })
  }
  return document
}

/** A source, and the line of it where that is known. */
function at(source: string, line: number | undefined): string {
  return line === undefined ? source : `${source}:${line}`
}

/** True for a mapping, false for lists and single values. */
export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value))
}

/** Members are set one by one over what is there; lists are replaced. A key without a value counts as absent. */
function set(tree: Tree, path: readonly string[], value: unknown, source: string, origins: Map<string, string>): void {
  if (value === null || value === undefined) return
  if (isTree(value) && Object.keys(value).length > 0) {
    for (const [key, member] of Object.entries(value)) set(tree, [...path, key], member, source, origins)
    return
  }
  place(tree, path, value)
  origins.set(path.join('.'), source)
}

/** SECURITY: defines instead of assigning, so that a key `__proto__` is an unknown key and nothing else. */
function place(tree: Tree, [key = '', ...rest]: readonly string[], value: unknown): void {
  const own = Object.hasOwn(tree, key) ? tree[key] : undefined
  const child = rest.length === 0 ? value : isTree(own) ? own : {}
  Object.defineProperty(tree, key, { value: child, enumerable: true, configurable: true, writable: true })
  if (rest.length > 0) place(child as Tree, rest, value)
}
