import { randomBytes } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'
import type { Knex } from 'knex'
import type { Database } from '../../store/postgres.ts'
import { wholeColumn } from '../../store/reseal.ts'
import type { Sealer } from '../../store/seal.ts'
import { accessTokenAlgorithms } from '../clients/algorithms.ts'
import type { KeyInfo, KeyState, KeyUse } from './key-life.ts'

/** All keys that a server works with. */
export interface Keys {
  /** Private keys in the order the library must get them: ES256 before all others, the current one of each first. */
  readonly signing: readonly JWK[]
  /** Cookie keys, the one that signs first. */
  readonly cookies: readonly string[]
  readonly infos: readonly KeyInfo[]
}

interface KeyRow {
  readonly id: string
  readonly use: KeyUse
  readonly alg: string
  readonly state: KeyState
  readonly secret: string
  readonly created_at: Date
  readonly activated_at: Date | null
  readonly retired_at: Date | null
  readonly remove_at: Date | null
}

interface KeyStore {
  readonly database: Pick<Database, 'knex'>
  readonly sealer: Sealer
}

/** A key that was just made and is not stored yet. */
export interface NewKey {
  readonly id: string
  readonly use: KeyUse
  readonly alg: string
  readonly text: string
}

const cookieAlgorithm = 'HS256'
const stateOrder: readonly KeyState[] = ['current', 'next', 'previous']

/** Every kind of key there must be one of that signs. */
export const keyKinds: readonly Pick<KeyInfo, 'use' | 'alg'>[] = [
  ...accessTokenAlgorithms.map((alg) => ({ use: 'sig', alg }) as const),
  { use: 'cookie', alg: cookieAlgorithm },
]

/** What a key is sealed for, so that it cannot be moved to another row. */
export function keyContext(id: string): string {
  return `key:${id}`
}

/** Where keys are sealed. */
export const sealedKeys = wholeColumn({
  name: 'keys',
  table: 'keys',
  id: 'id',
  column: 'secret',
  context: keyContext,
})

/** The keys in use, opened. Throws when the master key that sealed one of them is not configured. */
export async function loadKeys({ database, sealer }: KeyStore): Promise<Keys> {
  const rows: KeyRow[] = await database.knex('keys').select('*').orderBy('created_at', 'desc')
  const open = (row: KeyRow) => sealer.open(row.secret, keyContext(row.id))
  const sorted = rows.toSorted((a, b) => stateOrder.indexOf(a.state) - stateOrder.indexOf(b.state))
  const ofUse = (use: KeyUse) => sorted.filter((row) => row.use === use)
  return {
    signing: accessTokenAlgorithms.flatMap((alg) =>
      ofUse('sig')
        .filter((row) => row.alg === alg)
        .map((row) => JSON.parse(open(row)) as JWK),
    ),
    cookies: ofUse('cookie').map(open),
    infos: sorted.map(infoOf),
  }
}

/** Keys of every kind that nobody stores: for a provider that signs nothing, beside a database that has no keys yet. */
export async function throwawayKeys(): Promise<Keys> {
  const made = await Promise.all(keyKinds.map(newKey))
  return {
    signing: made.filter(({ use }) => use === 'sig').map(({ text }) => JSON.parse(text) as JWK),
    cookies: made.filter(({ use }) => use === 'cookie').map(({ text }) => text),
    infos: [],
  }
}

/** Every key with its state and times. */
export async function listKeys(knex: Knex): Promise<KeyInfo[]> {
  const rows: KeyRow[] = await knex('keys')
    .select('*')
    .orderBy([{ column: 'use', order: 'desc' }, 'alg', { column: 'created_at', order: 'desc' }])
  return rows.map(infoOf)
}

function infoOf({ id, use, alg, state, ...row }: KeyRow): KeyInfo {
  return {
    id,
    use,
    alg,
    state,
    createdAt: row.created_at,
    // A version before this one stored none.
    activatedAt: row.activated_at ?? (state === 'current' ? row.created_at : undefined),
    retiredAt: row.retired_at ?? undefined,
    removeAt: row.remove_at ?? undefined,
  }
}

/** Makes a key; an RSA key takes some tenths of a second. */
export async function newKey({ use, alg }: Pick<KeyInfo, 'use' | 'alg'>): Promise<NewKey> {
  if (use === 'cookie') {
    const id = `cookie-${randomBytes(9).toString('base64url')}`
    return { id, use, alg, text: randomBytes(32).toString('base64url') }
  }
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 })
  const jwk = await exportJWK(privateKey)
  const id = await calculateJwkThumbprint(jwk)
  return { id, use, alg, text: JSON.stringify({ ...jwk, kid: id, alg, use }) }
}
