import type { Knex } from 'knex'
import type { Clock } from '../../base/clock.ts'
import { type AuditEventName, audit } from '../../ops/audit.ts'
import type { Log } from '../../ops/log.ts'
import { mostApartMs, olderMs } from '../../store/older-time.ts'
import type { Database } from '../../store/postgres.ts'
import type { Sealer } from '../../store/seal.ts'
import { bumpCatalogVersion, loadCatalog } from '../clients/catalog.ts'
import { type KeyInfo, type KeyRules, type KeyState, type KeyUse, keepSeconds, nextStep } from './key-life.ts'
import { keyContext, keyKinds, listKeys, loadKeys, newKey } from './signing-keys.ts'

/** What a change of keys works with. */
export interface KeyChangeDependencies {
  readonly database: Database
  readonly sealer: Sealer
  readonly clock: Clock
  readonly log: Pick<Log, 'error'>
  /** Who gave the command, for the audit; absent when the server acts by itself. */
  readonly operator?: string
}

type WithRules = KeyChangeDependencies & { readonly rules: KeyRules }

/** A change under way: the only one. */
interface Change extends Pick<KeyChangeDependencies, 'sealer'> {
  readonly trx: Knex.Transaction
  /** As they were when the change began. */
  readonly keys: readonly KeyInfo[]
  readonly at: Date
  writeAudit(event: AuditEventName, key: Pick<KeyInfo, 'id' | 'use' | 'alg'>): Promise<void>
}

const lockName = 'menshen:keys'
/** Much longer than making an RSA key takes. */
const idleSeconds = 10

/** Makes the first keys where there are none. Of several processes that start at once, one does. */
export async function ensureKeys(dependencies: KeyChangeDependencies): Promise<void> {
  const missing = (keys: readonly KeyInfo[]) => keyKinds.filter((kind) => !keys.some(is('current', kind)))
  if (missing(await listKeys(dependencies.database.knex)).length === 0) return
  await changeKeys(dependencies, async (change) => {
    for (const kind of missing(change.keys)) await insert(kind, 'current', change)
  })
}

/**
 * Takes every step in the life of the keys that is due by the clock. Any process may call it at any time and as often
 * as it likes: each step is one write that names the state it starts from, under a lock, so that of many processes one
 * takes it.
 */
export async function advanceKeys({ rules, ...dependencies }: WithRules): Promise<void> {
  await changeKeys(dependencies, async (change) => {
    for (const key of change.keys) {
      const { step, at } = nextStep(key, change.keys, rules) ?? {}
      if (at === undefined || at > change.at) continue
      if (step === 'publish_successor') await insert(key, 'next', change)
      if (step === 'sign') await promote(key, rules, change)
      if (step === 'remove') await remove(key, change)
    }
  })
}

/** The keys that sign next, and whether this rotation published any of them or found all there. */
export interface Rotation {
  readonly next: readonly KeyInfo[]
  readonly hasBegun: boolean
}

/** Begins a rotation of every key for tokens, or for cookies. */
export function beginRotation(use: KeyUse, { rules: _, ...dependencies }: WithRules): Promise<Rotation> {
  return changeKeys(dependencies, async (change) => {
    const missing = keyKinds.filter((kind) => kind.use === use && !change.keys.some(is('next', kind)))
    for (const kind of missing) await insert(kind, 'next', change)
    const next = (await listKeys(change.trx)).filter((key) => key.use === use && key.state === 'next')
    return { next, hasBegun: missing.length > 0 }
  })
}

/** What has become of a key that an operator retires: it is gone, or it goes when `successor` signs in its place. */
export interface Retired {
  readonly key: KeyInfo
  readonly removed: boolean
  readonly successor: KeyInfo | undefined
}

/**
 * Takes a key out of service. A successor that has signed nothing goes at once; the one that signs is replaced in the
 * way that breaks nothing, unless `now`: then it goes at once, and the next one, which may be made for it, signs from
 * this moment. All in one transaction, so that there is always exactly one that signs. Undefined when there is no such
 * key.
 */
