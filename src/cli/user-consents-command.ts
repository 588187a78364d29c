import type { UserId } from '../base/ids.ts'
import type { Core } from '../build/core.ts'
import { listAuthorisedApps, withdrawConsent } from '../oidc/endings/authorised-apps.ts'
import { consentTo, type Decisions, grantedIn } from '../oidc/records/consents.ts'
import type { CommandContext } from './command.ts'
import { reasonOf } from './confirm.ts'
import { operatorOf, refuse } from './open-core.ts'
import { printJson, tableText } from './output.ts'
import { withUser } from './user-named.ts'

/** `users consents`: what a user has allowed apps of others, as on their own list of authorised apps. */
export async function consents(context: CommandContext): Promise<number> {
  const { flags, stdout } = context
  return withUser(context, async ({ user }, core) => {
    const found = await listAuthorisedApps(core, user.id)
    if (flags['json'] === true) {
      printJson(
        stdout,
        found.map(({ clientId, decisions, since, lastUsedAt }) => ({
          client_id: clientId,
          granted: grantedIn(decisions),
          refused: refusedIn(decisions),
          since: since.toISOString(),
          last_used_at: lastUsedAt.toISOString(),
        })),
      )
      return 0
    }
    const cells = found.map(({ clientId, decisions, since, lastUsedAt }) => [
      clientId,
      grantedIn(decisions).join(', '),
      refusedIn(decisions).join(', '),
      since,
      lastUsedAt,
    ])
    stdout.write(tableText(['client', 'granted', 'refused', 'since', 'last used'], cells))
    return 0
  })
}

/** `users revoke --client`: takes back what a user has allowed one client, with everything that it has got. */
export async function revokeClient(
  context: CommandContext,
  core: Core,
  of: { readonly userId: UserId; readonly clientId: string },
): Promise<number> {
  const { flags, stdout } = context
  const { userId, clientId } = of
  if (!(await consentTo(core.database, of)))
    return refuse(context, `${userId} has allowed nothing to a client with this id`)
  const isDryRun = flags['dry-run'] === true
  const by = { operator: operatorOf(context), why: reasonOf(context) }
  const isDone = !isDryRun && (await withdrawConsent(core, of, by))
  if (flags['json'] === true) {
    const told = { id: userId, client_id: clientId, changed: isDone }
    printJson(stdout, isDryRun ? { ...told, would_change: true } : told)
  } else if (isDryRun) {
    stdout.write(`would take back what ${userId} has allowed ${clientId}\n`)
  } else {
    stdout.write(isDone ? `${userId} allows ${clientId} nothing any more\n` : 'no changes\n')
  }
  return isDryRun ? 3 : 0
}

function refusedIn(decisions: Decisions): string[] {
  return Object.keys(decisions).filter((key) => !decisions[key])
}
