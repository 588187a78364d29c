import type { Knex } from 'knex'
import { credentialContext } from '../../accounts/kept-credentials.ts'
import type { Sealer } from '../../store/seal.ts'
import { secretContext } from '../clients/catalog.ts'
import { durableModels } from '../library/stored-models.ts'
import { keyContext } from './signing-keys.ts'

/** One column whose values are sealed by the master key and live longer than a login. */
interface Place {
  readonly name: string
  readonly table: string
  readonly id: string
  /** SQL of the sealed value, and of the column it is in. */
  readonly sealed: string
  readonly column: string
  readonly where: string
  context(id: string): string
  /** The column with another sealed value in it. */
  replaced(column: string, sealed: string): string
}

const whole = (_: string, sealed: string) => sealed
const plain = { where: 'true', replaced: whole }

const places: readonly Place[] = [
  { ...plain, name: 'keys', table: 'keys', id: 'id', sealed: 'secret', column: 'secret', context: keyContext },
  {
    ...plain,
    name: 'client secrets',
    table: 'clients',
    id: 'client_id',
    sealed: 'secret',
    column: 'secret',
    context: secretContext,
  },
  {
    ...plain,
    name: 'upstream credentials',
    table: 'identities',
    id: 'id',
    sealed: 'upstream_credential',
    column: 'upstream_credential',
    context: () => credentialContext,
  },
  {
    ...plain,
    name: 'upstream revocations',
    table: 'upstream_revocations',
    id: 'id',
    sealed: 'credential',
    column: 'credential',
    context: () => credentialContext,
  },
  {
    name: 'device codes',
    table: 'oidc_records',
    id: 'id',
    sealed: `payload::json ->> 'sealed'`,
    column: 'payload',
    where: `model = ${durableModels.DeviceCode}`,
    context: () => 'DeviceCode',
    replaced: (payload, sealed) => JSON.stringify({ ...(JSON.parse(payload) as object), sealed }),
  },
]

/** What was sealed again in one column. */
export interface Resealed {
  readonly place: string
  /** Values that are now under the current master key and were not. */
  readonly resealed: number
  /** Values that no configured master key opens; they stay as they were. */
  readonly shut: number
}

interface Row {
  readonly id: string
  readonly sealed: string
  readonly column: string
}

interface Dependencies {
  /** Without a time limit: where there are millions of rows, looking for those that are left takes a while. */
  readonly knex: Knex
  readonly sealer: Sealer
}

const batchRows = 500

/**
 * Seals again, under the current master key, everything stored that another one has sealed. A row is written only if it
 * still holds what was read, so servers and other commands may go on; a run that was ended is finished by the next one.
 */
export async function reseal({ knex, sealer }: Dependencies): Promise<Resealed[]> {
  const all: Resealed[] = []
  for (const place of places) {
    let [resealed, shut, after] = [0, 0, '']
    for (;;) {
      const rows = await stale(place, sealer, knex)
        .select<Row[]>({ id: place.id, column: place.column })
        .select(knex.raw(`${place.sealed} as sealed`))
        .where(place.id, '>', after)
        .orderBy(place.id)
        .limit(batchRows)
      for (const row of rows) {
        const text = opened(row.sealed, place.context(row.id), sealer)
        if (text === undefined) shut += 1
        else {
          const column = place.replaced(row.column, sealer.seal(text, place.context(row.id)))
          resealed += await knex(place.table)
            .where({ [place.id]: row.id, [place.column]: row.column })
            .whereRaw(place.where)
            .update({ [place.column]: column })
        }
      }
      if (rows.length < batchRows) break
      after = rows.at(-1)?.id ?? ''
    }
    all.push({ place: place.name, resealed, shut })
  }
  return all
}

/** How many stored values are sealed by another master key than the current one. */
export async function countStale({ knex, sealer }: Dependencies): Promise<number> {
  const counts = await Promise.all(
    places.map((place) => stale(place, sealer, knex).count<{ count: number }[]>('* as count')),
  )
  return counts.reduce((sum, [row]) => sum + Number(row?.count ?? 0), 0)
}

function stale({ table, sealed, where }: Place, { prefix }: Sealer, knex: Knex): Knex.QueryBuilder {
  return knex(table).whereRaw(`${where} and not starts_with(${sealed}, ?)`, [prefix])
}

function opened(sealed: string, context: string, sealer: Sealer): string | undefined {
  try {
    return sealer.open(sealed, context)
  } catch {
    return undefined
  }
}
