import { findDeletion } from '../accounts/account-deletions.ts'
import type { Account, UserStatus } from '../accounts/user.ts'
import type { Core } from '../build/core.ts'
import { askToLeave, deleteAccount, stayAfterAll } from '../oidc/endings/account-leaving.ts'
import type { CommandContext } from './command.ts'
import { confirmed } from './confirm.ts'
import { operatorOf, refuse } from './open-core.ts'
import { printJson } from './output.ts'
import { withUser } from './user-named.ts'

/**
 * `users delete`: the same as its owner can do, after the wait or, with `--now`, at once. The operator's own system
 * (`deletion.hook`) is not asked: whoever calls this has decided.
 */
export async function remove(context: CommandContext): Promise<number> {
  return withUser(context, async (account, core) => {
    const { user } = account
    if (user.status === 'deleted') return refuse(context, `${user.id} is deleted`)
    const isNow = context.flags['now'] === true
    const asked = await findDeletion(core.database.knex, user.id)
    if (asked && !isNow) return tell(context, { id: user.id, leavesAt: asked.leavesAt }, 'no changes')
    if (context.flags['dry-run'] === true) return tell(context, wouldBe(account, core, isNow), 'would')
    const when = isNow ? 'at once and for good' : 'when the wait is over'
    return confirmed(context, `Delete ${user.id} ${when}? All sessions and tokens end.`, async () => {
      const actor = { operator: operatorOf(context), ...whyOf(context) }
      const waitSeconds = isNow ? 0 : core.config.deletion.wait
      const { leavesAt } = await askToLeave(core, user.id, { ...actor, waitSeconds })
      if (!isNow) return tell(context, { id: user.id, status: statusOf(account), leavesAt, changed: true }, 'done')
      await deleteAccount(core, user.id, actor)
      return tell(context, { id: user.id, status: 'deleted', changed: true }, 'done')
    })
  })
}

/** `users undelete`: takes a deletion back that is not done yet, also of a locked user. */
export async function undelete(context: CommandContext): Promise<number> {
  return withUser(context, async (account, core) => {
    const { user } = account
    if (user.status === 'deleted') return refuse(context, `${user.id} is deleted and cannot come back`)
    if (!(await findDeletion(core.database.knex, user.id))) return tell(context, { id: user.id }, 'no changes')
    const stays = user.status === 'locked' ? 'locked' : 'active'
    if (context.flags['dry-run'] === true) return tell(context, { id: user.id, status: stays }, 'would')
    const actor = { operator: operatorOf(context), ...whyOf(context) }
    const isDone = await stayAfterAll(core, user.id, actor)
    return tell(context, { id: user.id, status: stays, changed: isDone }, isDone ? 'done' : 'no changes')
  })
}

interface Told {
  readonly id: string
  readonly status?: UserStatus
  readonly leavesAt?: Date
  readonly changed?: boolean
}

function wouldBe(account: Account, { config }: Core, isNow: boolean): Told {
  const { id } = account.user
  if (isNow || config.deletion.wait === 0) return { id, status: 'deleted' }
  return { id, status: statusOf(account) }
}

/** A locked one stays locked until it is gone. */
function statusOf({ user }: Account): UserStatus {
  return user.status === 'locked' ? 'locked' : 'leaving'
}

function tell({ flags, stdout }: CommandContext, told: Told, outcome: 'done' | 'would' | 'no changes'): number {
  const { id, status, leavesAt, changed = false } = told
  const isDryRun = flags['dry-run'] === true
  const date = leavesAt === undefined ? {} : { deletion_at: leavesAt.toISOString() }
  if (flags['json'] === true) {
    const would = isDryRun ? { would_change: outcome === 'would' } : {}
    printJson(stdout, { id, ...(status === undefined ? {} : { status }), ...date, changed, ...would })
  } else {
    const when = leavesAt === undefined ? '' : `; it is gone at ${leavesAt.toISOString()}`
    const now = status === undefined ? '' : ` ${id}: ${status}`
    stdout.write(
      outcome === 'no changes'
        ? `no changes${when}\n`
        : `${outcome === 'would' ? 'would be' : 'is now'}${now}${when}\n`,
    )
  }
  return isDryRun && outcome === 'would' ? 3 : 0
}

/** What was said with `--reason`, for the audit. */
function whyOf({ flags }: CommandContext): { readonly why?: string } {
  const { reason } = flags
  const said = typeof reason === 'string' ? reason.trim() : ''
  return said === '' ? {} : { why: said }
}
