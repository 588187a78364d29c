import { resolve } from 'node:path'
import type { z } from 'zod'
import { nearest } from './base/nearest.ts'
import { contradictions, fitness, type Unfit } from './config-fitness.ts'
import { type Config, configSchema, type Mode } from './config-schema.ts'
import { settingAt } from './config-settings.ts'
import { type Env, isTree, type Problem, readSources, type Sources, type Tree, variableOf } from './config-sources.ts'

export type { Config } from './config-schema.ts'

export interface LoadInput {
  readonly argv?: { readonly config?: string | undefined }
  readonly env: Env
  readonly cwd: string
  readonly isTerminal?: boolean
}

export interface LoadedConfig {
  readonly config: Config
  readonly production: boolean
  /** Where the value of a path came from: `menshen.yaml`, `env PORT`, `default`. */
  readonly sourceOf: (path: string) => string
  /** What is not fit for production; empty of refusals when `production`. */
  readonly warnings: readonly Unfit[]
}

/** Everything wrong with the configuration, at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
    super([`the configuration has ${count}:`, ...problems.map((problem) => `  ${problemLine(problem)}`)].join('\n'))
    this.problems = problems
  }
}

/** The environment of this process: the only place that reads it. */
export function environment(): Env {
  return process.env
}

/**
 * Merges defaults, file and environment, and checks the whole. Throws `ConfigError` with every problem: of each source, of each
 * setting, between settings, and in production each thing that is not fit for it.
 */
export function loadConfig({ argv = {}, env, cwd, isTerminal = false }: LoadInput): LoadedConfig {
  const production = env['NODE_ENV'] === 'production'
  const sources = readSources({ file: argv.config, env, cwd, isText: (path) => settingAt(path)?.isText })
  const schema = configSchema(modeOf(sources.values, production, isTerminal))
  const parsed = schema.safeParse(sources.values)
  const problems = [...sources.problems, ...(parsed.error?.issues ?? []).flatMap((issue) => problemsOf(issue, sources))]

  // What remains without the broken settings is checked as well, so that nobody mends one problem to be told of the next.
  const config = parsed.data ?? schema.safeParse(without(sources.values, problems)).data
  const unfit = config === undefined ? [] : fitness(config)
  if (config !== undefined) problems.push(...between(config, production, unfit, problems, sources))
  if (problems.length > 0 || config === undefined) throw new ConfigError(problems)
  return {
    config: { ...config, data_dir: resolve(cwd, config.data_dir) },
    production,
    sourceOf: (path) => originOf(path, sources) ?? 'default',
    warnings: unfit,
  }
}

/** Broken values do not matter here: they are problems of their own. */
function modeOf(values: Tree, production: boolean, isTerminal: boolean): Mode {
  const sandbox = typeof values['sandbox'] === 'boolean' ? values['sandbox'] : !production
  const server = values['server']
  const given = isTree(server) ? server['port'] : undefined
  const port = typeof given === 'number' && given >= 0 && given <= 65_535 ? given : 3000
  return { production, sandbox, port, isTerminal }
}

function between(
  config: Config,
  production: boolean,
  unfit: readonly Unfit[],
  known: readonly Problem[],
  sources: Sources,
): Problem[] {
  const refusals = production ? unfit.filter(({ refusedInProduction }) => refusedInProduction) : []
  const found = [
    ...contradictions(config),
    ...refusals.map(({ setting, line }) => ({ path: setting, message: `not fit for production: ${line}` })),
  ].map((problem) => ({ ...problem, source: originOf(problem.path, sources) ?? notSet(problem.path) }))
  const isKnown = ({ path }: Problem) =>
    known.some((other) => `${path}.`.startsWith(`${other.path}.`) || other.path.startsWith(`${path}.`))
  return found.filter(
    (problem, index) => !isKnown(problem) && found.findIndex(({ path }) => path === problem.path) === index,
  )
}

