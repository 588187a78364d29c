import { createInvite, type Invite, listInvites, revokeInvite } from '../accounts/invites.ts'
import { parseDuration } from '../base/duration.ts'
import { isId } from '../base/ids.ts'
import { noClient } from './client-named.ts'
import type { CommandContext } from './command.ts'
import { operatorOf, refuse, withCore } from './open-core.ts'
import { printJson, tableText } from './output.ts'
import { limitOf } from './paging.ts'

const mostAtOnce = 1000

/** `invites create`: codes, which are shown this once. */
export async function create(context: CommandContext): Promise<number> {
  const { flags, stdout, stderr } = context
  const { client, count = '1', expires = '14d', note } = flags
  const wanted = /^\d{1,4}$/.test(String(count)) ? Number(count) : 0
  if (wanted < 1 || wanted > mostAtOnce) return refuse(context, `--count: a number from 1 to ${mostAtOnce}`)
  const seconds = parseDuration(String(expires))
  if (seconds === undefined) return refuse(context, '--expires: a duration such as 12h or 30d')
  return withCore(context, async ({ database, clock, audit }) => {
    const { knex } = database
    const clientId = typeof client === 'string' ? client : undefined
    if (clientId !== undefined && !(await knex('clients').where({ client_id: clientId }).first('client_id')))
      return refuse(context, noClient(clientId, await knex('clients').pluck('client_id')))
    const at = new Date(clock())
    const expiresAt = new Date(at.getTime() + seconds * 1000)
    const operator = operatorOf(context)
    const order = { clientId, note: typeof note === 'string' ? note : undefined, operator, at, expiresAt }
    const made = await knex.transaction(async (transaction) => {
      const invites = []
      for (let index = 0; index < wanted; index++) invites.push(await createInvite(transaction, order))
      return invites
    })
    await audit.write({ event: 'invite.created', clientId, detail: { operator, invites: made.map(({ id }) => id) } })
    if (flags['json'] === true) {
      const common = { client: clientId ?? null, expires_at: expiresAt.toISOString() }
      printJson(
        stdout,
        made.map((each) => ({ ...each, ...common })),
      )
    } else {
      const rows = made.map(({ id, code }) => [code, id, expiresAt.toISOString()])
      stdout.write(tableText(['code', 'invitation', 'good until'], rows))
      stderr.write('nobody can see these codes again\n')
    }
    return 0
  })
}

/** `invites list`: what was made, without the codes. */
export async function list(context: CommandContext): Promise<number> {
  const { flags, stdout } = context
  const limit = limitOf(context)
  if (typeof limit === 'string') return refuse(context, limit)
  return withCore(context, async ({ database, clock }) => {
    const invites = await listInvites(database.knex, limit)
    const rows = invites.map((invite) => ({
      id: invite.id,
      state: stateOf(invite, clock()),
      client: invite.clientId,
      note: invite.note,
      created_by: invite.createdBy,
      created_at: invite.createdAt.toISOString(),
      expires_at: invite.expiresAt.toISOString(),
      used_by: invite.usedBy,
      used_at: invite.usedAt?.toISOString() ?? null,
    }))
    if (flags['json'] === true) printJson(stdout, rows)
    else {
      const cells = rows.map((row) => [
        row.id,
        row.state,
        row.client ?? 'any',
        row.created_at,
        row.expires_at,
        row.used_by ?? '',
        row.note ?? '',
      ])
      stdout.write(tableText(['invitation', 'state', 'client', 'made', 'good until', 'used by', 'note'], cells))
    }
    return 0
  })
}

function stateOf({ usedAt, revokedAt, expiresAt }: Invite, nowMs: number): 'used' | 'revoked' | 'expired' | 'open' {
  if (usedAt) return 'used'
  if (revokedAt) return 'revoked'
  return expiresAt.getTime() <= nowMs ? 'expired' : 'open'
}

/** `invites revoke`: makes no account any more. */
export async function revoke(context: CommandContext): Promise<number> {
  const { args, flags, stdout } = context
  const [id = ''] = args
  if (!isId('inv', id)) return refuse(context, 'expected the id of an invitation (inv_…), as invites list tells it')
  return withCore(context, async ({ database, clock, audit }) => {
    if (!(await revokeInvite(database.knex, id, new Date(clock()))))
      return refuse(context, 'there is no such invitation, or it was used or taken back before')
    await audit.write({ event: 'invite.revoked', detail: { invite: id, operator: operatorOf(context) } })
    if (flags['json'] === true) printJson(stdout, { revoked: id })
    else stdout.write(`revoked ${id}\n`)
    return 0
  })
}
