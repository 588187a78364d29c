import { formerIdsOf } from '../accounts/merged-users.ts'
import { hasPassword } from '../accounts/passwords.ts'
import type { Account, UserStatus } from '../accounts/user.ts'
import { maskSubject } from '../base/mask.ts'
import type { Core } from '../build/core.ts'
import { countDevices } from '../oidc/endings/devices.ts'
import { endRecords } from '../oidc/endings/endings.ts'
import { countRecords, countRefreshTokens } from '../oidc/endings/record-counts.ts'
import type { CommandContext } from './command.ts'
import { reasonOf } from './confirm.ts'
import { noteLook } from './looked-up.ts'
import { operatorOf, refuse } from './open-core.ts'
import { printJson, tableText } from './output.ts'
import { withUser } from './user-named.ts'

/**
 * `users show`: enough to recognise a person; subjects in full only when asked for, because terminals are recorded and
 * shared.
 */
export async function show(context: CommandContext): Promise<number> {
  const { flags, stdout } = context
  return withUser(context, async (account, core) => {
    const { user } = account
    const isFull = flags['full'] === true
    const facts = {
      id: user.id,
      status: user.status,
      nickname: user.profile.nickname ?? null,
      picture: user.profile.picture ?? null,
      created_at: user.createdAt.toISOString(),
      ...(await countsOf(account, core)),
    }
    const formerIds = await formerIdsOf(core.database, user.id)
    const identities = account.identities.map((identity) => ({
      id: identity.id,
      provider: identity.provider,
      subjects: identity.subjects.map((each) =>
        isFull ? each : maskSubject(identity.provider, each, { withNamespace: true }),
      ),
      verified_at: identity.verifiedAt?.toISOString() ?? null,
      created_at: identity.createdAt.toISOString(),
      last_used_at: identity.lastUsedAt.toISOString(),
    }))
    if (flags['json'] === true) printJson(stdout, { ...facts, former_ids: formerIds, identities })
    else {
      const cells = identities.map((each) => [
        each.provider,
        each.subjects.join(' '),
        each.verified_at ?? 'not proved',
        each.last_used_at,
        each.id,
      ])
      stdout.write(tableText(['user', ''], [...Object.entries(facts), ['former_ids', formerIds.join(' ')]]))
      stdout.write(`\n${tableText(['provider', 'subjects', 'verified', 'last used', 'identity'], cells)}`)
    }
    if (isFull) await noteLook(core, context, { command: 'users show', userId: user.id, shown: 1 })
    return 0
  })
}

/** `users lock`: first nobody new gets in, then every session and token ends. */
export async function lock(context: CommandContext): Promise<number> {
  return withUser(context, async ({ user }, core) => {
    const { audit } = core
    const { flags } = context
    if (user.status === 'deleted') return refuse(context, `${user.id} is deleted; nothing is left to lock`)
    const count = await countRecords(core.database, user.id)
    const isNeeded = user.status !== 'locked' || count > 0
    if (flags['dry-run'] === true || !isNeeded) {
      const text = isNeeded ? `would lock ${user.id} and end ${count} sessions, grants and tokens` : 'no changes'
      return answer(
        context,
        { id: user.id, status: user.status, changed: false, ended_records: 0 },
        text,
        isNeeded ? 3 : 0,
      )
    }
    if (user.status !== 'locked' && !(await core.directory.setStatus(user.id, 'locked'))) return gone(context)
    const by = { operator: operatorOf(context), why: reasonOf(context) }
    const { records: ended } = await endRecords(core, user.id, { kind: 'all' }, { reason: 'locked', ...by })
    await audit.write({ event: 'user.locked', userId: user.id, detail: { ...by, ended_records: ended } })
    const text =
      `locked ${user.id}; ${ended} sessions, grants and tokens ended (JWT access tokens that were ` +
      'issued live some minutes more)'
    return answer(context, { id: user.id, status: 'locked', changed: true, ended_records: ended }, text, 0)
  })
}

/** `users unlock` */
export async function unlock(context: CommandContext): Promise<number> {
  return withUser(context, async ({ user }, { directory, audit }) => {
    const { flags } = context
    if (user.status === 'deleted') return refuse(context, `${user.id} is deleted and cannot come back`)
    const isNeeded = user.status === 'locked'
    if (flags['dry-run'] === true || !isNeeded) {
      const text = isNeeded ? `would unlock ${user.id}` : 'no changes'
      return answer(context, { id: user.id, status: user.status, changed: false }, text, isNeeded ? 3 : 0)
    }
    if (!(await directory.setStatus(user.id, 'active'))) return gone(context)
    const by = { operator: operatorOf(context), why: reasonOf(context) }
    await audit.write({ event: 'user.unlocked', userId: user.id, detail: by })
    // Whose deletion was asked for is on the way out still, and its owner may take it back again.
    const status = (await directory.find(user.id))?.user.status ?? 'active'
    const text = status === 'leaving' ? `unlocked ${user.id}, whose deletion was asked for` : `unlocked ${user.id}`
    return answer(context, { id: user.id, status, changed: true }, text, 0)
  })
}

interface Told {
  readonly id: string
  readonly status: UserStatus
  readonly changed: boolean
  readonly ended_records?: number
}

function answer({ flags, stdout }: CommandContext, told: Told, text: string, status: number): number {
  const isDryRun = flags['dry-run'] === true
  if (flags['json'] === true) printJson(stdout, { ...told, ...(isDryRun ? { would_change: status === 3 } : {}) })
  else stdout.write(`${text}\n`)
  return isDryRun ? status : 0
}

function gone(context: CommandContext): number {
  return refuse(context, 'the user was deleted at this moment')
}

/** `sessions` counts what `users sessions` lists. */
async function countsOf({ user: { id } }: Account, { database, clock }: Core) {
  const [devices, refreshTokens, password] = await Promise.all([
    countDevices({ database, clock }, id),
    countRefreshTokens({ database, clock }, id),
    hasPassword(database, id),
  ])
  return { has_password: password, sessions: devices, refresh_tokens: refreshTokens }
}
