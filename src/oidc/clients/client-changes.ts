import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import type { Clock } from '../../base/clock.ts'
import { Secret } from '../../base/secret.ts'
import { type AuditEvent, audit } from '../../ops/audit.ts'
import type { Log } from '../../ops/log.ts'
import type { Database } from '../../store/postgres.ts'
import type { Sealer } from '../../store/seal.ts'
import { errorCode } from '../../store/unavailable.ts'
import { authorizationsSql, memberTextSql, payloadSql, withoutAuthorizationSql } from '../library/payload.ts'
import { durableModels } from '../library/stored-models.ts'
import { bumpCatalogVersion, type Catalog, loadCatalog, secretContext } from './catalog.ts'
import { hasChanges, type PlanItem, planChanges } from './client-plan.ts'
import { needsSecret } from './client-schema.ts'
import type { SeedClient, Seeds } from './seed-file.ts'

/** What a change of the catalog works with. */
export interface ChangeDependencies {
  readonly database: Database
  readonly sealer: Sealer
  readonly clock: Clock
  readonly log: Pick<Log, 'error'>
  /** Who gave the command, for the audit. */
  readonly operator: string
}

/** A change under way: the only one, with its own view of the catalog. */
interface Change extends Omit<ChangeDependencies, 'database' | 'log' | 'operator'> {
  readonly trx: Knex.Transaction
  readonly catalog: Catalog
  writeAudit(event: Omit<AuditEvent, 'detail'>, detail?: Readonly<Record<string, unknown>>): Promise<void>
}

/** What a change of the catalog has done. */
export interface Applied {
  readonly plan: readonly PlanItem[]
  /** The secrets that were made, by client; nobody can see them again. */
  readonly secrets: ReadonlyMap<string, Secret>
}

const lockName = 'menshen:catalog'
const lockTimeoutSeconds = 30

/**
 * Makes clients and resources what the files say, in one transaction under a lock: two calls at once follow each other,
 * and the plan is the one of that moment. `check` is given the catalog of that moment too, and what it throws leaves
 * everything as it was. A dry run does all of that and takes it back, so that it cannot tell of anything that would not
 * happen.
 */
export async function applySeeds(
  seeds: Seeds,
  {
    prune,
    check,
    isDryRun,
  }: { readonly prune: boolean; readonly check: (catalog: Catalog) => void; readonly isDryRun: boolean },
  dependencies: ChangeDependencies,
): Promise<Applied> {
  return changeCatalog(dependencies, async (change) => {
    check(change.catalog)
    const plan = planChanges(change.catalog, seeds, { prune, sealer: change.sealer })
    const secrets = new Map<string, Secret>()
    for (const item of plan) {
      if (item.action === 'create' || item.action === 'change') await write(item, seeds, { change, secrets })
      if (item.action === 'remove') await remove(item, change)
    }
    const clientsTo = (act: PlanItem['action']) =>
      plan.flatMap(({ kind, id, action }) => (kind === 'client' && action === act ? [id] : []))
    await forget([...clientsTo('remove'), ...(await formerOf(clientsTo('create'), change))], change)
    // A dry run takes its secrets back, so nobody is shown them.
    return { result: { plan, secrets: isDryRun ? new Map() : secrets }, isChanged: hasChanges(plan), isDryRun }
  })
}

/**
 * Removes a client and what it was granted. Answers how many grants and tokens ended; undefined when there is no such
 * client.
 */
export async function removeClient(id: string, dependencies: ChangeDependencies): Promise<number | undefined> {
  return changeCatalog(dependencies, async (change) => {
    if (!change.catalog.clients.has(id)) return { result: undefined, isChanged: false }
    await remove({ kind: 'client', id }, change)
    return { result: await forget([id], change), isChanged: true }
  })
}

/**
 * Gives a client a new secret; the old one stops working. Undefined when there is no such client or it has no secret.
 */
export async function rotateSecret(id: string, dependencies: ChangeDependencies): Promise<Secret | undefined> {
  return changeCatalog(dependencies, async ({ trx, catalog, sealer, clock, writeAudit }) => {
    const client = catalog.clients.get(id)
    if (!client || !needsSecret(client.seed)) return { result: undefined, isChanged: false }
    const secret = newSecret()
    await trx('clients')
      .where({ client_id: id })
      .update({ secret: sealer.seal(secret.reveal(), secretContext(id)), updated_at: new Date(clock()) })
    await writeAudit({ event: 'client.secret_rotated', clientId: id })
    return { result: secret, isChanged: true }
  })
}

/** 256 bits of an alphabet that needs no escaping in a Basic header (RFC 6749 §2.3.1). */
function newSecret(): Secret {
  return new Secret(randomBytes(32).toString('base64url'))
}

/**
 * Runs one change after another. The audit rows are part of the transaction, so that nothing changes unrecorded:
 * `writeAudit` swallows a failure, but the statement after it, which bumps the version, cannot succeed in a transaction
 * that has failed.
 */
