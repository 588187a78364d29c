import { z } from 'zod'
import type { Mode } from './process-options.ts'
import { configSchema } from './schema.ts'
import { variableOf } from './sources.ts'

/** The parts of a JSON schema that our settings use. */
interface Node {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Node | boolean
  readonly items?: Node
  readonly anyOf?: readonly Node[]
  readonly oneOf?: readonly Node[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly secret?: boolean
  readonly duration?: boolean
}

/** One row of the reference: a section, or a setting. */
export interface Setting {
  /** Dotted; members of a list's items are below `[]`. */
  readonly path: string
  readonly depth: number
  readonly isSection: boolean
  readonly type: string
  readonly description: string
  readonly required: boolean
  readonly secret: boolean
  readonly default: unknown
  readonly defaultInProduction: unknown
  /** Environment variable that sets it; items of lists have none. */
  readonly variable: string | undefined
  /** Which kind of list item or section it belongs to, where there are several: what tells, and its value. */
  readonly variant: string | undefined
}

const sandboxMode: Mode = { production: false, sandbox: true, port: 3000, isTerminal: false }
const productionMode: Mode = { production: true, sandbox: false, port: 3000, isTerminal: false }

/** JSON Schema of the configuration file, for editors. */
export function jsonSchema(mode: Mode = sandboxMode): z.core.JSONSchema.BaseSchema {
  return schemaOf(configSchema(mode))
}

function schemaOf(settings: z.ZodType): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(settings, {
    io: 'input',
    override: ({ jsonSchema: node }) => {
      if (node['secret'] === true) node.writeOnly = true
      if (Object.keys(Object(node.default)).length === 0 && node.type === 'object') delete node.default
    },
  })
}

let known: ReturnType<typeof configSchema>['shape'] | undefined
const sections = new Map<string, Node>()

/** The settings at the top. */
function top(): Readonly<Record<string, z.ZodType>> {
  known ??= configSchema(sandboxMode).shape
  return known
}

/** One of them; the schema of all would be a twentieth of a start. */
function sectionAt(name: string): Node | undefined {
  const made = sections.get(name)
  const settings = Object.hasOwn(top(), name) ? top()[name] : undefined
  if (made || !settings) return made
  const section = schemaOf(settings) as Node
  sections.set(name, section)
  return section
}

/**
 * What is known of the setting at a path: whether it takes text as it stands, and the keys it may hold; undefined when
 * there is none.
 */
export function settingAt(path: string): { readonly isText: boolean; readonly keys: readonly string[] } | undefined {
  if (path === '') return { isText: false, keys: Object.keys(top()) }
  const [name = '', ...steps] = path.split(/\.|(?=\[)/)
  let nodes: readonly Node[] = [sectionAt(name) ?? []].flat()
  for (const step of steps) nodes = nodes.flatMap((node) => kindsOf(node)).flatMap((node) => memberOf(node, step))
  const kinds = nodes.flatMap(kindsOf)
  if (kinds.length === 0) return undefined
  const texts = kinds.filter(
    ({ type, enum: values }) => type === 'string' || values?.every((value) => typeof value === 'string'),
  )
  // Where a text may stand instead of a section, a variable holds the text: what is in a section has variables of its
  // own.
  const isText = texts.length > 0 && kinds.every((kind) => texts.includes(kind) || kind.properties !== undefined)
  return { isText, keys: kinds.flatMap(({ properties = {} }) => Object.keys(properties)) }
}

function kindsOf(node: Node): readonly Node[] {
  return node.anyOf ?? node.oneOf ?? [node]
}

function memberOf({ properties = {}, items, additionalProperties }: Node, step: string): readonly Node[] {
  if (step.startsWith('[')) return items === undefined ? [] : [items]
  if (Object.hasOwn(properties, step)) return [properties[step] as Node]
  return typeof additionalProperties === 'object' ? [additionalProperties] : []
}

/** Every section and setting in the order of the schema. */
export function settings(): Setting[] {
  const nameOf = ({ path, variant = '' }: Row) => `${path} ${variant}`
  const production = new Map(list(jsonSchema(productionMode) as Node).map((row) => [nameOf(row), row.default]))
  return list(jsonSchema() as Node).map((row) => ({ ...row, defaultInProduction: production.get(nameOf(row)) }))
}

type Row = Omit<Setting, 'defaultInProduction'>

function list(node: Node, parent = '', depth = 0, variant?: string): Row[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const path = parent === '' ? name : `${parent}.${name}`
    const isSection = child.properties !== undefined
    const isRequired = node.required?.includes(name) === true
    const row = {
      path,
      depth,
      isSection,
      required: isRequired,
      secret: child.secret === true,
      default: child.default,
      variant,
    }
    const variable = isSection || path.includes('[]') ? undefined : variableOf(path)
    const below = isSection ? list(child, path, depth + 1, variant) : kindRows(child, path, depth + 1, variant)
    return [
      {
        ...row,
        type: typeText(child),
        description: child.description ?? (child.const === undefined ? '' : 'Which kind it is.'),
        variable,
      },
      ...below,
    ]
  })
}

/** The settings of a list's items, or of a section of which there are several kinds. */
function kindRows(node: Node, path: string, depth: number, outer?: string): Row[] {
  const { items } = node
  if (items === undefined && node.oneOf === undefined) return []
  const kinds = kindsOf(items ?? node)
  return kinds.flatMap((kind) => {
    const [name, { const: value } = {}] =
      Object.entries(kind.properties ?? {}).find(([, own]) => own.const !== undefined) ?? []
    const variant = kinds.length > 1 && name !== undefined ? `${name} \`${String(value)}\`` : outer
    return list(kind, items === undefined ? path : `${path}[]`, depth, variant)
  })
}

function typeText(node: Node): string {
  if (node.const !== undefined) return `\`${String(node.const)}\``
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(' or ')
  const kinds = node.anyOf ?? node.oneOf
  if (kinds !== undefined) return [...new Set(kinds.map(typeText))].join(' or ')
  if (node.properties !== undefined) return 'section'
  if (node.type === 'array') return `list of ${itemText(node.items ?? {})}`
  if (node.type === 'object') return 'map'
  if (node.duration === true) return 'duration'
  return node.secret === true
    ? 'secret'
    : ({ string: 'text', boolean: 'true or false' }[node.type ?? ''] ?? node.type ?? 'any')
}

function itemText(items: Node): string {
  const text = items.oneOf === undefined ? typeText(items) : 'section'
  return /^[a-z]+$/.test(text) ? `${text}s` : text
}
