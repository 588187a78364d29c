import { resolve } from 'node:path'
import { fit } from '../base/schema-problems.ts'
import { type Path, pathText } from '../base/yaml-document.ts'
import { withPaths } from '../brand/brand-options.ts'
import { buttonIconFault } from '../brand/button-icon.ts'
import { readBrand } from '../brand/read-brand.ts'
import { placesFault } from '../ops/ip-places.ts'
import { contradictions, fitness, type Unfit } from './fitness.ts'
import type { Mode } from './process-options.ts'
import { redisFileFaults, withRedisFiles } from './redis-options.ts'
import { type Config, configSchema } from './schema.ts'
import { settingAt } from './settings.ts'
import { type Env, isTree, type Problem, readSources, type Sources, type Tree, variableOf } from './sources.ts'

export type { Config } from './schema.ts'

/** Where the configuration is read from. */
export interface LoadInput {
  readonly argv?: { readonly config?: string | undefined }
  readonly env: Env
  readonly cwd: string
  readonly isTerminal?: boolean
}

/** The configuration in force, and where each value came from. */
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
 * Merges defaults, file and environment, and checks the whole. Throws `ConfigError` with every problem: of each source,
 * of each setting, between settings, and in production each thing that is not fit for it.
 */
export function loadConfig({ argv = {}, env, cwd, isTerminal = false }: LoadInput): LoadedConfig {
  const production = env['NODE_ENV'] === 'production'
  const sources = readSources({ file: argv.config, env, cwd, isText: (path) => settingAt(path)?.isText })
  const schema = configSchema(modeOf(sources.values, production, isTerminal))
  const { data: config, problems: misfits } = fit(
    schema,
    sources.values,
    (path) => settingAt(pathText(path))?.keys ?? [],
  )
  const problems = [...sources.problems, ...misfits.map(({ path, message }) => located(path, message, sources))]

  const unfit = config === undefined ? [] : fitness(config)
  if (config !== undefined) problems.push(...between(config, production, unfit, problems, sources))
  const brand = config && withPaths(config.brand, (name) => folderOf(`brand.${name}`, sources, cwd))
  if (brand !== undefined) {
    const found = readBrand(brand).problems.map(({ path, message }) => located(['brand', ...path], message, sources))
    problems.push(...found)
  }
  const ops = config && withPlaceFiles(config.ops, (name) => folderOf(`ops.${name}`, sources, cwd))
  for (const setting of placeSettings) {
    const path = ops?.[setting]
    const message = path === undefined ? undefined : placesFault(path, placeFiles[setting])
    if (message !== undefined) problems.push(located(['ops', setting], message, sources))
  }
  const redis =
    config && withRedisFiles(config.redis, (name, path) => resolve(folderOf(`redis.${name}`, sources, cwd), path))
  for (const [name, fault] of redis ? redisFileFaults(redis) : [])
    problems.push(located(['redis', name], fault, sources))
  const connections = config?.connections.map((connection, index) => {
    if (!('icon_file' in connection) || connection.icon_file === undefined) return connection
    const path = ['connections', index, 'icon_file']
    const icon_file = resolve(folderOf(pathText(path), sources, cwd), connection.icon_file)
    const fault = buttonIconFault(icon_file)
    if (fault !== undefined) problems.push(located(path, fault, sources))
    return { ...connection, icon_file }
  })
  if (problems.length > 0 || !config || !brand || !ops || !redis || !connections) throw new ConfigError(problems)
  return {
    config: { ...config, data_dir: resolve(cwd, config.data_dir), brand, ops, redis, connections },
    production,
    sourceOf: (path) => originOf(path, sources) ?? 'default',
    warnings: unfit,
  }
}

/** Which setting names the file for which addresses. */
const placeFiles = { ip_places_file: 'ipv4', ip_places_file_ipv6: 'ipv6' } as const
type PlaceSetting = keyof typeof placeFiles
const placeSettings = Object.keys(placeFiles) as readonly PlaceSetting[]

/** The settings for operators with the files of places where they really are. */
function withPlaceFiles(ops: Config['ops'], folder: (setting: PlaceSetting) => string): Config['ops'] {
  const named = placeSettings.flatMap((setting) => {
    const path = ops[setting]
    return path === undefined ? [] : [[setting, resolve(folder(setting), path)] as const]
  })
  return { ...ops, ...Object.fromEntries(named) }
}

/** Broken values are ignored here: they are reported as problems of their own. */
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
  ].map(({ path, message }) => {
    const found = located(stepsOf(path), message, sources)
    return { ...found, source: found.source ?? notSet(path) }
  })
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

/** What the path of a file is relative to: the folder of the settings file that names it, or where we were started. */
function folderOf(path: string, sources: Sources, cwd: string): string {
  return originOf(path, sources)?.startsWith('env ') ? cwd : (sources.folder ?? cwd)
}

/** Tells a person who has set nothing where it could be set. */
function notSet(path: string): string {
  return `not set; as a variable: ${variableOf(path)}`
}

function located(path: Path, message: string, sources: Sources): Problem {
  const text = pathText(path)
  const origin = originOf(text, sources)
  return { path: text, message, source: origin === undefined ? undefined : sources.place(path, origin) }
}

/** `sms.senders[0].type` as the steps to it. */
function stepsOf(path: string): Path {
  return path.split(/\.|(?=\[)/).map((step) => (step.startsWith('[') ? Number(step.slice(1, -1)) : step))
}

function problemLine({ path, message, source }: Problem): string {
  const where = source === undefined ? '' : ` (${source})`
  return path === '' ? `${source === undefined ? '' : `${source} `}${message}` : `${path}: ${message}${where}`
}
