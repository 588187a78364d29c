import { decodeJwt } from 'jose'
import { formatDuration } from '../base/duration.ts'
import { isId, type UserId } from '../base/ids.ts'
import { maskIp } from '../base/mask.ts'
import type { Core } from '../build/core.ts'
import { type Catalog, loadCatalog } from '../oidc/clients/catalog.ts'
import { clientPolicies } from '../oidc/clients/client-policies.ts'
import { libraryMetadata } from '../oidc/clients/client-schema.ts'
import { isOwnClient } from '../oidc/clients/own-clients.ts'
import { type EndingLine, endingsOf, type WhyDependencies } from '../oidc/endings/why-report.ts'
import { whatBecameOf } from '../oidc/endings/why-stored.ts'
import { familyTokens } from '../oidc/records/family-tokens.ts'
import { noClient } from './client-named.ts'
import type { CommandContext } from './command.ts'
import { refuse, withCore } from './open-core.ts'
import { type Cell, cellText, printJson, tableText } from './output.ts'
import { userNamed } from './user-named.ts'

const longestToken = 10_000

/** `users why`: why sessions and grants ended, for support; those that have not ended are shown as alive. */
export async function why(context: CommandContext): Promise<number> {
  const [what = ''] = context.args
  const token = what === '-' ? await typedToken(context) : undefined
  return withCore(context, async (core) => {
    const catalog = await loadCatalog(core.database.knex)
    const asked: Asked = { context, core, catalog, dependencies: dependenciesOf(core, catalog) }
    if (token !== undefined) return whyToken(asked, token)
    const isNumberOrAddress = /^\+?[\d\s()-]+$|@|^usr_/.test(what)
    const found = isNumberOrAddress ? [] : await whatBecameOf(asked.dependencies, { id: what })
    if (found.length > 0) return printEndings(asked, found)
    const account = await userNamed(core, what)
    if (typeof account === 'object') return whyUser(asked, account.user.id, wantedClient(context))
    const status = refuse(context, account ?? 'no session, grant, token, request or user of this name')
    if (requestId.test(what)) context.stderr.write('a request that was refused and ended nothing is in the log alone\n')
    return status
  })
}

interface Asked {
  readonly context: CommandContext
  readonly core: Core
  readonly catalog: Catalog
  readonly dependencies: WhyDependencies
}

const requestId = /^[\w-]{12}$/

function dependenciesOf({ database, clock, config, sealer }: Core, catalog: Catalog): WhyDependencies {
  const clients = [...catalog.clients.values()].map(({ seed }) => libraryMetadata(seed, undefined))
  const policies = clientPolicies({ clients, resources: new Map(), defaults: config.lifetimes })
  return { database, policies, clock, families: familyTokens(sealer) }
}

function wantedClient({ flags: { client } }: CommandContext): string | undefined {
  return typeof client === 'string' ? client : undefined
}

async function whyUser(asked: Asked, userId: UserId, clientId: string | undefined): Promise<number> {
  return printEndings(asked, await endingsOf(asked.dependencies, { userId, clientId }), clientId)
}

async function whyToken(asked: Asked, token: string): Promise<number> {
  const { context, core } = asked
  const claims = claimsOf(token)
  if (!claims) {
    const found = await whatBecameOf(asked.dependencies, { token })
    if (found.length > 0) return printEndings(asked, found)
    return refuse(context, 'not stored: it has ended or expired, or was never ours; ask by user, client or time')
  }
  const { sub, client_id: clientId, iat, exp } = claims
  const at = (seconds: unknown) => (typeof seconds === 'number' ? new Date(seconds * 1000) : undefined)
  context.stderr.write('a JWT: those are not stored. This is what it says of itself; nobody has verified it:\n')
  const said = [
    ['user', text(sub)],
    ['client', text(clientId)],
    ['issued', at(iat)],
    ['good until', at(exp)],
  ] as const
  for (const [name, value] of said) context.stderr.write(`  ${name}: ${cellText(value)}\n`)
  const account = isId('usr', sub) ? await userNamed(core, sub) : undefined
  if (typeof account !== 'object') return refuse(context, 'there is no user with the id it names')
  return whyUser(asked, account.user.id, wantedClient(context) ?? text(clientId))
}

