import type { z } from 'zod'
import type { Database } from '../../store/postgres.ts'
import { wholeColumn } from '../../store/reseal.ts'
import type { Sealer } from '../../store/seal.ts'
import { type ClientSeed, clientSchema, libraryMetadata, type ResourceSeed, resourceSchema } from './client-schema.ts'

/** A registered client as the operator wrote it, its secret still sealed. */
export interface StoredClient {
  readonly written: Readonly<Record<string, unknown>>
  readonly seed: ClientSeed
  readonly sealedSecret: string | undefined
}

/** An API as it is registered: what the file said, and the same with defaults. */
export interface StoredResource {
  readonly written: Readonly<Record<string, unknown>>
  readonly seed: ResourceSeed
}

/** Everything registered: which clients may ask, and which APIs they may ask for. */
export interface Catalog {
  readonly clients: ReadonlyMap<string, StoredClient>
  readonly resources: ReadonlyMap<string, StoredResource>
}

type Queryable = Pick<Database, 'knex'>['knex']

interface ClientRow {
  readonly client_id: string
  readonly metadata: Record<string, unknown>
  readonly secret: string | null
}

/**
 * Reads the whole catalog. It is small and changes rarely, so a process reads it once and again when told of a change.
 */
export async function loadCatalog(knex: Queryable): Promise<Catalog> {
  const clients: ClientRow[] = await knex('clients').select('client_id', 'metadata', 'secret').orderBy('client_id')
  const resources: { resource: string; settings: Record<string, unknown> }[] = await knex('resources')
    .select('resource', 'settings')
    .orderBy('resource')
  return {
    clients: new Map(
      clients.map((row) => [
        row.client_id,
        {
          written: row.metadata,
          seed: stored(clientSchema, row.metadata, `client ${row.client_id}`),
          sealedSecret: row.secret ?? undefined,
        },
      ]),
    ),
    resources: new Map(
      resources.map((row) => [
        row.resource,
        { written: row.settings, seed: stored(resourceSchema, row.settings, `resource ${row.resource}`) },
      ]),
    ),
  }
}

/**
 * An older version of this program, or somebody with psql, may have stored what does not fit; the error names the row.
 */
function stored<Schema extends z.ZodType>(schema: Schema, written: unknown, name: string): z.output<Schema> {
  const { data, error } = schema.safeParse(written)
  if (!error) return data
  const faults = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new Error(`the ${name} in the database does not fit this version: ${faults.join('; ')}`)
}

/** The clients as the library takes them, secrets opened. */
export function libraryClients(catalog: Catalog, sealer: Sealer): Record<string, unknown>[] {
  return [...catalog.clients.values()].map(({ seed, sealedSecret }) =>
    libraryMetadata(
      seed,
      sealedSecret === undefined ? undefined : sealer.open(sealedSecret, secretContext(seed.client_id)),
    ),
  )
}

/** What a client secret is sealed for, so that it cannot be moved to another client's row. */
export function secretContext(clientId: string): string {
  return `client_secret:${clientId}`
}

/** Where the secrets of clients are sealed. */
export const sealedClientSecrets = wholeColumn({
  name: 'client secrets',
  table: 'clients',
  id: 'client_id',
  column: 'secret',
  context: secretContext,
})

/** The version of clients, resources and keys; running servers compare it to notice a change. */
export async function catalogVersion(knex: Queryable): Promise<number> {
  const row: { version: number } | undefined = await knex('catalog_versions').where({ name: 'oidc' }).first('version')
  return row?.version ?? 0
}

/** Where running servers hear at once that the version has gone up (NOTIFY). */
export const catalogChannel = 'menshen_catalog'

/**
 * Tells every running server to read again; call it in the transaction that changes something, whose commit sends the
 * word.
 */
export async function bumpCatalogVersion(knex: Queryable): Promise<void> {
  await knex('catalog_versions')
    .where({ name: 'oidc' })
    .update({ version: knex.raw('version + 1') })
  await knex.raw(`notify ${catalogChannel}`)
}
