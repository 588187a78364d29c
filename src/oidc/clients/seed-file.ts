import { z } from 'zod'
import { fit } from '../../base/schema-problems.ts'
import { type Path, withoutAnchors } from '../../base/yaml-document.ts'
import { ruleProblems } from './client-rules.ts'
import {
  type ClientSeed,
  clientSchema,
  holderOf,
  isHttpsOrLoopback,
  type ResourceSeed,
  resourceSchema,
  setsLifetime,
} from './client-schema.ts'
import { type Lifetimes, lifetimeProblems, lifetimesOf } from './lifetimes.ts'
import { ownPrefixOf } from './own-clients.ts'
import { type PresetUse, withPreset } from './presets.ts'
import { withPictures } from './seed-brand.ts'
import { readDocument, type SeedDocument, type SeedProblem } from './seed-document.ts'
import { seedKeysAt } from './seed-keys.ts'
import { resolveSecret, type SecretWish } from './seed-secret.ts'

/** One client or resource of a file. */
export interface SeedItem<Seed> {
  readonly seed: Seed
  /** What the file says and what its preset adds, without the secret: this is what is stored. */
  readonly written: Readonly<Record<string, unknown>>
  /** Fields that have a problem already; the seed is what is left without them. */
  readonly broken: ReadonlySet<string>
  problem(path: Path, message: string): SeedProblem
}

/** A client of a seed file, with what is to be done about its secret. */
export interface SeedClient extends SeedItem<ClientSeed> {
  readonly secret: SecretWish
  readonly preset: PresetUse | undefined
}

/** What some seed files say. Of use for a change only when there are no problems. */
export interface Seeds {
  readonly resources: readonly SeedItem<ResourceSeed>[]
  readonly clients: readonly SeedClient[]
  readonly problems: readonly SeedProblem[]
}

interface Input {
  readonly files: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly lifetimes: Lifetimes
}

const fileSchema = z.strictObject({
  resources: z.array(z.unknown()).default([]),
  clients: z.array(z.unknown()).default([]),
})

/** Reads the files and finds everything wrong with them that can be seen without the database. */
export function readSeeds({ files, cwd, env, lifetimes }: Input): Seeds {
  const problems: SeedProblem[] = []
  const resources: SeedItem<ResourceSeed>[] = []
  const clients: SeedClient[] = []
  for (const file of files) {
    const { document, problems: unreadable } = readDocument(file, cwd)
    problems.push(...unreadable)
    if (!document) continue
    const lists = readLists(document, problems)
    for (const [index, value] of lists.resources.entries()) {
      const item = readItem(resourceSchema, { document, path: ['resources', index], value }, problems)
      if (!item) continue
      problems.push(...blankProblems(item))
      resources.push(item)
    }
    for (const [index, value] of lists.clients.entries()) {
      const { written: whole, use: preset } = withPreset(value)
      const item = readItem(clientSchema, { document, path: ['clients', index], value: whole }, problems)
      if (!item) continue
      const secret = resolveSecret(item, { file, cwd, env })
      const { brand, problems: unseen } = withPictures(item, { file, cwd })
      problems.push(...secret.problems, ...unseen, ...clientProblems(item, lifetimes), ...blankProblems(item))
      const { client_secret: _, ...written } = item.written
      const shown = brand === undefined ? {} : { brand }
      const parts = { seed: { ...item.seed, ...shown }, written: { ...written, ...shown } }
      clients.push({ ...item, ...parts, secret: secret.wish, preset })
    }
  }
  problems.push(...duplicates(resources, 'resource'), ...duplicates(clients, 'client_id'))
  return { resources, clients, problems }
}

/** An empty file is refused: with --prune it would remove everything, and most likely a program failed to write it. */
function readLists(document: SeedDocument, problems: SeedProblem[]): z.output<typeof fileSchema> {
  const { values } = document
  if (values === null) problems.push(document.problem([], 'is empty; expected resources: or clients:'))
  const { data, problems: found } = fit(fileSchema, withoutAnchors(values ?? {}), seedKeysAt)
  if (data && found.length === 0) return data
  problems.push(...found.map(({ path, message }) => document.problem(path, message)))
  const listAt = (name: string): unknown[] => {
    const list = Object(values)[name]
    return Array.isArray(list) ? list : []
  }
  return { resources: listAt('resources'), clients: listAt('clients') }
}