/** The claims of a JWT, unverified; undefined for anything else. They are used only to ask a question. */
function claimsOf(token: string): Record<string, unknown> | undefined {
  try {
    return decodeJwt(token)
  } catch {
    return undefined
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/**
 * Tokens come by standard input: an argument would stay in the history of the shell and show in the list of processes.
 */
async function typedToken({ stdin }: CommandContext): Promise<string> {
  let typed = ''
  for await (const chunk of stdin ?? []) {
    typed += chunk
    if (typed.length > longestToken) break
  }
  return typed.trim()
}

function printEndings(
  { context, core, catalog }: Asked,
  all: readonly EndingLine[],
  wanted = wantedClient(context),
): number {
  const { flags, stdout } = context
  const lines = all.filter(({ clientIds }) => wanted === undefined || clientIds.includes(wanted))
  // Endings of a client that is no longer registered are shown all the same.
  if (wanted !== undefined && lines.length === 0 && !catalog.clients.has(wanted) && !isOwnClient(wanted))
    return refuse(context, noClient(wanted, catalog.clients.keys()))
  if (flags['json'] === true) printJson(stdout, lines.map(asJson))
  else if (all.length > lines.length && lines.length === 0) stdout.write(`it was not one of ${wanted}\n`)
  else if (lines.length === 0) stdout.write(`${nothing(core, wanted)}\n`)
  else stdout.write(tableText(head, lines.map(cellsOf)))
  return 0
}

function nothing({ config }: Core, clientId: string | undefined): string {
  const { audit_retention: kept } = config.ops
  const whose = clientId === undefined ? 'of this user' : `that ${cellText(clientId)} had of this user`
  const days = kept === 'none' ? 0 : kept / 86_400
  const span =
    kept === 'none' ? '' : ` in the last ${days > 1 && Number.isInteger(days) ? `${days} days` : formatDuration(kept)}`
  return `nothing ${whose} has ended${span}`
}

function asJson(line: EndingLine) {
  return {
    at: line.at.toISOString(),
    event: line.event,
    user_id: line.userId,
    id: line.id,
    client_ids: line.clientIds,
    reason: line.reason,
    limit_seconds: line.limitSeconds ?? null,
    device: line.device,
    ip: line.ip,
    request_id: line.requestId,
    operator: line.operator,
  }
}

const head = ['when', 'event', 'why', 'clients', 'device', 'from', 'request', 'id']

function cellsOf(line: EndingLine): Cell[] {
  const from = line.operator ?? maskIp(line.ip ?? undefined)
  return [line.at, line.event, sentence(line), line.clientIds.join(' '), line.device, from, line.requestId, line.id]
}

const sentences: Readonly<Record<string, string>> = {
  device: 'its owner ended it in the list of devices',
  disowned: 'its owner said that a login was not theirs',
  password_changed: 'the password was changed, and all others signed out',
  password_reset: 'the password was reset',
  identity_removed: 'an identity that this login was made with was removed',
  identity_moved: 'an identity that this login was made with leads to another account now',
  merged: 'the account became part of another one of the same person, or what this login was made with did not stay',
  unmerged: 'two accounts that had become one are two again',
  number_freed: 'the number that this login was made with is somebody else’s now',
  leaving: 'deletion of the account was asked for',
  consent_withdrawn: 'the owner has taken back what they had allowed the app',
  upstream_ended: 'the upstream that this login was made with said that its consent has ended',
  logout: 'its owner signed out',
  app: 'the app gave its token back',
  reused: 'a code or refresh token came a second time',
  replaced: 'the app has logged in again on the same device',
  outnumbered: 'its owner has newer logins of this app, as many as may live at once (session.per_client)',
  operator: 'an operator ended it',
  locked: 'an operator locked the user',
  rotated: 'it was replaced by a newer one',
  exchanged: 'it was exchanged for tokens',
  expired: 'its time was over',
}

function sentence({ at, reason, limitSeconds = 0 }: EndingLine): string {
  if (reason === 'alive') return `is alive until ${at.toISOString()}`
  if (reason === 'idle') return `not used for ${formatDuration(limitSeconds)}`
  if (reason === 'max') return `the login was ${formatDuration(limitSeconds)} ago`
  return sentences[reason] ?? reason
}
