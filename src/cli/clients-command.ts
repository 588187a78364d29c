import { formatDuration } from '../base/duration.ts'
import type { Core } from '../build/core.ts'
import { type Catalog, loadCatalog, type StoredClient } from '../oidc/clients/catalog.ts'
import { removeClient, rotateSecret as rotate } from '../oidc/clients/client-changes.ts'
import { grantTypesOf, needsSecret } from '../oidc/clients/client-schema.ts'
import { lifetimesOf, type Sliding } from '../oidc/clients/lifetimes.ts'
import { isOwnClient } from '../oidc/clients/own-clients.ts'
import { exportDocument, exportText, inOrder } from '../oidc/clients/seed-export.ts'
import { awaitServers } from './await-servers.ts'
import { noClient } from './client-named.ts'
import type { CommandContext } from './command.ts'
import { operatorOf, refuse, withCore } from './open-core.ts'
import { printJson, tableText } from './output.ts'

/** `clients list`: the registered ones; those of Menshen itself are not registered. */
export async function list(context: CommandContext): Promise<number> {
  const { clients } = await withCore(context, ({ database }) => loadCatalog(database.knex))
  const rows = [...clients.values()].map(({ seed }) => ({
    client_id: seed.client_id,
    client_name: seed.client_name ?? null,
    first_party: seed.first_party,
    token_endpoint_auth_method: seed.token_endpoint_auth_method,
    grant_types: grantTypesOf(seed),
  }))
  if (context.flags['json'] === true) printJson(context.stdout, rows)
  else {
    const head = ['client_id', 'name', 'first party', 'authentication', 'grant types']
    const cells = rows.map((row) => [
      row.client_id,
      row.client_name,
      row.first_party ? 'yes' : 'no',
      row.token_endpoint_auth_method,
      row.grant_types.map((type) => type.replace('urn:ietf:params:oauth:grant-type:', '')).join(' '),
    ])
    context.stdout.write(tableText(head, cells))
  }
  return 0
}

/** `clients show`: what is registered, and the values that follow where it says nothing. */
export async function show(context: CommandContext): Promise<number> {
  return withCore(context, async ({ config, database }) => {
    const { client, refusal } = find(await loadCatalog(database.knex), context)
    if (!client) return refuse(context, refusal)
    const { seed, sealedSecret, written } = client
    const { access, session, refresh } = lifetimesOf(seed.lifetimes, config.lifetimes)
    const sliding = ({ idle, max }: Sliding) => ({ idle: formatDuration(idle), max: formatDuration(max) })
    const accessText = typeof access === 'number' ? formatDuration(access) : sliding(access)
    const inForce = {
      grant_types: grantTypesOf(seed),
      token_endpoint_auth_method: seed.token_endpoint_auth_method,
      lifetimes: { access: accessText, session: sliding(session), refresh: sliding(refresh) },
      has_secret: sealedSecret !== undefined,
    }
    const registered = inOrder(written)
    if (context.flags['json'] === true) printJson(context.stdout, { ...registered, in_force: inForce })
    else {
      const cells = (values: object, source: string) =>
        Object.entries(values).map(([name, value]) => [
          name,
          typeof value === 'string' ? value : JSON.stringify(value),
          source,
        ])
      const unsaid = Object.fromEntries(
        Object.entries(inForce).filter(([name]) => name === 'lifetimes' || !(name in registered)),
      )
      const rows = [...cells(registered, 'registered'), ...cells(unsaid, 'in force')]
      context.stdout.write(tableText(['field', 'value', ''], rows))
    }
    return 0
  })
}

/** `clients export`: applied to the same database it changes nothing. */
export async function exportAll({ flags, stdout, ...context }: CommandContext): Promise<number> {
  const catalog = await withCore({ flags, stdout, ...context }, ({ database }) => loadCatalog(database.knex))
  if (flags['json'] === true) printJson(stdout, exportDocument(catalog))
  else stdout.write(exportText(catalog))
  return 0
}

/** `clients rotate-secret`: standard output holds the secret alone, so that it can be piped to where it is kept. */
export async function rotateSecret(context: CommandContext): Promise<number> {
  const { flags, stdout, stderr } = context
  return withCore(context, async (core) => {
    const { client, refusal } = find(await loadCatalog(core.database.knex), context)
    if (!client) return refuse(context, refusal)
    const { client_id: id, token_endpoint_auth_method: method } = client.seed
    if (!needsSecret(client.seed)) return refuse(context, `${id} has no secret: it authenticates with ${method}`)
    const secret = await rotate(id, dependencies(core, context))
    if (!secret) return refuse(context, `${id} was changed at this moment; try again`)
    if (flags['json'] === true) printJson(stdout, { client_id: id, client_secret: secret.reveal() })
    else stdout.write(`${secret.reveal()}\n`)
    stderr.write('this secret is shown only now; the earlier one stops working within seconds\n')
    stderr.write(
      'if a file for clients apply sets the secret of this client, change it there too, or the earlier one ' +
        'comes back\n',
    )
    return awaitServers(core, context)
  })
}

/** `clients remove` */
export async function remove(context: CommandContext): Promise<number> {
  const { flags, stdout } = context
  const isDryRun = flags['dry-run'] === true
  return withCore(context, async (core) => {
    const { client, refusal } = find(await loadCatalog(core.database.knex), context)
    if (!client) return refuse(context, refusal)
    const { client_id: id } = client.seed
    const ended = isDryRun ? undefined : await removeClient(id, dependencies(core, context))
    if (flags['json'] === true) {
      printJson(stdout, { client_id: id, removed: !isDryRun, ended_records: ended ?? null })
    } else if (isDryRun) stdout.write(`would remove client ${id} with its grants and tokens\n`)
    else stdout.write(`removed client ${id}; ${ended ?? 0} grants, codes and tokens ended\n`)
    return isDryRun ? 3 : awaitServers(core, context)
  })
}

function dependencies({ database, sealer, clock, log }: Core, context: CommandContext) {
  return { database, sealer, clock, log, operator: operatorOf(context) }
}

function find(
  { clients }: Catalog,
  { args: [id = ''] }: CommandContext,
): { readonly client?: StoredClient; readonly refusal: string } {
  const client = clients.get(id)
  if (client) return { client, refusal: '' }
  if (isOwnClient(id)) return { refusal: `${id} is a client of Menshen itself and cannot be changed` }
  return { refusal: noClient(id, clients.keys()) }
}
