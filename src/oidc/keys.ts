import { randomBytes } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose'
import type { Clock } from '../base/clock.ts'
import type { Database } from '../store/postgres.ts'
import type { Sealer } from '../store/seal.ts'
import { bumpCatalogVersion } from './catalog.ts'

export type KeyState = 'next' | 'current' | 'previous'

/** A key as an operator sees it. */
export interface KeyInfo {
  readonly id: string
  readonly use: 'sig' | 'cookie'
  readonly alg: string
  readonly state: KeyState
  readonly createdAt: Date
}

export interface Keys {
  /** Private keys in the order the library must get them: ES256 before RS256, the current one of each first. */
  readonly signing: readonly JWK[]
  /** Cookie keys, the one that signs first. */
  readonly cookies: readonly string[]
}

interface KeyRow {
  readonly id: string
  readonly use: 'sig' | 'cookie'
  readonly alg: string
  readonly state: KeyState
  readonly secret: string
  readonly created_at: Date
}

interface Dependencies {
  readonly database: Database
  readonly sealer: Sealer
  readonly clock: Clock
}

/** ES256 signs unless a client asks for RS256, which costs seven times as much but is what old libraries know. */
const algorithms = ['ES256', 'RS256'] as const
const stateOrder: readonly KeyState[] = ['current', 'next', 'previous']
const lockName = 'menshen:keys'
const secretContext = (id: string) => `key:${id}`

/** Makes the first keys where there are none. Of several processes that start at once, one does. */
export async function ensureKeys({ database, sealer, clock }: Dependencies): Promise<void> {
  const present = await database.knex('keys').where({ state: 'current' }).first('id')
  if (present) return
  await database.knex.transaction(async (trx) => {
    await trx.raw('select pg_advisory_xact_lock(hashtext(?))', [lockName])
    if (await trx('keys').where({ state: 'current' }).first('id')) return
    const rows = [...(await Promise.all(algorithms.map(newSigningKey))), newCookieKey()].map(
      ({ id, use, alg, text }) => ({
        id,
        use,
        alg,
        state: 'current',
        secret: sealer.seal(text, secretContext(id)),
        created_at: new Date(clock()),
      }),
    )
    await trx('keys').insert(rows)
    await bumpCatalogVersion(trx)
  })
}

/** The keys in use, opened. */
export async function loadKeys({ database, sealer }: Pick<Dependencies, 'database' | 'sealer'>): Promise<Keys> {
  const rows: KeyRow[] = await database.knex('keys').select('*').orderBy('created_at', 'desc')
  const open = (row: KeyRow) => sealer.open(row.secret, secretContext(row.id))
  const sorted = rows.toSorted((a, b) => stateOrder.indexOf(a.state) - stateOrder.indexOf(b.state))
  const ofUse = (use: 'sig' | 'cookie') => sorted.filter((row) => row.use === use)
  return {
    signing: algorithms.flatMap((alg) =>
      ofUse('sig')
        .filter((row) => row.alg === alg)
        .map((row) => JSON.parse(open(row)) as JWK),
    ),
    cookies: ofUse('cookie').map(open),
  }
}

/** Every key with its state, for `menshen keys list`. */
export async function listKeys(database: Database): Promise<KeyInfo[]> {
  const rows: Omit<KeyRow, 'secret'>[] = await database
    .knex('keys')
    .select('id', 'use', 'alg', 'state', 'created_at')
    .orderBy([{ column: 'use', order: 'desc' }, 'alg', { column: 'created_at', order: 'desc' }])
  return rows.map(({ created_at, ...row }) => ({ ...row, createdAt: created_at }))
}

async function newSigningKey(alg: (typeof algorithms)[number]) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 })
  const jwk = await exportJWK(privateKey)
  const id = await calculateJwkThumbprint(jwk)
  return { id, use: 'sig' as const, alg, text: JSON.stringify({ ...jwk, kid: id, alg, use: 'sig' }) }
}

function newCookieKey() {
  return {
    id: `cookie-${randomBytes(9).toString('base64url')}`,
    use: 'cookie' as const,
    alg: 'HS256',
    text: randomBytes(32).toString('base64url'),
  }
}
