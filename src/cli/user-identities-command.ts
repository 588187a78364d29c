import { identityLimit } from '../accounts/identity-limit.ts'
import { type IdentityMoved, moveIdentity, moveRefusals } from '../accounts/identity-move.ts'
import type { Account } from '../accounts/user.ts'
import { isId } from '../base/ids.ts'
import { maskSubject } from '../base/mask.ts'
import type { Core } from '../build/core.ts'
import { type Ended, endRecords } from '../oidc/endings/endings.ts'
import { lastConflict } from '../ops/audit-reader.ts'
import type { CommandContext } from './command.ts'
import { confirmed, withReason } from './confirm.ts'
import { operatorOf, refuse, withCore } from './open-core.ts'
import { printJson } from './output.ts'
import { userNamed } from './user-named.ts'

type Moved = Extract<IdentityMoved, { kind: 'moved' }>

/** Thrown to give back what a trial has changed. */
class Undone extends Error {}

/**
 * `users identities move`: gives a way in of one user to another, and ends what was logged in with it. A trial does the
 * same and takes it back.
 */
export async function move(context: CommandContext): Promise<number> {
  const { args, flags } = context
  const [identityId = ''] = args
  const { to } = flags
  if (!isId('idn', identityId)) return refuse(context, 'expected the id of an identity (idn_…), as users show tells it')
  if (typeof to !== 'string') return refuse(context, 'say whose it is to be: --to USER')
  return withReason(context, (why) =>
    withCore(context, async (core) => {
      const user = await userNamed(core, to)
      if (user === undefined || typeof user === 'string') return refuse(context, user ?? `there is no user "${to}"`)
      const order = {
        identityId,
        to: user.user.id,
        limitOf: identityLimit(core.config.identities_per_provider),
        mayBeLast: flags['last'] === true,
        joins: flags['join'] === true,
        at: new Date(core.clock()),
      }
      const operator = operatorOf(context)
      const isDryRun = flags['dry-run'] === true
      return confirmed(context, `Give ${identityId} to ${order.to}, and end what was logged in with it?`, async () => {
        const { outcome, ended } = await moved(core, order, { operator, isDryRun })
        if (outcome.kind !== 'moved') return refuse(context, moveRefusals[outcome.kind])
        const { from, identity, nowAs } = outcome
        const subjects = identity.subjects.map((each) => maskSubject(identity.provider, each, { withNamespace: true }))
        const detail = { from, to: order.to, identity: identityId, now_as: nowAs, subjects, operator, why }
        for (const userId of isDryRun ? [] : [from, order.to]) {
          await core.audit.write({ event: 'identity.moved', userId, identityProvider: identity.provider, detail })
        }
        const vouchedAt = await lastConflict(core.database, [from, order.to])
        tell(context, { outcome, ended, user, subjects, vouchedAt, isDryRun })
        return isDryRun ? 3 : 0
      })
    }),
  )
}

async function moved(
  core: Core,
  order: Parameters<typeof moveIdentity>[1],
  { operator, isDryRun }: { readonly operator: string; readonly isDryRun: boolean },
): Promise<{ readonly outcome: IdentityMoved; readonly ended: Ended }> {
  let done: { outcome: IdentityMoved; ended: Ended } | undefined
  try {
    await core.database.knex.transaction(async (transaction) => {
      const outcome = await moveIdentity(transaction, order, core.queueOwnerMessage)
      const scope = { kind: 'by', by: order.identityId } as const
      const ended =
        outcome.kind === 'moved'
          ? await endRecords(core, outcome.from, scope, { reason: 'identity_moved', operator }, transaction)
          : { sessions: 0, grants: 0, records: 0 }
      done = { outcome, ended }
      if (isDryRun) throw new Undone()
    })
  } catch (error) {
    if (!(error instanceof Undone)) throw error
  }
  if (!done) throw new Error('the move has not ended')
  return done
}

interface Told {
  readonly outcome: Moved
  readonly ended: Ended
  readonly user: Account
  readonly subjects: readonly string[]
  readonly vouchedAt: Date | null
  readonly isDryRun: boolean
}

function tell(
  { flags, stdout, stderr }: CommandContext,
  { outcome, ended, user, subjects, vouchedAt, isDryRun }: Told,
) {
  const { from, identity, nowAs, leavesWayIn } = outcome
  const to = user.user.id
  if (flags['json'] === true) {
    printJson(stdout, {
      changed: !isDryRun,
      identity: identity.id,
      ...(isDryRun ? { would_change: true } : { now_as: nowAs }),
      provider: identity.provider,
      subjects,
      from,
      to,
      leaves_way_in: leavesWayIn,
      ended_records: ended.records,
      vouched_at: vouchedAt?.toISOString() ?? null,
    })
    return
  }
  const verb = isDryRun ? 'would move' : 'moved'
  stdout.write(`${verb} ${identity.provider} ${subjects.join(' ')} from ${from} to ${to}\n`)
  stdout.write(`${ended.records} sessions, grants and tokens ${isDryRun ? 'would end' : 'ended'} with it\n`)
  if (!leavesWayIn) stderr.write(`${from} is left without a way in\n`)
  const sentence = vouchedAt
    ? `one proof led to both users on ${vouchedAt.toISOString()}`
    : 'no proof has led to both users: make sure that both are one person’s'
  stderr.write(`${sentence}\n`)
}
