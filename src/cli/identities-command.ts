import { removeIdentity } from '../accounts/identity-removal.ts'
import { type IdentityId, isId, type UserId } from '../base/ids.ts'
import { maskSubject } from '../base/mask.ts'
import type { Core } from '../build/core.ts'
import { endRecords } from '../oidc/endings/endings.ts'
import type { CommandContext } from './command.ts'
import { confirmed, withReason } from './confirm.ts'
import { noteLook, refusesFull } from './looked-up.ts'
import { operatorOf, refuse, withCore } from './open-core.ts'
import { printJson, tableText } from './output.ts'
import { withUser } from './user-named.ts'

/** `identities list`: the ways in of one user. */
export async function list(context: CommandContext): Promise<number> {
  const { flags, stdout } = context
  const refused = refusesFull(context)
  if (refused !== undefined) return refused
  return withUser(context, async ({ user, identities }, core) => {
    const rows = identities.map(({ id, provider, subjects, verifiedAt, createdAt, lastUsedAt }) => ({
      id,
      provider,
      subjects: subjects.map((each) =>
        flags['full'] === true ? each : maskSubject(provider, each, { withNamespace: true }),
      ),
      verified_at: verifiedAt?.toISOString() ?? null,
      created_at: createdAt.toISOString(),
      last_used_at: lastUsedAt.toISOString(),
    }))
    await noteLook(core, context, { command: 'identities list', userId: user.id, shown: rows.length })
    if (flags['json'] === true) printJson(stdout, rows)
    else {
      const cells = rows.map((row) => [
        row.id,
        row.provider,
        row.subjects.join(' '),
        row.verified_at ?? 'not proved',
        row.created_at,
        row.last_used_at,
      ])
      stdout.write(tableText(['identity', 'provider', 'subjects', 'verified', 'created', 'last used'], cells))
    }
    return 0
  })
}

const refusals = {
  not_theirs: 'there is no such identity any more',
  last: 'its user would be left without a way in: say --last if that is meant',
} as const

/** `identities unbind`: takes a way in from its user, and ends every login that was made with it. */
export async function unbind(context: CommandContext): Promise<number> {
  const { args, flags, stdout } = context
  const [identityId = ''] = args
  if (!isId('idn', identityId))
    return refuse(context, 'expected the id of an identity (idn_…), as identities list tells it')
  return withReason(context, (why) =>
    withCore(context, async (core) => {
      const found = await core.database.knex('identities').where({ id: identityId }).first('user_id', 'provider')
      if (!found) return refuse(context, refusals.not_theirs)
      const { user_id: userId, provider } = found as { readonly user_id: UserId; readonly provider: string }
      return confirmed(context, `Take ${provider} ${identityId} from ${userId}?`, async () => {
        const operator = operatorOf(context)
        const isDryRun = flags['dry-run'] === true
        const order = { userId, identityId, mayBeLast: flags['last'] === true, isDryRun, operator }
        const { outcome, ended } = await removed(core, order)
        if (outcome !== 'removed') return refuse(context, refusals[outcome])
        const detail = { identity: identityId, operator, why }
        if (!isDryRun) await core.audit.write({ event: 'identity.unbound', userId, identityProvider: provider, detail })
        const told = { changed: !isDryRun, identity: identityId, provider, user: userId, ended_records: ended }
        if (flags['json'] === true) printJson(stdout, { ...told, ...(isDryRun ? { would_change: true } : {}) })
        else {
          stdout.write(`${isDryRun ? 'would take' : 'took'} ${provider} ${identityId} from ${userId}\n`)
          stdout.write(`${ended} sessions, grants and tokens ${isDryRun ? 'would end' : 'ended'} with it\n`)
        }
        return isDryRun ? 3 : 0
      })
    }),
  )
}

/** Thrown to give back what a trial has changed. */
class Undone extends Error {}

interface Order {
  readonly userId: UserId
  readonly identityId: IdentityId
  readonly mayBeLast: boolean
  readonly isDryRun: boolean
  readonly operator: string
}

/** A trial does the same and takes it back. */
async function removed(core: Core, { userId, identityId, mayBeLast, isDryRun, operator }: Order) {
  let outcome = 'not_theirs' as Awaited<ReturnType<typeof removeIdentity>>
  let ended = 0
  try {
    await core.database.knex.transaction(async (trx) => {
      const removal = { userId, identityId, at: new Date(core.clock()), mayBeLast }
      outcome = await removeIdentity(trx, removal, core.queueOwnerMessage)
      if (outcome !== 'removed') return
      const scope = { kind: 'by', by: identityId } as const
      ended = (await endRecords(core, userId, scope, { reason: 'identity_removed', operator }, trx)).records
      if (isDryRun) throw new Undone()
    })
  } catch (error) {
    if (!(error instanceof Undone)) throw error
  }
  return { outcome, ended }
}