interface Raw {
  readonly document: SeedDocument
  readonly path: Path
  readonly value: unknown
}

/** What is left of an item without its broken fields is checked further, so that all problems are told at once. */
function readItem<Schema extends z.ZodType>(
  schema: Schema,
  { document, path, value }: Raw,
  problems: SeedProblem[],
): SeedItem<z.output<Schema>> | undefined {
  const problem = (below: Path, message: string) => document.problem([...path, ...below], message)
  const { data, fitting, problems: found } = fit(schema, value, seedKeysAt, path)
  for (const each of found) problems.push(document.problem(each.path, each.message))
  if (data === undefined) return undefined
  const broken = new Set(found.map((each) => String(each.path[path.length])))
  return { seed: data, written: fitting as Record<string, unknown>, broken, problem }
}

/**
 * SECURITY: a client id that could be a user's id would let a client's own tokens pass for a person's (RFC 9700 §4.15).
 */
function clientProblems({ seed, broken, problem }: SeedItem<ClientSeed>, defaults: Lifetimes): SeedProblem[] {
  const found: SeedProblem[] = []
  const reserved = ownPrefixOf(seed.client_id)
  if (reserved) found.push(problem(['client_id'], `begins with ${reserved}, which Menshen keeps for itself`))
  if (seed.client_id.startsWith('usr_')) found.push(problem(['client_id'], 'begins with usr_, as the ids of users do'))
  if (seed.logo_uri !== undefined && !broken.has('logo_uri')) {
    const reason = 'is not shown: no browser of ours fetches from another site; name a picture file in brand.logo'
    found.push(problem(['logo_uri'], reason))
  }
  for (const { field, message } of ruleProblems(seed).filter((each) => !broken.has(each.field))) {
    found.push(problem([field], message))
  }
  const policy = lifetimesOf(seed.lifetimes, defaults)
  for (const { fields, message } of lifetimeProblems(policy, holderOf(seed))) {
    // Limits that the client does not set are the configuration's to repair.
    const field = fields.find((each) => setsLifetime(seed, each))
    if (field) found.push(problem(['lifetimes', ...field.split('.')], message))
  }
  for (const name of ['redirect_uris', 'post_logout_redirect_uris'] as const) {
    for (const [index, uri] of (broken.has(name) ? [] : seed[name]).entries()) {
      const message = addressProblem(uri)
      if (message) found.push(problem([name, index], message))
    }
  }
  return found
}

/**
 * SECURITY: over plain http anybody on the way reads the code; native apps with a scheme of their own are left to the
 * library.
 */
function addressProblem(uri: string): string | undefined {
  if (uri.includes('*')) return 'has a wildcard; addresses are compared letter by letter, so name each one'
  if (/^http:/i.test(uri) && !isHttpsOrLoopback(uri)) return 'must be https; http is only for this machine (localhost)'
  return undefined
}

/**
 * A blank in an address, which the library and URL parsers remove or encode: no request would ever say the same. What
 * is written counts, because the schema trims.
 */
function blankProblems({ written, problem }: Pick<SeedItem<unknown>, 'written' | 'problem'>): SeedProblem[] {
  return Object.entries(written)
    .filter(([name]) => /_uris?$|^(allowed_origins|default_resource|resource)$/.test(name))
    .flatMap(([name, value]) => {
      const paths = Array.isArray(value) ? value.map((each, index) => [each, [name, index]]) : [[value, [name]]]
      return (paths as [unknown, Path][])
        .filter(([each]) => /\s/.test(String(each)))
        .map(([, path]) => problem(path, 'has a blank in it'))
    })
}

function duplicates<Name extends 'client_id' | 'resource'>(
  items: readonly SeedItem<Readonly<Record<Name, string>>>[],
  name: Name,
): SeedProblem[] {
  const first = new Map<string, SeedProblem>()
  return items.flatMap(({ seed, problem }) => {
    const before = first.get(seed[name])
    if (before) return [problem([name], `"${seed[name]}" is already at ${before.file}:${before.line}`)]
    first.set(seed[name], problem([name], ''))
    return []
  })
}
