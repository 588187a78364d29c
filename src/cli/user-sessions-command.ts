import { maskIp } from '../base/mask.ts'
import { countDevices, type Device, endingOf, findDevice, listDevices } from '../oidc/endings/devices.ts'
import { endRecords } from '../oidc/endings/endings.ts'
import type { CommandContext } from './command.ts'
import { reasonOf } from './confirm.ts'
import { operatorOf, refuse } from './open-core.ts'
import { printJson, tableText } from './output.ts'
import { limitOf } from './paging.ts'
import { revokeClient } from './user-consents-command.ts'
import { withUser } from './user-named.ts'

/**
 * `users sessions`: where somebody is signed in, as on their own list of devices, with the ids that `users revoke`
 * takes.
 */
export async function sessions(context: CommandContext): Promise<number> {
  const { flags, stdout, stderr } = context
  const limit = limitOf(context)
  if (typeof limit === 'string') return refuse(context, limit)
  const after = String(flags['after'] ?? '')
  return withUser(context, async ({ user }, core) => {
    const { devices: found, next } = await listDevices(core, user.id, { after: after || undefined, limit })
    // The cursor is the id of the last one, so that the list stays one for machines.
    if (next !== undefined) stderr.write(`there are more: --after ${next}\n`)
    if (flags['json'] === true) {
      printJson(stdout, found.map(asJson))
      return 0
    }
    const cells = found.map(({ kind, id, clientIds, signIn, createdAt, lastUsedAt, expiresAt }) => [
      id,
      kind === 'session' ? 'browser' : 'app',
      clientIds.join(' '),
      signIn.device,
      signIn.method,
      maskIp(signIn.ip),
      createdAt,
      lastUsedAt,
      expiresAt,
    ])
    const head = ['id', 'kind', 'clients', 'device', 'method', 'ip', 'created', 'last used', 'expires']
    stdout.write(tableText(head, cells))
    return 0
  })
}

function asJson({ kind, id, clientIds, signIn, createdAt, lastUsedAt, expiresAt }: Device) {
  return {
    id,
    kind,
    client_ids: clientIds,
    device: signIn.device ?? null,
    method: signIn.method ?? null,
    ip: signIn.ip ?? null,
    created_at: createdAt.toISOString(),
    last_used_at: lastUsedAt.toISOString(),
    expires_at: expiresAt.toISOString(),
  }
}

/** `users revoke`: signs somebody out everywhere, or ends the one session or grant, or client, that is named. */
export async function revoke(context: CommandContext): Promise<number> {
  const { flags, stdout } = context
  return withUser(context, async ({ user }, core) => {
    const { client } = flags
    if (typeof client === 'string') return revokeClient(context, core, { userId: user.id, clientId: client })
    const wanted = flags['session']
    const device = typeof wanted === 'string' ? await findDevice(core, user.id, wanted) : undefined
    if (wanted !== undefined && !device) return refuse(context, `${user.id} has no session or grant with this id`)
    const isDryRun = flags['dry-run'] === true
    const scope = device ? endingOf(device) : ({ kind: 'all' } as const)
    const count = device ? 1 : await countDevices(core, user.id)
    const ending = { reason: 'operator', operator: operatorOf(context), why: reasonOf(context) } as const
    const ended = isDryRun ? { records: 0 } : await endRecords(core, user.id, scope, ending)
    const isDone = ended.records > 0
    if (flags['json'] === true) {
      const told = { id: user.id, changed: isDone, ended_records: ended.records }
      printJson(stdout, isDryRun ? { ...told, would_change: count > 0 } : told)
    } else if (isDryRun) {
      stdout.write(count > 0 ? `would sign ${user.id} out of ${count}\n` : 'no changes\n')
    } else {
      const delay = 'JWT access tokens that were issued live some minutes more'
      stdout.write(isDone ? `signed ${user.id} out; ${ended.records} records ended (${delay})\n` : 'no changes\n')
    }
    return isDryRun && count > 0 ? 3 : 0
  })
}
