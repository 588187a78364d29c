import { z } from 'zod'
import { nearest } from '../base/nearest.ts'
import { clientSchema, resourceSchema } from './client-schema.ts'
import type { Path } from './seed-document.ts'

interface Node {
  readonly properties?: Readonly<Record<string, Node>>
  readonly items?: Node
  readonly anyOf?: readonly Node[]
}

/** What the schemas have to say about a seed, in words for the person who wrote it. Paths begin at the top of the file. */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  prefix: Path,
  given: unknown,
): { readonly path: Path; readonly message: string }[] {
  return issues.flatMap((issue) => {
    const path = [...prefix, ...issue.path]
    if (issue.code !== 'unrecognized_keys') return [{ path, message: messageOf(issue, valueAt(given, issue.path)) }]
    const known = keysAt(path)
    return issue.keys.map((key) => ({ path: [...path, key], message: `is unknown${meant(key, known)}` }))
  })
}

function messageOf(issue: z.core.$ZodIssue, given: unknown): string {
  if (given === undefined) return 'is missing'
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String)
    return `expected ${values.join(', ')}${typeof given === 'string' ? meant(given, values) : ''}`
  }
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    const isUnquoted = issue.expected === 'string' && ['number', 'boolean'].includes(typeof given)
    return `expected ${kinds[issue.expected] ?? issue.expected}, found ${kindOf(given)}${isUnquoted ? '; put it in quotes' : ''}`
  }
  if (issue.code === 'invalid_format' && issue.format === 'url') return 'is not a URL'
  return issue.message.replace(/^(Invalid input|Too (small|big)|Invalid \w+): /, '')
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  int: 'a whole number',
}

function kindOf(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  return kinds[typeof value] ?? `a ${typeof value}`
}

/** The end of a sentence that names the candidate most likely meant; empty when none is near. */
export function meant(word: string, candidates: Iterable<string>): string {
  const candidate = nearest(word, candidates)
  return candidate === undefined ? '' : `; did you mean ${candidate}?`
}

let root: Node | undefined

function keysAt(path: Path): string[] {
  root ??= z.toJSONSchema(z.object({ resources: z.array(resourceSchema), clients: z.array(clientSchema) }), {
    io: 'input',
  }) as Node
  let nodes: readonly Node[] = [root]
  for (const step of path) {
    const next = (node: Node) => (typeof step === 'number' ? node.items : node.properties?.[String(step)])
    nodes = nodes.flatMap((node) => next(node) ?? []).flatMap((node) => node.anyOf ?? [node])
  }
  return nodes.flatMap(({ properties = {} }) => Object.keys(properties))
}

function valueAt(values: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => Object(value)[step], values)
}