async function changeCatalog<Result>(
  { database, log, operator, ...rest }: ChangeDependencies,
  work: (
    change: Change,
  ) => Promise<{ readonly result: Result; readonly isChanged: boolean; readonly isDryRun?: boolean }>,
): Promise<Result> {
  let undone: { readonly result: Result } | undefined
  try {
    return await database.maintenance((knex) =>
      knex.transaction(async (trx) => {
        await trx.raw(`set local lock_timeout = '${lockTimeoutSeconds}s'`)
        await trx.raw('select pg_advisory_xact_lock(hashtext(?))', [lockName])
        const events = audit({ database: { knex: trx }, clock: rest.clock, log })
        const writeAudit: Change['writeAudit'] = (event, detail = {}) =>
          events.write({ ...event, detail: { ...detail, operator } })
        const { result, isChanged, isDryRun } = await work({
          ...rest,
          trx,
          writeAudit,
          catalog: await loadCatalog(trx),
        })
        if (isChanged) await bumpCatalogVersion(trx)
        if (!isDryRun) return result
        undone = { result }
        throw new Error('a dry run is taken back')
      }),
    )
  } catch (error) {
    if (undone) return undone.result
    if (errorCode(error) !== '55P03') throw error
    throw new Error(`another change of clients has not ended for ${lockTimeoutSeconds} s; nothing was changed`)
  }
}

async function write(
  { kind, id, action, changes }: PlanItem,
  seeds: Seeds,
  { change, secrets }: { readonly change: Change; readonly secrets: Map<string, Secret> },
): Promise<void> {
  const { trx, clock, writeAudit } = change
  const at = new Date(clock())
  const event = action === 'create' ? 'created' : 'changed'
  const detail = action === 'create' ? {} : { fields: changes.map(({ field }) => field) }
  const times = { created_at: at, updated_at: at }
  if (kind === 'resource') {
    const settings = JSON.stringify(seeds.resources.find(({ seed }) => seed.resource === id)?.written)
    await trx('resources')
      .insert({ resource: id, settings, ...times })
      .onConflict('resource')
      .merge(['settings', 'updated_at'])
    await writeAudit({ event: `resource.${event}` }, { ...detail, resource: id })
    return
  }
  const client = seeds.clients.find(({ seed }) => seed.client_id === id) as SeedClient
  const secret = secretToStore(client, change, secrets)
  await trx('clients')
    .insert({ client_id: id, metadata: JSON.stringify(client.written), secret, ...times })
    .onConflict('client_id')
    .merge(['metadata', 'secret', 'updated_at'])
  await writeAudit({ event: `client.${event}`, clientId: id }, detail)
}

function secretToStore(
  { seed: { client_id: id }, secret: wish }: SeedClient,
  { catalog, sealer }: Change,
  secrets: Map<string, Secret>,
): string | null {
  if (wish.kind === 'none') return null
  const before = catalog.clients.get(id)?.sealedSecret
  if (wish.kind === 'generate' && before !== undefined) return before
  const secret = wish.kind === 'given' ? wish.secret : newSecret()
  if (wish.kind === 'generate') secrets.set(id, secret)
  return sealer.seal(secret.reveal(), secretContext(id))
}

async function remove({ kind, id }: Pick<PlanItem, 'kind' | 'id'>, { trx, writeAudit }: Change): Promise<void> {
  if (kind === 'resource') {
    await trx('resources').where({ resource: id }).delete()
    await writeAudit({ event: 'resource.removed' }, { resource: id })
    return
  }
  await trx('clients').where({ client_id: id }).delete()
  await writeAudit({ event: 'client.removed', clientId: id })
}

/**
 * Deletes the grants, codes and tokens of a client, what sessions hold of it, what people have allowed it, and the
 * notices that wait for it.
 * SECURITY: they are deleted once more when a client gets the name of a former one, because a running server may have
 * issued some in the seconds before it noticed the removal. Another client of the same name must neither inherit them
 * nor be told who signs out. All records are read for it, because no index knows the client of each.
 */
async function forget(clientIds: readonly string[], { trx }: Change): Promise<number> {
  if (clientIds.length === 0) return 0
  await trx('logout_notices').whereIn('client_id', clientIds).delete()
  await trx('consents').whereIn('client_id', clientIds).delete()
  for (const id of clientIds) {
    await trx.raw(
      `update oidc_records r set payload = cast(${withoutAuthorizationSql(payloadSql('r'), ':id')} as text)
       where model = :model and jsonb_exists(${authorizationsSql(payloadSql('r'))}, :id)`,
      { id, model: durableModels.Session },
    )
  }
  return trx('oidc_records')
    .whereRaw(`${memberTextSql(payloadSql('oidc_records'), 'clientId')} = any(?)`, [clientIds as string[]])
    .delete()
}

/** Which of these names a former client had. From now on they are those of a client again. */
async function formerOf(clientIds: readonly string[], { trx }: Change): Promise<string[]> {
  const rows: { client_id: string }[] = await trx('former_clients')
    .whereIn('client_id', clientIds)
    .delete()
    .returning('client_id')
  return rows.map(({ client_id }) => client_id)
}