/** Where a setting was set: itself, the list it is in, or else the first thing below it. */
function originOf(path: string, { origins }: Sources): string | undefined {
  const parts = path.split(/\.|(?=\[)/)
  while (parts.length > 0) {
    const origin = origins.get(parts.join('.').replaceAll('.[', '['))
    if (origin !== undefined) return origin
    parts.pop()
  }
  return [...origins].find(([other]) => other.startsWith(`${path}.`))?.[1]
}

/** Tells a person who has set nothing where it could be set. */
function notSet(path: string): string {
  return `not set; as a variable: ${variableOf(path)}`
}

type Issue = z.core.$ZodIssue

function problemsOf(issue: Issue, sources: Sources): Problem[] {
  const path = pathText(issue.path)
  // Of a list that may also be a word, the item that is wrong is named.
  const inside = issue.code === 'invalid_union' ? issue.errors.find((branch) => branch.some(isInside)) : undefined
  if (inside) return inside.flatMap((each) => problemsOf({ ...each, path: [...issue.path, ...each.path] }, sources))
  if (issue.code !== 'unrecognized_keys')
    return [{ path, message: messageOf(issue, sources.values), source: originOf(path, sources) }]
  const siblings = settingAt(path)?.keys ?? []
  return issue.keys.map((name) => {
    const here = path === '' ? name : `${path}.${name}`
    const meant = nearest(name, siblings)
    const hint = meant === undefined ? '' : `; did you mean ${path === '' ? meant : `${path}.${meant}`}?`
    return {
      path: here,
      message: `unknown setting${hint}`,
      source: originOf(here, sources),
    }
  })
}

function isInside({ path }: Issue): boolean {
  return path.length > 0
}

function messageOf(issue: Issue, values: Tree): string {
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    return [
      ...new Set(issue.errors.flatMap(([first]) => (first === undefined ? [] : [messageOf(first, values)]))),
    ].join(', or ')
  }
  if ('options' in issue && Array.isArray(issue.options)) {
    return `expected ${issue.options.join(', ')}${meantValue(issue.options, valueAt(values, issue.path))}`
  }
  if (issue.code === 'invalid_type' && valueAt(values, issue.path) === undefined) return 'is missing'
  if (issue.code === 'invalid_value')
    return `expected ${issue.values.map(String).join(', ')}${meantValue(issue.values, valueAt(values, issue.path))}`
  return issue.message.replace(/^(Invalid input|Too (small|big)|Invalid \w+( \w+)?)[:.] /, '')
}

function meantValue(options: readonly unknown[], given: unknown): string {
  const meant = typeof given === 'string' ? nearest(given, options.map(String)) : undefined
  return meant === undefined ? '' : `; did you mean ${meant}?`
}

function valueAt(values: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, step) => {
    const holds = typeof value === 'object' && value !== null && Object.hasOwn(value, step)
    return holds ? (value as Record<PropertyKey, unknown>)[step] : undefined
  }, values)
}

/** `sms.senders[0].type` */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '')
}

/** A copy without the settings that have a problem; of a list with a broken item the whole list goes. */
function without(values: Tree, problems: readonly Problem[]): Tree {
  const copy = (tree: Tree, path: string): Tree =>
    Object.fromEntries(
      Object.entries(tree).flatMap(([name, value]) => {
        const here = path === '' ? name : `${path}.${name}`
        const isBroken = problems.some((problem) => problem.path === here || problem.path.startsWith(`${here}[`))
        const isList = !isTree(value) && problems.some((problem) => problem.path.startsWith(`${here}.`))
        return isBroken || isList ? [] : [[name, isTree(value) ? copy(value, here) : value]]
      }),
    )
  return copy(values, '')
}

function problemLine({ path, message, source }: Problem): string {
  const where = source === undefined ? '' : ` (${source})`
  return path === '' ? `${source === undefined ? '' : `${source} `}${message}` : `${path}: ${message}${where}`
}