export function retireKey(id: string, { now }: { readonly now: boolean }, { rules, ...dependencies }: WithRules) {
  return changeKeys(dependencies, async (change): Promise<Retired | undefined> => {
    const key = change.keys.find((each) => each.id === id)
    if (!key) return undefined
    const next = change.keys.find(is('next', key))
    if (key.state === 'next' || now) {
      if (key.state === 'current' && next) await promote(next, rules, change)
      await remove(key, change)
      if (!(await listKeys(change.trx)).some(is('current', key))) await insert(key, 'current', change)
    } else if (key.state === 'current' && !next) await insert(key, 'next', change)
    const left = await listKeys(change.trx)
    const successor = left.find(is(now ? 'current' : 'next', key))
    return {
      key,
      removed: !left.some((each) => each.id === id),
      successor: key.state === 'current' ? successor : undefined,
    }
  })
}

/**
 * Runs one change after another, and tells every server when something has changed. The audit rows are part of the
 * transaction, so that nothing changes unrecorded.
 */
async function changeKeys<Result>(
  { database, sealer, clock, log, operator }: KeyChangeDependencies,
  work: (change: Change) => Promise<Result>,
): Promise<Result> {
  return database.knex.transaction(async (trx) => {
    // The time a key is published from is read before it is: a process that was stopped in between must not publish it
    // later.
    await trx.raw(`set local idle_in_transaction_session_timeout = '${idleSeconds}s'`)
    await trx.raw('select pg_advisory_xact_lock(hashtext(?))', [lockName])
    const events = audit({ database: { knex: trx }, clock, log })
    let isChanged = false
    const writeAudit: Change['writeAudit'] = (event, { id, use, alg }) => {
      isChanged = true
      return events.write({ event, detail: { key: id, use, alg, ...(operator === undefined ? {} : { operator }) } })
    }
    const { atMs, apartMs } = await olderMs({ knex: trx }, clock)
    if (operator !== undefined && Math.abs(apartMs) > mostApartMs) throw apart(apartMs)
    const result = await work({ trx, sealer, keys: await listKeys(trx), at: new Date(atMs), writeAudit })
    if (isChanged) await bumpCatalogVersion(trx)
    return result
  })
}

/** Server and database disagree about the time, so a key would be published or sign from a wrong moment. */
function apart(apartMs: number): Error {
  const seconds = Math.round(Math.abs(apartMs) / 1000)
  return new Error(
    `this machine is ${seconds} s ${apartMs > 0 ? 'ahead of' : 'behind'} the database: set its clock, then try again`,
  )
}

function is(state: KeyState, { use, alg }: Pick<KeyInfo, 'use' | 'alg'>): (key: KeyInfo) => boolean {
  return (key) => key.state === state && key.use === use && key.alg === alg
}

async function insert(
  kind: Pick<KeyInfo, 'use' | 'alg'>,
  state: 'next' | 'current',
  { trx, sealer, at, writeAudit }: Change,
): Promise<void> {
  // Fails where this command has another master key than the servers: they could not open the new key.
  await loadKeys({ database: { knex: trx }, sealer })
  const { id, use, alg, text } = await newKey(kind)
  const row = { id, use, alg, state, secret: sealer.seal(text, keyContext(id)), created_at: at }
  await trx('keys').insert({ ...row, activated_at: state === 'current' ? at : null })
  await writeAudit('key.created', { id, use, alg })
}

/** The next key signs from now on, and the one before it no more: one write, and no moment without a key. */
async function promote(next: KeyInfo, rules: KeyRules, { trx, at, writeAudit }: Change): Promise<void> {
  const removeAt = new Date(at.getTime() + keepSeconds(next.use, await loadCatalog(trx), rules) * 1000)
  const { rowCount } = await trx.raw(
    `update keys set
       state = case state when 'next' then 'current' else 'previous' end,
       activated_at = case state when 'next' then :at::timestamptz else activated_at end,
       retired_at = case state when 'current' then :at::timestamptz end,
       remove_at = case state when 'current' then :removeAt::timestamptz end
     where use = :use and alg = :alg and state in ('next', 'current')
       and exists (select 1 from keys where id = :id and state = 'next')`,
    { at, removeAt, use: next.use, alg: next.alg, id: next.id },
  )
  if (rowCount > 0) await writeAudit('key.rotated', next)
}

async function remove(key: KeyInfo, { trx, writeAudit }: Change): Promise<void> {
  const gone = await trx('keys').where({ id: key.id }).delete()
  if (gone > 0) await writeAudit('key.retired', key)
}
