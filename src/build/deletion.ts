import { deletionHook } from '../../interactions/deletion-hook.ts'
import { DeletionRequests } from '../../interactions/deletion-requests.ts'
import type { DeletionOptions } from '../accounts/deletion-options.ts'
import { epochSeconds } from '../base/clock.ts'
import { httpClient } from '../base/http.ts'
import type { UserId } from '../base/ids.ts'
import { askToLeave } from '../oidc/endings/account-leaving.ts'
import { listAuthorisedApps } from '../oidc/endings/authorised-apps.ts'
import { listDevices } from '../oidc/endings/devices.ts'
import type { Limits } from '../ops/limits.ts'
import type { Core } from './core.ts'

/** How long the operator's system may take to say whether anything stands in the way of a deletion. */
const hookMs = 3000
const hookBytes = 16_384
/** Nobody is signed in to other apps in more places than these. */
const mostDevices = 1000

/** Builds what pages and apps ask for the deletion of an account by. */
export function buildDeletion(
  core: Core,
  limits: Pick<Limits<'deletion.account'>, 'take'>,
  standIn: DeletionOptions['hook'],
): DeletionRequests {
  const { config, clock } = core
  const { wait: waitSeconds, hook = standIn } = config.deletion
  const http = httpClient({ timeoutMs: hookMs, maxBytes: hookBytes, allowInsecure: true })

  /** Every app that somebody is signed in to, or that is not ours and was allowed something. */
  async function clients(userId: UserId): Promise<readonly string[]> {
    const [{ devices }, apps] = await Promise.all([
      listDevices(core, userId, { limit: mostDevices }),
      listAuthorisedApps(core, userId),
    ])
    const ids = [...devices.flatMap(({ clientIds }) => clientIds), ...apps.map(({ clientId }) => clientId)]
    return [...new Set(ids)]
  }

  return new DeletionRequests({
    clients,
    hook: hook && deletionHook(hook, { http, nowSeconds: () => epochSeconds(clock) }),
    leave: (userId, actor) => askToLeave(core, userId, actor),
    limits,
    options: { waitSeconds, auditSeconds: config.ops.audit_retention },
  })
}
