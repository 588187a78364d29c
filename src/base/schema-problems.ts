import type { z } from 'zod'
import { nearest } from './nearest.ts'
import type { Path } from './yaml-document.ts'

/** One thing that a schema has to say about what a person wrote, in words for that person. Never holds the value. */
export interface SchemaProblem {
  readonly path: Path
  readonly message: string
}

interface Fitted<Output> {
  /** The parsed values without the broken ones; undefined when too little is left. */
  readonly data: Output | undefined
  /** The values that `data` was made from. */
  readonly fitting: unknown
  readonly problems: readonly SchemaProblem[]
}

/**
 * Checks values that a person wrote. What remains without the broken ones is checked as well, so that nobody mends one
 * problem to be told of the next. `keysAt` knows which keys a path may hold; paths begin with `prefix` there and in the
 * problems.
 */
export function fit<Schema extends z.ZodType>(
  schema: Schema,
  values: unknown,
  keysAt: (path: Path) => readonly string[],
  prefix: Path = [],
): Fitted<z.output<Schema>> {
  const parsed = schema.safeParse(values)
  if (parsed.success) return { data: parsed.data, fitting: values, problems: [] }
  const { issues } = parsed.error
  const problems = issues.flatMap((issue) => problemsOf(issue, values, (path) => keysAt([...prefix, ...path])))
  const fitting = without(values, problems)
  return {
    data: schema.safeParse(fitting).data,
    fitting,
    problems: problems.map(({ path, message }) => ({ path: [...prefix, ...path], message })),
  }
}

/** The end of a sentence that names the candidate most likely meant; empty when none is near. */
export function meant(word: string, candidates: Iterable<string>): string {
  const candidate = nearest(word, candidates)
  return candidate === undefined ? '' : `; did you mean ${candidate}?`
}

type Issue = z.core.$ZodIssue

function problemsOf(issue: Issue, values: unknown, keysAt: (path: Path) => readonly string[]): SchemaProblem[] {
  const { path } = issue
  // Where a list or a word is allowed, the wrong item of the list is named.
  const inside = issue.code === 'invalid_union' ? issue.errors.find((branch) => branch.some(isInside)) : undefined
  if (inside) return inside.flatMap((each) => problemsOf({ ...each, path: [...path, ...each.path] }, values, keysAt))
  if (issue.code !== 'unrecognized_keys') return [{ path, message: messageOf(issue, valueAt(values, path)) }]
  const known = keysAt(path)
  return issue.keys.map((key) => ({ path: [...path, key], message: `is unknown${meant(key, known)}` }))
}

function isInside({ path }: Issue): boolean {
  return path.length > 0
}

function messageOf(issue: Issue, given: unknown): string {
  // Without a message of its own a union says nothing but what its members say.
  if (issue.code === 'invalid_union' && issue.errors.length > 0 && issue.message === 'Invalid input') {
    const reasons = issue.errors.flatMap(([first]) =>
      first === undefined ? [] : [messageOf(first, valueAt(given, first.path))],
    )
    return [...new Set(reasons)].join(', or ')
  }
  if (given === undefined && issue.code !== 'custom') return 'is missing'
  const options = optionsOf(issue)
  if (options) return `expected ${options.join(', ')}${typeof given === 'string' ? meant(given, options) : ''}`
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid input')) {
    const isUnquoted = issue.expected === 'string' && ['number', 'boolean'].includes(typeof given)
    return `expected ${kinds[issue.expected] ?? issue.expected}, found ${kindOf(given)}${isUnquoted ? '; put it in quotes' : ''}`
  }
  if (issue.code === 'invalid_format' && issue.format === 'url') return 'is not a URL'
  return issue.message.replace(/^(Invalid input|Too (small|big)|Invalid \w+( \w+)?)[:.] /, '')
}

function optionsOf(issue: Issue): string[] | undefined {
  if (issue.code === 'invalid_value') return issue.values.map(String)
  return 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : undefined
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
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

function valueAt(values: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => {
    const holds = typeof value === 'object' && value !== null && Object.hasOwn(value, step)
    return holds ? (value as Record<PropertyKey, unknown>)[step] : undefined
  }, values)
}

/** A copy without the values that have a problem; a list with a broken item is left out whole. */
function without(values: unknown, problems: readonly SchemaProblem[]): unknown {
  if (!isMapping(values)) return values
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => {
      const inside = problems.filter(({ path }) => String(path[0]) === name)
      const isBroken = inside.some(({ path }) => path.length === 1) || (inside.length > 0 && !isMapping(value))
      if (isBroken) return []
      const below = inside.map(({ path, message }) => ({ path: path.slice(1), message }))
      return [[name, below.length === 0 ? value : without(value, below)]]
    }),
  )
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
