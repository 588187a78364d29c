import { stringify } from 'yaml'
import { formatDuration } from './base/duration.ts'
import type { LoadedConfig } from './config.ts'
import { settingsRefusedInProduction } from './config-fitness.ts'
import { type Setting, settings } from './config-settings.ts'

export interface PrintedSetting {
  readonly path: string
  readonly value: unknown
  readonly source: string
}

/** Every setting as it is in force, with its source. Secrets show as `[redacted]`, because their type shows nothing else. */
export function printConfig({ config, sourceOf }: Pick<LoadedConfig, 'config' | 'sourceOf'>): PrintedSetting[] {
  return settings()
    .filter(({ isSection, path }) => !isSection && !path.includes('[]'))
    .flatMap(({ path, type }) => {
      const value = path.split('.').reduce<unknown>((at, key) => Object(at)[key], config)
      if (value === undefined) return [{ path, value: null, source: 'not set' }]
      const shown = type === 'duration' ? formatDuration(value as number | 'none') : JSON.parse(JSON.stringify(value))
      return [{ path, value: shown, source: sourceOf(path) }]
    })
}

/** A configuration file with every setting, all commented out, each with what it means and its default. */
export function exampleConfig(): string {
  const lines = settings()
    .filter(({ path }) => !path.includes('[]'))
    .flatMap((setting) => {
      const indent = '  '.repeat(setting.depth)
      const comments = notes(setting).map((note) => `#${indent}# ${note}`)
      return [...(setting.depth === 0 ? [''] : []), ...comments, `#${indent}${keyLines(setting)}`]
    })
  const head = [
    '## Configuration of Menshen. Take the first # off a setting and off the sections above it; the rest are defaults.',
  ]
  return `${[...head, ...lines].join('\n')}\n`
}

function notes({ description, variable, isSection, secret: isSecret, required, default: value }: Setting): string[] {
  const state = required ? 'Required in its section.' : value === undefined && !isSection ? 'Not set by default.' : ''
  const origin = variable === undefined ? '' : `Also ${variable}${isSecret ? ` or ${variable}_FILE` : ''}.`
  return [[description, state, origin].filter((part) => part !== '').join(' ')]
}

function keyLines({ path, isSection, default: value, type }: Setting): string {
  const key = path.split('.').at(-1)
  if (isSection) return `${key}:`
  return `${key}: ${value === undefined ? `<${type}>` : flow(value)}`
}

/** A value on one line of YAML. */
function flow(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim()
}

const introduction = `# Configuration

Written by \`menshen docs\` from the schema in \`src/config-schema.ts\`; do not edit.

Sources, weakest first: defaults, a YAML file (\`--config FILE\`, else \`MENSHEN_CONFIG\`, else \`./menshen.yaml\` if present), environment.

- Any setting can be given as a variable: those below, where lists and sections are written as YAML on one line. An empty variable counts as absent.
- \`NAME_FILE\` reads what \`NAME\` would hold from a file; use it for secrets.
- Durations are texts: \`30s\`, \`10m\`, \`12h\`, \`30d\`.
- An unknown key, an unknown \`MENSHEN_…\` variable, a contradiction or a missing secret stops the start with one message that lists every problem.
- With \`NODE_ENV=production\` the defaults are those of the last column, and everything that is not fit for production is refused.
- \`menshen config check\`, \`print\`, \`schema\` and \`example\` work on the same schema.
`

/** The reference of every setting, as Markdown. */
export function configurationMarkdown(): string {
  const all = settings()
  const top = all.filter(({ path, isSection }) => !isSection && !path.includes('.') && !path.includes('[]'))
  const general = ['## General', '', ...table(top), ...top.flatMap(({ path }) => itemTables(all, path))]
  const sections = all
    .filter(({ isSection, depth }) => isSection && depth === 0)
    .flatMap(({ path, description }) => {
      const inside = all.filter((row) => !row.isSection && row.path.startsWith(`${path}.`) && !row.path.includes('[]'))
      return [
        '',
        `## ${path}`,
        '',
        description,
        '',
        ...table(inside),
        ...inside.flatMap((row) => itemTables(all, row.path)),
      ]
    })
  return `${[introduction, ...general, ...sections].join('\n')}\n`
}

/** One table for the items of a list of sections; one for each kind where there are several. */
function itemTables(all: readonly Setting[], path: string): string[] {
  const items = all.filter((row) => !row.isSection && row.path.startsWith(`${path}[].`))
  return [...new Set(items.map(({ variant }) => variant))].flatMap((variant) => {
    const rows = items.filter((row) => row.variant === variant)
    return ['', `Each of \`${path}\`${variant === undefined ? '' : ` with ${variant}`}:`, '', ...itemTable(rows)]
  })
}

function table(rows: readonly Setting[]): string[] {
  const lines = rows.map((row) => [
    code(row.path),
    cell(row.description),
    row.type,
    code(row.variable ?? ''),
    ...defaults(row),
  ])
  return markdownTable(['setting', 'meaning', 'type', 'variable', 'default', 'in production'], lines)
}

function itemTable(rows: readonly Setting[]): string[] {
  const lines = rows.map((row) => [
    code(row.path),
    cell(row.description),
    row.type,
    row.required ? 'required' : (defaults(row)[0] ?? ''),
  ])
  return markdownTable(['key', 'meaning', 'type', 'default'], lines)
}

function defaults(row: Setting): [string, string] {
  const shown = row.default === undefined ? (row.required ? 'required' : '') : code(flow(row.default))
  const production = row.defaultInProduction === undefined ? '' : code(flow(row.defaultInProduction))
  if (production !== shown && production !== '') return [shown, production]
  return [shown, settingsRefusedInProduction.has(row.path) ? 'must be set' : '']
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}
